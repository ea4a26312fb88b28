package clevertap

import (
	"context"
	"slices"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/fault"
)

// pending is a record with what has been tried for it in this call.
type pending struct {
	Record
	repeats  uint8        // uploads of it alone after a code that may pass
	unlisted uint8        // uploads of it alone that were refused with a code that is not on CleverTap's list
	done     bool         // the tracker has its outcome
	rejected *fault.Fault // its outcome if it is at fault: it was refused alone
}

// chunk is the records of one upload. Their list is shared with the upload that was bisected: never change it in
// place.
type chunk struct {
	records   []*pending
	sibling   *chunk       // the other half of an upload that was bisected; nil if there is none
	throttled int          // how often CleverTap answered 429 to it
	notBefore time.Time    // zero if it may go at once
	reason    *fault.Fault // why it is sent again; nil if it is new
}

// split divides records into what fits one upload, by count and by bytes. It keeps their order. A record that is too
// large for any upload goes alone, and CleverTap decides.
func split(records []*pending) (chunks [][]*pending) {
	empty := len(opening) - len(",") + len(closing) // the first record has no comma before it
	start, size := 0, empty
	for i, r := range records {
		more := len(",") + len(r.JSON)
		if i > start && (i-start == MaxRecords || size+more > MaxUploadBytes) {
			chunks = append(chunks, records[start:i:i])
			start, size = i, empty
		}
		size += more
	}
	if start < len(records) {
		chunks = append(chunks, records[start:])
	}
	return chunks
}

// batch is an [AccountBatch] under way.
type batch struct {
	account       Account // the credentials in use
	refresh       func(ctx context.Context) (Account, error)
	breaker       *breaker // of these credentials
	records       []pending
	queue         []*chunk // not in flight, the next one first
	inFlight      int
	rejectedAlone []*pending   // without an outcome until it is clear whether the record or the account is at fault
	refreshing    bool         // the secret is being read again
	refreshed     bool         // the secret was read again, which happens once
	stopped       *fault.Fault // why nothing more is uploaded; nil while the batch goes on
	skipped       bool         // records were not sent because the breaker was open
	report        BatchReport
}

func newBatch(a *AccountBatch, breaker *breaker) *batch {
	b := &batch{account: a.Account, refresh: a.Refresh, breaker: breaker, records: make([]pending, len(a.Records))}
	pointers := make([]*pending, len(a.Records))
	for i, r := range a.Records {
		b.records[i].Record = r
		pointers[i] = &b.records[i]
	}
	for _, records := range split(pointers) {
		b.queue = append(b.queue, &chunk{records: records})
	}
	return b
}

// next returns the first chunk of those that may go soonest. The queue must not be empty.
func (b *batch) next(now time.Time) *chunk {
	return slices.MinFunc(b.queue, func(x, y *chunk) int {
		return latest(x.notBefore, now).Compare(latest(y.notBefore, now))
	})
}

func (b *batch) remove(c *chunk) {
	i := slices.Index(b.queue, c)
	b.queue = slices.Delete(b.queue, i, i+1)
}

func (b *batch) putBack(c *chunk) { b.queue = slices.Insert(b.queue, 0, c) }

// bisect queues both parts of an upload that was refused whole. Once the account has accepted something they go last,
// so that good records get in early. Until then they go first, but behind a sibling that waits: so an account that
// rejects everything shows after two uploads for each bisection, not after one for each record.
func (b *batch) bisect(c *chunk, accepted bool) {
	middle := len(c.records) / 2
	left, right := &chunk{records: c.records[:middle:middle]}, &chunk{records: c.records[middle:]}
	left.sibling, right.sibling = right, left
	at := len(b.queue)
	if !accepted {
		at = slices.Index(b.queue, c.sibling) + 1 // behind the sibling, or first if that one was sent
	}
	b.queue = slices.Insert(b.queue, at, left, right)
}

func (b *batch) idle() bool { return len(b.queue) == 0 && b.inFlight == 0 && !b.refreshing }

// rejectionsToBlameAccount is how many records rejected alone, with nothing accepted, put the account at fault and not
// the records.
const rejectionsToBlameAccount = 3

// accountState is what one call sends to one account by all its batches: CleverTap counts and refuses by account.
type accountState struct {
	key       string
	batches   []*batch
	nextBatch int // whose turn it is, modulo the number of batches
	limit     int // uploads in flight; halved whenever CleverTap answers 429
	inFlight  int
	notBefore time.Time     // CleverTap asked to wait until then
	slowest   time.Duration // of the uploads so far
	accepted  bool          // whether any record was
}

// rejectsAll reports whether the account seems to reject everything. Uploads in flight may still show otherwise.
func (s *accountState) rejectsAll() bool {
	rejected := 0
	for _, b := range s.batches {
		rejected += len(b.rejectedAlone)
	}
	return !s.accepted && rejected >= rejectionsToBlameAccount
}

func (s *accountState) idle() bool {
	return s.inFlight == 0 && !slices.ContainsFunc(s.batches, func(b *batch) bool { return !b.idle() })
}

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

// join adds a batch to those of its account.
func (d *delivery) join(b *batch) {
	key := b.account.Key()
	i := slices.IndexFunc(d.accounts, func(s *accountState) bool { return s.key == key })
	if i < 0 {
		i = len(d.accounts)
		d.accounts = append(d.accounts, &accountState{key: key, limit: d.options.Concurrency})
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
	timeout := d.options.Timeout
	if probe {
		timeout = probeTimeout(d.options.Timeout, d.options.Jitter())
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
	return d.ctx.Err() == nil && (!ok || !start.Add(leastTime(d.options.Timeout, s.slowest)).After(deadline))
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

const (
	maxTries   = 3 // of one upload, while CleverTap answers 429
	maxRepeats = 2 // of one record, alone, after a code that may pass

	firstBackoff   = 200 * time.Millisecond // the most that the first wait takes; doubled for each further one
	shortestUpload = 500 * time.Millisecond // no upload is begun with less time left

	longestRetryAfter = 24 * time.Hour // more than any invocation has
)

// backoff is how long to wait before a repeat, counted from 1, at a random number in [0,1): full jitter keeps
// forwarders that were refused together from coming back together.
func backoff(repeat int, random float64) time.Duration {
	return time.Duration(random * float64(firstBackoff<<(repeat-1)))
}

// leastTime is how much time must be left for an upload to be begun, given the slowest one so far. A slow account
// gets no upload that would probably be cut off, because nobody could say what became of it.
func leastTime(timeout, slowest time.Duration) time.Duration {
	return min(timeout, max(shortestUpload, 2*slowest))
}

// probeTimeout is the time-out of a half-open breaker's probe, at a random number in [0,1): half of the usual one
// three times out of four. An account that is down keeps its callers waiting for the whole time-out, and many
// processes probe it in the same seconds: with full time-outs, as a simulated outage showed, nobody would serve the
// other accounts meanwhile. The fourth probe is patient, so that an account which is merely slow is taken up again.
func probeTimeout(timeout time.Duration, random float64) time.Duration {
	if random < 0.25 {
		return timeout
	}
	return timeout / 2
}

func latest(times ...time.Time) time.Time { return slices.MaxFunc(times, time.Time.Compare) }

// earlier returns the earlier of two times; zero means none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
