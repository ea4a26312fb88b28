// Package network answers what went wrong on the way to another machine, and bounds what a connection may cost.
//
// Its words quote nothing: errors of the network hold addresses, those of TLS names, and those of HTTP what came over
// the wire. It does not know who is called, and it never repeats a call.
package network

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Limits of every connection. net/http detaches a dial from the request that wanted it, so the request's own deadline
// does not end it: without these, a peer that never speaks keeps one socket and three goroutines for each request.
const (
	DialTimeout      = 3 * time.Second
	HandshakeTimeout = 5 * time.Second
	// IdleTimeout is shorter than a load balancer's usual minute: a connection that the other side has closed while the
	// process was frozen shows it only to the request that uses it.
	IdleTimeout = 50 * time.Second
)

// Limit bounds a transport's connections. It makes it speak HTTP/1.1, with one request at a time on a connection: so a
// connection that has gone silent costs one request, and the next one goes over another. On an HTTP/2 connection all
// requests in flight would be lost together, and those that follow until somebody notices.
func Limit(t *http.Transport) {
	t.DialContext = newDialer().DialContext
	t.TLSHandshakeTimeout = HandshakeTimeout
	t.IdleConnTimeout = IdleTimeout
	t.OnProxyConnectResponse = checkProxy
	t.Protocols = new(http.Protocols)
	t.Protocols.SetHTTP1(true)
	if t.TLSClientConfig != nil {
		t.TLSClientConfig.NextProtos = nil // a server may choose HTTP/2 if it is offered
	}
}

func newDialer() *net.Dialer { return &net.Dialer{Timeout: DialTimeout} }

// IsLoopback reports whether a URL's host is this machine.
func IsLoopback(host string) bool { return host == "localhost" || net.ParseIP(host).IsLoopback() }

// RetryAfter reads the header of that name (RFC 9110, section 10.2.3), in seconds or as a date. It is 0 if that is past
// or cannot be read, and never more than most.
func RetryAfter(header string, now time.Time, most time.Duration) time.Duration {
	if at, err := http.ParseTime(header); err == nil {
		return min(max(at.Sub(now), 0), most)
	}
	seconds, err := strconv.ParseUint(strings.TrimSpace(header), 10, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) { // out of range, it is the largest number
		return 0
	}
	return time.Duration(min(seconds, uint64(most/time.Second))) * time.Second
}

// proxyError is the status of a proxy that does not let a request through.
type proxyError int

func (e proxyError) Error() string { return fmt.Sprintf("proxy answered %d", int(e)) }

func checkProxy(_ context.Context, _ *url.URL, _ *http.Request, r *http.Response) error {
	if r.StatusCode != http.StatusOK {
		return proxyError(r.StatusCode)
	}
	return nil
}

// Causes that have no words of their own, or none that may be shown.
var (
	errNoHost      = errors.New("host not found")
	errNoLookup    = errors.New("name server does not answer")
	errNoDial      = errors.New("no connection in time")
	errNoHandshake = errors.New("no TLS handshake in time")
	errClosed      = errors.New("connection closed before the answer")
	errNotTLS      = errors.New("peer does not speak TLS")
	errAuthority   = errors.New("certificate of an unknown authority")
	errOtherHost   = errors.New("certificate of another host")
	errExpired     = errors.New("certificate expired or not valid yet")
	errCertificate = errors.New("certificate not accepted")
)

// late is a deadline that has passed, in words for people.
type late struct{}

func (late) Error() string { return "no answer in time" }
func (late) Unwrap() error { return context.DeadlineExceeded }

// Cause reduces the error of a request without an answer to what may be shown. [context.Canceled] and
// [context.DeadlineExceeded] are still found in it.
func Cause(err error) error {
	operation, isOperation := errors.AsType[*net.OpError](err)
	proxy, isProxy := errors.AsType[proxyError](err)
	name, isName := errors.AsType[*net.DNSError](err)
	switch {
	case isOperation && operation.Op == "dial" && operation.Timeout(): // it passes for the end of a context
		return errNoDial
	case errors.Is(err, context.Canceled):
		return context.Canceled
	case errors.Is(err, context.DeadlineExceeded):
		return late{}
	case isProxy:
		return proxy
	case isName && name.IsNotFound:
		return errNoHost
	case isName:
		return errNoLookup
	default:
		return cmp.Or(ofTLS(err), ofConnection(err), fmt.Errorf("error of type %T", innermost(err)))
	}
}

// IsTimeout reports whether time ran out, whoever limited it.
func IsTimeout(err error) bool {
	timeout, ok := errors.AsType[net.Error](err)
	return errors.Is(err, context.DeadlineExceeded) || ok && timeout.Timeout()
}

func ofTLS(err error) error {
	if alert, ok := errors.AsType[*net.OpError](err); ok && (alert.Op == "remote error" || alert.Op == "local error") {
		return alert.Err // one of the protocol's own, such as "tls: handshake failure"
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok && invalid.Reason == x509.Expired {
		return errExpired
	}
	_, notTLS := errors.AsType[tls.RecordHeaderError](err)
	_, authority := errors.AsType[x509.UnknownAuthorityError](err)
	_, host := errors.AsType[x509.HostnameError](err)
	_, other := errors.AsType[*tls.CertificateVerificationError](err)
	switch {
	// net/http has no name for the second.
	case notTLS, innermost(err).Error() == "http: server gave HTTP response to HTTPS client":
		return errNotTLS
	case authority:
		return errAuthority
	case host:
		return errOtherHost
	case other:
		return errCertificate
	}
	return nil
}

func ofConnection(err error) error {
	number, isNumber := errors.AsType[syscall.Errno](err)
	switch {
	case isNumber:
		return number
	case innermost(err).Error() == "net/http: TLS handshake timeout": // it has no name in net/http
		return errNoHandshake
	case IsTimeout(err):
		return late{}
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed),
		innermost(err).Error() == "http: server closed idle connection":
		return errClosed
	}
	return nil
}

func innermost(err error) error {
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(err) {
		err = inner
	}
	return err
}
