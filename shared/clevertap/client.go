package clevertap

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/network"
)

const (
	uploadPath = "/1/upload"
	dryRunPath = "/1/upload?dryRun=1" // CleverTap checks the records and stores nothing
)

// maxDrain is how much is read of a body that does not matter, so that its connection can be used again.
const maxDrain = 64 << 10

var errEndpoint = errors.New("upload: endpoint is not a URL")

// client makes single requests: it does not interpret, wait, repeat or follow redirects.
type client struct {
	transport http.RoundTripper
	endpoint  string       // "", or what stands for https://<host>, perhaps with {host} in it
	posted    atomic.Int64 // when the last request was made, in milliseconds of the wall clock
}

// newTransport returns the transport of real uploads. Answers are not compressed, so that the size that is read is
// the size that is kept.
func newTransport() *http.Transport {
	t := &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12},
		DisableCompression:  true,
		MaxIdleConnsPerHost: MaxInFlight,
		WriteBufferSize:     64 << 10,
		ReadBufferSize:      8 << 10,
	}
	network.Limit(t)
	return t
}

// closeStale closes the kept connections if they have been idle for too long. The transport does that too, but by a
// clock that may stand still while Lambda has the process frozen.
func (c *client) closeStale() {
	now := time.Now().UnixMilli()
	if idle := now - c.posted.Swap(now); idle < 0 || idle > network.IdleTimeout.Milliseconds() {
		c.closeIdle()
	}
}

// closeIdle closes the connections that are not in use.
func (c *client) closeIdle() {
	if t, ok := c.transport.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}

// post sends a request to an account once. The caller closes the answer's body and detaches the request's.
//
// There is no http.Client, because it would follow a redirect to another host and take the passcode along. The
// transport repeats a POST only if CleverTap cannot have processed it: the connection was closed before a byte was
// written, or an HTTP/2 server said so (net/http, persistConn.shouldRetryRequest and http2canRetryError, Go 1.26).
func (c *client) post(ctx context.Context, a Account, path string, body *requestBody) (*http.Response, error) {
	request, err := NewRequest(ctx, http.MethodPost, a, c.endpoint, path)
	if err != nil {
		return nil, err
	}
	request.ContentLength = body.size()
	request.GetBody = func() (io.ReadCloser, error) { return &bodyReader{body: body}, nil }
	request.Body = &bodyReader{body: body}
	c.closeStale()
	response, err := c.transport.RoundTrip(request)
	if err != nil {
		c.closeIdle() // what has silenced or ended one connection may have ended the others
	}
	return response, err
}

// NewRequest makes a request to an account, without a body, with the account's credentials in its headers. The
// endpoint, where it is not empty, is used instead of https://<host>; {host} in it stands for the host.
func NewRequest(ctx context.Context, method string, a Account, endpoint, path string) (*http.Request, error) {
	base := "https://" + a.Host
	if endpoint != "" {
		base = strings.TrimRight(strings.ReplaceAll(endpoint, "{host}", a.Host), "/")
	}
	request, err := http.NewRequestWithContext(ctx, method, base+path, nil)
	if err != nil {
		return nil, errEndpoint
	}
	request.Header.Set("X-CleverTap-Account-Id", a.ID)
	request.Header.Set("X-CleverTap-Passcode", a.Passcode.Reveal())
	if method != http.MethodGet {
		request.Header.Set("Content-Type", "application/json; charset=utf-8")
	}
	return request, nil
}

// reply is the outcome of one upload.
type reply struct {
	verdict    verdict
	results    []result      // if answered, one per record
	unmatched  *fault.Fault  // if answered: the outcome of records for which the answer does not account
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
		if p := recover(); p != nil {
			r = reply{verdict: failed, fault: fault.Panicked(fault.Retry, p)}
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
	answer, err := readAnswer(response.Body)
	switch {
	case err != nil && ctx.Err() != nil:
		return reply{verdict: failed, fault: networkFault(ctx, ctx.Err())}
	case err != nil:
		return reply{verdict: failed, fault: unreadable(response.StatusCode, err)}
	}
	if r = classifyStatus(answer.status()); r.verdict == answered {
		r.results, r.unmatched = answer.results(records)
	}
	return r
}

// networkFault is the fault of an attempt without an answer. The error itself is dropped: it may hold the address.
func networkFault(ctx context.Context, err error) *fault.Fault {
	switch {
	case errors.Is(err, errEndpoint):
		return fault.New(fault.Retry, fault.Network, errEndpoint)
	case ctx.Err() != nil, network.IsTimeout(err):
		return fault.New(fault.Retry, fault.Timeout, fmt.Errorf("upload: %w", network.Cause(err)))
	}
	return fault.New(fault.Retry, fault.Network, fmt.Errorf("upload: %w", network.Cause(err)))
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
