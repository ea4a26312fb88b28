package clevertap_test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
)

// quiet is for servers that are meant to fail.
var quiet = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)

// serve starts a server for the test.
func serve(t *testing.T, handle http.HandlerFunc) *httptest.Server {
	s := httptest.NewServer(handle)
	t.Cleanup(s.Close)
	return s
}

// success accepts all records of a request.
func success(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	_, _ = fmt.Fprintf(w, `{"status":"success","processed":%d}`, strings.Count(string(body), `"event_id"`))
}

// uploadTo uploads n records to a server once and checks their outcome.
func uploadTo(t *testing.T, endpoint string, n int, want string) {
	t.Helper()
	b := &tracker{}
	clevertap.NewUploader(clevertap.Options{Endpoint: endpoint}).Upload(t.Context(), oneBatch(n), b)
	b.expect(t, nil, n, want, nil)
}

func TestTheRequest(t *testing.T) {
	t.Parallel()
	seen := make(chan []string, 1)
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		framing := fmt.Sprint(r.ContentLength-int64(len(body)), r.TransferEncoding)
		got := []string{r.Method, r.URL.String(), string(body), framing}
		for _, name := range []string{
			"X-CleverTap-Account-Id", "X-CleverTap-Passcode", "Content-Type", "Content-Encoding", "Accept-Encoding",
		} {
			got = append(got, r.Header.Get(name))
		}
		seen <- got
		_, _ = io.WriteString(w, `{"status":"success","processed":2}`)
	})
	uploadTo(t, s.URL+"/{host}/", 2, "accepted")
	body := `{"d":[` + string(record(0).JSON) + `,` + string(record(1).JSON) + `]}`
	want := []string{
		http.MethodPost, "/in1.api.clevertap.com/1/upload", body, "0 []",
		"AAA-AAA-AAAA", "passcode-77", "application/json; charset=utf-8", "", "",
	}
	if diff := cmp.Diff(want, <-seen); diff != "" {
		t.Error(diff)
	}
}

func TestTheAddress(t *testing.T) {
	t.Parallel()
	for endpoint, want := range map[string]string{
		"":                                 "https://in1.api.clevertap.com/1/upload",
		"http://127.0.0.1:9900":            "http://127.0.0.1:9900/1/upload",
		"http://127.0.0.1:9900/":           "http://127.0.0.1:9900/1/upload",
		"http://127.0.0.1:9900/{host}":     "http://127.0.0.1:9900/in1.api.clevertap.com/1/upload",
		"https://{host}.proxy.example/ct/": "https://in1.api.clevertap.com.proxy.example/ct/1/upload",
	} {
		c := &cleverTap{}
		u := clevertap.NewUploader(clevertap.Options{Transport: c, Endpoint: endpoint})
		u.Upload(t.Context(), oneBatch(1), &tracker{})
		if got := c.uploads[0].request.URL.String(); got != want {
			t.Errorf("endpoint %q: %s, want %s", endpoint, got, want)
		}
	}
	uploadTo(t, "http://[passcode-77", 1, "retry network")
}

func TestConnectionsAreReused(t *testing.T) {
	t.Parallel()
	var connections atomic.Int32
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-CleverTap-Account-Id") == "BAD" {
			w.WriteHeader(http.StatusInternalServerError)
			_, _ = io.WriteString(w, strings.Repeat("sorry ", 1000))
			return
		}
		success(w, r)
	}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	u := clevertap.NewUploader(clevertap.Options{Endpoint: s.URL, Concurrency: 3})
	for range 3 {
		b := &tracker{}
		u.Upload(t.Context(), oneBatch(20_000), b)
		b.expect(t, nil, 20_000, "accepted", nil)
		bad := oneBatch(1)
		bad[0].Account.ID = "BAD"
		u.Upload(t.Context(), bad, &tracker{})
	}
	// The transport may dial once more than needed when a connection becomes free meanwhile.
	if n := connections.Load(); n > 9 {
		t.Errorf("%d connections for 63 uploads, three at a time", n)
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	trap := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("followed, with the passcode") })
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, trap.URL, http.StatusPermanentRedirect)
	})
	uploadTo(t, s.URL, 1, "operator credentials 308")
}

// The server has read the second request, and for all the client knows processed it, when it hangs up.
func TestAConnectionThatDiesUnderARequestIsNotTriedAgain(t *testing.T) {
	t.Parallel()
	var processed atomic.Int32
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if processed.Add(1) > 1 {
			_, _ = io.Copy(io.Discard, r.Body)
			panic(http.ErrAbortHandler)
		}
		success(w, r)
	})
	u := clevertap.NewUploader(clevertap.Options{Endpoint: s.URL})
	deliver(t, u, 1, "accepted")
	deliver(t, u, 1, "retry network") // on the same connection
	if n := processed.Load(); n != 2 {
		t.Errorf("%d requests arrived, want 2", n)
	}
}

// wire is what lies between the uploader and a server. Silence ends its connections without a word: what is sent on
// them gets no answer, and nobody hangs up. New connections work.
type wire struct {
	net.Listener
	mu      sync.Mutex
	made    int
	current chan struct{} // closed once there is silence
}

func newWire(t *testing.T, server *httptest.Server) *wire {
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // It is local.
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{Listener: listener, current: make(chan struct{})}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			outer, err := listener.Accept()
			if err != nil {
				return
			}
			inner, err := net.Dial("tcp", server.Listener.Addr().String()) //nolint:noctx // It is local.
			if err != nil {
				return
			}
			w.mu.Lock()
			w.made++
			silent := w.current
			w.mu.Unlock()
			for from, to := range map[net.Conn]net.Conn{outer: inner, inner: outer} {
				go pass(from, to, silent)
			}
		}
	}()
	return w
}

// pass copies until there is silence.
func pass(from, to net.Conn, silent chan struct{}) {
	piece := make([]byte, 64<<10)
	for {
		n, err := from.Read(piece)
		select {
		case <-silent:
			if err != nil {
				return
			}
			continue
		default:
		}
		if _, gone := to.Write(piece[:n]); gone != nil || err != nil {
			_, _ = from.Close(), to.Close()
			return
		}
	}
}

func (w *wire) silence() {
	w.mu.Lock()
	defer w.mu.Unlock()
	close(w.current)
	w.current = make(chan struct{})
}

func TestConnectionsThatGoSilentCostOneUpload(t *testing.T) {
	t.Parallel()
	w := newWire(t, serve(t, success))
	u := clevertap.NewUploader(clevertap.Options{Endpoint: "http://" + w.Addr().String(),
		Timeout: 500 * time.Millisecond})
	deliver(t, u, 3*clevertap.MaxRecords, "accepted") // over as many connections as there are uploads side by side
	for range 2 {
		w.silence()
		deliver(t, u, 1, "retry timeout")
		for range 3 {
			if report := deliver(t, u, 1, "accepted"); report.BreakerOpen {
				t.Error("the breaker is open")
			}
		}
	}
	if w.made > 3+2 {
		t.Errorf("%d connections", w.made)
	}
}

// aging is a transport that counts how often its idle connections are closed.
type aging struct {
	cleverTap
	closed int
}

func (a *aging) CloseIdleConnections() { a.closed++ }

// Lambda freezes a process between invocations, and the transport's own clock with it.
func TestConnectionsThatWereIdleForLongAreNotUsedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &aging{}
		u := clevertap.NewUploader(clevertap.Options{Transport: a})
		for i, idle := range []time.Duration{0, time.Second, 49 * time.Second, 51 * time.Second, time.Hour, time.Second} {
			time.Sleep(idle)
			before := a.closed
			deliver(t, u, 1, "accepted")
			if got, want := a.closed > before, i == 0 || idle > 50*time.Second; got != want {
				t.Errorf("idle for %s: closed %t, want %t", idle, got, want)
			}
		}
	})
}

func TestTLS(t *testing.T) {
	t.Parallel()
	for version, want := range map[uint16]string{
		tls.VersionTLS11: "retry network", tls.VersionTLS12: "accepted", tls.VersionTLS13: "accepted",
	} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			t.Parallel()
			s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.ProtoMajor != 1 {
					t.Errorf("%s: uploads side by side would share a connection", r.Proto)
				}
				success(w, r)
			}))
			s.TLS = &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: version}
			s.EnableHTTP2 = true
			s.Config.ErrorLog = quiet
			s.StartTLS()
			t.Cleanup(s.Close)
			transport := clevertap.NewTransport()
			transport.TLSClientConfig.RootCAs = x509.NewCertPool()
			transport.TLSClientConfig.RootCAs.AddCert(s.Certificate())
			t.Cleanup(transport.CloseIdleConnections)
			deliver(t, clevertap.NewUploader(clevertap.Options{Endpoint: s.URL, Transport: transport}), 2500, want)
		})
	}
}

// An answer that claims success and then never ends is read to the size that any answer can have, and not believed.
func TestAnAnswerWithoutAnEndIsNotReadToItsEnd(t *testing.T) {
	t.Parallel()
	const most = 64 << 20
	filling := []byte(strings.Repeat(`"filling",`, 1<<13))
	var sent atomic.Int64
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"status":"success","processed":1,"unprocessed":[],"more":[`))
		for sent.Load() < most {
			n, err := w.Write(filling)
			if err != nil {
				return
			}
			sent.Add(int64(n))
		}
	})
	uploadTo(t, s.URL, 1, "retry unreadable_answer")
	if sent.Load() >= most {
		t.Errorf("%d bytes were taken", sent.Load())
	}
}
