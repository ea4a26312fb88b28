package forward_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/forward"
)

// errand is a batch, and what CleverTap does with it.
type errand struct {
	messages []queued
	mood     string
}

func drawErrand(t *rapid.T) errand {
	apps := []string{"demo", "demo", "other", "shut", "known", "unsent", "silent", "nobody-s"}
	var kinds, calm []string
	for name := range bodies {
		kinds = append(kinds, name)
	}
	for name := range moods {
		calm = append(calm, name)
	}
	slices.Sort(kinds)
	slices.Sort(calm)
	e := errand{mood: rapid.SampledFrom(calm).Draw(t, "mood")}
	for range rapid.IntRange(0, 12).Draw(t, "size") {
		body := bodies[rapid.SampledFrom(kinds).Draw(t, "body")]
		body = strings.Replace(body, "person-", "person-"+rapid.StringMatching(`[a-z]{1,30}`).Draw(t, "user"), 1)
		app := rapid.SampledFrom(apps).Draw(t, "app")
		e.messages = append(e.messages, queued{
			app: app, body: body,
			group:    app + rapid.SampledFrom([]string{"", "'s other"}).Draw(t, "group"), // as the receiver groups them: no two apps share one
			accepted: rapid.SampledFrom([]string{"", "", "event", "event,profile"}).Draw(t, "accepted"),
		})
	}
	return e
}

// run does an errand and gives everything that came of it: what went out, what comes back, what was rejected. The payload is gone
// afterwards, as on Lambda, where the next one comes to lie in its place.
func (e errand) run(t *testing.T, c *corridor, payload []byte) (came []string) {
	t.Helper()
	var mu sync.Mutex
	say := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		came = append(came, fmt.Sprintf(format, args...))
	}
	// One upload after the other: with several on their way it is chance which of them an account that refuses everything still gets.
	c.Uploader = clevertap.NewUploader(clevertap.Options{Concurrency: 1, Jitter: func() float64 { return 0 }, Transport: transport(func(r *http.Request) (*http.Response, error) {
		body, _ := io.ReadAll(r.Body)
		say("upload for %s: %s", r.Header.Get("X-CleverTap-Account-Id"), body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		return moods[e.mood](r)
	})})
	c.reject = func(m []forward.Rejection) []error {
		for _, r := range m {
			say("rejected: %s %s %s %s", r.Message.Body, r.Reason, r.Code, r.Accepted)
		}
		return make([]error, len(m))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	answer, err := c.Invoke(ctx, payload)
	clear(payload)
	say("answer: %s %v", answer, err)
	for text := range strings.Lines(c.out.String()) {
		if _, message, ok := strings.Cut(text, `"msg":"message `); ok {
			say("%s", message)
		}
	}
	c.out.Reset()
	slices.Sort(came)
	return came
}

// Memory that is used again must not show: a forwarder that has seen other batches does the same as a new one.
func TestABatchIsTreatedAsIfItWereTheFirst(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		errands := rapid.SliceOfN(rapid.Custom(drawErrand), 2, 5).Draw(rt, "batches")
		var first, later [][]string
		synctest.Test(t, func(t *testing.T) {
			old := newCorridor(t)
			for _, e := range errands {
				event := payload(t, e.messages)
				first = append(first, e.run(t, newCorridor(t), bytes.Clone(event)))
				later = append(later, e.run(t, old, event))
			}
		})
		if diff := cmp.Diff(first, later); diff != "" {
			rt.Fatalf("-first +later:\n%s", diff)
		}
	})
}

// Lambda hands over one batch after the other; whoever hands over several at once is served as well.
func TestBatchesAtTheSameTimeDoNotMeet(t *testing.T) {
	t.Parallel()
	const side, batches = 4, 50
	c := newCorridor(t)
	c.Log, c.Metrics = slog.New(slog.DiscardHandler), io.Discard
	var mu sync.Mutex
	seen := map[string]int{}
	c.clevertap = func(r *http.Request) (*http.Response, error) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		for part := range strings.SplitSeq(string(body), `"event_id":"`) {
			id, _, _ := strings.Cut(part, `"`)
			seen[id]++
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		return acceptAll(r)
	}
	var all sync.WaitGroup
	for worker := range side {
		all.Go(func() {
			for batch := range batches {
				var messages []queued
				for i := range 5 {
					id := fmt.Sprintf("%d-%d-%d", worker, batch, i)
					messages = append(messages, queued{app: "demo", body: strings.Replace(bodies["event"], "e-1", id, 1)})
				}
				answer, err := c.Invoke(t.Context(), payload(t, messages))
				if err != nil || string(answer) != `{"batchItemFailures":[]}` {
					t.Errorf("%s, %v", answer, err)
				}
			}
		})
	}
	all.Wait()
	for worker := range side {
		for batch := range batches {
			for i := range 5 {
				if id := fmt.Sprintf("%d-%d-%d", worker, batch, i); seen[id] != 1 {
					t.Fatalf("event %s was sent %d times", id, seen[id])
				}
			}
		}
	}
}

// A process lives for hours: ten thousand batches of ever new users leave no more behind than the first thousand did.
func TestMemoryDoesNotGrowFromBatchToBatch(t *testing.T) {
	const first, rest, slack = 1_000, 9_000, 256 << 10
	c := newCorridor(t)
	c.Log, c.Metrics = slog.New(slog.DiscardHandler), io.Discard
	template := payload(t, []queued{{app: "demo", body: bodies["surprising"]}, {app: "other", body: bodies["event"]}, {app: "demo", body: bodies["broken"]}})
	run := func(from, to int) {
		for i := from; i < to; i++ {
			payload := bytes.ReplaceAll(template, []byte("person-7"), fmt.Appendf(nil, "person-%d", i))
			payload = bytes.ReplaceAll(payload, []byte("novelty"), fmt.Appendf(nil, "novelty-%d", i))
			if i%100 == 0 {
				c.reject = func(m []forward.Rejection) []error { return slices.Repeat([]error{errDown}, len(m)) }
			} else {
				c.reject = func(m []forward.Rejection) []error { return make([]error, len(m)) }
			}
			if _, err := c.Invoke(t.Context(), payload); err != nil {
				t.Fatal(err)
			}
			c.rejected = nil
		}
	}
	run(0, first)
	before := heap()
	run(first, first+rest)
	if after := heap(); after > before+slack {
		t.Errorf("%d bytes became %d", before, after)
	}
	runtime.KeepAlive(c) // what it has kept counts
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // what finalizers and pools held is gone only now
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
