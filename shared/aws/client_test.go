package aws

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
)

const usualTimeout = time.Second

// echoServer answers with what it was sent, and counts its connections.
type echoServer struct {
	*httptest.Server
	connections atomic.Int32
	idle        chan net.Conn
}

func serve(t *testing.T) *echoServer {
	t.Helper()
	s := &echoServer{idle: make(chan net.Conn, 1000)}
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

func usualClient() *SmallCalls {
	return NewSmallCalls(awshttp.NewBuildableClient().GetTransport(), usualTimeout)
}

// post sends a body as the SDK does.
func post(t *testing.T, c *SmallCalls, url, body string) (status int, header http.Header, answer string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Body, request.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
	response, err := c.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, response.Header, string(text)
}

func TestOneConnectionServesAllCalls(t *testing.T) {
	s, c := serve(t), usualClient()
	for i := range 300 {
		body := strings.Repeat("x", 3*i*i) // from nothing to more than any buffer
		if status, _, got := post(t, c, s.URL, body); status != http.StatusOK || got != body {
			t.Fatalf("answered %d and %d bytes, not %d", status, len(got), len(body))
		}
	}
	if got := s.connections.Load(); got != 1 {
		t.Errorf("%d connections", got)
	}
}

func TestAConnectionThatWasClosedMeanwhileCostsNothing(t *testing.T) {
	s, c := serve(t), usualClient()
	for i := range 50 {
		body := strconv.Itoa(i)
		if _, _, got := post(t, c, s.URL, body); got != body {
			t.Fatalf("answered %q", got)
		}
		_ = (<-s.idle).Close()
	}
}

func TestOnlyWhatTheSDKSignedIsSentAndNoRedirectFollowed(t *testing.T) {
	status, header, _ := post(t, usualClient(), serve(t).URL+"/elsewhere", "{}")
	if status != http.StatusTemporaryRedirect {
		t.Errorf("answered %d", status)
	}
	for name := range header {
		if sent, ok := strings.CutPrefix(name, "Sent-"); ok && sent != "Content-Length" && sent != "User-Agent" {
			t.Errorf("%s was sent", sent)
		}
	}
}

func TestAnAnswerThatHangsHalfwayEndsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := usualClient()
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
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != usualTimeout {
			t.Errorf("after %s: %v", time.Since(began), err)
		}
	})
}

func TestABodyShorterThanItsLengthIsNotSent(t *testing.T) {
	s := serve(t)
	body := io.NopCloser(strings.NewReader("{}"))
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL, body)
	if err != nil {
		t.Fatal(err)
	}
	request.ContentLength = 3
	_, err = usualClient().Do(request) //nolint:bodyclose // There is no answer.
	if !errors.Is(err, io.ErrUnexpectedEOF) || s.connections.Load() > 0 {
		t.Errorf("error is %v, with %d connections", err, s.connections.Load())
	}
}
