package awstest

import (
	"cmp"
	"context"
	"maps"
	"math"
	"slices"
	"time"
)

// wait returns when there may be something to receive, or when ctx ends.
func (q *Queue) wait(ctx context.Context) {
	q.mu.Lock()
	changed, due := q.changed, time.Duration(math.MaxInt64)
	if len(q.waiting) > 0 {
		due = q.waiting[0].until.Sub(q.now())
	}
	if len(q.ready) > 0 {
		due = 0
	}
	q.mu.Unlock()
	timer := time.NewTimer(due)
	defer timer.Stop()
	select {
	case <-changed:
	case <-timer.C:
	case <-ctx.Done():
	}
}

// Poke wakes those who wait for messages, after a test has set the clock.
func (q *Queue) Poke() {
	q.mu.Lock()
	defer q.mu.Unlock()
	close(q.changed)
	q.changed = make(chan struct{})
}

// Messages lists what is on the queue, in flight or not, in the order of arrival, without receiving it.
func (q *Queue) Messages() []Message {
	q.mu.Lock()
	defer q.mu.Unlock()
	stored := slices.SortedFunc(maps.Values(q.messages), func(a, b *message) int { return cmp.Compare(a.order, b.order) })
	list := make([]Message, len(stored))
	for i, m := range stored {
		list[i] = m.Message
	}
	return list
}

// Counts tells how many messages can be received sooner or later, how many are in flight, how many are delayed, and how many have been dropped for
// their age since the beginning.
func (q *Queue) Counts() (visible, inFlight, delayed, expired int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := q.now()
	for _, m := range q.messages {
		switch {
		case !m.visible.After(now):
			visible++
		case m.Receives == 0:
			delayed++
		default:
			inFlight++
		}
	}
	return visible, inFlight, delayed, q.expired
}
