package clevertap

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/fault"
)

// upload is an upload that was made.
type upload struct {
	batch   *batch
	state   *accountState
	chunk   *chunk
	account Account  // with the credentials that were used; the batch may have newer ones by now
	breaker *breaker // of that account
	reply
}

// handle acts on the reply to an upload.
func (d *delivery) handle(u *upload) {
	now := time.Now()
	u.batch.inFlight--
	u.state.inFlight--
	u.state.slowest = max(u.state.slowest, u.took)
	u.batch.report.Latencies = append(u.batch.report.Latencies, u.took)
	switch u.verdict {
	case answered:
		d.handleAnswer(u, now)
	case throttled:
		d.handleThrottled(u, now)
	case bisect:
		d.handleRefused(u)
	case refreshCredentials, misconfigured:
		d.handleCredentials(u)
	case failed:
		u.breaker.fail(u.chunk, u.fault, now)
		d.finishAll(u.chunk.records, u.fault)
	}
}

// handleAnswer acts on what the answer says about each record. An answer that accounts for no record at all is a
// failure of the upload; any other shows that CleverTap works.
func (d *delivery) handleAnswer(u *upload, now time.Time) {
	if slices.ContainsFunc(u.results, func(r result) bool { return r.class != uncertain }) {
		u.breaker.close(true)
	} else {
		u.breaker.fail(u.chunk, u.unmatched, now)
	}
	if slices.ContainsFunc(u.results, func(r result) bool { return r.class == accepted }) {
		u.state.accepted = true
		d.blameRecords(u.state)
	}
	alone := len(u.chunk.records) == 1
	for i, record := range u.chunk.records {
		r := u.results[i]
		if r.class == unlisted && alone {
			record.unlisted++
		}
		switch {
		case r.class == accepted:
			u.batch.report.Accepted++
			d.finish(record, nil)
		case record.unlisted == 2:
			d.finish(record, codeFault(r.code, fault.Reject))
		case r.class == uncertain:
			d.finish(record, u.unmatched)
		case r.class == permanent:
			d.finish(record, r.fault())
		default:
			d.repeatAlone(u, record, r.fault(), now)
		}
	}
}

// repeatAlone queues a record again, alone, after a code that may pass, if time and the number of repeats allow.
func (d *delivery) repeatAlone(u *upload, r *pending, reason *fault.Fault, now time.Time) {
	notBefore := now.Add(backoff(int(r.repeats)+1, d.options.Jitter()))
	switch {
	case u.batch.stopped != nil:
		d.finish(r, u.batch.stopped)
	case r.repeats == maxRepeats, !d.fits(u.state, notBefore):
		d.finish(r, reason)
	default:
		r.repeats++
		u.batch.queue = append(u.batch.queue, &chunk{records: []*pending{r}, notBefore: notBefore, reason: reason})
	}
}

// handleThrottled slows the account down and puts the upload back. A 429 counts as a failure only once the upload is
// given up: it also shows that CleverTap works.
func (d *delivery) handleThrottled(u *upload, now time.Time) {
	c := u.chunk
	c.throttled++
	wait := cmp.Or(u.retryAfter, backoff(c.throttled, d.options.Jitter()))
	u.state.limit = max(1, u.state.limit/2)
	u.state.notBefore = latest(u.state.notBefore, now.Add(wait))
	switch {
	case c.throttled == maxTries, !d.fits(u.state, u.state.notBefore):
		u.breaker.fail(c, u.fault, now)
		d.finishAll(c.records, u.fault)
	case u.batch.stopped != nil:
		d.finishAll(c.records, u.batch.stopped)
	default:
		c.reason = u.fault
		u.batch.putBack(c)
	}
}

// handleRefused bisects an upload that was refused whole. A record that was refused alone gets no outcome until it is
// clear whether the record or the account is at fault.
func (d *delivery) handleRefused(u *upload) {
	u.breaker.close(false)
	records := u.chunk.records
	switch {
	case u.batch.stopped != nil:
		d.finishAll(records, u.batch.stopped)
	case len(records) > 1:
		u.batch.bisect(u.chunk, u.state.accepted)
	case u.state.accepted:
		d.finish(records[0], u.fault)
	default:
		records[0].rejected = u.fault
		u.batch.rejectedAlone = append(u.batch.rejectedAlone, records[0])
	}
}

// giveUp ends the uploads to an account that refuses whatever it is sent: the records are not at fault.
func (d *delivery) giveUp(s *accountState) {
	for _, b := range s.batches {
		d.failQueued(b, faultRejectsAll)
		d.finishRejected(b, faultRejectsAll)
		b.breaker.trip(nil, faultRejectsAll, time.Now())
	}
}

// blameRecords rejects the records that were rejected alone: the account is not at fault.
func (d *delivery) blameRecords(s *accountState) {
	for _, b := range s.batches {
		d.finishRejected(b, nil)
	}
}

// finishRejected finishes records that were rejected alone with an outcome, their own if none is given.
func (d *delivery) finishRejected(b *batch, end *fault.Fault) {
	for _, r := range b.rejectedAlone {
		d.finish(r, cmp.Or(end, r.rejected))
	}
	b.rejectedAlone = nil
}

// handleCredentials acts on refused credentials and wrong settings. The first refusal of credentials, and nothing
// else, has the secret read again; uploads that were in flight with the same ones wait for that.
func (d *delivery) handleCredentials(u *upload) {
	b := u.batch
	switch {
	case b.stopped != nil:
		u.breaker.release(u.chunk)
		d.finishAll(u.chunk.records, b.stopped)
	case b.refreshing, !u.account.Equal(b.account): // newer credentials are on their way, or have come since
		u.breaker.release(u.chunk)
		b.putBack(u.chunk)
	case u.verdict == misconfigured || b.refreshed || b.refresh == nil:
		d.stop(u, u.fault)
	default:
		b.putBack(u.chunk)
		b.refreshing = true
		var fresh Account
		var err error
		d.background(func() { fresh, err = refresh(d.ctx, b) }, func() { d.useFresh(u, fresh, err) })
	}
}

// refresh reads a batch's secret again. A panic is an error.
func refresh(ctx context.Context, b *batch) (fresh Account, err error) {
	defer fault.Recover(&err)
	return b.refresh(ctx)
}

// useFresh goes on with fresh credentials if they differ from the refused ones, and stops the batch if not. They may
// belong to another account.
func (d *delivery) useFresh(u *upload, fresh Account, err error) {
	b := u.batch
	b.refreshing, b.refreshed = false, true
	switch {
	case err != nil:
		d.stop(u, faultRefresh(err))
	case fresh.Equal(b.account):
		d.stop(u, u.fault)
	default:
		b.breaker.release(u.chunk)
		b.account, b.breaker = fresh, d.breakers.of(fresh)
		u.state.batches = slices.DeleteFunc(u.state.batches, func(other *batch) bool { return other == b })
		d.join(b)
	}
}

// stop ends a batch whose credentials or settings are wrong: nothing passes until a person has acted.
func (d *delivery) stop(u *upload, end *fault.Fault) {
	b := u.batch
	u.breaker.trip(u.chunk, end, time.Now())
	b.stopped, b.report.CredentialsRefused = end, true
	d.finishAll(u.chunk.records, end)
	d.failQueued(b, end)
	d.finishRejected(b, end)
}

// skip drops what a batch has not sent, because its breaker is open.
func (d *delivery) skip(b *batch) {
	b.skipped = true
	d.failQueued(b, faultBreaker)
}

// runOutOfTime drops what a batch has not sent. Records that were to be sent again keep the reason for that.
func (d *delivery) runOutOfTime(s *accountState, b *batch, now time.Time) {
	end := faultNoTime
	if s.notBefore.After(now) {
		end = faultLimited
	}
	for _, c := range b.queue {
		d.finishAll(c.records, cmp.Or(c.reason, end))
	}
	d.failQueued(b, end)
}

// failQueued drops what a batch has not sent.
func (d *delivery) failQueued(b *batch, end error) {
	for _, c := range b.queue {
		b.breaker.release(c)
		d.finishAll(c.records, end)
	}
	b.queue = nil
}

func (d *delivery) finishAll(records []*pending, end error) {
	for _, r := range records {
		d.finish(r, end)
	}
}

// finish reports to the tracker a record's outcome, unless it has one; nil means accepted.
func (d *delivery) finish(r *pending, end error) {
	if !r.done {
		r.done = true
		d.tracker.Done(r.Key, end)
	}
}
