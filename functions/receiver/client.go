package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/network"
)

const (
	// attemptTimeout is the time for one attempt of a call. A connection that hangs leaves time for another
	// attempt, on another connection, within the handler's four seconds.
	attemptTimeout = 1500 * time.Millisecond
	// writeBuffer holds a usual webhook with the headers of its call, so that they leave in one packet.
	writeBuffer = 16 << 10
)

// client sends the SDK's calls. It buffers requests and responses, which are small, so that net/http can reuse
// connections: the SDK closes a request's body as soon as the response begins, and net/http then drops the
// connection if it has not sent all of it, one in twelve against a queue that answers at once (measured,
// November 2026). It follows no redirects.
type client struct{ transport *http.Transport }

// newClient takes over a transport of the SDK's, which knows the environment's proxy and certificates.
func newClient(transport *http.Transport) *client {
	network.Limit(transport)
	transport.DisableCompression = true
	transport.WriteBufferSize = writeBuffer
	return &client{transport}
}

// Do makes one attempt of a call.
func (c *client) Do(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(r.Context(), attemptTimeout)
	defer cancel()
	r, err := repeatable(r.WithContext(ctx))
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

// repeatable gives the request a body that can be sent twice. The other side may have closed a kept connection
// while the process was frozen. net/http then repeats the request at once on a new one, if it has the body and
// knows that a repetition does no harm. The SDK would repeat it too, but after a pause.
func repeatable(r *http.Request) (*http.Request, error) {
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
