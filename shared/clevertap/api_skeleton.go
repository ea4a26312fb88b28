package clevertap

// SKELETON: the agreed API of this room. The owner of the room moves each piece into its own file and deletes this one.

import (
	"context"
	"net/http"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/secret"
)

// ---- account.go

// Account is where records go and with which credentials.
type Account struct {
	Host     string // "in1.api.clevertap.com"
	ID       string
	Passcode secret.Value
}

// Key names the account for concurrency, log lines: host and id, no credentials.
func (a Account) Key() string { panic("skeleton") }

// Equal compares all three.
func (a Account) Equal(b Account) bool { panic("skeleton") }

// Accounts is what an app's secret holds.
type Accounts struct {
	Production Account
	Sandbox    *Account // nil: none
}

// ParseAccounts reads {"region","account_id","passcode","sandbox":{…}}. Errors are *fault.Fault of kind Operator, reason Credentials (a region that is none) or
// Secret (not JSON, account_id or passcode missing), and never quote the text.
func ParseAccounts(text []byte) (Accounts, error) { panic("skeleton") }

// Host gives the host of a region code (spec 1.4).
func Host(region string) (string, error) { panic("skeleton") }

// ---- limits.go: constants MaxRecords=1000, MaxUploadBytes=1<<20, MaxProperties=100, MaxKeyBytes=120, MaxValueBytes=512, MaxEventNameBytes=120 …
// and name rules

// Fold is a name as CleverTap compares it: without letter case and spaces. Appends to dst.
func Fold[T ~string | ~[]byte](dst []byte, name T) []byte { panic("skeleton") }

// Same tells whether CleverTap treats two names as one. No allocation for ASCII.
func Same[T, U ~string | ~[]byte](a T, b U) bool { panic("skeleton") }

// ReservedEvent and ReservedProfileKey tell whether a name is taken by CleverTap (compared by Same). "Charged" is not reserved.
func ReservedEvent(name string) bool      { panic("skeleton") }
func ReservedProfileKey(name string) bool { panic("skeleton") } // incl. identity, objectId, FBID, GPID, MSG-…, category-…

// Forbidden gives the first forbidden character of a name, 0 if none. profile: '#' is forbidden too.
func Forbidden(name string, profile bool) rune { panic("skeleton") }

// CleanName appends name without forbidden characters and outer spaces, cut at a rune to max bytes; changed tells whether that is not the name itself.
func CleanName(dst, name []byte, max int, profile bool) (out []byte, changed bool) { panic("skeleton") }

// Cut gives the longest prefix of s of at most max bytes that ends at a rune.
func Cut[T ~string | ~[]byte](s T, max int) T { panic("skeleton") }

// ---- record.go

// Record is one entry of an upload.
type Record struct {
	Key  int    // the caller's; handed back untouched
	JSON []byte // encoded once: what was measured is what is sent
}

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
