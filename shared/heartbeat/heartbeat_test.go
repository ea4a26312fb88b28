package heartbeat_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/heartbeat"
	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/settings"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// harness is a handler with two apps that are switched on and one that is not, and a receiver that checks what comes.
type harness struct {
	*heartbeat.Handler
	t      *testing.T
	keys   func(ctx context.Context, app string) error // before a secret is read
	answer map[string]answer                           // to the heartbeat of an app; else it is queued

	mu   sync.Mutex
	came []string // what was posted, by app
	ids  map[string]bool
	log  bytes.Buffer
}

func newHarness(t *testing.T) *harness {
	t.Helper()
	file, problems := integration.Load("test", []byte("apps: {one: {}, two: {}, off: {enabled: false}}\n"))
	if file == nil {
		t.Fatal(problems)
	}
	h := &harness{t: t, ids: make(map[string]bool)}
	h.keys = func(context.Context, string) error { return nil }
	h.Handler = &heartbeat.Handler{
		Settings: settings.Fixed(file), Keys: h, URL: "https://hooks.example.com/purchasely/{app}", Network: h,
		Log: slog.New(slog.NewJSONHandler(&h.log, nil)),
	}
	return h
}

// Get returns a key of each app's own.
func (h *harness) Get(ctx context.Context, app string) (webhook.Keys, error) {
	if err := h.keys(ctx, app); err != nil {
		return webhook.Keys{}, err
	}
	return webhook.ParseKeys(fmt.Appendf(nil, `{"shared_secret":"key-of-%s","previous_shared_secret":"old"}`, app))
}

// RoundTrip takes a heartbeat as the receiver does.
func (h *harness) RoundTrip(r *http.Request) (*http.Response, error) {
	app := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	keys, err := webhook.ParseKeys(fmt.Appendf(nil, `{"shared_secret":"key-of-%s"}`, app))
	if err != nil {
		return nil, err
	}
	err = keys.Verify(r.Header.Get("X-Purchasely-Timestamp"), r.Header.Get("X-Purchasely-Request-Signature"), body,
		time.Second, time.Now())
	ids := webhook.Peek(body)
	if err != nil || ids.EventName != webhook.Heartbeat || r.Method != http.MethodPost {
		h.t.Errorf("%s %s with %s: %v", r.Method, r.URL, body, err)
	}
	h.mu.Lock()
	if h.ids[ids.EventID] { // The queue would drop it as a repetition.
		h.t.Errorf("a second heartbeat has id %s", ids.EventID)
	}
	h.ids[ids.EventID] = true
	h.came = append(h.came, r.URL.Host+" "+app)
	h.mu.Unlock()
	if a, other := h.answer[app]; other {
		return a.of(r.Context())
	}
	return answer{status: http.StatusOK, body: `{"status":"queued"}`}.of(r.Context())
}

// answer is the receiver's, a hang, or a broken line.
type answer struct {
	status int
	body   string
	err    error // nil: there is an answer
	hangs  bool
}

func (a answer) of(ctx context.Context) (*http.Response, error) {
	if a.hangs {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return &http.Response{StatusCode: a.status, Body: io.NopCloser(strings.NewReader(a.body))}, a.err
}

func TestEveryEnabledAppHasAHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t)
		for range 2 {
			if out, err := h.Invoke(t.Context(), []byte(`{"anything":true}`)); string(out) != "null" || err != nil {
				t.Errorf("%s, %v", out, err)
			}
		}
		if len(h.came) != 4 || strings.Contains(strings.Join(h.came, " "), "off") {
			t.Errorf("posted %q", h.came)
		}
		const summary = `"msg":"heartbeats","received":2,"delivered":2,"duration":0,"settings":"built-in"`
		if n := strings.Count(h.log.String(), summary); n != 2 || strings.Count(h.log.String(), "\n") != 2 {
			t.Errorf("logged\n%s", &h.log)
		}
	})
}

func TestAHeartbeatThatIsNotTakenIsNamed(t *testing.T) {
	noLine := errors.New("dial hooks.example.com: secret words")
	for name, c := range map[string]struct {
		answer answer
		keys   error
		want   string // the reason in the log, and the status
	}{
		"another secret":      {answer{401, `{"error":"unauthorized"}`, nil, false}, nil, "unauthorized 401"},
		"no route":            {answer{404, `{"message":"Not Found"}`, nil, false}, nil, "unavailable 404"},
		"a page":              {answer{502, `<html>secret words`, nil, false}, nil, "unavailable 502"},
		"words of a stranger": {answer{401, `{"error":"secret words"}`, nil, false}, nil, "unavailable 401"},
		"no content":          {answer{204, ``, nil, false}, nil, "unavailable 204"},
		"no line":             {answer{err: noLine}, nil, "network"},
		"no secret": {answer{}, fault.New(fault.Operator, fault.Secret, errors.New("no such secret")),
			"secret"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t)
			h.answer = map[string]answer{"two": c.answer}
			h.keys = func(_ context.Context, app string) error {
				if app == "two" {
					return c.keys
				}
				return nil
			}
			_, err := h.Invoke(t.Context(), nil)
			if diff := cmp.Diff("heartbeats not taken: two", fmt.Sprint(err)); diff != "" {
				t.Error(diff)
			}
			log := h.log.String()
			reason, code, _ := strings.Cut(c.want, " ")
			line := fmt.Sprintf(`"msg":"heartbeat not taken","app":"two","reason":%q`, reason)
			if code != "" {
				line += fmt.Sprintf(`,"code":%q`, code)
			}
			for _, want := range []string{line, `"received":2,"delivered":1`} {
				if !strings.Contains(log, want) {
					t.Errorf("no %s in\n%s", want, log)
				}
			}
			for _, word := range []string{"secret words", "key-of", `"app":"one"`} {
				if strings.Contains(log, word) {
					t.Errorf("logged\n%s", log)
				}
			}
		})
	}
}

// Whatever hangs or panics, the others' heartbeats go out, and an answer comes ten seconds later.
func TestTroubleOfOneAppIsItsOwn(t *testing.T) {
	secret := func(do func(ctx context.Context) error) func(*harness) {
		return func(h *harness) {
			h.keys = func(ctx context.Context, app string) error {
				if app == "one" {
					return do(ctx)
				}
				return nil
			}
		}
	}
	for name, test := range map[string]struct {
		change func(h *harness)
		reason string
		took   time.Duration
	}{
		"the receiver hangs": {
			func(h *harness) { h.answer = map[string]answer{"one": {hangs: true}} }, "network", 10 * time.Second,
		},
		"the secret hangs": {
			secret(func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }), "timeout", 10 * time.Second,
		},
		"the secret panics": {secret(func(context.Context) error { panic("secret words") }), "panic", 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHarness(t)
				test.change(h)
				begun := time.Now()
				_, err := h.Invoke(t.Context(), nil)
				if took := time.Since(begun); fmt.Sprint(err) != "heartbeats not taken: one" || took != test.took {
					t.Errorf("%v after %s", err, took)
				}
				log := h.log.String()
				if !strings.Contains(log, `"reason":"`+test.reason) || strings.Contains(log, "secret words") {
					t.Errorf("logged\n%s", log)
				}
			})
		})
	}
}
