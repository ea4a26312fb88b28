package main

import (
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"pgregory.net/rapid"

	"github.com/purchasely-clevertap/bridge/shared/template"
)

// today is the model of today's template.
func today(t testing.TB, queueType string) model {
	t.Helper()
	stack, err := template.Read("../../template.yaml", queueType)
	if err != nil {
		t.Fatal(err)
	}
	return model{stack, usualLatency, sqsCall}
}

func both(t testing.TB) []model { return []model{today(t, template.FIFO), today(t, template.Standard)} }

func TestNothingIsLostOnTheWay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := model{
			Stack: template.Stack{
				QueueType:   rapid.SampledFrom([]string{template.FIFO, template.Standard}).Draw(t, "queue"),
				Batch:       rapid.IntRange(10, 3000).Draw(t, "batch"),
				Window:      time.Duration(rapid.IntRange(0, 3).Draw(t, "window")) * time.Second,
				Forwarders:  rapid.IntRange(2, 20).Draw(t, "forwarders"),
				Uploads:     rapid.IntRange(1, 4).Draw(t, "uploads"),
				Memory:      rapid.SampledFrom([]int{256, 512, 1769, 3008}).Draw(t, "memory"),
				Subscribers: rapid.Bool().Draw(t, "subscribers"),
			},
			latency: time.Duration(rapid.IntRange(1, 2000).Draw(t, "latency")) * time.Millisecond,
			sqs:     time.Duration(rapid.IntRange(1, 50).Draw(t, "sqs")) * time.Millisecond,
		}
		l := load{
			rate:  rapid.IntRange(0, 2).Draw(t, "rate"),
			quiet: time.Duration(rapid.IntRange(0, 20).Draw(t, "quiet")) * time.Second,
			burst: rapid.IntRange(0, 1000).Draw(t, "burst"),
			over:  time.Duration(rapid.IntRange(1, 20_000).Draw(t, "over")) * time.Millisecond,
		}
		s := newSimulation(m, l)
		for !s.drained() {
			s.step()
			inFlight, busy := 0, 0
			for _, p := range s.pollers {
				inFlight += len(p.ids)
				if p.working {
					busy++
				}
				if len(p.ids) > m.Batch || len(p.ids)*messageBytes > payloadBytes {
					t.Fatalf("a batch has %d messages", len(p.ids))
				}
			}
			if s.delivered+inFlight != s.received || s.waiting() < 0 || busy > m.Forwarders || s.now > 24*time.Hour {
				t.Fatalf("at %s: %d came, %d received, %d in flight, %d delivered",
					s.now, len(s.messages), s.received, inFlight, s.delivered)
			}
		}
		for i, message := range s.messages {
			if !message.delivered || i > 0 && message.at < s.messages[i-1].at {
				t.Fatalf("message %d of %d: %+v", i, len(s.messages), message)
			}
		}
		if len(s.messages) != l.burst+s.steadyCame {
			t.Fatalf("%d messages, want %d and %d", len(s.messages), l.burst, s.steadyCame)
		}
	})
}

func TestThroughputIsThatOfTheFormula(t *testing.T) {
	const cycles = 80 // All forwarders end their batches at about the same time, so one more or less is a few per cent.
	for _, m := range both(t) {
		for _, m.latency = range latencies {
			for _, m.Forwarders = range []int{2, 12} {
				s := newSimulation(m, load{burst: cycles * m.Forwarders * m.full(), over: time.Second})
				at := map[int]time.Duration{} // when a quarter and three quarters were delivered
				for _, quarter := range []int{1, 3} {
					for s.delivered < s.burst*quarter/4 || s.burst != len(s.messages) {
						s.step()
					}
					at[quarter] = s.now
				}
				got := float64(s.burst/2) / (at[3] - at[1]).Seconds()
				if want := m.capacity(); math.Abs(got-want) > 0.04*want {
					t.Errorf("%s, %s, %d forwarders: %.1f a second, not %.1f", m.QueueType, m.latency, m.Forwarders, got, want)
				}
			}
		}
	}
}

func TestASingleWebhookWaitsForTheWindow(t *testing.T) {
	for _, m := range both(t) {
		s := simulate(m, load{burst: 1, over: time.Second})
		soonest := m.Window + m.work(1)
		if took := s.caughtUp + s.over; took < soonest || took > soonest+3*m.sqs+3*step {
			t.Errorf("%s: delivered after %s, want about %s", m.QueueType, took, soonest)
		}
	}
}

func TestTheSlowestBatchFitsIntoAnInvocation(t *testing.T) {
	for _, m := range both(t) {
		if m.latency = m.UploadTimeout; m.work(m.full()) >= m.Timeout {
			t.Errorf("%s: a batch takes up to %s, an invocation %s", m.QueueType, m.work(m.full()), m.Timeout)
		}
	}
}

// TestSizesAreThoseOfARenewal compares the assumed sizes with the fixtures: at least as large, and not much larger.
func TestSizesAreThoseOfARenewal(t *testing.T) {
	read := func(name string, into any) {
		t.Helper()
		text, err := os.ReadFile("../../events/" + name)
		if err != nil || json.Unmarshal(text, into) != nil {
			t.Fatal(name, err)
		}
	}
	var want struct {
		Records []jsontext.Value `json:"records"`
	}
	var webhook struct {
		Body string `json:"body"`
	}
	var batch struct{ Records []map[string]any }
	read("receiver-subscription-renewed.want.json", &want)
	read("receiver-subscription-renewed.json", &webhook)
	read("forwarder-good.json", &batch)
	records := 0
	for i := range want.Records {
		if err := want.Records[i].Compact(); err != nil {
			t.Fatal(err)
		}
		records += len(want.Records[i]) + 1
	}
	batch.Records[0]["body"] = webhook.Body
	batch.Records[0]["receiptHandle"] = strings.Repeat("A", 412) // as long as SQS's
	message, err := json.Marshal(batch.Records[0])
	if err != nil || len(want.Records) != recordsPerWebhook {
		t.Fatalf("%d records, %v", len(want.Records), err)
	}
	for assumed, measured := range map[int]int{recordBytes: records, messageBytes: len(message)} {
		if measured > assumed || measured < assumed*9/10 {
			t.Errorf("%d bytes, and %d are assumed", measured, assumed)
		}
	}
}
