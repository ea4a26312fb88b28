package clevertap

import "github.com/purchasely-clevertap/bridge/shared/fault"

// close tells the book a record's end, once. A nil end means accepted.
func (d *delivery) close(r *item, end *fault.Fault) {
	if r.closed {
		return
	}
	r.closed = true
	if end == nil {
		d.book.Done(r.Key, nil)
		return
	}
	d.book.Done(r.Key, end)
}

func (d *delivery) closeAll(records []*item, end *fault.Fault) {
	for _, r := range records {
		d.close(r, end)
	}
}

// drain closes all that a lane has not sent. Where only time is short, records that were sent before keep the reason for
// which they were to go again.
func (d *delivery) drain(l *lane, end *fault.Fault) {
	for _, s := range l.queue {
		l.breaker.leave(s)
		if s.reason != nil && (end == faultNoTime || end == faultLimited) {
			d.closeAll(s.records, s.reason)
		} else {
			d.closeAll(s.records, end)
		}
	}
	l.queue = nil
}

// leaveAlone closes all that a lane has not sent, because its breaker is open.
func (d *delivery) leaveAlone(l *lane) {
	l.leftAlone = true
	d.drain(l, faultBreaker)
}

// closeLone gives the records that were refused alone their ends.
func (d *delivery) closeLone(t *traffic) {
	for _, r := range t.lone {
		d.close(r.item, r.end)
	}
	t.lone = nil
}

// closeRest closes what is still open if the loop ended because the book panicked. Nothing is in flight any more when it
// returns.
func (d *delivery) closeRest() {
	if recover() == nil {
		return
	}
	d.cancel()
	for ; d.underway > 0; d.underway-- {
		select {
		case <-d.attempts:
		case <-d.renewals:
		}
	}
	for _, l := range d.lanes {
		for i := range l.items {
			d.closeSafely(&l.items[i], faultPanic)
		}
	}
}

// closeSafely goes on when the book panics again: the other records have an end to be told, too.
func (d *delivery) closeSafely(r *item, end *fault.Fault) {
	defer func() { _ = recover() }()
	d.close(r, end)
}

// report sums the lanes up.
func (d *delivery) report() Report {
	r := Report{Batches: make([]BatchReport, len(d.lanes))}
	for i, l := range d.lanes {
		l.report.BreakerOpen = len(l.items) > 0 && (l.leftAlone || l.breaker.isOpen())
		r.Batches[i] = l.report
	}
	return r
}
