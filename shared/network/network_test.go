package network_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/network"
)

// private is in everything that no cause may quote.
const private = "lantern-quartz-42"

// transport is a limited one that trusts a test server.
func transport(t *testing.T, trusted *httptest.Server) *http.Transport {
	limited := &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: x509.NewCertPool()}}
	if trusted != nil {
		limited.TLSClientConfig.RootCAs.AddCert(trusted.Certificate())
	}
	network.Limit(limited)
	t.Cleanup(limited.CloseIdleConnections)
	return limited
}

// get makes a request that fails.
func get(t *testing.T, through http.RoundTripper, address string) error {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address+"/"+private, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := through.RoundTrip(request)
	if err == nil {
		_ = response.Body.Close()
		t.Fatal("answered")
	}
	return err
}

// secure starts a server that is meant to fail.
func secure(t *testing.T, change func(*httptest.Server)) *httptest.Server {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	s.TLS = &tls.Config{MinVersion: tls.VersionTLS10}
	change(s)
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

func TestARequestThatFailsNamesItsCause(t *testing.T) {
	plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		connection, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			_ = connection.Close()
		}
	}))
	t.Cleanup(plain.Close)
	usual := secure(t, func(*httptest.Server) {})
	old := secure(t, func(s *httptest.Server) { s.TLS.MaxVersion = tls.VersionTLS11 })
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusProxyAuthRequired)
	}))
	t.Cleanup(proxy.Close)
	behind := transport(t, nil)
	behind.Proxy = func(*http.Request) (*url.URL, error) { return url.Parse(proxy.URL) }
	for want, err := range map[string]error{
		"connection refused":                  get(t, transport(t, nil), "http://127.0.0.1:1"),
		"connection closed before the answer": get(t, transport(t, nil), plain.URL),
		"certificate of an unknown authority": get(t, transport(t, nil), usual.URL),
		"certificate of another host": get(t, transport(t, usual),
			strings.Replace(usual.URL, "127.0.0.1", "localhost", 1)),
		"peer does not speak TLS":              get(t, transport(t, nil), strings.Replace(plain.URL, "http:", "https:", 1)),
		"tls: protocol version not supported":  get(t, transport(t, old), old.URL),
		"proxy answered 407":                   get(t, behind, "https://cleverTap.example"),
		"host not found":                       &net.DNSError{Err: "no such host", Name: private, IsNotFound: true},
		"name server does not answer":          &net.DNSError{Err: private, Name: private, IsTimeout: true},
		"connection reset by peer":             &net.OpError{Op: "read", Err: syscall.ECONNRESET},
		"certificate expired or not valid yet": x509.CertificateInvalidError{Reason: x509.Expired, Detail: private},
		"certificate not accepted":             &tls.CertificateVerificationError{Err: errors.New(private)},
		"context canceled":                     fmt.Errorf(private+": %w", context.Canceled),
		"no answer in time":                    fmt.Errorf(private+": %w", context.DeadlineExceeded),
		"no connection in time":                &net.OpError{Op: "dial", Err: timeout{}},
		"error of type *errors.errorString":    errors.New(private),
	} {
		if got := network.Cause(err).Error(); got != want {
			t.Errorf("%q, want %q (of %v)", got, want, err)
		}
	}
	if late := network.Cause(&net.OpError{Op: "read", Err: timeout{}}); !errors.Is(late, context.DeadlineExceeded) {
		t.Errorf("%v is no deadline", late)
	}
}

type timeout struct{}

func (timeout) Error() string { return private }
func (timeout) Timeout() bool { return true }
func (timeout) Is(err error) bool {
	return err == context.DeadlineExceeded //nolint:errorlint // as net's own does
}

func TestTimeIsOutWhoeverLimitedIt(t *testing.T) {
	for err, want := range map[error]bool{
		context.DeadlineExceeded: true, &net.OpError{Op: "dial", Err: timeout{}}: true, context.Canceled: false,
		io.EOF:               false,
		syscall.ECONNREFUSED: false,
	} {
		if network.IsTimeout(err) != want {
			t.Errorf("%v: want %t", err, want)
		}
	}
}

// A firewall may let a connection in and then say nothing at all.
func TestAPeerThatNeverSpeaksKeepsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // it ends only when all goroutines have
		var open atomic.Int32
		silent := transport(t, nil)
		silent.DialContext = func(context.Context, string, string) (net.Conn, error) {
			ours, theirs := net.Pipe()
			open.Add(1)
			go func() {
				_, _ = io.Copy(io.Discard, theirs)
				open.Add(-1)
			}()
			return ours, nil
		}
		for range 50 {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
			request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://silent.example", http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			response, err := silent.RoundTrip(request)
			if err == nil {
				_ = response.Body.Close()
				t.Fatal("answered")
			}
			cancel()
		}
		time.Sleep(network.HandshakeTimeout)
		synctest.Wait()
		if n := open.Load(); n > 0 {
			t.Errorf("%d connections and %d goroutines are left", n, runtime.NumGoroutine())
		}
	})
}

// A dial is detached from its request, so that only the dialer's own limit ends it.
func TestADialEndsBeforeAnUpload(t *testing.T) {
	if d := network.NewDialer(); d.Timeout <= 0 || d.Timeout+network.HandshakeTimeout > 10*time.Second {
		t.Errorf("a connection may take %s and %s", d.Timeout, network.HandshakeTimeout)
	}
}

func TestRetryAfterHasTwoForms(t *testing.T) {
	now := time.Date(2026, time.November, 23, 8, 0, 0, 0, time.UTC)
	for header, want := range map[string]time.Duration{
		"":                              0,
		"7":                             7 * time.Second,
		" 120 ":                         2 * time.Minute,
		"3601":                          time.Hour,
		"99999999999999999999999":       time.Hour,
		"1.5":                           0,
		"soon":                          0,
		"Mon, 23 Nov 2026 08:01:30 GMT": 90 * time.Second,
		"Mon, 23 Nov 2026 07:59:00 GMT": 0,
		"Fri, 31 Dec 9999 23:59:59 GMT": time.Hour,
		"7, 120":                        0,
	} {
		if got := network.RetryAfter(header, now, time.Hour); got != want {
			t.Errorf("%.40q: %s, want %s", header, got, want)
		}
	}
}
