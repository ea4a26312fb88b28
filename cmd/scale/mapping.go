package main

import "time"

// mapping is Lambda's event source mapping: so many pollers, each of which gathers a batch, has a forwarder work on it, deletes it, and
// begins anew.
type mapping struct {
	model
	queue   *queue
	pollers []poller
	batches int           // that were begun
	first   int           // the poller that asks first, another one in each step
	busy    time.Duration // how long messages have been waiting without a break
}

// poller is one of them.
type poller struct {
	batch   int // its number
	ids     []int
	since   time.Duration // when the batch got its first message
	next    time.Duration // when something happens here: a call to SQS is answered, or the batch is deleted
	working bool
}

func newMapping(m model, q *queue) *mapping {
	return &mapping{model: m, queue: q, pollers: make([]poller, m.concurrency)}
}

// step does what happens until now, in the order of each poller's own clock, which is exact.
func (m *mapping) step(now, passed time.Duration) {
	allowed := firstBatches + int(m.busy*rampPerMinute/time.Minute)
	for turn := range m.pollers {
		i := (m.first + turn) % len(m.pollers)
		for p := &m.pollers[i]; p.next <= now; {
			switch {
			case p.working:
				m.finish(p)
			case i >= allowed && len(p.ids) == 0, !m.gather(p):
				p.next = now + step // It is not needed yet, or it keeps asking.
			}
		}
	}
	m.first++
	if m.queue.waiting() > 0 {
		m.busy += passed
	} else {
		m.busy = 0
	}
}

// next is when something happens to a poller.
func (m *mapping) next() time.Duration {
	soonest := m.pollers[0].next
	for i := range m.pollers {
		soonest = min(soonest, m.pollers[i].next)
	}
	return soonest
}

// gather is the answer to one call: it fills the batch, and begins to work on it when it is full or its window is over. It tells
// whether the poller has a batch.
func (m *mapping) gather(p *poller) bool {
	if len(p.ids) == 0 {
		p.batch, p.since = m.batches+1, p.next
	}
	p.ids = append(p.ids, m.queue.receive(p.batch, p.next, min(callMessages, m.most()-len(p.ids)))...)
	if len(p.ids) == 0 {
		return false
	}
	m.batches = max(m.batches, p.batch)
	if len(p.ids) < m.most() && p.next+m.sqs <= p.since+m.window {
		p.next += m.sqs
		return true
	}
	p.working = true
	p.next += m.work(len(p.ids)) + m.sqs
	return true
}

// most is how many messages fit into a batch, however long it is gathered.
func (m *mapping) most() int { return min(m.batch, payloadBytes/messageBytes) }

// finish ends a batch; the next one's first messages come with the answer to another call.
func (m *mapping) finish(p *poller) {
	m.queue.finish(p.batch, p.ids)
	*p = poller{next: p.next + m.sqs}
}
