package main

import (
	"fmt"
	"time"
)

// Steps of the simulation. Batches have clocks of their own; a step is how long a poller without work waits before it asks again, and how
// finely the rest is counted. Where all pollers are at work, the time until something happens to one of them is passed at once.
const (
	step   = 10 * time.Millisecond
	sample = time.Second
)

// simulation is one stack under one load.
type simulation struct {
	model
	load     load
	arrivals *arrivals
	queue    *queue
	mapping  *mapping
	now      time.Duration
	course   course
}

func newSimulation(m model, l load) *simulation {
	q := newQueue(m.queue == fifo)
	return &simulation{model: m, load: l, arrivals: newArrivals(l), queue: q, mapping: newMapping(m, q), now: -step}
}

// run simulates until all that came by the end of the burst is delivered, and then until nothing is left. The error says that it would
// never be.
func (s *simulation) run() (course, error) {
	for !s.drained() {
		s.step()
		if s.queue.age(s.now) >= s.retention {
			return course{}, fmt.Errorf("queue deletes its first messages undelivered, after %s", span(s.retention))
		}
	}
	s.course.delivered = s.queue.done
	s.course.batches = s.mapping.batches
	return s.course, nil
}

// step goes on to the next time at which something happens, or at which things are noted.
func (s *simulation) step() {
	before := s.now
	next := min(s.mapping.next().Truncate(step), (before + sample).Truncate(sample))
	s.now = max(before+step, next)
	s.arrivals.until(s.now, s.queue.push)
	s.mapping.step(s.now, s.now-before)
	// The usual load goes on for as long as the burst is on its way.
	if end := s.load.quiet + s.load.over; s.now >= end && !s.arrivals.stopped && s.caughtUp(end) {
		s.arrivals.stopped = true
		s.course.caughtUp = s.now - end
	}
	if s.now%sample == 0 || s.drained() {
		s.course.note(moment{
			At: s.now, Waiting: s.queue.waiting(), InFlight: s.queue.inFlight, Delivered: s.queue.done, Age: s.queue.age(s.now),
		})
	}
}

// caughtUp tells whether everything is delivered that came until then.
func (s *simulation) caughtUp(then time.Duration) bool {
	q := s.queue
	return q.oldest == len(q.messages) || q.messages[q.oldest].at > then
}

// drained tells whether nothing comes any more and nothing is left.
func (s *simulation) drained() bool {
	return s.arrivals.stopped && s.queue.done == len(s.queue.messages)
}
