package main

import (
	"testing"
	"time"
)

// TestASingleMessageWaitsForTheWindow follows one webhook through an idle stack.
func TestASingleMessageWaitsForTheWindow(t *testing.T) {
	for _, queue := range queues {
		m := today(t, queue)
		c := simulate(t, m, load{subscribers: 1, burst: 1, over: time.Second})
		soonest := m.window + m.work(1)
		if c.caughtUp+time.Second < soonest || c.caughtUp+time.Second > soonest+3*m.sqs+3*step {
			t.Errorf("%s: delivered after %s, want about %s", queue, c.caughtUp+time.Second, soonest)
		}
	}
}

// TestPollersAreAddedAsLambdaAddsThem gives a large mapping a long queue all at once.
func TestPollersAreAddedAsLambdaAddsThem(t *testing.T) {
	m := today(t, standard)
	m.concurrency, m.latency = 500, 10*time.Second
	s := newSimulation(m, load{subscribers: 1, burst: 400_000, over: time.Millisecond})
	for _, at := range []struct {
		second, pollers int
	}{{1, firstBatches + 5}, {6, firstBatches + 30}, {12, firstBatches + 60}} {
		for s.now < time.Duration(at.second)*time.Second {
			s.step()
		}
		busy := 0
		for _, p := range s.mapping.pollers {
			if len(p.ids) > 0 {
				busy++
			}
		}
		if busy < at.pollers-1 || busy > at.pollers+1 {
			t.Errorf("%d pollers after %d s, want about %d", busy, at.second, at.pollers)
		}
	}
}

func TestABatchIsNotLargerThanLambdaTakes(t *testing.T) {
	m := today(t, standard)
	m.batch, m.window = 10_000, 300*time.Second
	if n := m.full(); n*messageBytes > payloadBytes || (n+1)*messageBytes <= payloadBytes {
		t.Errorf("a full batch has %d messages, %d bytes", n, n*messageBytes)
	}
	c := simulate(t, m, load{subscribers: 1, burst: 3 * m.full(), over: time.Millisecond})
	if c.batches != 5 { // The five pollers share what there is: nobody waits for a colleague.
		t.Errorf("%d batches", c.batches)
	}
}
