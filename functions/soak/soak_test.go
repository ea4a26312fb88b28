//go:build soak

package soak_test

import (
	"context"
	"sync"
	"testing"
	"time"
)

const (
	workers      = 4
	average      = 25 * time.Millisecond // between two webhooks of one worker
	mostWaiting  = 2000                  // messages; senders hold back above, so that the end does not take for ever
	longestQuiet = 5 * time.Minute       // in which everything has to be delivered once nothing goes wrong any more
)

func TestNothingIsLost(t *testing.T) {
	s := readSettings(t)
	k := newStack(t, s)
	r := &run{stack: k, began: time.Now()}
	t.Logf("SEED=%d SOAK=%s QUEUE=%s repeat its choices", s.seed, s.lasts, s.queue)
	r.live()
	r.judge()
}

// run is one run with what it leaves behind.
type run struct {
	*stack
	weather *weather
	senders []*sender
	began   time.Time
	calmed  time.Time
	drained time.Time
}

// live sends webhooks while everything goes wrong, and then waits until nothing is on the queues any more.
func (r *run) live() {
	polling, stopPolling := context.WithCancel(context.Background())
	defer stopPolling()
	ended := r.poll(polling)

	sending, stopSending := context.WithTimeout(context.Background(), r.settings.lasts)
	defer stopSending()
	raging, calm := context.WithCancel(context.Background())
	defer calm()
	r.weather = &weather{stack: r.stack, dice: r.settings.dice(1)}
	var trouble, senders sync.WaitGroup
	trouble.Go(func() { r.weather.run(raging) })
	trouble.Go(func() { r.weather.murder(raging, r.settings.dice(2)) })
	for i := range workers {
		s := &sender{
			author: newAuthor(r.settings, i, r.file), receiver: r.receivers[i%len(r.receivers)], keys: r.keys,
			dice: r.settings.dice(uint64(10 + i)), pause: average,
		}
		r.senders = append(r.senders, s)
		senders.Go(func() { s.run(sending, func() bool { return r.waiting() > mostWaiting }) })
	}
	if r.settings.queue == "both" {
		wait(sending, r.settings.lasts*3/5)
		r.switchQueue()
	}
	<-sending.Done()
	calm()
	trouble.Wait()
	r.calmed = time.Now()
	senders.Wait()
	for r.waiting() > 0 && time.Since(r.calmed) < longestQuiet {
		wait(context.Background(), 50*time.Millisecond)
	}
	r.drained = time.Now()
	stopPolling()
	<-ended
	r.fleet.stop()
	for _, receiver := range r.receivers {
		receiver.current().Kill()
	}
}
