package clevertap

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/fault"
)

// renewal is a secret that has been read again, because of an attempt.
type renewal struct {
	cause *attempt
	fresh Account
	err   error
}

var errRefresh = errors.New("clevertap secret: reading it again panicked")

// settleCredentials acts on refused credentials and wrong settings. The first refusal of credentials has the secret read again;
// uploads that were in flight with the same ones wait for the one reading. No reading mends other settings.
func (d *delivery) settleCredentials(a *attempt) {
	l := a.lane
	switch {
	case l.ended != nil:
		a.breaker.leave(a.segment)
		d.closeAll(a.segment.records, l.ended)
	case l.renewing, !a.account.Equal(l.account): // newer credentials are under way, or have come while this was
		a.breaker.leave(a.segment)
		l.put(a.segment)
	case a.verdict == foreign || l.renewed || l.refresh == nil:
		d.stop(a, a.fault)
	default:
		l.put(a.segment)
		l.renewing = true
		d.underway++
		go func() {
			fresh, err := refresh(d.ctx, l)
			d.renewals <- renewal{a, fresh, err}
		}()
	}
}

// refresh reads a lane's secret again. It gives an error also when something panics.
func refresh(ctx context.Context, l *lane) (fresh Account, err error) {
	defer func() {
		if recover() != nil {
			err = errRefresh
		}
	}()
	return l.refresh(ctx)
}

// renewed goes on with the fresh credentials if they are others, and ends the lane if they are not.
func (d *delivery) renewed(r *renewal) {
	l := r.cause.lane
	l.renewing, l.renewed = false, true
	switch {
	case r.err != nil:
		d.stop(r.cause, faultRefresh)
	case r.fresh.Equal(l.account):
		d.stop(r.cause, r.cause.fault)
	default:
		l.breaker.leave(r.cause.segment)
		l.account, l.breaker = r.fresh, d.breakers.of(r.fresh)
		d.move(r.cause.traffic, l)
	}
}

// move takes a lane to the account of its fresh credentials, which may be another one.
func (d *delivery) move(from *traffic, l *lane) {
	if from.key == l.account.Key() {
		return
	}
	from.lanes = slices.DeleteFunc(from.lanes, func(m *lane) bool { return m == l })
	d.join(l)
}

// stop ends a lane whose credentials or settings are wrong. Whatever was not accepted comes back when a person has acted.
func (d *delivery) stop(a *attempt, end *fault.Fault) {
	l := a.lane
	a.breaker.trip(a.segment, time.Now())
	if l.ended == nil {
		l.ended = end
		l.report.CredentialsRefused = true
	}
	d.closeAll(a.segment.records, l.ended)
	d.drain(l, l.ended)
	for _, t := range d.accounts {
		t.lone = slices.DeleteFunc(t.lone, func(r lone) bool {
			if r.lane == l {
				d.close(r.item, l.ended)
			}
			return r.lane == l
		})
	}
}
