package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/env"
)

const (
	// attemptTimeout is the time for one try of a call: a connection that hangs leaves time for a second try on another within the
	// corridor's four seconds.
	attemptTimeout = 1500 * time.Millisecond
	// idleTimeout gives up a connection that AWS has given up by then as well.
	idleTimeout = 90 * time.Second
	// writeBuffer takes a usual webhook with the headers of its call, so that they leave in one packet.
	writeBuffer = 16 << 10
)

// client sends the SDK's calls. It reads what is to be sent before it sends it, and the answer before it gives it back, which is
// possible because both are small and worth it because of how the SDK hands a body over: net/http cannot look into it, so it sends
// the headers alone first, and the SDK takes it back as soon as an answer begins, at which net/http, if it comes early, gives the
// connection up. Against a queue that answers at once that was every twelfth connection (measured, November 2026).
type client struct{ transport *http.Transport }

// newClient makes a client that keeps its connections and follows no redirects. The faults stay in r.
func newClient(r *env.Reader) *client {
	onlyHTTP1 := new(http.Protocols)
	onlyHTTP1.SetHTTP1(true) // Calls come one by one.
	return &client{&http.Transport{
		Proxy:              http.ProxyFromEnvironment,
		Protocols:          onlyHTTP1,
		TLSClientConfig:    &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: readAuthorities(r)},
		DisableCompression: true,
		IdleConnTimeout:    idleTimeout,
		WriteBufferSize:    writeBuffer,
	}}
}

// readAuthorities reads the file that stands in for the system's certificate authorities; nil if none does.
func readAuthorities(r *env.Reader) *x509.CertPool {
	const name = "AWS_CA_BUNDLE"
	path := r.Optional(name, "")
	if path == "" {
		return nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		r.Fault(name, "cannot be read: "+cause(err))
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) && err == nil {
		r.Fault(name, "holds no certificate")
	}
	return pool
}

// Do makes one try of a call.
func (c *client) Do(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(r.Context(), attemptTimeout)
	defer cancel()
	r, err := whole(r.WithContext(ctx))
	if err != nil {
		return nil, err
	}
	response, err := c.transport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }() // It has been read to its end, or the call has failed.
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	response.Body = io.NopCloser(bytes.NewReader(body))
	return response, nil
}

// whole gives the request a body that can be sent again. A kept connection may have been closed while the process was frozen; then
// net/http repeats the request at once on a new one, if it has the body and is told that a repetition does no harm. The SDK would
// repeat it as well, but only after a pause.
func whole(r *http.Request) (*http.Request, error) {
	if r.Body == nil || r.ContentLength < 0 {
		return r, nil
	}
	body := make([]byte, r.ContentLength)
	if _, err := io.ReadFull(r.Body, body); err != nil {
		return nil, err
	}
	_ = r.Body.Close() // It is a buffer of the SDK's.
	r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	r.Body, _ = r.GetBody()
	r.Header["Idempotency-Key"] = []string{} // Read by net/http, and not sent.
	return r, nil
}
