//go:build blackbox

package main_test

import (
	"fmt"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/purchasely-clevertap/bridge/functions/internal/lambdatest"
)

// BenchmarkRelay measures the built relay with full batches, each webhook of another user, over TLS to a back end that
// takes its time: how many it relays in a second, and what of that is its own work.
func BenchmarkRelay(b *testing.B) {
	for _, latency := range []time.Duration{0, 50 * time.Millisecond, 950 * time.Millisecond} {
		b.Run(fmt.Sprint("latency=", latency), func(b *testing.B) {
			s := start(b, true, nil)
			s.backEnd.answers(func(http.ResponseWriter, *http.Request) { time.Sleep(latency) })
			turns, relayed := 0, 0
			var invoked time.Duration
			turn := func() {
				for n := range 10 {
					s.send("demo", fmt.Sprint(n), activate(fmt.Sprint(n), fmt.Sprintf("e-%d-%d", turns, n)))
				}
				batch := s.invoke()
				if len(batch.received) != 10 || batch.back != nil {
					b.Fatalf("of %d webhooks %q come back", len(batch.received), batch.back)
				}
				invoked += batch.took
				turns, relayed = turns+1, relayed+10
			}
			turn() // with a handshake for each of ten connections
			relayed, invoked = 0, 0
			before := s.function.Processor(b)
			for b.Loop() {
				turn()
			}
			binary, err := os.Stat(lambdatest.Build(b, "functions/relay"))
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(relayed)/invoked.Seconds(), "webhooks/s")
			b.ReportMetric(float64((s.function.Processor(b)-before).Microseconds())/float64(relayed), "cpu-µs/webhook")
			b.ReportMetric(float64(s.function.Resident(b))/1e6, "resident-MB")
			b.ReportMetric(float64(binary.Size())/1e6, "binary-MB")
		})
	}
}
