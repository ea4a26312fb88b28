package receive_test

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/message"
	"github.com/purchasely-clevertap/bridge/shared/receive"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// printed keeps what is written, one write at a time.
type printed struct {
	mu     sync.Mutex
	writes []string
}

func (p *printed) Write(text []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.writes = append(p.writes, string(text))
	return len(text), nil
}

// all gives what was written so far.
func (p *printed) all() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.writes)
}

// counted is a line of metrics.
type counted struct {
	App, Reason     string
	WebhooksQueued  int
	WebhooksRefused int
}

func read(t *testing.T, text string) []counted {
	t.Helper()
	var lines []counted
	for line := range strings.Lines(text) {
		var c counted
		if err := json.Unmarshal([]byte(line), &c); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		lines = append(lines, c)
	}
	return lines
}

func TestTheFirstWebhookOfAKindIsCountedAtOnceAndTheOthersOfItsSecondTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out printed
		m := receive.NewMetrics(&out)
		for range 50 {
			m.Queued("demo")
			m.Queued("other")
			m.Refused("demo", fault.BadSignature)
			time.Sleep(10 * time.Millisecond)
		}
		one := []counted{
			{App: "demo", WebhooksQueued: 1}, {App: "other", WebhooksQueued: 1}, {App: "demo", Reason: "unauthorized", WebhooksRefused: 1},
		}
		if got := read(t, strings.Join(out.all(), "")); !slices.Equal(got, one) {
			t.Errorf("counted %+v within the second, want %+v", got, one)
		}
		time.Sleep(499 * time.Millisecond)
		synctest.Wait()
		if len(out.all()) != 3 {
			t.Errorf("%d writes a moment before the second is over", len(out.all()))
		}
		time.Sleep(time.Millisecond)
		synctest.Wait()
		if len(out.all()) != 4 {
			t.Fatalf("%d writes when the second is over, although no webhook came", len(out.all()))
		}
		rest := []counted{
			{App: "demo", WebhooksQueued: 49}, {App: "other", WebhooksQueued: 49}, {App: "demo", Reason: "unauthorized", WebhooksRefused: 49},
		}
		if got := read(t, out.all()[3]); !slices.Equal(got, rest) {
			t.Errorf("counted %+v, want %+v", got, rest)
		}
	})
}

func TestAPauseMakesTheNextWebhookTheFirstAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out printed
		m := receive.NewMetrics(&out)
		for i := range 5 {
			m.Queued("demo")
			if len(out.all()) != i+1 {
				t.Errorf("%d writes after %d webhooks with pauses between them", len(out.all()), i+1)
			}
			time.Sleep(time.Second)
		}
	})
}

func TestEveryWebhookIsCountedOnceAndNoSecondHasTwoWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out printed
		m := receive.NewMetrics(&out)
		began := time.Now()
		var all sync.WaitGroup
		for client := range 8 {
			all.Go(func() {
				for i := range 250 {
					time.Sleep(time.Duration(1+(client+i)%37) * time.Millisecond)
					m.Queued("demo")
				}
			})
		}
		all.Wait()
		seconds := int(time.Since(began)/time.Second) + 1
		time.Sleep(time.Second)
		synctest.Wait()
		total := 0
		for _, text := range out.all() {
			for _, line := range read(t, text) {
				total += line.WebhooksQueued
			}
		}
		if total != 2000 || len(out.all()) > seconds+1 {
			t.Errorf("%d webhooks counted in %d writes over %d seconds, want 2000", total, len(out.all()), seconds)
		}
	})
}

// What a refused webhook is counted under is what its sender was told.
func TestARefusalIsCountedUnderTheReasonThatWasAnswered(t *testing.T) {
	for name, edit := range map[string]func(b *bench, event, headers map[string]any){
		"unknown app": func(_ *bench, event, _ map[string]any) { event["pathParameters"] = map[string]any{"app": "mystery"} },
		"too large":   func(_ *bench, event, _ map[string]any) { event["body"] = strings.Repeat("x", 1001) },
		"forged":      func(_ *bench, _, headers map[string]any) { headers["x-purchasely-timestamp"] = "1773474113" },
		"not signed":  func(_ *bench, _, headers map[string]any) { clear(headers) },
		"too old":     func(b *bench, _, _ map[string]any) { b.Tolerance = time.Minute },
		"from the future": func(b *bench, _, headers map[string]any) {
			b.Tolerance = time.Minute
			headers["x-purchasely-timestamp"] = "4102444800"
			headers["x-purchasely-request-signature"] = sign(key, "4102444800", body)
		},
		"no secret": func(b *bench, _, _ map[string]any) {
			b.get = func(context.Context, string) (webhook.Keys, error) {
				return webhook.Keys{}, fault.New(fault.Operator, fault.Secret, nil)
			}
		},
		"queue down": func(b *bench, _, _ map[string]any) {
			b.Queue = queue(func(context.Context, message.Encoded) error { return fault.New(fault.Retry, fault.Unavailable, nil) })
		},
		"queue hangs": func(b *bench, _, _ map[string]any) {
			b.Queue = queue(func(ctx context.Context, _ message.Encoded) error { <-ctx.Done(); return ctx.Err() })
		},
		"panic": func(b *bench, _, _ map[string]any) {
			b.Queue = queue(func(context.Context, message.Encoded) error { panic("x") })
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var out bytes.Buffer
				b := newBench(t)
				b.Observer = receive.NewMetrics(&out)
				r := b.invoke(t.Context(), request(t, func(event, headers map[string]any) { edit(b, event, headers) }))
				var answer struct {
					Error string `json:"error"`
				}
				if err := json.Unmarshal([]byte(r.Body), &answer); err != nil {
					t.Fatal(err)
				}
				got := read(t, out.String())
				if len(got) != 1 || got[0].Reason != answer.Error || got[0].WebhooksRefused != 1 || answer.Error == "" {
					t.Errorf("answered %s, counted %+v", r.Body, got)
				}
			})
		})
	}
}
