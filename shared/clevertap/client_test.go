package clevertap_test

import (
	"bufio"
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
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/clevertap/clevertaptest"
	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/network"
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
		if strings.HasPrefix(r.Header.Get("X-CleverTap-Account-Id"), "BAD") {
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
	}
	for n := range 20 { // more than one of an account would open its breaker
		bad := oneBatch(1)
		bad[0].Account.ID = fmt.Sprint("BAD-", n)
		u.Upload(t.Context(), bad, &tracker{})
	}
	// The transport may dial once more than needed when a connection becomes free meanwhile.
	if n := connections.Load(); n > 9 {
		t.Errorf("%d connections for 80 uploads, three at a time", n)
	}
}

// The records' memory may be used again once the call has returned, while net/http still reads what it was to send.
func TestNoRecordIsReadOnceTheUploadHasReturned(t *testing.T) {
	t.Parallel()
	var body io.Reader
	u := clevertap.NewUploader(clevertap.Options{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		body = r.Body
		return nil, errors.New("gave up")
	})})
	batches := oneBatch(10)
	want := string(batches[0].Records[9].JSON)
	u.Upload(t.Context(), batches, &tracker{})
	for _, r := range batches[0].Records {
		clear(r.JSON)
	}
	if text, err := io.ReadAll(body); err != nil || !strings.Contains(string(text), want) {
		t.Errorf("%q, %v", text, err)
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

func TestConnectionsThatGoSilentCostOneUpload(t *testing.T) {
	t.Parallel()
	var made, silent atomic.Int64 // connections; the first so many are silent: no answer comes, and nobody hangs up
	type number struct{}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Context().Value(number{}).(int64) <= silent.Load() {
			_, _ = io.Copy(io.Discard, r.Body)
			<-r.Context().Done()
			return
		}
		success(w, r)
	}))
	s.Config.ConnContext = func(ctx context.Context, _ net.Conn) context.Context {
		return context.WithValue(ctx, number{}, made.Add(1))
	}
	s.Start()
	t.Cleanup(s.Close)
	u := clevertap.NewUploader(clevertap.Options{Endpoint: s.URL, Timeout: 500 * time.Millisecond})
	deliver(t, u, 3*clevertap.MaxRecords, "accepted") // over as many connections as there are uploads side by side
	for range 2 {
		silent.Store(made.Load())
		deliver(t, u, 1, "retry timeout")
		for range 3 {
			if report := deliver(t, u, 1, "accepted"); report.BreakerOpen {
				t.Error("the breaker is open")
			}
		}
	}
	if n := made.Load(); n > 3+2 {
		t.Errorf("%d connections", n)
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

func TestAProfileIsDeletedByEitherKey(t *testing.T) {
	fake := clevertaptest.New(clevertaptest.Config{Accounts: []clevertaptest.Account{
		{ID: account.ID, Region: "in1", Passcodes: []string{"passcode-77"}},
	}})
	u := clevertap.NewUploader(clevertap.Options{Transport: fake.Transport()})
	for key, id := range map[clevertap.ProfileKey]string{
		clevertap.ProfileIdentity: `reader "é" 7`, clevertap.ProfileCleverTapID: "-hA1",
	} {
		if err := u.DeleteProfile(t.Context(), account, key, id); err != nil {
			t.Error(err)
		}
	}
	deleted := fmt.Sprint(fake.Deletions())
	byBoth := strings.Contains(deleted, `identity reader "é" 7`) && strings.Contains(deleted, "objectId -hA1")
	if len(fake.Deletions()) != 2 || !byBoth {
		t.Errorf("deleted %s", deleted)
	}
	err := u.DeleteProfile(t.Context(), withPasscode("wrong-passcode"), clevertap.ProfileIdentity, "reader-1")
	if f := fault.Of(err); f == nil || f.Reason != fault.Credentials || f.Kind != fault.Operator {
		t.Errorf("error %v", err)
	}
}

// Only an answer of success that does not say otherwise counts, and no error shows what was sent.
func TestWhatCountsAsDeleted(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		body   string
		err    error
		want   string // the error; empty: deleted
	}{
		"success":               {202, `{"status":"success"}`, nil, ""},
		"nothing":               {200, ``, nil, ""},
		"a page":                {200, `<p>reader-1`, nil, ""},
		"a failure":             {200, `{"status":" FAIL ","error":"reader-1"}`, nil, "server: delete: CleverTap"},
		"credentials refused":   {401, `reader-1`, nil, "credentials: delete: status 401"},
		"a redirect":            {302, ``, nil, "credentials: delete: status 302"},
		"an error of its own":   {503, ``, nil, "server: delete: status 503"},
		"a broken connection":   {0, ``, errors.New("reader-1"), "network: "},
		"an id that is no text": {200, ``, nil, "malformed: delete: CleverTap refuses it"},
	} {
		t.Run(name, func(t *testing.T) {
			u := clevertap.NewUploader(clevertap.Options{Transport: roundTrip(func(*http.Request) (*http.Response, error) {
				body := io.NopCloser(strings.NewReader(c.body))
				return &http.Response{StatusCode: c.status, Header: http.Header{}, Body: body}, c.err
			})})
			id := "reader-1"
			if strings.Contains(c.want, "malformed") {
				id = "reader-\xff"
			}
			err := u.DeleteProfile(t.Context(), account, clevertap.ProfileIdentity, id)
			if text := fmt.Sprint(err); (err == nil) != (c.want == "") || err != nil && !strings.HasPrefix(text, c.want) ||
				strings.Contains(text, "reader") {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// peers are what the other end of a connection may be, one after the other.
var peers = []func(net.Conn){
	nil, // it does not even connect
	func(net.Conn) {},
	func(c net.Conn) { _ = c.Close() },
	answers("HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\nhalf"),
	answers("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 2\r\n\r\n{}"),
	answers("HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n\r\n"),
	answers("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>"),
	answers("what is this?\r\n\r\n"),
}

// answers is a peer that answers one request with this text, and no other.
func answers(text string) func(net.Conn) {
	return func(c net.Conn) {
		if request, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
			_, _ = io.Copy(io.Discard, request.Body)
			_, _ = io.WriteString(c, text)
		}
		_, _ = io.Copy(io.Discard, c) // until the connection is given up
	}
}

// counted counts a connection until it is closed.
type counted struct {
	net.Conn

	open   *atomic.Int32
	closed atomic.Bool
}

func (c *counted) Close() error {
	if !c.closed.Swap(true) {
		c.open.Add(-1)
	}
	return c.Conn.Close()
}

// A CleverTap that fails in every way for a day leaves no socket, and synctest sees that it leaves no goroutine.
func TestADayOfFailuresLeavesNoSocket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var open, made atomic.Int32
		most := int32(0)
		transport := clevertap.NewTransport()
		transport.DialContext = func(context.Context, string, string) (net.Conn, error) {
			peer := peers[int(made.Add(1))%len(peers)]
			if peer == nil {
				time.Sleep(network.DialTimeout)
				return nil, syscall.ETIMEDOUT
			}
			ours, theirs := net.Pipe()
			go peer(theirs)
			open.Add(1)
			return &counted{Conn: ours, open: &open}, nil
		}
		u := clevertap.NewUploader(clevertap.Options{
			Endpoint: "http://clevertap.test", Transport: transport, Timeout: time.Second, BreakerPause: time.Second,
		})
		for began := time.Now(); time.Since(began) < 24*time.Hour; time.Sleep(10 * time.Second) {
			u.Upload(within(t, 5*time.Second), oneBatch(10), &tracker{})
			most = max(most, open.Load())
		}
		time.Sleep(network.IdleTimeout + time.Second)
		if left := open.Load(); left > 0 || most > 2 || made.Load() < 1000 {
			t.Errorf("%d sockets are left, %d were open at most, %d in all", left, most, made.Load())
		}
	})
}
