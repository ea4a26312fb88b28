package clevertap

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/network"
)

const (
	uploadPath = "/1/upload"
	dryRunPath = "/1/upload?dryRun=1" // CleverTap checks the records and stores nothing
	deletePath = "/1/delete/profiles.json"
)

// maxDrain is how much is read of a body that does not matter, so that its connection can be used again.
const maxDrain = 64 << 10

var errEndpoint = errors.New("upload: endpoint is not a URL")

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
func (u *Uploader) closeStale() {
	now := time.Now().UnixMilli()
	if idle := now - u.posted.Swap(now); idle < 0 || idle > network.IdleTimeout.Milliseconds() {
		u.closeIdle()
	}
}

// closeIdle closes the connections that are not in use.
func (u *Uploader) closeIdle() {
	if t, ok := u.options.Transport.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}

// post sends a request to an account once. The caller closes the answer's body.
//
// There is no http.Client, because it would follow a redirect to another host and take the passcode along. The
// transport repeats a POST only if CleverTap cannot have processed it: the connection was closed before a byte was
// written, or an HTTP/2 server said so (net/http, persistConn.shouldRetryRequest and http2canRetryError, Go 1.26).
func (u *Uploader) post(ctx context.Context, a Account, path string, body []byte) (*http.Response, error) {
	request, err := NewRequest(ctx, http.MethodPost, a, u.options.Endpoint, path, body)
	if err != nil {
		return nil, err
	}
	u.closeStale()
	response, err := u.options.Transport.RoundTrip(request)
	if err != nil {
		u.closeIdle() // what has silenced or ended one connection may have ended the others
	}
	return response, err
}

// NewRequest makes a request to an account, with the account's credentials in its headers. The endpoint, where it is
// not empty, is used instead of https://<host>; {host} in it stands for the host.
func NewRequest(
	ctx context.Context, method string, a Account, endpoint, path string, body []byte,
) (*http.Request, error) {
	base := "https://" + a.Host
	if endpoint != "" {
		base = strings.TrimRight(strings.ReplaceAll(endpoint, "{host}", a.Host), "/")
	}
	request, err := http.NewRequestWithContext(ctx, method, base+path, bytes.NewReader(body))
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
	response, err := u.post(ctx, a, path, uploadBody(records))
	if err != nil {
		return reply{verdict: failed, fault: networkFault(ctx, err)}
	}
	defer func() {
		_, _ = io.CopyN(io.Discard, response.Body, maxDrain)
		_ = response.Body.Close()
	}()
	if r = classifyStatus(response.StatusCode); r.verdict != answered {
		r.retryAfter = network.RetryAfter(response.Header.Get("Retry-After"), time.Now(), longestRetryAfter)
		return r
	}
	answer, err := readAnswer(response.Body)
	switch {
	case err != nil && ctx.Err() != nil:
		return reply{verdict: failed, fault: networkFault(ctx, ctx.Err())}
	case err != nil:
		err = fmt.Errorf("upload: status %d, answer %w", response.StatusCode, err)
		return reply{verdict: failed, fault: fault.New(fault.Retry, fault.UnreadableAnswer, err)}
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

// opening, the records with commas between them, and closing are the body of an upload.
const (
	opening = `{"d":[`
	closing = `]}`
)

// uploadBody copies records together. net/http may still read the copy after the attempt, when the records' own memory
// is used again.
func uploadBody(records []*pending) []byte {
	size := len(opening) + len(closing)
	for _, r := range records {
		size += len(",") + len(r.JSON)
	}
	body := append(make([]byte, 0, size), opening...)
	for i, r := range records {
		if i > 0 {
			body = append(body, ',')
		}
		body = append(body, r.JSON...)
	}
	return append(body, closing...)
}

// ProfileKey is what a profile is named by when it is deleted.
type ProfileKey string

// The keys of CleverTap's deletion (developer.clevertap.com, Delete User Profile API, November 2026).
const (
	ProfileIdentity    ProfileKey = "identity"
	ProfileCleverTapID ProfileKey = "guid"
)

var errNotDeleted = errors.New("delete: CleverTap refuses it")

// DeleteProfile deletes a profile, by one request. A profile that is not there counts as deleted. CleverTap takes
// three such requests of an account at a time, whoever makes them, and a deleted profile comes back with the next
// upload: stop that before. The error is a [fault.Fault] and quotes nothing.
func (u *Uploader) DeleteProfile(ctx context.Context, a Account, key ProfileKey, id string) error {
	ctx, cancel := context.WithTimeout(ctx, u.options.Timeout)
	defer cancel()
	body, err := json.Marshal(map[ProfileKey]string{key: id})
	if err != nil { // an id that is not UTF-8
		return fault.New(fault.Reject, fault.Malformed, errNotDeleted)
	}
	response, err := u.post(ctx, a, deletePath, body)
	if err != nil {
		return networkFault(ctx, err)
	}
	defer func() { _ = response.Body.Close() }() // it was only read
	if r := classifyStatus(response.StatusCode); r.verdict != answered {
		return &fault.Fault{
			Kind: r.fault.Kind, Reason: r.fault.Reason, Code: r.fault.Code,
			Err: fmt.Errorf("delete: status %d", response.StatusCode),
		}
	}
	return readDeleted(response)
}

// readDeleted reads an answer of success. Its form is not known (November 2026): only a status that says otherwise
// counts.
func readDeleted(response *http.Response) error {
	var answer struct {
		Status scalar `json:"status"`
	}
	text, err := decompress(io.LimitReader(response.Body, maxDrain))
	if err == nil {
		err = json.UnmarshalRead(text, &answer, lenient)
	}
	if err == nil && strings.EqualFold(strings.TrimSpace(answer.Status.text), "fail") {
		return fault.New(fault.Retry, fault.Server, errNotDeleted)
	}
	return nil
}
