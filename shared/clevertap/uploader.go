package clevertap

import (
	"math/rand/v2"
	"net/http"
	"time"
)

// Options of an [Uploader]. Zero values mean the defaults.
type Options struct {
	Transport    http.RoundTripper // default: one that reuses connections and demands TLS 1.2
	Endpoint     string            // used instead of https://<host>; "{host}" in it stands for the host
	Timeout      time.Duration     // of one upload, or half of it where one tries an account again; 10 s
	Concurrency  int               // uploads in flight per account within one call; 3
	BreakerPause time.Duration     // the first pause of an account that keeps failing; 30 s
	Jitter       func() float64    // a random number in [0,1)
}

// Uploader delivers records. It lives as long as the process and remembers only the breakers of accounts and the idle
// connections. It is safe for concurrent use.
type Uploader struct {
	client      client
	timeout     time.Duration
	concurrency int
	jitter      func() float64
	breakers    breakers
}

// NewUploader makes one.
func NewUploader(o Options) *Uploader {
	u := &Uploader{
		client:      client{transport: o.Transport, endpoint: o.Endpoint},
		timeout:     o.Timeout,
		concurrency: min(o.Concurrency, MaxInFlight),
		jitter:      o.Jitter,
		breakers:    breakers{first: o.BreakerPause},
	}
	if u.client.transport == nil {
		u.client.transport = newTransport()
	}
	if u.timeout <= 0 {
		u.timeout = 10 * time.Second
	}
	if u.concurrency <= 0 {
		u.concurrency = 3
	}
	if u.jitter == nil {
		u.jitter = rand.Float64
	}
	if u.breakers.first <= 0 {
		u.breakers.first = 30 * time.Second
	}
	return u
}
