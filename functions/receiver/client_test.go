package main

import (
	"bufio"
	"context"
	"encoding/pem"
	"errors"
	"io"
	"maps"
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

	sdkhttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

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

func usualClient() *client { return newClient(sdkhttp.NewBuildableClient().GetTransport()) }

// post sends a body as the SDK does.
func post(t *testing.T, c *client, url, body string) (status int, header http.Header, answer string) {
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
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != attemptTimeout {
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

// setenv sets the usual variables of the SDK, changes them, and clears all others.
func setenv(t *testing.T, changes map[string]string) {
	t.Helper()
	values := map[string]string{
		"AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "example",
	}
	maps.Copy(values, changes)
	for _, entry := range os.Environ() {
		if name, _, _ := strings.Cut(entry, "="); strings.HasPrefix(name, "AWS_") {
			t.Setenv(name, "")
		}
	}
	for name, value := range values {
		t.Setenv(name, value)
	}
}

// broken answers every call with 500 and counts them.
type broken struct{ calls int }

func (b *broken) Do(*http.Request) (*http.Response, error) {
	b.calls++
	return &http.Response{StatusCode: 500, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("{}"))}, nil
}

func TestTheSDKRepeatsAsOftenAsTheEnvironmentSays(t *testing.T) {
	for attempts, want := range map[string]int{"": 3, "1": 1, "2": 2, "5": 5} {
		t.Run(attempts, func(t *testing.T) {
			setenv(t, map[string]string{"AWS_MAX_ATTEMPTS": attempts})
			synctest.Test(t, func(t *testing.T) {
				r := env.New(env.OS)
				cloud := loadAWS(t.Context(), r)
				var aws broken
				cloud.HTTPClient = &aws
				began := time.Now()
				in := &sqs.SendMessageInput{QueueUrl: new("https://example.com/0/q"), MessageBody: new("{}")}
				_, _ = sqs.NewFromConfig(cloud).SendMessage(t.Context(), in)
				if aws.calls != want || r.Err() != nil {
					t.Errorf("%d calls, want %d, %v", aws.calls, want, r.Err())
				}
				if took, most := time.Since(began), time.Duration(want-1)*maxBackoff; took > most {
					t.Errorf("took %s, want at most %s", took, most)
				}
			})
		})
	}
}

func TestCertificatesOfTheEnvironmentAreTrusted(t *testing.T) {
	secure := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	secure.EnableHTTP2 = true // It must not be offered: the client speaks HTTP/1 only.
	secure.StartTLS()
	t.Cleanup(secure.Close)
	bundle := filepath.Join(t.TempDir(), "bundle.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw})
	if err := os.WriteFile(bundle, text, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, trusted := range map[string]bool{bundle: true, "": false} {
		setenv(t, map[string]string{"AWS_CA_BUNDLE": path})
		r := env.New(env.OS)
		client := loadAWS(t.Context(), r).HTTPClient
		if err := r.Err(); err != nil {
			t.Fatal(err)
		}
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, secure.URL, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		response, err := client.Do(request)
		if (err == nil) != trusted {
			t.Errorf("with the bundle %q: %v", path, err)
		}
		if err == nil {
			_ = response.Body.Close()
		}
	}
}

func TestWhatTheSDKCannotUseIsAFaultWithoutASecret(t *testing.T) {
	for variable, c := range map[string]struct{ value, fault string }{
		"AWS_REGION":                         {"", "AWS_REGION: not set"},
		"AWS_MAX_ATTEMPTS":                   {"many", "AWS: "},
		"AWS_CA_BUNDLE":                      {"/nowhere.pem", "AWS: "},
		"AWS_CONTAINER_CREDENTIALS_FULL_URI": {"http://192.0.2.1/plain-path", "AWS: "},
	} {
		setenv(t, map[string]string{
			"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "plain-key", "AWS_SESSION_TOKEN": "plain-token",
			"AWS_CONTAINER_AUTHORIZATION_TOKEN": "plain-pass", variable: c.value,
		})
		r := env.New(env.OS)
		loadAWS(t.Context(), r)
		err := r.Err()
		if err == nil || !strings.HasPrefix(err.Error(), c.fault) || strings.Contains(err.Error(), "plain") {
			t.Errorf("%s: %v", variable, err)
		}
	}
}
