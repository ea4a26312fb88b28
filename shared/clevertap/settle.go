package clevertap

import (
	"slices"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/fault"
)

// settle acts on an upload that has been made.
func (d *delivery) settle(a *attempt) {
	now := time.Now()
	a.lane.inFlight--
	a.traffic.inFlight--
	a.traffic.slowest = max(a.traffic.slowest, a.took)
	a.lane.report.Latencies = append(a.lane.report.Latencies, a.took)
	switch a.verdict {
	case read:
		d.settleRead(a, now)
	case busy:
		d.settleBusy(a, now)
	case halve:
		d.settleRefused(a)
	case renew, foreign:
		d.settleCredentials(a)
	case passing:
		a.breaker.fail(a.segment, now)
		d.closeAll(a.segment.records, a.fault)
	}
}

// settleRead gives every record what the answer says about it. An answer that accounts for no record at all is a failure of the
// upload, any other a sign of life.
func (d *delivery) settleRead(a *attempt, now time.Time) {
	if slices.ContainsFunc(a.results, func(r result) bool { return r.class != uncertain }) {
		a.breaker.succeed()
	} else {
		a.breaker.fail(a.segment, now)
	}
	if slices.ContainsFunc(a.results, func(r result) bool { return r.class == accepted }) {
		a.traffic.accepted = true
		d.closeLone(a.traffic)
	}
	alone := len(a.segment.records) == 1
	for i, item := range a.segment.records {
		r := a.results[i]
		if r.class == unlisted && alone {
			item.failures++
		}
		switch {
		case r.class == accepted:
			a.lane.report.Accepted++
			d.close(item, nil)
		case r.class == uncertain:
			d.close(item, faultUnmatched)
		case r.class == permanent, item.failures == 2:
			d.close(item, codeFault(r.code, fault.Reject))
		default:
			d.repeat(a, item, codeFault(r.code, fault.Retry), now)
		}
	}
}

// repeat sends a record again, alone, after a code that may pass, if that makes sense.
func (d *delivery) repeat(a *attempt, r *item, reason *fault.Fault, now time.Time) {
	after := now.Add(backoff(r.repeats+1, d.jitter()))
	switch {
	case a.lane.ended != nil:
		d.close(r, a.lane.ended)
	case r.repeats == maxRepeats, !d.fits(a.traffic, after):
		d.close(r, reason)
	default:
		r.repeats++
		a.lane.add(&segment{records: []*item{r}, after: after, reason: reason})
	}
}

// settleBusy slows the account down and lets the upload go again in its turn. Being busy is a sign of life as well as a
// failure: it counts as one only when the upload is given up.
func (d *delivery) settleBusy(a *attempt, now time.Time) {
	s := a.segment
	s.busy++
	wait := a.wait
	if !a.waits {
		wait = backoff(s.busy, d.jitter())
	}
	a.traffic.slowDown(now.Add(wait))
	if s.busy == maxTries || !d.fits(a.traffic, a.traffic.hold) {
		a.breaker.fail(s, now)
		d.closeAll(s.records, a.fault)
		return
	}
	if a.lane.ended != nil {
		d.closeAll(s.records, a.lane.ended)
		return
	}
	s.reason = a.fault
	a.lane.put(s)
}

// settleRefused halves an upload that was refused whole. A record that was refused alone is kept open until it is clear whether
// the account is refused, or the record.
func (d *delivery) settleRefused(a *attempt) {
	a.breaker.answer()
	records := a.segment.records
	if a.lane.ended != nil {
		d.closeAll(records, a.lane.ended)
		return
	}
	if len(records) > 1 {
		a.lane.halve(records, a.traffic.accepted)
		return
	}
	a.traffic.lone = append(a.traffic.lone, lone{a.lane, records[0], a.fault})
	if a.traffic.accepted {
		d.closeLone(a.traffic)
	}
}

// blanket gives up an account that refuses whatever it is sent: not the records are at fault.
func (d *delivery) blanket(t *traffic) {
	for _, l := range t.lanes {
		d.drain(l, faultBlanket)
		l.breaker.trip(nil, time.Now())
	}
	for i := range t.lone {
		t.lone[i].end = faultBlanket
	}
	d.closeLone(t)
}
