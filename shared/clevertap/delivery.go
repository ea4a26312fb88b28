package clevertap

import (
	"context"
	"slices"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/fault"
)

// Record is one entry of an upload. Nothing reads its bytes after [Uploader.Upload] has returned.
type Record struct {
	Key  int    // the caller's; handed back untouched
	JSON []byte // encoded once: what was measured is what is sent
}

// AccountBatch holds the records for one account with one set of credentials.
type AccountBatch struct {
	Account Account
	Refresh func(ctx context.Context) (Account, error) // reads the secret again; nil if it cannot be read again
	Records []Record                                   // in the queue's order
}

// Tracker is what the caller knows of its records. [Uploader.Upload] calls its methods one at a time.
type Tracker interface {
	// MaySend reports whether the record may still be uploaded. It is asked before each upload. If not, the record's
	// outcome is [fault.Retry] with the reason [fault.GroupOrder].
	MaySend(key int) bool
	// Done receives a record's outcome, exactly once and as soon as it is known: nil if CleverTap accepted it, else a
	// [*fault.Fault], which is [fault.Reject] with the reason "clevertap_<code>" or "clevertap_http_<status>" and the
	// number as its code, or [fault.Retry], or [fault.Operator].
	Done(key int, err error)
}

// Report sums up one call of [Uploader.Upload].
type Report struct {
	Batches []BatchReport // in the order of the call
	Panic   *fault.Fault  // of the tracker, which ended the call; nil if there was none
}

// BatchReport sums up one batch's uploads.
type BatchReport struct {
	Latencies          []time.Duration // one per HTTP request, answered or not
	Accepted           int             // records that CleverTap accepted
	CredentialsRefused bool            // the batch was stopped because of its credentials or settings
	BreakerOpen        bool            // records were not sent because the breaker was open, or it is open now
	Breaker            BreakerState    // as it is now
}

// BreakerState is why an account is left alone, and until when.
type BreakerState struct {
	Until time.Time    // when the account is tried again; zero: the breaker is closed
	Cause *fault.Fault // of the last failure
}

// Open reports whether the account has failed and has not been seen to work since.
func (s BreakerState) Open() bool { return !s.Until.IsZero() }

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
