package clevertaptest

import (
	"io"
	"net"
	"net/http"
	"net/textproto"
	"os"
	"strconv"
	"syscall"
)

// transport calls the server without a network.
type transport struct{ server *Server }

// Transport gives a RoundTripper that calls the server in the same process, for tests in virtual time. Faults of the
// connection come back as the errors that a network gives: refused, reset, cut off. Nothing but the request's own context
// ends a wait.
func (s *Server) Transport() http.RoundTripper { return transport{s} }

// RoundTrip answers one request.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		defer func() { _ = r.Body.Close() }()
	}
	ctx := r.Context()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	p := t.server.receive(incoming(r), t.server.config.Region)
	if p.end == hangEnd {
		<-ctx.Done()
	}
	if !sleep(ctx, p.wait) {
		p.finish()
		return nil, ctx.Err()
	}
	switch p.end {
	case resetEnd:
		p.finish()
		return nil, &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)}
	case refusedEnd:
		p.finish()
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	}
	return t.response(r, p), nil
}

// incoming makes of a request what would arrive at a server.
func incoming(r *http.Request) *http.Request {
	in := r.Clone(r.Context())
	in.Header = http.Header{}
	for name, values := range r.Header {
		name = textproto.CanonicalMIMEHeaderKey(name)
		in.Header[name] = append(in.Header[name], values...)
	}
	if in.Host == "" {
		in.Host = r.URL.Host
	}
	if in.Body == nil {
		in.Body = http.NoBody
	}
	in.RequestURI = r.URL.RequestURI()
	return in
}

// response wraps an answer. Its place in flight is free as soon as a server would have sent the last byte: at once, or
// at the end of a trickle.
func (t transport) response(r *http.Request, p *reply) *http.Response {
	head := p.head()
	answer := &http.Response{
		Status: strconv.Itoa(p.status) + " " + http.StatusText(p.status), StatusCode: p.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: head, Close: p.last, Request: r,
		ContentLength: p.length(), Body: io.NopCloser(http.NoBody),
	}
	if p.chunked {
		answer.ContentLength = -1
		answer.TransferEncoding = []string{"chunked"}
	}
	if p.hasBody() {
		answer.Body = p.stream(r.Context())
	}
	if p.drip == 0 || !p.hasBody() {
		p.finish()
	}
	return answer
}
