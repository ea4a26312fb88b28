package console

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/clitest"
	"github.com/purchasely-clevertap/bridge/shared/subscriber"
)

// BenchmarkPages is what a page costs.
func BenchmarkPages(b *testing.B) {
	for _, path := range pagePaths {
		b.Run(path, func(b *testing.B) {
			c := newClient(b, twoApps)
			for b.Loop() {
				c.get(path)
			}
		})
	}
}

// BenchmarkDeliveries shows the newest thousand of ten thousand webhooks of the journal, which are in a fake table in
// this process. kept-MB is what is still in use after a page, beside the fake.
func BenchmarkDeliveries(b *testing.B) {
	cloud := clitest.New(b)
	for user := range 100 {
		events := make([]subscriber.Event, 100)
		for n := range events {
			at := time.Now().Add(-time.Duration(user*100+n) * time.Second)
			events[n] = subscriber.Event{
				App: "demo", Event: "SUBSCRIPTION_RENEWED", EventID: fmt.Sprintf("event-%d-%d", user, n), Received: at,
				Settled: at.Add(time.Second), Outcome: "skipped", Reason: "event_off", Attempt: 1, Settings: "9add442143ac",
			}
		}
		fill(b, cloud, fmt.Sprintf("user-%d", user), events)
	}
	c := newStackClient(b, cloud, false)
	before := inUse()
	size := 0
	for b.Loop() {
		size = c.get("/deliveries").Body.Len()
	}
	b.ReportMetric(float64(size), "page-bytes")
	b.ReportMetric((inUse()-before)/1e6, "kept-MB")
}

func inUse() float64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&stats)
	return float64(stats.HeapAlloc)
}
