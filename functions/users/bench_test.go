//go:build blackbox

package main_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/purchasely-clevertap/bridge/functions/internal/lambdatest"
)

// BenchmarkUsers measures the built function beside one that does nothing. They take turns call by call, so that
// whatever else the machine does hits both, and have the same Runtime API and an AWS that answers at once. Every
// request says something new, so that every person is read and written.
func BenchmarkUsers(b *testing.B) {
	s := start(b, nil)
	noop := lambdatest.Start(b, lambdatest.Build(b, "functions/internal/lambdatest/testdata/noop"), nil)
	calls := 0
	for _, people := range []int{1, 500} {
		b.Run(fmt.Sprintf("people=%d", people), func(b *testing.B) {
			var users, nothing []time.Duration
			taken, before := 0, s.Processor(b)
			turn := func() {
				links := make([]string, people)
				for i := range links {
					links[i] = fmt.Sprintf(`{"anonymous_user_id":"A-%d","clevertap_id":"__h%d"}`, i, calls)
				}
				request := payload(b, "demo", `{"links":[`+strings.Join(links, ",")+`]}`, key)
				users, nothing = append(users, invoke(b, s.Function, request)), append(nothing, invoke(b, noop, request))
				calls, taken = calls+1, taken+1
			}
			for b.Loop() {
				turn()
			}
			for taken < 100 {
				turn()
			}
			binary, err := os.Stat(lambdatest.Build(b, "functions/users"))
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(binary.Size())/1e6, "binary-MB")
			b.ReportMetric(float64(s.Resident(b))/1e6, "resident-MB")
			b.ReportMetric(share(users, 0.5), "users-p50-µs")
			b.ReportMetric(share(users, 0.99), "users-p99-µs")
			b.ReportMetric(share(nothing, 0.5), "noop-p50-µs")
			b.ReportMetric(float64((s.Processor(b)-before).Microseconds())/float64(taken), "users-cpu-µs")
		})
	}
}

func invoke(b *testing.B, f *lambdatest.Function, request []byte) time.Duration {
	b.Helper()
	began := time.Now()
	answer, err := f.Invoke(b.Context(), request, timeout)
	took := time.Since(began)
	if err != nil || !strings.Contains(string(answer), `"statusCode":200`) {
		b.Fatalf("answered %s, %v", answer, err)
	}
	return took
}

// share returns the microseconds below which a share of all is.
func share(all []time.Duration, share float64) float64 {
	slices.Sort(all)
	return float64(all[int(share*float64(len(all)-1))].Microseconds())
}
