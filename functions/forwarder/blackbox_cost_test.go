//go:build blackbox

package main_test

import (
	"fmt"
	"strings"
	"testing"
)

// What AWS bills for batches is what cmd/scale prices: for each webhook the reads of a person and a state, and one
// write of the state and of the journal, none beyond one unit; and for each batch one upload, and less than 890 bytes
// of log and metrics.
func TestABatchCostsWhatTheTableOfDollarsSays(t *testing.T) {
	const unit, logged = 1 << 10, 890
	for _, size := range []int{1, 10} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			file := write(t, "apps:\n  demo: {}\n")
			s, table := startWithTable(t, options{env: map[string]string{"INTEGRATIONS_FILE": file}})
			webhooks := func(kind string) (list []queued) {
				for i := range size {
					list = append(list, demo(renewal(fmt.Sprint(kind, i))))
				}
				return list
			}
			s.deliver(webhooks("first")...) // reads the secret
			dynamo := func(operation string) int { return s.aws.Dynamo.Calls(operation) }
			secrets, uploads := s.aws.Secrets.Calls(""), len(s.clevertap.Requests())
			calls, reads := dynamo(""), dynamo("BatchGetItem")
			writes, journal := dynamo("PutItem"), dynamo("BatchWriteItem")
			items := len(table.Keys())
			s.deliver(webhooks("second")...)
			if got := dynamo("PutItem") - writes; got != size {
				t.Errorf("%d states were written", got)
			}
			if reads, journal := dynamo("BatchGetItem")-reads, dynamo("BatchWriteItem")-journal; reads != 1 || journal != 1 {
				t.Errorf("%d calls to read, %d for the journal", reads, journal)
			}
			if got := dynamo("") - calls; got != 2+size {
				t.Errorf("%d calls of the table", got)
			}
			if got := len(table.Keys()) - items; got != 2*size {
				t.Errorf("%d items are new, want a state and an entry of the journal for each", got)
			}
			for _, key := range table.Keys() {
				partition, sort, _ := strings.Cut(key, "\x00")
				bytes := 0
				for name, value := range table.Item(partition, sort) {
					bytes += len(name) + len(value)
				}
				if bytes > unit {
					t.Errorf("an item %.6s… has %d bytes, which are two units", sort, bytes)
				}
			}
			if got := len(s.clevertap.Requests()) - uploads; got != 1 {
				t.Errorf("%d uploads", got)
			}
			if got := s.aws.Secrets.Calls("") - secrets; got != 0 {
				t.Errorf("%d reads of secrets", got)
			}
			s.end()
			if got := len(s.function.Output().Stdout.String()) / len(s.batches); got > logged {
				t.Errorf("%d bytes of log and metrics a batch", got)
			} else {
				t.Logf("%d bytes of log and metrics a batch", got)
			}
		})
	}
}
