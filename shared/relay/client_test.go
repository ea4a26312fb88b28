package relay_test

import (
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/relay"
	"github.com/purchasely-clevertap/bridge/shared/standardwebhooks"
)

// token is what a URL may hold beside the host; it must appear nowhere.
const token = "token-4711"

// sent is a webhook that Purchasely signed; its words must appear nowhere but at the back end.
var sent = relay.Webhook{
	Body: []byte("{\"event_name\": \"ACTIVATE\",\"user_id\":\"rosée-7\"}\n"), ID: "an-id", Timestamp: "1773474112",
	Signature: "53bc924e9acb1fd59c7b815628fa5bd31cdbda3b0d8ad2b2f96ab1e40de0af0e",
	Attempt:   3, Received: "2026-11-23T08:08:07.006Z",
}

// quiet is for servers that are meant to fail.
var quiet = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)

// client posts to a server on loopback.
func client(t *testing.T) *relay.Client {
	transport := relay.NewTransport(true)
	t.Cleanup(transport.CloseIdleConnections)
	return &relay.Client{Transport: transport, AllowPlain: true}
}

func serve(t *testing.T, handle http.HandlerFunc) *httptest.Server {
	s := httptest.NewServer(handle)
	s.Config.ErrorLog = quiet
	t.Cleanup(s.Close)
	return s
}

func to(url string, timeout time.Duration) *integration.Relay {
	return &integration.Relay{URL: url + "/hook?token=" + token, Timeout: timeout}
}

func keys(t *testing.T, current, previous string) *standardwebhooks.Keys {
	t.Helper()
	k, err := standardwebhooks.ParseKeys(
		fmt.Appendf(nil, `{"signing_secret":%q,"previous_signing_secret":%q}`, current, previous))
	if err != nil {
		t.Fatal(err)
	}
	return &k
}

// whsec makes a key of 32 bytes.
func whsec(letter string) string {
	return "whsec_" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat(letter, 32)))
}

func TestABackEndGetsWhatPurchaselyHasSent(t *testing.T) {
	type request struct {
		Method, URL, Proto, Body string
		Length                   int64
		Header                   map[string]string
	}
	for name, c := range map[string]struct {
		body  []byte
		keys  *standardwebhooks.Keys
		https bool
	}{
		"unsigned":             {body: sent.Body},
		"signed":               {body: sent.Body, keys: keys(t, whsec("a"), "")},
		"signed with two keys": {body: sent.Body, keys: keys(t, whsec("a"), whsec("b"))},
		"nothing at all":       {body: nil},
		"any bytes":            {body: []byte("\x00\xff\r\n{")},
		"over TLS":             {body: sent.Body, keys: keys(t, whsec("a"), ""), https: true},
	} {
		t.Run(name, func(t *testing.T) {
			var got request
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				got = request{r.Method, r.URL.String(), r.Proto, string(body), r.ContentLength, map[string]string{}}
				for name := range r.Header {
					got.Header[name] = strings.Join(r.Header.Values(name), "|")
				}
			}))
			t.Cleanup(server.Close)
			c1 := client(t)
			want := request{
				http.MethodPost, "/hook?token=" + token, "HTTP/1.1", string(c.body), int64(len(c.body)), map[string]string{
					"Content-Type": "application/json", "User-Agent": "purchasely-clevertap-bridge",
					"X-Purchasely-Timestamp": sent.Timestamp, "X-Purchasely-Request-Signature": sent.Signature,
					"Bridge-Attempt": "3", "Bridge-Received-At": sent.Received, "Content-Length": fmt.Sprint(len(c.body)),
				},
			}
			if c.https {
				server.EnableHTTP2 = true
				server.StartTLS()
				pool := server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs //nolint:forcetypeassert // It is one.
				c1.Transport.(*http.Transport).TLSClientConfig.RootCAs = pool               //nolint:forcetypeassert // It is one.
			} else {
				server.Start()
			}
			w := sent
			w.Body = c.body
			if answer, err := c1.Post(t.Context(), to(server.URL, time.Minute), w, c.keys); err != nil || answer.Status != 200 {
				t.Fatalf("%+v, %v", answer, err)
			}
			if c.keys != nil {
				id, at, signatures := got.Header["Webhook-Id"], got.Header["Webhook-Timestamp"], got.Header["Webhook-Signature"]
				verifies := func(k string) error { return keys(t, k, "").Verify(id, at, signatures, c.body, time.Now()) }
				if id != "an-id" || verifies(whsec("a")) != nil || (verifies(whsec("b")) == nil) != (c.keys.Previous != nil) {
					t.Errorf("signed %s at %s: %s", id, at, signatures)
				}
				for _, name := range []string{"Webhook-Id", "Webhook-Timestamp", "Webhook-Signature"} {
					delete(got.Header, name)
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// Whoever looks at the bytes of a request sees Purchasely's own spelling.
func TestPurchaselysHeadersAreSpelledAsPurchaselyDoes(t *testing.T) {
	raw := make(chan string, 1)
	url := speak(t, func(c net.Conn) {
		buffer := make([]byte, 4096)
		n, _ := c.Read(buffer)
		raw <- string(buffer[:n])
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	})
	if _, err := client(t).Post(t.Context(), to(url, time.Minute), sent, nil); err != nil {
		t.Fatal(err)
	}
	got := <-raw
	for _, line := range []string{"X-PURCHASELY-TIMESTAMP: 1773474112", "X-PURCHASELY-REQUEST-SIGNATURE: 53bc924e"} {
		if !strings.Contains(got, "\r\n"+line) {
			t.Errorf("no line %q in %q", line, got)
		}
	}
	if strings.Contains(got, "Idempotency") {
		t.Errorf("a header that was not to be sent: %q", got)
	}
}

// speak answers every connection by hand.
func speak(t *testing.T, handle func(net.Conn)) (url string) {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = c.Close() }()
				handle(c)
			}()
		}
	}()
	return "http://" + l.Addr().String()
}

// answering reads the request and then writes a text; afterwards it keeps the connection open if stay is set.
func answering(text string, stay bool) func(net.Conn) {
	return func(c net.Conn) {
		r := make([]byte, 4096)
		_, _ = c.Read(r)
		_, _ = io.WriteString(c, text)
		if stay {
			_, _ = io.Copy(io.Discard, c)
		}
	}
}

func TestOnlyAnAnswerOf2xxCounts(t *testing.T) {
	const (
		done = fault.Reason("")
		slow = 200 * time.Millisecond // the time-out
	)
	// status is an answer with headers and a body.
	status := func(line string, more ...string) string {
		return "HTTP/1.1 " + line + " X\r\n" + strings.Join(more, "\r\n")
	}
	empty := []string{"Content-Length: 0", "", ""}
	found := []string{"Location: /elsewhere", "Content-Length: 0", "", ""}
	type reply struct {
		answer string
		stay   bool // the connection stays open
		want   fault.Reason
		code   string
		least  time.Duration // that it takes
	}
	rows := map[string]reply{
		"200 that says it failed":          {answer: status("200", "Content-Length: 9", "", `{"ok":no}`)},
		"200 with half of its body":        {answer: status("200", "Content-Length: 100", "", "half")},
		"200 with chunks that are none":    {answer: status("200", "Transfer-Encoding: chunked", "", "zz", "")},
		"200 that says gzip and is not":    {answer: status("200", "Content-Encoding: gzip", "Content-Length: 2", "", "no")},
		"200 with a body that never comes": {answer: status("200", "Content-Length: 5", "", ""), stay: true, least: slow},
		"200 after interim answers": {
			answer: status("100", "", "") + status("103", "", "") + status("200", empty...),
		},
		"200 without a word": {answer: "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n"},
		"101, and the connection stays": {
			answer: status("101", "Connection: upgrade", "Upgrade: x", "", ""), stay: true, want: fault.BackEnd, code: "101",
		},
		"500 with a body that has no end": {
			answer: status("500", "", strings.Repeat("private text ", 100)), stay: true, want: fault.BackEnd, code: "500",
		},
		"a status of four digits":             {answer: status("2000", empty...), want: fault.Network},
		"no HTTP":                             {answer: "SSH-2.0-OpenSSH_9.6\r\n", want: fault.Network},
		"nothing, and the connection is over": {want: fault.Network},
		"nothing":                             {stay: true, want: fault.Timeout, least: slow},
		"half of the headers": {
			answer: status("200", "Content-Le"), stay: true, want: fault.Timeout, least: slow,
		},
	}
	for code := 200; code < 600; code++ {
		text := strconv.Itoa(code)
		switch {
		case code < 300:
			rows[text] = reply{answer: status(text, empty...)}
		case code < 400:
			rows[text] = reply{answer: status(text, found...), want: fault.BackEnd, code: text}
		default:
			rows[text] = reply{answer: status(text, empty...), want: fault.BackEnd, code: text}
		}
	}
	for name, c := range rows {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var requests atomic.Int32
			url := speak(t, func(conn net.Conn) {
				requests.Add(1)
				answering(c.answer, c.stay)(conn)
			})
			began := time.Now()
			_, err := client(t).Post(t.Context(), to(url, slow), sent, nil)
			took := time.Since(began)
			reason, code := done, ""
			if err != nil {
				reason, code = fault.Of(err).Reason, fault.Of(err).Code
			}
			if reason != c.want || code != c.code || err != nil && fault.Of(err).Kind != fault.Retry {
				t.Errorf("got %v", err)
			}
			if requests.Load() != 1 || took < c.least || took > 5*time.Second {
				t.Errorf("%d requests in %s", requests.Load(), took)
			}
			checkPrivate(t, fmt.Sprintf("%v %+v %#v", err, err, err))
		})
	}
}

// checkPrivate looks for what must be nowhere but at the back end.
func checkPrivate(t *testing.T, text string) {
	t.Helper()
	for _, word := range []string{token, "/hook", "rosée", "private text", sent.Timestamp, sent.Signature[:8]} {
		if strings.Contains(text, word) {
			t.Errorf("%q in %s", word, text)
		}
	}
}

// What package network finds is the cause; what needs a person is told from what may pass.
func TestTroubleBeforeTheRequestIsNamed(t *testing.T) {
	untrusted := httptest.NewTLSServer(http.NotFoundHandler())
	untrusted.Config.ErrorLog = quiet
	t.Cleanup(untrusted.Close)
	silent := speak(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	for name, c := range map[string]struct {
		url  string
		kind fault.Kind
		want string
	}{
		"nobody listens":                {"http://127.0.0.1:1", fault.Retry, "network: 127.0.0.1:1: connection refused"},
		"a certificate of nobody known": {untrusted.URL, fault.Operator, ": certificate of an unknown authority"},
		"a handshake that hangs": {
			strings.Replace(silent, "http:", "https:", 1), fault.Retry, "timeout: " + silent[7:] + ": no answer in time",
		},
		"a URL that is none": {"http://[" + token, fault.Operator, "relay url cannot be used"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answer, err := client(t).Post(t.Context(), to(c.url, time.Second), sent, nil)
			f := fault.Of(err)
			if f == nil || f.Kind != c.kind || !strings.Contains(err.Error(), c.want) || answer.Status != 0 {
				t.Errorf("got %+v, %v", answer, err)
			}
			checkPrivate(t, fmt.Sprintf("%v %+v %#v", err, err, err))
		})
	}
}

func TestPlainHTTPIsRefusedUnlessItIsAllowed(t *testing.T) {
	var requests atomic.Int32
	s := serve(t, func(http.ResponseWriter, *http.Request) { requests.Add(1) })
	c := client(t)
	c.AllowPlain = false
	_, err := c.Post(t.Context(), to(s.URL, time.Second), sent, nil)
	if f := fault.Of(err); f == nil || f.Kind != fault.Operator || requests.Load() != 0 {
		t.Errorf("%v after %d requests", err, requests.Load())
	}
}

func TestConnectionsAreReusedAlsoAfterFailures(t *testing.T) {
	var connections, requests atomic.Int32
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if requests.Add(1)%2 == 0 {
			w.WriteHeader(http.StatusInternalServerError)
		}
		_, _ = io.WriteString(w, strings.Repeat("x", 60_000))
	}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	c := client(t)
	for range 10 {
		_, _ = c.Post(t.Context(), to(s.URL, time.Second), sent, nil)
	}
	if requests.Load() != 10 || connections.Load() != 1 {
		t.Errorf("%d requests on %d connections", requests.Load(), connections.Load())
	}
}

// A back end, or the load balancer before it, closes connections that it has kept; a frozen process learns of it from
// a request.
func TestAConnectionThatWasClosedMeanwhileCostsNoAttempt(t *testing.T) {
	var connections, served atomic.Int32
	url := speak(t, func(c net.Conn) {
		first := connections.Add(1) == 1
		r := make([]byte, 4096)
		_, _ = c.Read(r)
		served.Add(1)
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		if first {
			_, _ = c.Read(r) // the next request, to which there is no answer any more
			_ = c.(*net.TCPConn).SetLinger(0)
		}
	})
	c := client(t)
	for range 2 {
		if _, err := c.Post(t.Context(), to(url, time.Second), sent, nil); err != nil {
			t.Error(err)
		}
	}
	if connections.Load() != 2 || served.Load() != 2 {
		t.Errorf("%d connections, %d requests served", connections.Load(), served.Load())
	}
}

func TestABodyWithoutAnEndIsNotReadToItsEnd(t *testing.T) {
	var written atomic.Int64
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			n, err := w.Write(make([]byte, 16<<10))
			if err != nil {
				return
			}
			written.Add(int64(n))
		}
	})
	began := time.Now()
	if _, err := client(t).Post(t.Context(), to(s.URL, 30*time.Second), sent, nil); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > 10*time.Second || written.Load() > 64<<20 {
		t.Errorf("%d bytes in %s", written.Load(), took)
	}
}
