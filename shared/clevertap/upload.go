package clevertap

import (
	"context"
	"time"
)

// Tracker is kept by the caller. The uploader asks it before each upload which records may still go, and tells it each record's
// end, exactly once, as soon as it is known.
type Tracker interface {
	// MaySend tells whether the record may still be uploaded. If not, the uploader closes it: [fault.Retry], reason
	// [fault.GroupOrder].
	MaySend(key int) bool
	// Done gives a record's end: nil if CleverTap accepted it, else a [*fault.Fault]. It is [fault.Reject] with the reason
	// "clevertap_<code>" or "clevertap_http_<status>" and the number as its code, or [fault.Retry], or [fault.Operator].
	Done(key int, err error)
}

// Upload delivers all lanes side by side, with at most the allowed number of uploads in flight per account, whichever lane they
// belong to. It returns when every record has been closed in the book and nothing is in flight any more, at the latest when
// ctx ends.
//
// It sends again within the call only what CleverTap cannot have taken, and it sends no record again that was accepted:
// halves of an upload that was refused whole; a record that was refused with a code that may pass, alone, twice at most; an
// upload for which CleverTap was busy; and once, with fresh credentials, what was refused for the old ones. Everything else that
// may pass later is the queue's to bring back.
func (u *Uploader) Upload(ctx context.Context, lanes []AccountBatch, book Tracker) Report {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	d := &delivery{Uploader: u, ctx: ctx, cancel: cancel, book: book, attempts: make(chan attempt), renewals: make(chan renewal)}
	for i := range lanes {
		l := newLane(&lanes[i], u.breakers.of(lanes[i].Account))
		d.lanes = append(d.lanes, l)
		d.join(l)
	}
	d.run()
	return d.report()
}

// run is the one loop: it starts what may start, waits for something to happen, and acts on it, until nothing is left.
func (d *delivery) run() {
	defer d.closeRest()
	for {
		var due time.Time
		for _, t := range d.accounts {
			due = earlier(due, d.advance(t))
		}
		if d.underway == 0 && due.IsZero() {
			break
		}
		d.await(due)
	}
	for _, l := range d.lanes {
		if len(l.queue) > 0 { // another call is trying this account; its outcome will not be reported here
			d.leaveAlone(l)
		}
	}
}

// await waits for a report, for the time when something is due, if there is one, or for the end of the call.
func (d *delivery) await(due time.Time) {
	var timer <-chan time.Time
	if !due.IsZero() {
		timer = time.After(time.Until(due))
	}
	done := d.ctx.Done()
	if d.ctx.Err() != nil {
		done = nil // it is known by now; what is in flight still has to report
	}
	select {
	case a := <-d.attempts:
		d.underway--
		d.settle(&a)
	case r := <-d.renewals:
		d.underway--
		d.renewed(&r)
	case <-timer:
	case <-done:
	}
}

// advance starts what an account may send now and closes what will not be sent any more. It tells when something is due that
// no report will announce; zero: nothing.
func (d *delivery) advance(t *traffic) (due time.Time) {
	if t.suspect() && t.inFlight == 0 {
		d.blanket(t)
	}
	for i := 0; i < len(t.lanes) && !t.suspect(); {
		l := t.lanes[i]
		stepped, soonest := d.begin(t, l)
		if stepped {
			t.rotate(l)
			i, due = 0, time.Time{}
			continue
		}
		due = earlier(due, soonest)
		i++
	}
	if t.idle() {
		d.closeLone(t)
	}
	return due
}

// begin goes a step further with a lane: it starts the next upload, or finds that none of its records may go any more. If there
// is no step to go it tells when there will be, zero if that depends on a report.
func (d *delivery) begin(t *traffic, l *lane) (stepped bool, due time.Time) {
	if len(l.queue) == 0 || l.renewing {
		return false, time.Time{}
	}
	now := time.Now()
	s := l.next(now)
	start := later(later(now, s.after), t.hold)
	switch {
	case !d.fits(t, start):
		d.drain(l, late(t, now))
		return true, time.Time{}
	case l.breaker.blocks(now):
		d.leaveAlone(l)
		return true, time.Time{}
	case t.inFlight >= t.limit:
		return false, time.Time{}
	case start.After(now):
		return false, start
	}
	if s.records = d.stillOpen(s.records); len(s.records) == 0 {
		l.take(s)
		l.breaker.leave(s)
		return true, time.Time{}
	}
	if !l.breaker.admits(s, now) {
		return false, time.Time{}
	}
	d.start(t, l, s)
	return true, time.Time{}
}

// start uploads a segment beside the loop.
func (d *delivery) start(t *traffic, l *lane, s *segment) {
	l.take(s)
	l.inFlight++
	t.inFlight++
	d.underway++
	a := attempt{lane: l, traffic: t, segment: s, account: l.account, breaker: l.breaker}
	timeout := d.timeout
	if l.breaker.tries(s) {
		timeout = trialTime(d.timeout, d.jitter())
	}
	go func() {
		a.reply = d.try(d.ctx, a.account, s.records, timeout, false)
		d.attempts <- a
	}()
}

// stillOpen asks the book, and closes what may not go any more.
func (d *delivery) stillOpen(records []*item) []*item {
	open := make([]*item, 0, len(records))
	for _, r := range records {
		if d.book.MaySend(r.Key) {
			open = append(open, r)
		} else {
			d.close(r, faultGroup)
		}
	}
	return open
}
