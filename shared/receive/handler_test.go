package receive_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/message"
	"github.com/purchasely-clevertap/bridge/shared/receive"
	"github.com/purchasely-clevertap/bridge/shared/secret"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

const (
	key       = "lantern-quartz-42"
	timestamp = "1773474112"
	body      = `{"event_name": "ACTIVATE","event_id":"e-1","user_id":"rosée-7"}`

	signatureHeader = "x-purchasely-request-signature"
	timestampHeader = "x-purchasely-timestamp"
)

type object = map[string]any

// apps are apps with the error that asking for them has; others are unknown.
type apps map[string]error

// Has implements httpapi.Apps.
func (a apps) Has(_ context.Context, app string) (bool, error) {
	err, known := a[app]
	return known && err == nil, err
}

// harness is a genuine webhook and a handler whose dependencies work, until a test changes them.
type harness struct {
	t              *testing.T
	event, headers object
	raw            *string // sent instead of the event
	receive.Handler
	current, next string // key that Get and Refresh return
	keys, queue   func(context.Context) error

	refreshed []time.Time
	queued    []message.Encoded
	counted   []string
	metrics   *receive.Metrics
	log, out  bytes.Buffer // the metrics go to out
}

func newHarness(t *testing.T) *harness {
	h := &harness{t: t, headers: object{"content-type": "application/json", timestampHeader: timestamp}}
	h.event = object{
		"version":        "2.0",
		"rawPath":        "/purchasely/demo",
		"headers":        h.headers,
		"pathParameters": object{"app": "demo"},
		"requestContext": object{"http": object{"method": "POST", "sourceIp": "203.0.113.17"}},
	}
	h.sign(body, false)
	h.current, h.next = key, key
	h.keys, h.queue = works, works
	h.metrics = receive.NewMetrics(&h.out)
	h.Handler = receive.Handler{
		Apps: apps{"demo": nil, "other-app": nil}, MaxBody: 1000, FIFO: true,
		Keys: h, Queue: h, Observer: h, Log: slog.New(slog.NewJSONHandler(&h.log, nil)),
	}
	return h
}

// inBubble runs a subtest in virtual time.
func inBubble(t *testing.T, name string, test func(t *testing.T, h *harness)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { test(t, newHarness(t)) })
	})
}

func (h *harness) Get(ctx context.Context, app string) (webhook.Keys, error) {
	if app != "demo" {
		h.t.Errorf("keys of %q are read", app)
	}
	if err := h.keys(ctx); err != nil {
		return webhook.Keys{}, err
	}
	return webhook.ParseKeys([]byte(`{"shared_secret":"` + h.current + `"}`))
}

func (h *harness) Refresh(ctx context.Context, app string, since time.Time) (webhook.Keys, error) {
	h.refreshed = append(h.refreshed, since)
	h.current = h.next
	return h.Get(ctx, app)
}

func (h *harness) Enqueue(ctx context.Context, m message.Encoded) error {
	if err := h.queue(ctx); err != nil {
		return err
	}
	h.queued = append(h.queued, m)
	return nil
}

func (h *harness) Queued(app string) {
	h.counted = append(h.counted, app+" queued")
	h.metrics.Queued(app)
}

func (h *harness) Refused(app string, reason fault.Reason) {
	h.counted = append(h.counted, app+" refused "+string(reason))
	h.metrics.Refused(app, reason)
}

func sign(secretText, timestamp, body string) string {
	return webhook.Sign(secret.New(secretText), timestamp, []byte(body))
}

// sign sets the body, as text or as base64, and its signature.
func (h *harness) sign(body string, encoded bool) *harness {
	h.event["body"], h.event["isBase64Encoded"] = body, encoded
	if encoded {
		h.event["body"] = base64.StdEncoding.EncodeToString([]byte(body))
	}
	h.headers[signatureHeader] = sign(key, timestamp, body)
	return h
}

func (h *harness) payload() []byte {
	if h.raw != nil {
		return []byte(*h.raw)
	}
	payload, err := json.Marshal(h.event)
	if err != nil {
		h.t.Fatal(err)
	}
	return payload
}

// invoke invokes the handler and checks what all answers have in common.
func (h *harness) invoke(ctx context.Context) (status int, body string) {
	h.t.Helper()
	answer, err := h.Invoke(ctx, h.payload())
	if err != nil {
		h.t.Fatalf("function error: %v", err)
	}
	var r struct {
		Status  int               `json:"statusCode"`
		Headers map[string]string `json:"headers"`
		Body    string            `json:"body"`
	}
	if err := json.Unmarshal(answer, &r, json.RejectUnknownMembers(true)); err != nil {
		h.t.Fatalf("answer %s: %v", answer, err)
	}
	if len(r.Headers) != 1 || r.Headers["content-type"] != "application/json" {
		h.t.Errorf("headers %v", r.Headers)
	}
	return r.Status, r.Body
}

// answers are the status and the word in the body, by the exact reason; those of any other reason are 503,
// unavailable.
var answers = map[fault.Reason]struct {
	status int
	word   string
}{
	"": {200, "queued"}, fault.UnknownApp: {404, "unknown_app"}, fault.TooLarge: {413, "too_large"},
	fault.BadSignature: {401, "unauthorized"}, fault.Stale: {401, "unauthorized"},
	fault.Future: {401, "unauthorized"}, fault.Source: {401, "unauthorized"},
}

// wants checks that the webhook is answered, counted once under the reason in the answer, and either queued or,
// if a reason is given, logged once under that reason. It returns the log line.
func (h *harness) wants(reason fault.Reason) (line object) {
	h.t.Helper()
	want, ok := answers[reason]
	if !ok {
		want.status, want.word = 503, "unavailable"
	}
	body, count, app := `{"error":"`+want.word+`"}`, "refused "+want.word, "demo"
	switch reason {
	case "":
		body, count = `{"status":"queued"}`, "queued"
	case fault.UnknownApp:
		app = "unknown"
	}
	if status, got := h.invoke(h.t.Context()); status != want.status || got != body {
		h.t.Errorf("answered %d %s, want %d %s", status, got, want.status, body)
	}
	if len(h.counted) != 1 || h.counted[0] != app+" "+count {
		h.t.Errorf("counted %q", h.counted)
	}
	if n := len(h.queued); reason == "" && n != 1 || reason != "" && n != 0 && h.Relay == nil {
		h.t.Fatalf("queued %+v", h.queued)
	}
	line = logLine(h.t, h.log.Bytes())
	switch {
	case reason == "" && line == nil:
	case line["reason"] != string(reason), line["status"] != float64(want.status), line["app"] != app:
		h.t.Errorf("logged %v, want reason %s", line, reason)
	}
	return line
}

// logLine reads a log, which has at most one line.
func logLine(t *testing.T, log []byte) (line object) {
	t.Helper()
	if len(log) == 0 {
		return nil
	}
	if err := json.Unmarshal(log, &line); err != nil {
		t.Fatalf("logged %s: %v", log, err)
	}
	return line
}

// What keys and queue may do.

func works(context.Context) error { return nil }

func fails(err error) func(context.Context) error { return func(context.Context) error { return err } }

func panics(context.Context) error { panic(body + key) }

func hangs(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

func takes(d time.Duration) func(context.Context) error {
	return func(context.Context) error {
		time.Sleep(d)
		return nil
	}
}

func TestAGenuineWebhookIsQueuedVerbatim(t *testing.T) {
	for name, fifo := range map[string]bool{"on a FIFO queue": true, "on a standard queue": false} {
		inBubble(t, name, func(t *testing.T, h *harness) {
			h.FIFO = fifo
			m := message.Message{App: "demo", Received: time.Now(), Body: []byte(body)}
			want := message.Encode(m, message.IDs{
				SubscriberKind: webhook.ByUser.String(), Subscriber: "rosée-7", EventName: "ACTIVATE", EventID: "e-1",
			}, fifo)
			h.wants("")
			if diff := cmp.Diff(want, h.queued[0]); diff != "" || want.Body != body {
				t.Errorf("queued (-want +got):\n%s", diff)
			}
		})
	}
}

func TestChecksComeInTheirOrder(t *testing.T) {
	h := newHarness(t)
	check := func(reason fault.Reason) {
		t.Helper()
		h.counted = nil
		h.log.Reset()
		h.wants(reason)
	}
	h.keys = fails(fault.New(fault.Operator, fault.Secret, errors.New("secret is missing")))
	h.event["pathParameters"] = object{"app": "mystery"}
	h.event["body"] = strings.Repeat("x", 1001)
	check(fault.UnknownApp)
	h.event["pathParameters"] = object{"app": "demo"}
	check(fault.TooLarge)
	h.event["body"] = body + " "
	check(fault.Secret)
	h.keys = works
	check(fault.BadSignature)
}

func TestAnAnswerComesInTimeWhateverHangs(t *testing.T) {
	const usual = 10 * time.Second
	for name, c := range map[string]struct {
		keys, queue func(context.Context) error
		timeout     time.Duration // of the invocation; 0: none
		status      int
		took        time.Duration
	}{
		"the secret":               {hangs, works, usual, 503, 4 * time.Second},
		"the queue":                {works, hangs, usual, 503, 4 * time.Second},
		"without a deadline":       {works, hangs, 0, 503, 4 * time.Second},
		"with a short deadline":    {works, hangs, 3 * time.Second, 503, 2750 * time.Millisecond},
		"nothing, but all is slow": {takes(time.Second), takes(2 * time.Second), usual, 200, 3 * time.Second},
		"the second read of keys":  {nil, works, usual, 401, 1500 * time.Millisecond},
	} {
		inBubble(t, name, func(t *testing.T, h *harness) {
			h.keys, h.queue = c.keys, c.queue
			if c.keys == nil {
				h.current = "old"
				h.keys = func(ctx context.Context) error {
					if len(h.refreshed) > 0 {
						return hangs(ctx)
					}
					return nil
				}
			}
			ctx := t.Context()
			if c.timeout > 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, c.timeout)
				defer cancel()
			}
			began := time.Now()
			status, _ := h.invoke(ctx)
			if took := time.Since(began); status != c.status || took != c.took {
				t.Errorf("answered %d after %s, want %d after %s", status, took, c.status, c.took)
			}
		})
	}
}

// TestNothingPrivateLeavesTheReceiver searches everything that leaves it except the message's body and the answer,
// which is one of few: log, metrics, and the message's ids and attributes. Beside that, the log says why a webhook was
// refused.
func TestNothingPrivateLeavesTheReceiver(t *testing.T) {
	private := strings.Fields("rosée ACTIVATE 1773474112 1773474113 203.0.113.17 https:// mystery e-1 " + key)
	private = append(private, sign(key, timestamp, body))
	hostile := errors.New("https://sqs refuses rosée-7, signed with " + key)
	denied := &fault.Fault{
		Kind: fault.Operator, Reason: fault.Unavailable, Code: "KMS.AccessDeniedException",
		Err: errors.New("SQS SendMessage: KMS.AccessDeniedException"),
	}
	for name, c := range map[string]struct {
		change func(h *harness)
		want   string // level, app, reason, and what the line says besides
	}{
		"queued":          {func(*harness) {}, ""},
		"queued as bytes": {func(h *harness) { h.sign("\xff"+body, true) }, ""},
		"unknown app": {
			func(h *harness) { h.event["pathParameters"] = object{"app": "mystery"} }, "ERROR unknown unknown_app",
		},
		"app of a person": {
			func(h *harness) { h.event["pathParameters"] = object{"app": "rosée-7"} }, "ERROR unknown unknown_app",
		},
		"no event": {
			func(h *harness) { h.event["headers"] = key }, "ERROR unknown unknown_app payload is no event of an HTTP API",
		},
		"too large": {
			func(h *harness) { h.event["body"] = strings.Repeat(body, 100) },
			"ERROR demo too_large body has 6400 bytes, more than 1000",
		},
		"not base64": {
			func(h *harness) { h.event["isBase64Encoded"] = true }, "ERROR demo bad_signature body is not the base64",
		},
		"forged": {
			func(h *harness) { h.headers[timestampHeader] = "1773474113" },
			"ERROR demo bad_signature signature matches no secret",
		},
		"a secret in quotation marks": {
			func(h *harness) { h.current, h.next = "'"+key+"'", "'"+key+"'" }, "ERROR demo bad_signature in quotation marks",
		},
		"not signed": {func(h *harness) { clear(h.headers) }, "ERROR demo bad_signature header with the timestamp"},
		"too old":    {func(h *harness) { h.Tolerance = time.Minute }, "ERROR demo future timestamp is"},
		"secret missing": {
			func(h *harness) { h.keys = fails(hostile) }, "WARN demo unknown error of type *errors.errorString",
		},
		"secret unreadable": {func(h *harness) { h.current = `"` + key }, "ERROR demo secret secret is not a JSON object"},
		"secret hangs":      {func(h *harness) { h.keys = hangs }, "WARN demo timeout context deadline exceeded"},
		"secret panics": {
			func(h *harness) { h.keys = panics }, "ERROR demo panic panic of type string receive_test.panics:",
		},
		"queue refuses": {func(h *harness) { h.queue = fails(hostile) }, "WARN demo unknown error of type"},
		"queue is denied": {
			func(h *harness) { h.queue = fails(denied) },
			"ERROR demo unavailable KMS.AccessDeniedException SQS SendMessage: KMS.",
		},
		"queue hangs": {func(h *harness) { h.queue = hangs }, "WARN demo timeout context deadline exceeded"},
		"queue panics": {
			func(h *harness) { h.queue = panics }, "ERROR demo panic panic of type string receive_test.panics:",
		},
	} {
		inBubble(t, name, func(t *testing.T, h *harness) {
			c.change(h)
			words := strings.Fields(c.want)
			reason := ""
			if len(words) > 0 {
				reason = words[2]
			}
			line := h.wants(fault.Reason(reason))
			out := h.log.String() + h.out.String()
			for _, m := range h.queued {
				out += fmt.Sprint(m.GroupID, m.Attributes)
			}
			for _, word := range private {
				if strings.Contains(out, word) {
					t.Errorf("%q in %s", word, out)
				}
			}
			for name := range line {
				if !strings.Contains(" time level msg app reason status code cause stack ", " "+name+" ") {
					t.Errorf("%s is logged too: %s", name, &h.log)
				}
			}
			said := fmt.Sprint(line["level"], line["code"], line["cause"], line["stack"])
			for n, word := range words {
				if n != 1 && n != 2 && !strings.Contains(said, word) { // app and reason have been compared
					t.Errorf("no %q in %s", word, said)
				}
			}
		})
	}
}
