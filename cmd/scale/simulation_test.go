package main

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// anyModel is a stack of any settings in any world that keeps up with two webhooks a second, all from one subscriber if need be.
func anyModel(t *rapid.T) model {
	m := model{
		settings: settings{
			queue:           rapid.SampledFrom(queues).Draw(t, "queue"),
			concurrency:     rapid.IntRange(2, 20).Draw(t, "concurrency"),
			uploads:         rapid.IntRange(1, 4).Draw(t, "uploads"),
			memory:          rapid.SampledFrom([]int{256, 512, 1769, 3008}).Draw(t, "memory"),
			subscriberState: rapid.Bool().Draw(t, "subscriber state"),
			batch:           10,
			retention:       14 * 24 * time.Hour,
		},
		world: world{
			latency: time.Duration(rapid.IntRange(1, 2000).Draw(t, "latency")) * time.Millisecond,
			sqs:     time.Duration(rapid.IntRange(1, 50).Draw(t, "sqs")) * time.Millisecond,
		},
	}
	if m.queue == standard {
		m.batch = rapid.IntRange(10, 3000).Draw(t, "batch")
		m.window = time.Duration(rapid.IntRange(0, 3).Draw(t, "window")) * time.Second
	}
	return m
}

func anyLoad(t *rapid.T) load {
	return load{
		rate:        rapid.IntRange(0, 2).Draw(t, "rate"),
		subscribers: rapid.IntRange(1, 30).Draw(t, "subscribers"),
		seed:        rapid.Uint64().Draw(t, "seed"),
		quiet:       time.Duration(rapid.IntRange(0, 20).Draw(t, "quiet")) * time.Second,
		burst:       rapid.IntRange(0, 1000).Draw(t, "burst"),
		over:        time.Duration(rapid.IntRange(1, 20_000).Draw(t, "over")) * time.Millisecond,
	}
}

// TestNothingIsLostOnTheWay holds every step of any simulation against what a queue promises.
func TestNothingIsLostOnTheWay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, l := anyModel(t), anyLoad(t)
		s := newSimulation(m, l)
		for !s.drained() {
			s.step()
			if s.now > 24*time.Hour {
				t.Fatalf("%d still wait after a day", s.queue.waiting())
			}
			checkStep(t, s)
		}
		if s.arrivals.renewed != l.burst || len(s.queue.messages) != l.burst+s.arrivals.usual {
			t.Fatalf("%d of %d renewals came, %d others, %d messages", s.arrivals.renewed, l.burst, s.arrivals.usual, len(s.queue.messages))
		}
		if s.queue.parked != 0 || s.queue.free.Len() != 0 || s.queue.age(s.now) != 0 {
			t.Fatalf("the queue is empty, and yet %d are parked in %d groups, the oldest for %s", s.queue.parked, s.queue.free.Len(), s.queue.age(s.now))
		}
		for subscriber, g := range s.queue.groups {
			if g.by != 0 || len(g.parked) != 0 {
				t.Fatalf("the queue is empty, and yet subscriber %d is in batch %d with %v behind it", subscriber, g.by, g.parked)
			}
		}
	})
}

func checkStep(t *rapid.T, s *simulation) {
	q := s.queue
	done, batches, held := 0, 0, 0
	for _, m := range q.messages {
		if m.done {
			done++
		}
		if m.at > s.now {
			t.Fatalf("at %s a message is there that comes at %s", s.now, m.at)
		}
	}
	by := make(map[int]int) // the batch that has some of a subscriber's messages
	for _, p := range s.mapping.pollers {
		if len(p.ids) == 0 {
			continue
		}
		batches++
		held += len(p.ids)
		if len(p.ids) > s.batch || len(p.ids)*messageBytes > payloadBytes {
			t.Fatalf("a batch has %d messages", len(p.ids))
		}
		for _, id := range p.ids {
			subscriber := q.messages[id].subscriber
			if other, ok := by[subscriber]; q.fifo && ok && other != p.batch {
				t.Fatalf("subscriber %d is in batches %d and %d", subscriber, other, p.batch)
			}
			by[subscriber] = p.batch
		}
		if q.fifo {
			checkOrder(t, q, p.ids)
		}
	}
	if done != q.done || held != q.inFlight || q.waiting() < 0 || len(q.messages) != q.waiting()+held+done {
		t.Fatalf("%d arrived, %d wait, %d in flight (%d held), %d delivered (%d done)", len(q.messages), q.waiting(), q.inFlight, held, q.done, done)
	}
	if batches > s.concurrency {
		t.Fatalf("%d batches at once, %d allowed", batches, s.concurrency)
	}
}

// checkOrder wants that a subscriber's messages before those of a batch are done, or stand before them in it.
func checkOrder(t *rapid.T, q *queue, ids []int) {
	last := make(map[int]int)
	for _, id := range ids {
		subscriber := q.messages[id].subscriber
		for earlier := last[subscriber]; earlier < id; earlier++ {
			if m := q.messages[earlier]; m.subscriber == subscriber && !m.done {
				t.Fatalf("message %d of subscriber %d is in flight before %d", id, subscriber, earlier)
			}
		}
		last[subscriber] = id + 1
	}
}

// TestThroughputIsThatOfTheFormula compares what is delivered in the middle of a long backlog with the closed formula.
func TestThroughputIsThatOfTheFormula(t *testing.T) {
	const cycles = 80 // All forwarders end their batches at about the same time, so one more or less is a few per cent.
	for _, queue := range queues {
		for _, latency := range latencies {
			for _, forwarders := range []int{2, 12} {
				m := today(t, queue)
				m.latency, m.concurrency = latency, forwarders
				c := simulate(t, m, load{subscribers: 1, burst: cycles * forwarders * m.full(), over: time.Second})
				n := len(c.moments)
				if got, want := rate(c.moments[n/4], c.moments[n*3/4]), m.capacity(); got < want*0.96 || got > want*1.04 {
					t.Errorf("%s, %s, %d forwarders: %.1f a second, the formula says %.1f", queue, latency, forwarders, got, want)
				}
			}
		}
	}
}

// TestASlowerWorldTakesLonger changes one thing at a time for the worse.
func TestASlowerWorldTakesLonger(t *testing.T) {
	rush := load{rate: 2, subscribers: 1000, seed: 1, burst: 20_000, over: 10 * time.Second}
	for _, queue := range queues {
		best := simulate(t, today(t, queue), rush).end()
		for what, change := range map[string]func(*model){
			"CleverTap": func(m *model) { m.latency *= 2 },
			"SQS":       func(m *model) { m.sqs *= 8 },
			"fewer":     func(m *model) { m.concurrency = 2 },
		} {
			m := today(t, queue)
			change(&m)
			if got := simulate(t, m, rush).end(); got <= best {
				t.Errorf("%s, %s: done after %s, and after %s otherwise", queue, what, got, best)
			}
		}
	}
}

func TestTheSameSeedIsTheSameRun(t *testing.T) {
	l := load{rate: 5, subscribers: 3, seed: 7, burst: 500, over: time.Second}
	first, second := simulate(t, today(t, fifo), l), simulate(t, today(t, fifo), l)
	if first.end() != second.end() || first.batches != second.batches || first.oldest != second.oldest {
		t.Errorf("%+v and %+v", first.oldest, second.oldest)
	}
	l.seed = 8
	if third := simulate(t, today(t, fifo), l); first.batches == third.batches && first.end() == third.end() {
		t.Error("another seed is the same run")
	}
}

func TestAQueueThatIsNeverEmptiedIsAnError(t *testing.T) {
	m := today(t, fifo)
	m.retention = time.Minute
	if _, err := newSimulation(m, load{subscribers: 1, burst: 100_000, over: time.Second}).run(); err == nil {
		t.Error("messages expired, and nobody said so")
	}
}

// today is the model of the template of today.
func today(t testing.TB, queue string) model {
	t.Helper()
	s, err := readSettings("../../template.yaml", queue)
	if err != nil {
		t.Fatal(err)
	}
	return model{s, usualWorld}
}

func simulate(t testing.TB, m model, l load) course {
	t.Helper()
	c, err := newSimulation(m, l).run()
	if err != nil {
		t.Fatal(err)
	}
	return c
}
