package main

import (
	"container/heap"
	"time"
)

// message is a webhook on its way. Its number is its place in the order of arrival.
type message struct {
	at         time.Duration
	subscriber int
	done       bool
}

// queue is SQS. It hands out the oldest messages first: a FIFO queue promises that within a group, and a standard queue does as well as it
// can.
type queue struct {
	fifo     bool
	messages []message
	scanned  int // messages before this one were handed out, or are parked
	oldest   int // the first that is not delivered
	inFlight int
	parked   int // waiting for their group
	done     int

	groups []group // by subscriber
	free   freed   // those of which something is parked and nothing in flight
}

// group is one subscriber's messages on a FIFO queue.
type group struct {
	by     int   // the batch that has some of them; 0: none
	parked []int // those behind them, in their order
}

func newQueue(fifo bool) *queue {
	q := &queue{fifo: fifo}
	q.free.queue = q
	return q
}

func (q *queue) push(at time.Duration, subscriber int) {
	if missing := subscriber + 1 - len(q.groups); q.fifo && missing > 0 {
		q.groups = append(q.groups, make([]group, missing)...)
	}
	q.messages = append(q.messages, message{at: at, subscriber: subscriber})
}

// waiting counts the messages that nobody is at.
func (q *queue) waiting() int { return len(q.messages) - q.inFlight - q.done }

// age is how long the oldest message has been on the queue.
func (q *queue) age(now time.Duration) time.Duration {
	if q.oldest == len(q.messages) {
		return 0
	}
	return max(0, now-q.messages[q.oldest].at)
}

// receive hands messages that came until then to a batch; batches are counted from 1.
func (q *queue) receive(batch int, now time.Duration, most int) []int {
	var ids []int
	most = min(most, inFlightMost-q.inFlight)
	for len(ids) < most && q.free.Len() > 0 {
		ids = append(ids, q.reclaim(batch, most-len(ids))...)
	}
	for len(ids) < most && q.scanned < len(q.messages) && q.messages[q.scanned].at <= now {
		if q.fifo && q.parked+q.inFlight+len(ids) >= scanDepth {
			break
		}
		id := q.scanned
		q.scanned++
		if q.claim(batch, id) {
			ids = append(ids, id)
		}
	}
	q.inFlight += len(ids)
	return ids
}

// claim takes a message's group for a batch, or parks the message behind those of its group that another batch has.
func (q *queue) claim(batch, id int) bool {
	if !q.fifo {
		return true
	}
	g := &q.groups[q.messages[id].subscriber]
	if len(g.parked) == 0 && (g.by == 0 || g.by == batch) {
		g.by = batch
		return true
	}
	g.parked = append(g.parked, id)
	q.parked++
	return false
}

// reclaim takes the group that has waited longest for its turn, and up to so many of its messages.
func (q *queue) reclaim(batch, most int) []int {
	g := &q.groups[heap.Pop(&q.free).(int)]
	g.by = batch
	n := min(most, len(g.parked))
	ids := g.parked[:n:n]
	g.parked = g.parked[n:]
	q.parked -= n
	return ids
}

// finish deletes a batch's messages, which frees their groups.
func (q *queue) finish(batch int, ids []int) {
	for _, id := range ids {
		m := &q.messages[id]
		m.done = true
		if !q.fifo || q.groups[m.subscriber].by != batch {
			continue
		}
		g := &q.groups[m.subscriber]
		g.by = 0
		if len(g.parked) > 0 {
			heap.Push(&q.free, m.subscriber)
		}
	}
	q.inFlight -= len(ids)
	q.done += len(ids)
	for q.oldest < len(q.messages) && q.messages[q.oldest].done {
		q.oldest++
	}
}

// freed is a heap of subscribers, that of the oldest parked message first.
type freed struct {
	subscribers []int
	queue       *queue
}

func (f *freed) Len() int           { return len(f.subscribers) }
func (f *freed) Less(i, j int) bool { return f.oldest(i) < f.oldest(j) }
func (f *freed) Swap(i, j int) {
	f.subscribers[i], f.subscribers[j] = f.subscribers[j], f.subscribers[i]
}
func (f *freed) Push(subscriber any) { f.subscribers = append(f.subscribers, subscriber.(int)) }
func (f *freed) Pop() any {
	last := len(f.subscribers) - 1
	subscriber := f.subscribers[last]
	f.subscribers = f.subscribers[:last]
	return subscriber
}

func (f *freed) oldest(i int) int { return f.queue.groups[f.subscribers[i]].parked[0] }
