//go:build blackbox

package main_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"github.com/purchasely-clevertap/bridge/functions/internal/templatetest"
	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
)

func TestTheJournalSaysWhatBecameOfEachWebhook(t *testing.T) {
	t.Parallel()
	s, table := startWithTable(t, options{env: map[string]string{"JOURNAL": "bodies", "JOURNAL_DAYS": "7"}})
	s.clevertap.AddFault(poison("person-poison", 422))
	named := func(app, event, user string) queued { return to(app, renewal(user, "event_name", `"`+event+`"`)) }
	s.deliver(named("demo", "RENEWED", "a"), named("demo", "POISONED", "poison"), named("off", "OFF", "a"),
		to("silent", consumable("a", "event_name", `"SILENT"`)), demo("private-words"), to("gone", renewal("a")))
	got := make(map[string]string) // outcome, reason, accepted records and account, by the event's name
	for _, i := range items(table, "event#") {
		words := i["outcome"].Text() + " " + i["reason"].Text() + " " + i["records"].Text() + " " + i["account"].Text()
		got[i["event"].Text()] = strings.Join(strings.Fields(words), " ")
	}
	want := map[string]string{
		"RENEWED": "delivered event,profile " + demoAccount, "POISONED": "rejected clevertap_http_422 " + demoAccount,
		"OFF": "skipped disabled", "SILENT": "skipped event_off " + demoAccount,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the journal (-want +got):\n%s", diff)
	}
	for _, i := range items(table, "event#demo#") {
		if i["body"] == nil || i["settings"].Text() != "built-in" {
			t.Errorf("an entry has neither body nor settings: %v", i)
		}
	}
	wantExpiry(t, items(table, "event#"), 7)
}

// wantExpiry checks after how many days DynamoDB deletes items.
func wantExpiry(t *testing.T, items []awstest.Item, days int) {
	t.Helper()
	for _, i := range items {
		var expires struct {
			N int64 `json:",string"`
		}
		err := json.Unmarshal(i["expires"], &expires)
		left := time.Until(time.Unix(expires.N, 0)) - time.Duration(days)*24*time.Hour
		if err != nil || left.Abs() > 24*time.Hour {
			t.Errorf("%s expires at %d, %v", i["item"], expires.N, err)
		}
	}
}

// What AWS bills for batches is what cmd/scale prices: for each webhook the reads of a person and a state, and one
// write of the state and of the journal, none beyond one unit; and for each batch one upload, and less than 890 bytes
// of log and metrics.
func TestABatchCostsWhatTheTableOfDollarsSays(t *testing.T) {
	const unit, logged = 1 << 10, 890
	t.Parallel()
	for _, size := range []int{1, 10} {
		file := templatetest.File(t, "apps:\n  demo: {}\n")
		s, table := startWithTable(t, options{env: map[string]string{"INTEGRATIONS_FILE": file}})
		webhooks := func(kind string) (list []queued) {
			for i := range size {
				list = append(list, demo(renewal(fmt.Sprint(kind, i))))
			}
			return list
		}
		calls := func() map[string]int {
			all := map[string]int{
				"secrets": s.aws.Secrets.Calls(""), "uploads": len(s.clevertap.Requests()), "table": s.aws.Dynamo.Calls(""),
				"items": len(table.Keys()),
			}
			for _, operation := range []string{"BatchGetItem", "PutItem", "BatchWriteItem"} {
				all[operation] = s.aws.Dynamo.Calls(operation)
			}
			return all
		}
		s.deliver(webhooks("first")...) // reads the secret
		want := calls()
		s.deliver(webhooks("second")...)
		for name, more := range map[string]int{
			"uploads": 1, "table": 2 + size, "BatchGetItem": 1, "PutItem": size, "BatchWriteItem": 1, "items": 2 * size,
		} {
			want[name] += more
		}
		if diff := cmp.Diff(want, calls()); diff != "" {
			t.Errorf("a batch of %d (-want +got):\n%s", size, diff)
		}
		s.end()
		if got := len(s.function.AllOutput()) / len(s.batches); got > logged {
			t.Errorf("%d bytes of log and metrics a batch", got)
		}
		for _, i := range items(table, "") {
			bytes := 0
			for name, value := range i {
				bytes += len(name) + len(value)
			}
			if bytes > unit {
				t.Errorf("%s has %d bytes, which are two units", i["item"], bytes)
			}
		}
		wantExpiry(t, items(table, "state#"), 730)
		wantExpiry(t, items(table, "event#"), 30)
	}
}
