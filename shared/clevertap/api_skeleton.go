package clevertap

// SKELETON: the agreed API of this room. The owner of the room moves each piece into its own file and deletes this one.

import (
	"context"
	"net/http"
	"time"
)

// ---- upload.go

// Book is kept by the caller. The uploader asks it before each upload which records may still go, and tells it each record's end, exactly
// once, as soon as it is known. It must be safe for concurrent use.
type Book interface {
	// Open tells whether the record may still be uploaded. If not, the uploader closes it with a Retry fault, reason GroupOrder.
	Open(key int) bool
	// Close gives a record's end: nil = accepted, else a *fault.Fault: Reject with "clevertap_<code>" or "clevertap_http_<status>" and Code, or
	// Retry, or Operator.
	Close(key int, err error)
}

// Options of an Uploader. Zero values mean the contract's defaults.
type Options struct {
	Transport    http.RoundTripper // default: one with connection reuse, TLS 1.2, HTTP/2 as negotiated
	Endpoint     string            // CLEVERTAP_ENDPOINT; "{host}" stands for the regional host; "" = https://<host>
	Timeout      time.Duration     // UPLOAD_TIMEOUT, 10 s
	Concurrency  int               // UPLOAD_CONCURRENCY, 3
	BreakerPause time.Duration     // BREAKER_PAUSE, 30 s
	Jitter       func() float64    // [0,1); default math/rand/v2
}

// Uploader delivers records. It lives as long as the process and remembers only the breakers of accounts and idle connections.
type Uploader struct{}

// NewUploader makes one.
func NewUploader(o Options) *Uploader { panic("skeleton") }

// Lane is a set of records for one account with one set of credentials.
type Lane struct {
	Account Account
	Refresh func(ctx context.Context) (Account, error) // reads the secret again, AWSCURRENT
	Records []Record                                   // in the queue's order
}

// Report is what an invocation's uploads came to.
type Report struct {
	Latencies          []time.Duration // one per HTTP answer or failure
	Uploads            int
	CredentialsRefused map[string]int // account key → times
	BreakerOpen        map[string]int // account key → lanes left alone or stopped by an open breaker
}

// Upload delivers all lanes side by side, at most Concurrency uploads in flight per account (lanes of one account share them), and returns when every
// record has been closed in the book and nothing is in flight any more, before ctx's deadline.
func (u *Uploader) Upload(ctx context.Context, lanes []Lane, book Book) Report { panic("skeleton") }

// DryRun posts records with ?dryRun=1, once, and gives the verdict, for `bridge app check`: nil, or Operator/Retry faults as above.
func (u *Uploader) DryRun(ctx context.Context, a Account, records []Record) error { panic("skeleton") }
