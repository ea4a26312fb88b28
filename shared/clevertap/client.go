package clevertap

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"strings"
	"time"
)

// The path of the one endpoint, and what makes CleverTap check an upload without storing it.
const (
	uploadPath = "/1/upload"
	dryQuery   = "?dryRun=1"
)

// idleTime is how long an unused connection is kept. Load balancers commonly hang up after a minute, and a process that was
// frozen meanwhile would learn of it only from a failed upload.
const idleTime = 50 * time.Second

var errRequest = errors.New("upload: endpoint is not a URL")

// client makes single attempts: it does not judge, wait, repeat or follow.
type client struct {
	transport http.RoundTripper
	endpoint  string // "" or what stands for https://<host>, with {host} in it perhaps
}

// post sends records to an account once. The caller closes the answer's body and releases the content.
//
// The transport is called without an http.Client, because that one follows redirects, and to another host it would take the
// passcode along. Only the transport itself can send a request a second time: it does so, with GetBody, when a connection that
// it meant to reuse turned out to be closed before one byte of the request was written, or when an HTTP/2 server declared that
// it did not process the stream. A POST without an idempotency key that has been written is never repeated (net/http,
// persistConn.shouldRetryRequest and http2canRetryError, Go 1.26). So no processed record goes out twice in there.
func (c *client) post(ctx context.Context, a Account, records *content, dry bool) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url(a.Host, dry), nil)
	if err != nil {
		return nil, errRequest
	}
	request.Header.Set("X-CleverTap-Account-Id", a.ID)
	request.Header.Set("X-CleverTap-Passcode", a.Passcode.Reveal())
	request.Header.Set("Content-Type", "application/json; charset=utf-8")
	request.ContentLength = size(records.records)
	request.GetBody = records.open
	request.Body, _ = records.open()
	return c.transport.RoundTrip(request)
}

// url is where uploads to a host go.
func (c *client) url(host string, dry bool) string {
	base := "https://" + host
	if c.endpoint != "" {
		base = strings.TrimRight(strings.ReplaceAll(c.endpoint, "{host}", host), "/")
	}
	if dry {
		return base + uploadPath + dryQuery
	}
	return base + uploadPath
}

// newTransport makes the transport of real uploads. Answers are not compressed, so that the size that is read is the size
// that is kept.
func newTransport() *http.Transport {
	return &http.Transport{
		TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2:   true, // which an own TLS configuration would switch off
		DisableCompression:  true,
		MaxIdleConnsPerHost: MaxInFlight,
		IdleConnTimeout:     idleTime,
		WriteBufferSize:     64 << 10,
		ReadBufferSize:      8 << 10,
	}
}
