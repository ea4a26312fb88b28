package clevertap

import (
	"context"
	"slices"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/fault"
)

// delivery is one call of [Uploader.Upload]. One goroutine owns all of it, and what runs in the background reports to
// it: so nothing here needs a lock, and the tracker hears of one record at a time.
type delivery struct {
	*Uploader
	ctx      context.Context
	cancel   context.CancelFunc
	tracker  Tracker
	batches  []*batch
	accounts []*accountState
	running  int         // in the background
	finished chan func() // what the loop has to do about something that ran in the background
	panicked *fault.Fault
}

// Upload delivers all batches side by side, with at most the allowed number of uploads in flight per account,
// whichever batch they belong to. It returns when every record has its outcome and nothing is in flight any more, at
// the latest when ctx ends.
//
// Within the call it sends again only what CleverTap cannot have accepted: parts of an upload that was refused
// whole; a record that was refused with a code that may pass, alone, twice at most; an upload that was throttled; and
// once, with fresh credentials, what was refused because of the old ones. All else that may succeed later is the
// queue's to bring back.
func (u *Uploader) Upload(ctx context.Context, batches []AccountBatch, tracker Tracker) Report {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	d := &delivery{Uploader: u, ctx: ctx, cancel: cancel, tracker: tracker, finished: make(chan func())}
	for i := range batches {
		b := newBatch(&batches[i], u.breakers.of(batches[i].Account))
		d.batches = append(d.batches, b)
		d.join(b)
	}
	d.run()
	r := Report{Batches: make([]BatchReport, len(d.batches)), Panic: d.panicked}
	for i, b := range d.batches {
		b.report.Breaker = b.breaker.state()
		b.report.BreakerOpen = len(b.records) > 0 && (b.skipped || b.report.Breaker.Open())
		r.Batches[i] = b.report
	}
	return r
}

// join adds a batch to those of its account.
func (d *delivery) join(b *batch) {
	key := b.account.Key()
	i := slices.IndexFunc(d.accounts, func(s *accountState) bool { return s.key == key })
	if i < 0 {
		i = len(d.accounts)
		d.accounts = append(d.accounts, &accountState{key: key, limit: d.concurrency})
	}
	d.accounts[i].batches = append(d.accounts[i].batches, b)
}

// run is the one loop: it starts what may start, waits for something to happen and acts on it, until nothing is left.
func (d *delivery) run() {
	defer d.recoverPanic()
	for {
		var due time.Time
		for _, s := range d.accounts {
			due = earlier(due, d.advance(s))
		}
		if d.running == 0 && due.IsZero() {
			break
		}
		d.await(due)
	}
	for _, b := range d.batches {
		if len(b.queue) > 0 { // another call is probing this account, and its outcome will not be reported here
			d.skip(b)
		}
	}
}

// await waits until something in the background has finished, something is due, or the call ends.
func (d *delivery) await(due time.Time) {
	var timer <-chan time.Time
	if !due.IsZero() {
		timer = time.After(time.Until(due))
	}
	ended := d.ctx.Done()
	if d.ctx.Err() != nil {
		ended = nil // known by now; what is in flight still has to report
	}
	select {
	case then := <-d.finished:
		d.running--
		then()
	case <-timer:
	case <-ended:
	}
}

// background runs work beside the loop. The loop then calls then.
func (d *delivery) background(work, then func()) {
	d.running++
	go func() {
		work()
		d.finished <- then
	}()
}

// advance starts what an account may send now and gives up what will not be sent any more. It returns when it has to
// be called again although nothing in the background has finished; zero if it need not be.
func (d *delivery) advance(s *accountState) (due time.Time) {
	if s.rejectsAll() && s.inFlight == 0 {
		d.giveUp(s)
	}
	for waiting := 0; waiting < len(s.batches) && !s.rejectsAll(); s.nextBatch++ {
		progress, soonest := d.step(s, s.batches[s.nextBatch%len(s.batches)])
		if progress {
			waiting, due = 0, time.Time{}
			continue
		}
		waiting++
		due = earlier(due, soonest)
	}
	if s.idle() {
		d.blameRecords(s)
	}
	return due
}

// step starts a batch's next upload, or gives up records that may not be sent any more. If there is nothing to do
// yet, it returns when there will be; zero if that depends on something in the background.
func (d *delivery) step(s *accountState, b *batch) (progress bool, due time.Time) {
	if len(b.queue) == 0 || b.refreshing {
		return false, time.Time{}
	}
	now := time.Now()
	c := b.next(now)
	start := latest(now, c.notBefore, s.notBefore)
	switch {
	case !d.fits(s, start):
		d.runOutOfTime(s, b, now)
		return true, time.Time{}
	case b.breaker.blocks(now):
		d.skip(b)
		return true, time.Time{}
	case s.inFlight >= s.limit:
		return false, time.Time{}
	case start.After(now):
		return false, start
	}
	if c.records = d.sendable(c.records); len(c.records) == 0 {
		b.remove(c)
		b.breaker.release(c)
		return true, time.Time{}
	}
	ok, probe := b.breaker.admits(c, now)
	if !ok {
		return false, time.Time{}
	}
	timeout := d.timeout
	if probe {
		timeout = probeTimeout(d.timeout, d.jitter())
	}
	d.start(s, b, c, timeout)
	return true, time.Time{}
}

// start uploads a chunk in the background.
func (d *delivery) start(s *accountState, b *batch, c *chunk, timeout time.Duration) {
	b.remove(c)
	b.inFlight++
	s.inFlight++
	u := &upload{batch: b, state: s, chunk: c, account: b.account, breaker: b.breaker}
	d.background(
		func() { u.reply = d.attempt(d.ctx, u.account, uploadPath, c.records, timeout) },
		func() { d.handle(u) },
	)
}

// sendable returns the records that may still go, and finishes the others.
func (d *delivery) sendable(records []*pending) []*pending {
	list := make([]*pending, 0, len(records))
	for _, r := range records {
		if d.tracker.MaySend(r.Key) {
			list = append(list, r)
		} else {
			d.finish(r, faultGroup)
		}
	}
	return list
}

// fits reports whether the call has time for an upload that begins then.
func (d *delivery) fits(s *accountState, start time.Time) bool {
	deadline, ok := d.ctx.Deadline()
	return d.ctx.Err() == nil && (!ok || !start.Add(leastTime(d.timeout, s.slowest)).After(deadline))
}

// recoverPanic leaves no record without an outcome, and nothing in flight, if the tracker panicked.
func (d *delivery) recoverPanic() {
	p := recover()
	if p == nil {
		return
	}
	d.panicked = fault.Panicked(fault.Retry, p)
	d.cancel()
	for ; d.running > 0; d.running-- {
		<-d.finished
	}
	for _, b := range d.batches {
		for i := range b.records {
			func() {
				defer func() { _ = recover() }() // the tracker has to hear of the other records too
				d.finish(&b.records[i], d.panicked)
			}()
		}
	}
}
