package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/env"
)

// server answers with what it was sent, and counts its connections.
type server struct {
	*httptest.Server
	connections atomic.Int32
	idle        chan net.Conn
}

func serve(t *testing.T) *server {
	t.Helper()
	s := &server{idle: make(chan net.Conn, 1000)}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		for name := range r.Header {
			w.Header().Set("Sent-"+name, r.Header.Get(name))
		}
		if r.URL.Path == "/elsewhere" {
			w.Header().Set("Location", "/")
			w.WriteHeader(http.StatusTemporaryRedirect)
		}
		_, _ = w.Write(body)
	}))
	s.Config.ConnState = func(conn net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			s.connections.Add(1)
		case http.StateIdle:
			s.idle <- conn
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	return s
}

// closing is a body that can be read once, and not any more when it has been closed: the kind that the SDK hands over.
type closing struct {
	io.Reader
	closed bool
}

func (c *closing) Close() error {
	c.closed = true
	return nil
}

// reply is what became of a call.
type reply struct {
	status int
	header http.Header
	body   string
}

// post sends a body as the SDK does.
func post(t *testing.T, c *client, url, body string) reply {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	sent := &closing{Reader: strings.NewReader(body)}
	request.Body, request.ContentLength = sent, int64(len(body))
	response, err := c.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	if !sent.closed {
		t.Error("the body was not closed")
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{response.StatusCode, response.Header, string(answer)}
}

func plain() *client { return newClient(env.New(func(string) (string, bool) { return "", false })) }

func TestOneConnectionServesAllCalls(t *testing.T) {
	s, c := serve(t), plain()
	for i := range 300 {
		body := strings.Repeat("x", 3*i*i) // from nothing to more than any buffer
		if got := post(t, c, s.URL, body); got.status != http.StatusOK || got.body != body {
			t.Fatalf("answered %d and %d bytes, not %d", got.status, len(got.body), len(body))
		}
	}
	if got := s.connections.Load(); got != 1 {
		t.Errorf("%d connections", got)
	}
}

func TestAConnectionThatWasClosedMeanwhileCostsNothing(t *testing.T) {
	s, c := serve(t), plain()
	for i := range 50 {
		body := strconv.Itoa(i)
		if got := post(t, c, s.URL, body); got.body != body {
			t.Fatalf("answered %q", got.body)
		}
		_ = (<-s.idle).Close()
	}
}

func TestNothingIsSentThatTheSDKHasNotSigned(t *testing.T) {
	for name := range post(t, plain(), serve(t).URL, "{}").header {
		if sent, ok := strings.CutPrefix(name, "Sent-"); ok && sent != "Content-Length" && sent != "User-Agent" {
			t.Errorf("%s was sent", sent)
		}
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	if got := post(t, plain(), serve(t).URL+"/elsewhere", "{}"); got.status != http.StatusTemporaryRedirect {
		t.Errorf("answered %d", got.status)
	}
}

func TestAnAnswerThatHangsHalfwayEndsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := plain()
		c.transport.DialContext = func(context.Context, string, string) (net.Conn, error) {
			ours, theirs := net.Pipe()
			go func() {
				_, _ = http.ReadRequest(bufio.NewReader(theirs))
				_, _ = io.WriteString(theirs, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
				_, _ = io.Copy(io.Discard, theirs) // until the connection is given up
			}()
			return ours, nil
		}
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://example.com/", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		_, err = c.Do(request) //nolint:bodyclose // There is no answer.
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != attemptTimeout {
			t.Errorf("after %s: %v", time.Since(began), err)
		}
	})
}

func TestABodyThatIsShorterThanToldIsNotSent(t *testing.T) {
	s := serve(t)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL, io.NopCloser(bytes.NewReader([]byte("{}"))))
	if err != nil {
		t.Fatal(err)
	}
	request.ContentLength = 3
	_, err = plain().Do(request) //nolint:bodyclose // There is no answer.
	if !errors.Is(err, io.ErrUnexpectedEOF) || s.connections.Load() > 0 {
		t.Errorf("error is %v, with %d connections", err, s.connections.Load())
	}
}

func TestCertificatesOfOnesOwnAreTrusted(t *testing.T) {
	secure := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(secure.Close)
	bundle := filepath.Join(t.TempDir(), "bundle.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw})
	if err := os.WriteFile(bundle, text, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, trusted := range map[string]bool{bundle: true, "": false} {
		r := env.New(func(string) (string, bool) { return name, true })
		c := newClient(r)
		if err := r.Err(); err != nil {
			t.Fatal(err)
		}
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, secure.URL, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		response, err := c.Do(request)
		if (err == nil) != trusted {
			t.Errorf("with the bundle %q: %v", name, err)
		}
		if err == nil {
			_ = response.Body.Close()
		}
	}
}
