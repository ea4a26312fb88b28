package metric_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/purchasely-clevertap/bridge/shared/metric"
)

var now = time.UnixMilli(1795402927191)

func write(t *testing.T, s *metric.Set) []string {
	t.Helper()
	var out bytes.Buffer
	if err := s.Write(&out, now); err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
}

func TestALineNamesItsMetricsItsDimensionsAndItsValues(t *testing.T) {
	var s metric.Set
	s.Add("demo", metric.MessagesReceived, 7)
	s.Observe("demo", metric.UploadLatency, 112*time.Millisecond)
	s.Observe("demo", metric.UploadLatency, 98*time.Millisecond)
	s.Add("demo", metric.MessagesReceived, 2)
	want := `{"_aws":{"Timestamp":1795402927191,"CloudWatchMetrics":[{"Namespace":"PurchaselyCleverTap",` +
		`"Dimensions":[[],["App"]],"Metrics":[{"Name":"MessagesReceived"},` +
		`{"Name":"UploadLatency","Unit":"Milliseconds"}]}]},` +
		`"App":"demo","MessagesReceived":9,"UploadLatency":[112,98]}`
	if got := write(t, &s); len(got) != 1 || got[0] != want {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	if !s.Empty() {
		t.Error("a Set that was written is not empty")
	}
}

func TestAReasonIsADimensionOfItsOwn(t *testing.T) {
	var s metric.Set
	s.AddReason("demo", "unauthorized", metric.WebhooksRefused, 1)
	s.AddReason("demo", "unauthorized", metric.WebhooksRefused, 1)
	s.AddReason("demo", "too_large", metric.WebhooksRefused, 1)
	lines := write(t, &s)
	if len(lines) != 2 {
		t.Fatalf("%d lines, want one for each reason", len(lines))
	}
	for _, want := range []string{`"Dimensions":[[],["App"],["Reason"]]`, `"Reason":"unauthorized","WebhooksRefused":2`} {
		if !strings.Contains(lines[0], want) {
			t.Errorf("no %s in %s", want, lines[0])
		}
	}
}

func TestADistributionOfMoreValuesThanALineMayHaveContinues(t *testing.T) {
	var s metric.Set
	s.Add("demo", metric.MessagesReceived, 250)
	for i := range 250 {
		s.Observe("demo", metric.EventAge, time.Duration(i)*time.Millisecond)
	}
	total, lines := 0, write(t, &s)
	if len(lines) != 3 {
		t.Fatalf("%d lines, want 3", len(lines))
	}
	for i, line := range lines {
		var read struct {
			EventAge         []float64
			MessagesReceived *float64
		}
		if err := json.Unmarshal([]byte(line), &read, json.MatchCaseInsensitiveNames(false)); err != nil {
			t.Fatalf("line %d: %v", i, err)
		}
		if len(read.EventAge) > 100 {
			t.Errorf("line %d has %d values, it may have 100", i, len(read.EventAge))
		}
		if (read.MessagesReceived != nil) != (i == 0) {
			t.Errorf("line %d: a count must be written once", i)
		}
		total += len(read.EventAge)
	}
	if total != 250 {
		t.Errorf("%d values written, want 250", total)
	}
}

// CloudWatch drops a line whose directive names a metric or a dimension that has no value.
func TestEveryLineIsCompleteForEveryMetric(t *testing.T) {
	var s metric.Set
	for _, name := range metric.Names() {
		s.Add(`we"ird`, name, 1)
	}
	for _, line := range write(t, &s) {
		var members map[string]any
		if err := json.Unmarshal([]byte(line), &members); err != nil {
			t.Fatal(err)
		}
		for _, name := range metric.Names() {
			if _, ok := members[string(name)]; !ok {
				t.Errorf("%s has no value", name)
			}
		}
		if members["App"] != `we"ird` {
			t.Errorf("App = %v", members["App"])
		}
	}
}
