package main

import (
	"cmp"
	"slices"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/template"
)

const (
	// Processor time of a forwarder, without and for the subscribers table, from docs/design/benchmarks.md (November
	// 2026, one core of a virtual machine that was busy). A core of Lambda is assumed to be as fast.
	batchTime, messageTime           = 250 * time.Microsecond, 20 * time.Microsecond
	tableBatchTime, tableMessageTime = 600 * time.Microsecond, 100 * time.Microsecond
	// How the forwarder uses the subscribers table: it reads a person and a state for each webhook, writes the state and,
	// at the end, the journal.
	keysPerWebhook, keysPerRead, readsAtOnce, writesAtOnce, entriesPerWrite = 2, 100, 8, 32, 25

	// A renewal makes an event and a profile record. Tests measure the size of both with their commas, and that of the
	// message in Lambda's payload, which is the body in quotes and SQS's envelope.
	recordsPerWebhook, recordBytes, messageBytes = 2, 1680, 3000

	// What AWS documents (read in November 2026).
	messagesPerCall = 10        // of one ReceiveMessage or DeleteMessageBatch (SQS message quotas)
	payloadBytes    = 6_000_000 // of one batch (Lambda quotas), of which the mapping leaves a little
	fullCore        = 1769      // MB at which a function has one whole core (Lambda, "Configure function memory")
	firstBatches    = 5         // at once when a queue becomes busy (Lambda, "Scaling behavior for SQS")
	addedPerMinute  = 300       // batches at once that are added while messages wait (the same page)

	// Assumed: a call of Lambda's pollers to SQS, and one of the forwarder to DynamoDB, which promises single-digit
	// milliseconds. From send to start of the function, an idle mapping took 16 ms on a standard queue and 28 ms on a
	// FIFO queue (bitesizedserverless.com, "Serverless Messaging: Latency Compared", 2022), which is more than one call.
	sqsCall, tableCall = 10 * time.Millisecond, 8 * time.Millisecond
)

// model is a forwarder with these settings. Every batch is of one account.
type model struct {
	template.Stack
	latency time.Duration // of one upload to CleverTap
	sqs     time.Duration // of one call of Lambda's pollers to SQS
}

// work is how long the forwarder takes for a batch of n messages. Writes to the table wait for the table or for the
// processor, whichever takes longer, because many of them run side by side.
func (m model) work(n int) time.Duration {
	processor := func(batch, message time.Duration) time.Duration {
		return (batch + time.Duration(n)*message) * fullCore / time.Duration(min(m.Memory, fullCore))
	}
	total := time.Duration(ceil(uploads(n), m.Uploads))*m.latency + processor(batchTime, messageTime)
	if !m.Subscribers {
		return total
	}
	reads := ceil(ceil(n*keysPerWebhook, keysPerRead), readsAtOnce)
	if m.QueueType == template.Standard { // States that several batches share are read again after the upload.
		reads += ceil(ceil(n, keysPerRead), readsAtOnce)
	}
	writes := ceil(n, writesAtOnce) + ceil(ceil(n, entriesPerWrite), writesAtOnce)
	waiting := max(time.Duration(writes)*tableCall, processor(tableBatchTime, tableMessageTime))
	return total + time.Duration(reads)*tableCall + waiting
}

// uploads is how many uploads a batch makes.
func uploads(n int) int {
	return max(ceil(n*recordsPerWebhook, clevertap.MaxRecords), ceil(n*recordBytes, clevertap.MaxUploadBytes))
}

// largest is how many messages fit into a batch, and full how many it gets while more wait than it can take.
func (m model) largest() int { return min(m.Batch, payloadBytes/messageBytes) }
func (m model) full() int    { return min(m.largest(), (1+int(m.Window/m.sqs))*messagesPerCall) }

// capacity is how many messages a second all forwarders deliver while more wait. The calls that receive a batch come
// one after the other, those that delete it side by side.
func (m model) capacity() float64 {
	n := m.full()
	cycle := time.Duration(ceil(n, messagesPerCall))*m.sqs + m.work(n) + m.sqs
	return float64(m.Forwarders*n) / cycle.Seconds()
}

func ceil(a, b int) int { return (a + b - 1) / b }

// load is what Purchasely sends: a steady rate until the burst has been delivered, and one burst.
type load struct {
	rate  int           // arrivals a second
	quiet time.Duration // before the burst
	burst int           // renewals
	over  time.Duration // in which they come
}

// simulation is one stack under one load, in virtual time. SQS hands out the oldest messages first: a FIFO queue
// promises that within a group, and every message is of another subscriber, so that no group holds another up.
type simulation struct {
	model
	load
	messages            []arrival // in the order of arrival
	received, delivered int
	oldest              int // the first message that is not delivered
	pollers             []poller
	now, busy           time.Duration // busy is how long messages have been waiting without a break.
	steps               int
	steadyCame, bursts  int  // messages of each kind that have come
	stopped             bool // whether the steady rate has ended

	samples  []sample
	caughtUp time.Duration // from the burst's end until all that had come was delivered
	batches  map[int]int   // by their size
}

type arrival struct {
	at        time.Duration
	delivered bool
}

// sample is the state of the queue at one time.
type sample struct {
	at, age time.Duration // age is that of the oldest message.
	waiting int
}

// poller is one of the mapping's: it gathers a batch, has a forwarder work on it, deletes it, and begins anew.
type poller struct {
	ids     []int
	since   time.Duration // when the batch got its first message
	next    time.Duration // when a call to SQS is answered, or the batch is deleted
	working bool
}

// A poller without work asks again after a step; a sample is taken at each interval.
const step, interval = 10 * time.Millisecond, time.Second

func newSimulation(m model, l load) *simulation {
	return &simulation{model: m, load: l, pollers: make([]poller, m.Forwarders), now: -step, batches: make(map[int]int)}
}

// simulate runs until everything is delivered.
func simulate(m model, l load) *simulation {
	s := newSimulation(m, l)
	for !s.drained() {
		s.step()
	}
	return s
}

func (s *simulation) drained() bool { return s.stopped && s.delivered == len(s.messages) }
func (s *simulation) waiting() int  { return len(s.messages) - s.received }

// step goes on to the next time at which something happens, or at which a sample is due.
func (s *simulation) step() {
	before, next := s.now, s.pollers[0].next
	for _, p := range s.pollers {
		next = min(next, p.next)
	}
	s.now = max(before+step, min(next.Truncate(step), (before+interval).Truncate(interval)))
	s.arrive()
	s.poll(s.now - before)
	oldest, end := s.now, s.quiet+s.over
	if s.oldest < len(s.messages) {
		oldest = s.messages[s.oldest].at
	}
	if s.now >= end && !s.stopped && (oldest == s.now || oldest > end) {
		s.stopped, s.caughtUp = true, s.now-end
	}
	if s.now%interval == 0 || s.drained() {
		s.samples = append(s.samples, sample{s.now, s.now - oldest, s.waiting()})
	}
}

// mostWaiting and greatestAge are the samples at which there was most of either.
func (s *simulation) mostWaiting() sample {
	return slices.MaxFunc(s.samples, func(a, b sample) int { return cmp.Compare(a.waiting, b.waiting) })
}

func (s *simulation) greatestAge() sample {
	return slices.MaxFunc(s.samples, func(a, b sample) int { return cmp.Compare(a.age, b.age) })
}

// arrive puts onto the queue what has come until now.
func (s *simulation) arrive() {
	var came []arrival
	for s.rate > 0 && !s.stopped {
		at := time.Duration(s.steadyCame) * time.Second / time.Duration(s.rate)
		if at > s.now {
			break
		}
		came = append(came, arrival{at: at})
		s.steadyCame++
	}
	for n, all := time.Duration(s.bursts), time.Duration(s.burst); n < all; n++ {
		at := s.quiet + s.over/all*n + s.over%all*n/all // In two parts, because the product may not fit.
		if at > s.now {
			break
		}
		came = append(came, arrival{at: at})
		s.bursts++
	}
	slices.SortFunc(came, func(a, b arrival) int { return cmp.Compare(a.at, b.at) })
	s.messages = append(s.messages, came...)
}

// poll does what the pollers do until now, each by its own exact clock. In each step another one asks first.
func (s *simulation) poll(passed time.Duration) {
	allowed := firstBatches + int(s.busy*addedPerMinute/time.Minute)
	for turn := range s.pollers {
		i := (s.steps + turn) % len(s.pollers)
		for p := &s.pollers[i]; p.next <= s.now; {
			switch {
			case p.working:
				s.finish(p)
			case i >= allowed && len(p.ids) == 0, !s.gather(p):
				p.next = s.now + step // It is not needed yet, or found nothing.
			}
		}
	}
	s.steps++
	if s.busy += passed; s.waiting() == 0 {
		s.busy = 0
	}
}

// gather makes one call for a poller's batch, and begins to work on the batch when it is full or its window is over.
// It reports whether the poller has a batch.
func (s *simulation) gather(p *poller) bool {
	if len(p.ids) == 0 {
		p.since = p.next
	}
	most := min(len(p.ids)+messagesPerCall, s.largest())
	for len(p.ids) < most && s.received < len(s.messages) && s.messages[s.received].at <= p.next {
		p.ids = append(p.ids, s.received)
		s.received++
	}
	if len(p.ids) == 0 {
		return false
	}
	p.next += s.sqs
	if len(p.ids) == s.largest() || p.next > p.since+s.Window {
		p.working = true
		p.next += s.work(len(p.ids))
	}
	return true
}

// finish deletes a poller's batch; the messages of the next one come with the answer to another call.
func (s *simulation) finish(p *poller) {
	for _, id := range p.ids {
		s.messages[id].delivered = true
	}
	s.batches[len(p.ids)]++
	s.delivered += len(p.ids)
	for s.oldest < len(s.messages) && s.messages[s.oldest].delivered {
		s.oldest++
	}
	*p = poller{next: p.next + s.sqs}
}
