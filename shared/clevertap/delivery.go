package clevertap

import (
	"context"
	"slices"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/fault"
)

// delivery is one call of [Uploader.Upload]. One goroutine owns all of it: attempts and fresh secrets run beside it and
// report back, so that nothing here needs a lock and the book hears of one end after the other.
type delivery struct {
	*Uploader
	ctx      context.Context
	cancel   context.CancelFunc
	book     Tracker
	lanes    []*lane
	accounts []*traffic
	attempts chan attempt
	renewals chan renewal
	underway int // attempts and renewals that have not reported
}

// attempt is an upload that has been made.
type attempt struct {
	lane    *lane
	traffic *traffic
	segment *segment
	account Account  // as it was used; the lane may have newer credentials by now
	breaker *breaker // of that account
	reply
}

// join gives a lane its place among those of its account.
func (d *delivery) join(l *lane) {
	key := l.account.Key()
	at := slices.IndexFunc(d.accounts, func(t *traffic) bool { return t.key == key })
	if at < 0 {
		at = len(d.accounts)
		d.accounts = append(d.accounts, &traffic{key: key, limit: d.concurrency})
	}
	d.accounts[at].lanes = append(d.accounts[at].lanes, l)
}

// fits tells whether the call has time for an upload that begins then.
func (d *delivery) fits(t *traffic, start time.Time) bool {
	if d.ctx.Err() != nil {
		return false
	}
	deadline, ok := d.ctx.Deadline()
	return !ok || !start.Add(need(d.timeout, t.slowest)).After(deadline)
}

// late is the end of records for whose upload there is no time.
func late(t *traffic, now time.Time) *fault.Fault {
	if t.hold.After(now) {
		return faultLimited
	}
	return faultNoTime
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// earlier gives the earlier of two times, of which zero is none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
