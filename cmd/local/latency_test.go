//go:build local

package main

import (
	"context"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"
)

// BenchmarkLatency measures a webhook's way through the deployed stack, from the request to the answer of a CleverTap
// that takes 100 ms, one webhook at a time, beside the same stations with functions that do nothing else. It needs
// what `make run` needs, and takes QUEUE=standard.
//
//	go test -tags=lambda.norpc,local -run '^$' -bench Latency -benchtime 100x ./cmd/local
func BenchmarkLatency(b *testing.B) {
	for _, functions := range []string{"bridge", "empty"} {
		b.Run(functions, func(b *testing.B) {
			p := deployForLatency(b, functions == "empty")
			p.wayOf("cold") // starts the functions, and reads the secrets
			var ways []way
			for b.Loop() {
				ways = append(ways, p.wayOf(strconv.Itoa(len(ways))))
			}
			b.ReportMetric(0, "ns/op")
			for station, took := range map[string]func(way) time.Duration{
				"receiver": func(w way) time.Duration { return w.answered.Sub(w.sent) },
				"queue":    func(w way) time.Duration { return w.uploading.Sub(w.answered) },
				"upload":   func(w way) time.Duration { return w.accepted.Sub(w.uploading) },
				"whole":    func(w way) time.Duration { return w.accepted.Sub(w.sent) },
			} {
				all := make([]float64, len(ways))
				for i, w := range ways {
					all[i] = float64(took(w).Microseconds()) / 1000
				}
				slices.Sort(all)
				b.ReportMetric(all[len(all)/2], station+"-p50-ms")
				b.ReportMetric(all[len(all)*99/100], station+"-p99-ms")
			}
		})
	}
}

// deployForLatency deploys a stack whose CleverTap takes its time, with empty functions in place of the bridge's on
// request.
func deployForLatency(b *testing.B, empty bool) *proof {
	b.Helper()
	p := deployProof(b, func(o *options) {
		if empty {
			o.parameters = func(ctx context.Context, _ *stack) ([]string, error) { return nil, replaceFunctions(ctx) }
		}
	})
	p.fake("/faults", map[string]string{"kind": "latency", "wait": "100ms"})
	return p
}

// replaceFunctions builds the empty function over what sam build has built.
func replaceFunctions(ctx context.Context) error {
	for _, function := range []string{"Receiver", "Forwarder"} {
		build := exec.CommandContext(ctx, "go", "build", "-o", filepath.Join(buildFolder, function, "bootstrap"),
			"./cmd/local/testdata/empty") //nolint:gosec // This test's own.
		if text, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("building the empty function: %w\n%s", err, text)
		}
	}
	return nil
}

// way is when a webhook was where.
type way struct{ sent, answered, uploading, accepted time.Time }

// wayOf sends one webhook and waits until CleverTap has accepted it.
func (p *proof) wayOf(id string) (w way) {
	p.Helper()
	before := p.uploads()
	now := time.Now().UTC()
	body := fmt.Appendf(nil, `{"api_version":3,"event_name":"SUBSCRIPTION_RENEWED","event_id":"latency-%s-%d",`+
		`"event_created_at":%q,"user_id":"latency-%[1]s","store":"APPLE_APP_STORE","plan":"monthly",`+
		`"purchasely_subscription_id":"latency-%[1]s","purchase_type":"RENEWING_SUBSCRIPTION",`+
		`"environment":"PRODUCTION","subscription_status":"AUTO_RENEWING"}`, id, now.UnixNano(), now.Format(time.RFC3339))
	w.sent = time.Now()
	p.sendWebhook(body)
	w.answered = time.Now()
	err := poll(p.Context(), time.Minute, func() (bool, error) {
		uploads := p.uploads()
		if len(uploads) == len(before) {
			return false, nil
		}
		u := uploads[len(uploads)-1]
		took, err := time.ParseDuration(u.Duration)
		w.uploading, w.accepted = u.Time, u.Time.Add(took)
		return took > 0 && u.Status == http.StatusOK, err
	})
	if err != nil {
		p.Fatal(err)
	}
	return w
}

// upload is what the fake tells about a request.
type upload struct {
	Time     time.Time `json:"time"`
	Duration string    `json:"duration"`
	Status   int       `json:"status"`
}

func (p *proof) uploads() (all []upload) {
	p.Helper()
	if err := p.clevertap.ask(p.Context(), http.MethodGet, "/requests", "", &all); err != nil {
		p.Fatal(err)
	}
	return all
}
