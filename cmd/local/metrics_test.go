package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/purchasely-clevertap/bridge/shared/metric"
)

// What a function writes is found again, with every dimension and value.
func TestMetricsAreReadFromLinesOfALog(t *testing.T) {
	at := time.UnixMilli(1795402927191)
	var set metric.Set
	set.Add("demo", metric.MessagesDelivered, 3)
	set.Observe("demo", metric.UploadLatency, time.Second)
	set.Observe("demo", metric.UploadLatency, 2*time.Second)
	var out strings.Builder
	if err := set.Write(&out, at); err != nil {
		t.Fatal(err)
	}
	var got []datum
	for line := range strings.Lines(out.String() + "START\n" + `{"level":"INFO"}` + "\n") {
		got = append(got, embeddedMetrics(line)...)
	}
	demo, seconds := []dimension{{"App", "demo"}}, 1795402927.191
	want := []datum{
		{"MessagesDelivered", []dimension{}, seconds, []float64{3}},
		{"MessagesDelivered", demo, seconds, []float64{3}},
		{"UploadLatency", []dimension{}, seconds, []float64{1000, 2000}},
		{"UploadLatency", demo, seconds, []float64{1000, 2000}},
	}
	sorted := cmpopts.SortSlices(func(a, b datum) bool {
		return a.Name < b.Name || a.Name == b.Name && len(a.Dimensions) < len(b.Dimensions)
	})
	if diff := cmp.Diff(want, got, sorted); diff != "" || namespace != metric.Namespace {
		t.Error(diff)
	}
}
