package main

import (
	"math"
	"testing"
	"time"
)

// TestAMillionWebhooksByHand holds the lines against figures worked out on paper.
func TestAMillionWebhooksByHand(t *testing.T) {
	m := today(t, fifo)
	m.latency, m.memory, m.receiver = 300*time.Millisecond, 512, 256
	for what, want := range map[string]struct{ full, single float64 }{
		"API Gateway":               {1, 1},
		"receiver":                  {0.25, 0.25},          // 0.20, and 3,750 GB-seconds
		"queue: send":               {0.50, 0.50},          // one call each
		"queue: receive and delete": {0.10, 1.00},          // two calls a batch
		"forwarder":                 {0.237, 2.32},         // 100,000 or 1,000,000 invocations, 0.02 or 0.20, and half a gigabyte for 325 or 318 ms
		"logs":                      {0.172, 0.545},        // 369 or 1,170 bytes
		"traffic to CleverTap":      {0.148, 0.216},        // 1,770 or 2,580 bytes
		"subscriber table":          {0.625 + 0.125, 0.75}, // a write and a read
	} {
		line := costLines[index(t, what)]
		if full, single := line.dollars(m, 10), line.dollars(m, 1); math.Abs(full-want.full) > 0.01 || math.Abs(single-want.single) > 0.02 {
			t.Errorf("%s: %.3f in batches of ten and %.3f alone, want %.3f and %.3f", what, full, single, want.full, want.single)
		}
	}
}

func index(t *testing.T, what string) int {
	t.Helper()
	for i, line := range costLines {
		if line.what == what {
			return i
		}
	}
	t.Fatalf("there is no line %q", what)
	return 0
}

func TestFullerBatchesAreCheaper(t *testing.T) {
	for _, queue := range queues {
		m := today(t, queue)
		for _, n := range []int{1, 2, 5} {
			if m.cost(n) <= m.cost(2*n) {
				t.Errorf("%s: %.2f in batches of %d, %.2f in batches of %d", queue, m.cost(n), n, m.cost(2*n), 2*n)
			}
		}
		without := m
		without.subscriberState = false
		if without.cost(10) >= m.cost(10) {
			t.Errorf("%s: subscriber state costs nothing", queue)
		}
	}
}

func TestAQuotasLimitIsWhereAllOfItIsUsed(t *testing.T) {
	for _, q := range quotas([]settings{today(t, fifo).settings, today(t, standard).settings}) {
		if at := q.limit(); q.at(at) > 1 || q.at(at+1) <= 1 {
			t.Errorf("%s: %.1f a second use %.4f, one more %.4f", q.name, at, q.at(at), q.at(at+1))
		}
	}
}
