package clevertap

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/fault"
)

const (
	uploadPath = "/1/upload"
	dryRunPath = "/1/upload?dryRun=1" // CleverTap checks the records and stores nothing
)

const (
	maxAnswer = 16<<20 + 64<<10 // of which more is not read; a total failure echoes every record
	maxDrain  = 64 << 10        // of a body that does not matter, so that its connection can be used again
)

var errEndpoint = errors.New("upload: endpoint is not a URL")

// client makes single requests: it does not interpret, wait, repeat or follow redirects.
type client struct {
	transport http.RoundTripper
	endpoint  string // "", or what stands for https://<host>, perhaps with {host} in it
}

// newTransport returns the transport of real uploads. Answers are not compressed, so that the size that is read is
// the size that is kept. Connections are given up before a load balancer hangs up, which is commonly after a minute:
// a process that was frozen meanwhile would learn of it only from a failed upload.
func newTransport() *http.Transport {
	return &http.Transport{
		TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2:   true, // a TLS configuration of one's own would switch it off
		DisableCompression:  true,
		MaxIdleConnsPerHost: MaxInFlight,
		IdleConnTimeout:     50 * time.Second,
		WriteBufferSize:     64 << 10,
		ReadBufferSize:      8 << 10,
	}
}

// post sends a request to an account once. The caller closes the answer's body and detaches the request's.
//
// There is no http.Client, because it would follow a redirect to another host and take the passcode along. The
// transport repeats a POST only if CleverTap cannot have processed it: the connection was closed before a byte was
// written, or an HTTP/2 server said so (net/http, persistConn.shouldRetryRequest and http2canRetryError, Go 1.26).
func (c *client) post(ctx context.Context, a Account, path string, body *requestBody) (*http.Response, error) {
	base := "https://" + a.Host
	if c.endpoint != "" {
		base = strings.TrimRight(strings.ReplaceAll(c.endpoint, "{host}", a.Host), "/")
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, base+path, nil)
	if err != nil {
		return nil, errEndpoint
	}
	request.Header.Set("X-CleverTap-Account-Id", a.ID)
	request.Header.Set("X-CleverTap-Passcode", a.Passcode.Reveal())
	request.Header.Set("Content-Type", "application/json; charset=utf-8")
	request.ContentLength = body.size()
	request.GetBody = func() (io.ReadCloser, error) { return &bodyReader{body: body}, nil }
	request.Body = &bodyReader{body: body}
	return c.transport.RoundTrip(request)
}

// reply is the outcome of one upload.
type reply struct {
	verdict    verdict
	results    []result      // if answered, one per record
	fault      *fault.Fault  // if not answered: the records' outcome, if nothing more can be done
	retryAfter time.Duration // if throttled and CleverTap said how long; zero if it did not
	took       time.Duration
}

// attempt uploads records once and interprets the answer. It also returns a reply if something panics.
func (u *Uploader) attempt(
	ctx context.Context, a Account, path string, records []*pending, timeout time.Duration,
) (r reply) {
	begun := time.Now()
	defer func() {
		if recover() != nil {
			r = reply{verdict: failed, fault: faultPanic}
		}
		r.took = time.Since(begun)
	}()
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	body := &requestBody{records: records}
	defer body.detach()
	response, err := u.client.post(ctx, a, path, body)
	if err != nil {
		return reply{verdict: failed, fault: networkFault(ctx, err)}
	}
	defer func() {
		_, _ = io.CopyN(io.Discard, response.Body, maxDrain)
		_ = response.Body.Close()
	}()
	if r = classifyStatus(response.StatusCode); r.verdict != answered {
		r.retryAfter = retryAfter(response.Header.Get("Retry-After"), time.Now())
		return r
	}
	limited := &io.LimitedReader{R: response.Body, N: maxAnswer + 1}
	answer, err := readAnswer(limited)
	switch {
	case err != nil && ctx.Err() != nil:
		return reply{verdict: failed, fault: faultTimeout}
	case err != nil || limited.N == 0:
		return reply{verdict: failed, fault: faultUnreadable}
	}
	if r = classifyStatus(answer.status()); r.verdict == answered {
		r.results = answer.results(records)
	}
	return r
}

// networkFault is the fault of an attempt without an answer. The error itself is dropped: it may hold the address.
func networkFault(ctx context.Context, err error) *fault.Fault {
	timeout, ok := errors.AsType[net.Error](err)
	if ctx.Err() != nil || ok && timeout.Timeout() {
		return faultTimeout
	}
	return faultNetwork
}

// The wrapper of an upload's records, and what is between two of them.
var (
	opening = []byte(`{"d":[`)
	comma   = []byte(`,`)
	closing = []byte(`]}`)
)

// requestBody is the body of an upload. net/http may still read it after RoundTrip has returned; detach makes those
// reads fail, so that the records' memory can be used again.
type requestBody struct {
	mu       sync.Mutex
	records  []*pending
	detached bool
}

var errDetached = errors.New("upload: attempt is over")

// detach ends the attempt. No record is being read when it returns, and none will be.
func (b *requestBody) detach() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.records, b.detached = nil, true
}

func (b *requestBody) size() int64 {
	size := len(opening) + len(closing) + (len(b.records)-1)*len(comma)
	for _, r := range b.records {
		size += len(r.JSON)
	}
	return int64(size)
}

// bodyReader reads a request's body out of the records without copying them together: a batch is held in memory once.
type bodyReader struct {
	body *requestBody
	part int    // the next one: opening, then records with commas between them, then closing
	rest []byte // of the part before
}

func (r *bodyReader) Read(p []byte) (n int, err error) {
	r.body.mu.Lock()
	defer r.body.mu.Unlock()
	if r.body.detached {
		return 0, errDetached
	}
	for n < len(p) {
		if len(r.rest) == 0 && !r.advance() {
			if n == 0 {
				err = io.EOF
			}
			return n, err
		}
		copied := copy(p[n:], r.rest)
		r.rest = r.rest[copied:]
		n += copied
	}
	return n, nil
}

func (r *bodyReader) Close() error { return nil }

// advance goes to the next part, and reports whether there is one.
func (r *bodyReader) advance() bool {
	last := 2 * len(r.body.records)
	switch {
	case r.part > last:
		return false
	case r.part == 0:
		r.rest = opening
	case r.part == last:
		r.rest = closing
	case r.part%2 == 0:
		r.rest = comma
	default:
		r.rest = r.body.records[r.part/2].JSON
	}
	r.part++
	return true
}
