package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
)

// demoSecret opens nothing.
const demoSecret = "demo-secret-not-for-production"

// receiver is a stand-in that checks what send promises: the path, the headers and the signature over the bytes.
func receiver(t *testing.T, bodies *[]string) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		h := hmac.New(sha256.New, []byte(demoSecret))
		h.Write([]byte(r.Header.Get("X-Purchasely-Timestamp")))
		h.Write(body)
		w.Header().Set("Content-Type", "application/json")
		if r.Method != http.MethodPost || r.URL.Path != "/purchasely/demo" ||
			r.Header.Get("X-Purchasely-Request-Signature") != hex.EncodeToString(h.Sum(nil)) {
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = io.WriteString(w, `{"error": "unauthorized"}`)
			return
		}
		*bodies = append(*bodies, string(body))
		_, _ = io.WriteString(w, `{"status": "queued"}`)
	}))
	t.Cleanup(server.Close)
	return server
}

func TestSendSignsTheBytes(t *testing.T) {
	var bodies []string
	server := receiver(t, &bodies)
	t.Setenv(secretVariable, demoSecret)
	file, err := os.ReadFile("../../events/webhooks/subscription-renewed.json")
	if err != nil {
		t.Fatal(err)
	}
	got := execute(t, "", "send", "--app", "demo", "--url", server.URL, "../../events/webhooks/subscription-renewed.json")
	if got.code != fine || !regexp.MustCompile(`^200 \{"status":"queued"\}, after \d+ ms\n$`).MatchString(got.out) {
		t.Fatalf("got %+v", got)
	}
	if want := strings.TrimSpace(string(file)); len(bodies) != 1 || bodies[0] != want {
		t.Errorf("the receiver got %q, want %q", bodies, want)
	}
}

func TestSendTakesTheSecretFromStandardInput(t *testing.T) {
	var bodies []string
	server := receiver(t, &bodies)
	t.Setenv(secretVariable, "another secret")
	t.Setenv(urlVariable, server.URL+"/purchasely/demo")
	got := execute(t, demoSecret+"\n", "send", "--app", "demo", "--secret-stdin", "--json", "--sample", "TRIAL_STARTED")
	if got.code != fine || !regexp.MustCompile(`^\{"status":200,"answer":\{"status":"queued"\},"milliseconds":\d+\}\n$`).MatchString(got.out) {
		t.Fatalf("got %+v", got)
	}
	if len(bodies) != 1 || !strings.Contains(bodies[0], "TRIAL_STARTED") {
		t.Errorf("the receiver got %q", bodies)
	}
}

func TestSendSendsManyInOrder(t *testing.T) {
	var bodies []string
	server := receiver(t, &bodies)
	t.Setenv(secretVariable, demoSecret)
	got := execute(t, "{\"n\":1}\n{\"n\":2}\n", "send", "--app", "demo", "--url", server.URL, "-")
	if got.code != fine || strings.Join(bodies, " ") != `{"n":1} {"n":2}` {
		t.Errorf("got %+v; the receiver got %q", got, bodies)
	}
}

func TestSendSaysWhatIsWrong(t *testing.T) {
	const secretText = "hush-hush-4711"
	t.Setenv(secretVariable, secretText)
	for name, c := range map[string]struct {
		answer   roundTrip
		out, err string
	}{
		"a wrong secret":            {said(401, `{"error":"unauthorized"}`), "401", "hint: the secret is not the one"},
		"an unknown app":            {said(404, `{"error":"unknown_app"}`), "404", "hint: the app is not in"},
		"too large":                 {said(413, `{"error":"too_large"}`), "413", "hint: MAX_BODY_BYTES"},
		"the queue out of reach":    {said(503, `{"error":"unavailable"}`), "503", "hint: the queue"},
		"no bridge":                 {said(404, `<html>`), "404 and no JSON", "hint: this is no answer"},
		"a redirect":                {said(302, ``), "302 and no JSON", "hint: this is no answer"},
		"another 2xx than 200":      {said(202, `{"status":"queued"}`), "202", "refused the webhook with 202"},
		"nobody there":              {func(*http.Request) (*http.Response, error) { return nil, errors.New("connection refused") }, "", "does not answer: connection refused"},
		"an answer that breaks off": {breaksOff, "", "breaks off"},
	} {
		t.Run(name, func(t *testing.T) {
			answering(t, c.answer)
			got := execute(t, `{"event_name":"ACTIVATE","user_id":"anna"}`, "send", "--app", "demo", "--url", "http://127.0.0.1:9/")
			if got.code != finding || !strings.Contains(got.out, c.out) || !strings.Contains(got.errs, c.err) {
				t.Errorf("got %+v, want code 1, %q and %q", got, c.out, c.err)
			}
			for _, hidden := range []string{secretText, "anna", "127.0.0.1:9"} {
				if strings.Contains(got.out+got.errs, hidden) {
					t.Errorf("the output shows %q: %+v", hidden, got)
				}
			}
		})
	}
}

func breaksOff(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(failing{}), Request: r}, nil
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// TestNamesUnderLocalhostAreThisMachine covers the local AWS, whose API is a name that few resolvers know.
func TestNamesUnderLocalhostAreThisMachine(t *testing.T) {
	var bodies []string
	server := receiver(t, &bodies)
	t.Setenv(secretVariable, demoSecret)
	u, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(u.Host)
	if err != nil {
		t.Fatal(err)
	}
	got := execute(t, "{}", "send", "--app", "demo", "--url", "http://a1b2c3.execute-api.localhost:"+port)
	if got.code != fine || len(bodies) != 1 {
		t.Errorf("got %+v; the receiver got %q", got, bodies)
	}
}

func TestSendEndsWhenItIsInterrupted(t *testing.T) {
	t.Setenv(secretVariable, demoSecret)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out, errs strings.Builder
	code := run(ctx, []string{"send", "--app", "demo", "--url", "http://127.0.0.1:9"}, strings.NewReader("{}"), &out, &errs)
	if code != finding || !strings.Contains(errs.String(), "context canceled") {
		t.Errorf("got code %d and %q", code, errs.String())
	}
}
