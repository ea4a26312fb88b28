//go:build local

package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"os"
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
	b.Chdir("../..")
	for _, functions := range []string{"bridge", "empty"} {
		b.Run(functions, func(b *testing.B) {
			s := deployForLatency(b, functions == "empty")
			s.wayOf(b, "cold") // starts the functions, and reads the secrets
			var ways []way
			for b.Loop() {
				ways = append(ways, s.wayOf(b, strconv.Itoa(len(ways))))
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

// latencyStack is a deployed stack whose CleverTap takes its time.
type latencyStack struct {
	*stack
	webhook fixture
}

// deployForLatency deploys the stack, with other functions in place of the bridge's if they are to be empty.
func deployForLatency(b *testing.B, empty bool) *latencyStack {
	b.Helper()
	o, err := readOptions(os.Getenv, modeRun)
	if err != nil {
		b.Fatal(err)
	}
	if empty {
		o.parameters = func(ctx context.Context, _ *stack) ([]string, error) { return nil, replaceFunctions(ctx) }
	}
	all, err := loadFixtures("events")
	if err != nil {
		b.Fatal(err)
	}
	s, err := deploy(b.Context(), o, newScreen(os.Stderr))
	b.Cleanup(s.stop)
	if err == nil {
		err = s.clevertap.ask(b.Context(), http.MethodPost, "/faults", `{"kind":"latency","wait":"100ms"}`, nil)
	}
	if err != nil {
		b.Fatal(err)
	}
	i := slices.IndexFunc(all.webhooks, func(f fixture) bool { return f.path == "/purchasely/demo" })
	return &latencyStack{s, all.webhooks[i]}
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
func (s *latencyStack) wayOf(b *testing.B, id string) (w way) {
	b.Helper()
	before := s.uploads(b)
	f := s.webhook
	now := time.Now().UTC()
	f.body = fmt.Appendf(nil, `{"api_version":3,"event_name":"SUBSCRIPTION_RENEWED","event_id":"latency-%s-%d",`+
		`"event_created_at":%q,"user_id":"latency-%[1]s","store":"APPLE_APP_STORE","plan":"monthly",`+
		`"purchasely_subscription_id":"latency-%[1]s","purchase_type":"RENEWING_SUBSCRIPTION",`+
		`"environment":"PRODUCTION","subscription_status":"AUTO_RENEWING"}`, id, now.UnixNano(), now.Format(time.RFC3339))
	f.header = f.header.Clone()
	timestamp := strconv.FormatInt(now.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(sharedSecret))
	mac.Write(append([]byte(timestamp), f.body...))
	f.header.Set("X-Purchasely-Timestamp", timestamp)
	f.header.Set("X-Purchasely-Request-Signature", hex.EncodeToString(mac.Sum(nil)))
	w.sent = time.Now()
	status, answer, err := s.post(b.Context(), f)
	w.answered = time.Now()
	if err != nil || status != http.StatusOK {
		b.Fatalf("answered %d %s, %v", status, answer, err)
	}
	err = poll(b.Context(), time.Minute, func() (bool, error) {
		uploads := s.uploads(b)
		if len(uploads) == len(before) {
			return false, nil
		}
		u := uploads[len(uploads)-1]
		took, err := time.ParseDuration(u.Duration)
		w.uploading, w.accepted = u.Time, u.Time.Add(took)
		return took > 0 && u.Status == http.StatusOK, err
	})
	if err != nil {
		b.Fatal(err)
	}
	return w
}

// upload is what the fake tells about a request.
type upload struct {
	Time     time.Time `json:"time"`
	Duration string    `json:"duration"`
	Status   int       `json:"status"`
}

func (s *latencyStack) uploads(b *testing.B) (all []upload) {
	b.Helper()
	if err := s.clevertap.ask(b.Context(), http.MethodGet, "/requests", "", &all); err != nil {
		b.Fatal(err)
	}
	return all
}
