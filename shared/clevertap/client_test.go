package clevertap_test

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/secret"
)

// serve starts a server for the test.
func serve(t *testing.T, handle http.HandlerFunc) *httptest.Server {
	s := httptest.NewServer(handle)
	t.Cleanup(s.Close)
	return s
}

// success answers that all records of a request were processed.
func success(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	_, _ = fmt.Fprintf(w, `{"status":"success","processed":%d,"unprocessed":[]}`, strings.Count(string(body), `"event_id"`))
}

func TestTheRequest(t *testing.T) {
	t.Parallel()
	seen := make(chan *http.Request, 1)
	bodies := make(chan string, 1)
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		seen <- r
		bodies <- string(body)
		_, _ = io.WriteString(w, `{"status":"success","processed":2}`)
	})
	b := &book{}
	u := clevertap.NewUploader(clevertap.Options{Endpoint: s.URL + "/{host}/"})
	u.Upload(t.Context(), oneLane(2), b)
	b.expect(t, 2, "accepted", nil)
	r, body := <-seen, <-bodies
	if want := `{"d":[` + string(record(0).JSON) + `,` + string(record(1).JSON) + `]}`; body != want {
		t.Errorf("body %s, want %s", body, want)
	}
	if r.Method != http.MethodPost || r.URL.Path != "/in1.api.clevertap.com/1/upload" || r.URL.RawQuery != "" {
		t.Errorf("%s %s", r.Method, r.URL)
	}
	if r.ContentLength != int64(len(body)) || len(r.TransferEncoding) != 0 {
		t.Errorf("length %d, transfer encoding %v", r.ContentLength, r.TransferEncoding)
	}
	for name, want := range map[string]string{
		"X-CleverTap-Account-Id": "AAA-AAA-AAAA",
		"X-CleverTap-Passcode":   "passcode-77",
		"Content-Type":           "application/json; charset=utf-8",
		"Content-Encoding":       "",
		"Accept-Encoding":        "",
		"Expect":                 "",
	} {
		if got := r.Header.Get(name); got != want {
			t.Errorf("header %s is %q, want %q", name, got, want)
		}
	}
}

func TestTheAddress(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ endpoint, want string }{
		"CleverTap itself":          {"", "https://in1.api.clevertap.com/1/upload"},
		"another host":              {"http://127.0.0.1:9900", "http://127.0.0.1:9900/1/upload"},
		"with a slash at its end":   {"http://127.0.0.1:9900/", "http://127.0.0.1:9900/1/upload"},
		"with the host in its path": {"http://127.0.0.1:9900/{host}", "http://127.0.0.1:9900/in1.api.clevertap.com/1/upload"},
		"with the host as its host": {"https://{host}.proxy.example/ct/", "https://in1.api.clevertap.com.proxy.example/ct/1/upload"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, b := &cleverTap{}, &book{}
			clevertap.NewUploader(clevertap.Options{Transport: c, Endpoint: test.endpoint}).Upload(t.Context(), oneLane(1), b)
			if got := c.uploads[0].request.URL.String(); got != test.want {
				t.Errorf("%s, want %s", got, test.want)
			}
		})
	}
}

func TestAnEndpointThatIsNoAddressComesBack(t *testing.T) {
	t.Parallel()
	b := &book{}
	clevertap.NewUploader(clevertap.Options{Endpoint: "http://[passcode-77"}).Upload(t.Context(), oneLane(1), b)
	b.expect(t, 1, "retry network", nil)
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
		b := &book{}
		u.Upload(t.Context(), oneLane(20_000), b)
		b.expect(t, 20_000, "accepted", nil)
		b = &book{}
		u.Upload(t.Context(), []clevertap.AccountBatch{{Account: clevertap.Account{ID: "BAD", Passcode: secret.New("p")}, Records: records(0, 1)}}, b)
	}
	// The transport may dial once more than needed when a connection becomes free meanwhile.
	if n := connections.Load(); n > 9 {
		t.Errorf("%d connections for 63 uploads, three at a time", n)
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	trap := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("the redirect was followed, with the passcode") })
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, trap.URL, http.StatusPermanentRedirect)
	})
	b := &book{}
	clevertap.NewUploader(clevertap.Options{Endpoint: s.URL}).Upload(t.Context(), oneLane(1), b)
	b.expect(t, 1, "operator credentials 308", nil)
}

// A server may answer 413 and hang up without reading the rest, in the middle of our writing.
func TestARefusalBeforeTheBodyWasReadCounts(t *testing.T) {
	t.Parallel()
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength < 400_000 {
			success(w, r)
			return
		}
		w.Header().Set("Connection", "close")
		w.WriteHeader(http.StatusRequestEntityTooLarge)
	})
	lanes := oneLane(8)
	for i := range lanes[0].Records {
		lanes[0].Records[i].JSON = fmt.Appendf(nil, `{"evtData":{"event_id":"e-%d","x":"%0100000d"}}`, i, 0)
	}
	b := &book{}
	clevertap.NewUploader(clevertap.Options{Endpoint: s.URL}).Upload(t.Context(), lanes, b)
	for key, err := range b.ends {
		// Where the hanging up overtakes the answer, nobody can see more than a broken connection.
		if got := end(err); got != "accepted" && got != "retry network" {
			t.Errorf("record %d: %s", key, got)
		}
	}
}

// hangingUp serves each connection a number of requests and then closes it when the next one has arrived: the request was
// read, and for all the client knows processed.
func hangingUp(t *testing.T, requests int, processed *atomic.Int32) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			connection, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = connection.Close() }()
				reader := bufio.NewReader(connection)
				for n := 0; ; n++ {
					r, err := http.ReadRequest(reader)
					if err != nil {
						return
					}
					_, _ = io.Copy(io.Discard, r.Body)
					processed.Add(1)
					if n == requests {
						return
					}
					_, _ = io.WriteString(connection, "HTTP/1.1 200 OK\r\nContent-Length: 34\r\n\r\n"+`{"status":"success","processed":1}`)
				}
			}()
		}
	}()
	return "http://" + l.Addr().String()
}

func TestAConnectionThatDiesUnderARequestIsNotTriedAgain(t *testing.T) {
	t.Parallel()
	var processed atomic.Int32
	u := clevertap.NewUploader(clevertap.Options{Endpoint: hangingUp(t, 1, &processed)})
	first, second := &book{}, &book{}
	u.Upload(t.Context(), oneLane(1), first)
	first.expect(t, 1, "accepted", nil)
	u.Upload(t.Context(), oneLane(1), second) // on the same connection, which dies now
	second.expect(t, 1, "retry network", nil)
	if n := processed.Load(); n != 2 {
		t.Errorf("%d requests arrived, want 2", n)
	}
}

// secure starts a server with TLS and gives a transport that trusts it.
func secure(t *testing.T, config *tls.Config, handle http.HandlerFunc) (*httptest.Server, *http.Transport) {
	s := httptest.NewUnstartedServer(handle)
	s.TLS = config
	s.EnableHTTP2 = true
	s.Config.ErrorLog = quiet
	s.StartTLS()
	t.Cleanup(s.Close)
	transport := clevertap.NewTransport()
	transport.TLSClientConfig.RootCAs = x509.NewCertPool()
	transport.TLSClientConfig.RootCAs.AddCert(s.Certificate())
	t.Cleanup(transport.CloseIdleConnections)
	return s, transport
}

func TestTLS(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		version uint16
		want    string
	}{
		"1.1 is refused":  {tls.VersionTLS11, "retry network"},
		"1.2 is accepted": {tls.VersionTLS12, "accepted"},
		"1.3 is accepted": {tls.VersionTLS13, "accepted"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, transport := secure(t, &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: test.version}, func(w http.ResponseWriter, r *http.Request) {
				if r.ProtoMajor != 2 {
					t.Errorf("HTTP version %s, want 2 where the server offers it", r.Proto)
				}
				success(w, r)
			})
			b := &book{}
			clevertap.NewUploader(clevertap.Options{Endpoint: s.URL, Transport: transport}).Upload(t.Context(), oneLane(2500), b)
			b.expect(t, 2500, test.want, nil)
		})
	}
}

// The transport may begin a request anew if nothing of it was written: then it asks for the body once more.
func TestTheBodyCanBeReadAgain(t *testing.T) {
	t.Parallel()
	want := `{"d":[` + string(record(0).JSON) + `,` + string(record(1).JSON) + `]}`
	c, b := &cleverTap{}, &book{}
	c.answer = func(u *upload) *answer {
		for range 2 {
			again, err := u.request.GetBody()
			if err != nil {
				t.Error(err)
				continue
			}
			if got, _ := io.ReadAll(again); string(got) != want {
				t.Errorf("body %s, want %s", got, want)
			}
		}
		return nil
	}
	uploader(c).Upload(t.Context(), oneLane(2), b)
	b.expect(t, 2, "accepted", nil)
}
