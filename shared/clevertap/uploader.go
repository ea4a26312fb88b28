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
	"time"
)

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
	client      client
	timeout     time.Duration
	concurrency int
	jitter      func() float64
	breakers    breakers
}

// NewUploader returns an Uploader with the given options.
func NewUploader(o Options) *Uploader {
	u := &Uploader{
		client:      client{transport: o.Transport, endpoint: o.Endpoint},
		timeout:     cmp.Or(o.Timeout, 10*time.Second),
		concurrency: min(cmp.Or(o.Concurrency, 3), MaxInFlight),
		jitter:      o.Jitter,
		breakers:    breakers{pause: cmp.Or(o.BreakerPause, 30*time.Second)},
	}
	if u.client.transport == nil {
		u.client.transport = newTransport()
	}
	if u.jitter == nil {
		u.jitter = rand.Float64
	}
	return u
}

// DryRun has CleverTap check records without storing them. It returns nil if CleverTap would accept all of them, else
// the fault of the first that it would not. [fault.Operator] with the reason [fault.Credentials] means that the
// credentials are not those of this account in this region.
func (u *Uploader) DryRun(ctx context.Context, a Account, records []Record) error {
	list := make([]*pending, len(records))
	for i, r := range records {
		list[i] = &pending{Record: r}
	}
	r := u.attempt(ctx, a, dryRunPath, list, u.timeout)
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
