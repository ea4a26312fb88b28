// Package clevertap answers how records are delivered to CleverTap, and whether they were.
//
// It promises one outcome for every record, acceptance only where CleverTap's answer accounts for it, never more than
// the allowed number of uploads in flight for an account, and an end before the deadline. It does not know
// Purchasely's names, the queue or what a message is: records carry a key that is handed back untouched.
package clevertap

import (
	"cmp"
	"context"
	"math/rand/v2"
	"net/http"
	"sync/atomic"
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

// Options of an [Uploader]. Zero values mean the defaults.
type Options struct {
	Transport    http.RoundTripper // default: one that reuses connections and demands TLS 1.2
	Endpoint     string            // used instead of https://<host>; "{host}" in it stands for the host
	Timeout      time.Duration     // of one upload; default 10 s
	Concurrency  int               // uploads in flight per account within one call; default 3
	BreakerPause time.Duration     // first pause of an account that keeps failing; default 30 s
	Jitter       func() float64    // a random number in [0,1)
}

// Uploader delivers records. It lives as long as the process and remembers only the breakers of accounts and idle
// connections. It is safe for concurrent use.
type Uploader struct {
	options  Options      // with the defaults
	posted   atomic.Int64 // when the last request was made, in milliseconds of the wall clock
	breakers breakers
}

// NewUploader returns an Uploader with the given options.
func NewUploader(o Options) *Uploader {
	if o.Transport == nil {
		o.Transport = newTransport()
	}
	if o.Jitter == nil {
		o.Jitter = rand.Float64
	}
	o.Timeout = cmp.Or(o.Timeout, 10*time.Second)
	o.Concurrency = min(cmp.Or(o.Concurrency, 3), MaxInFlight)
	return &Uploader{options: o, breakers: breakers{pause: cmp.Or(o.BreakerPause, 30*time.Second)}}
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

// DryRun has CleverTap check records without storing them. It returns nil if CleverTap would accept all of them, else
// the fault of the first that it would not. [fault.Operator] with the reason [fault.Credentials] means that the
// credentials are not those of this account in this region.
func (u *Uploader) DryRun(ctx context.Context, a Account, records []Record) error {
	list := make([]*pending, len(records))
	for i, r := range records {
		list[i] = &pending{Record: r}
	}
	r := u.attempt(ctx, a, dryRunPath, list, u.options.Timeout)
	if r.verdict != answered {
		return r.fault
	}
	for _, result := range r.results {
		if result.class == uncertain {
			return r.unmatched
		}
		if result.class != accepted {
			return result.fault()
		}
	}
	return nil
}
