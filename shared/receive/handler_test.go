package receive_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

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
)

// keys is a source of keys with a function for each act.
type keys struct {
	get     func(ctx context.Context, app string) (webhook.Keys, error)
	refresh func(ctx context.Context, app string, since time.Time) (webhook.Keys, error)
}

func (k *keys) Get(ctx context.Context, app string) (webhook.Keys, error) { return k.get(ctx, app) }

func (k *keys) Refresh(ctx context.Context, app string, since time.Time) (webhook.Keys, error) {
	return k.refresh(ctx, app, since)
}

// queue is an Enqueuer of one function.
type queue func(ctx context.Context, m message.Encoded) error

func (q queue) Enqueue(ctx context.Context, m message.Encoded) error { return q(ctx, m) }

// observer notes the counts in words.
type observer struct{ seen []string }

func (o *observer) Queued(app string) { o.seen = append(o.seen, app+" queued") }

func (o *observer) Refused(app string, reason fault.Reason) {
	o.seen = append(o.seen, app+" refused "+string(reason))
}

// bench is a handler whose surroundings work until a test changes them.
type bench struct {
	t *testing.T
	receive.Config
	keys
	observer
	queued []message.Encoded
	log    bytes.Buffer
}

func newBench(t *testing.T) *bench {
	b := &bench{t: t}
	b.get = func(context.Context, string) (webhook.Keys, error) { return parse(t, key), nil }
	b.refresh = func(ctx context.Context, app string, _ time.Time) (webhook.Keys, error) { return b.get(ctx, app) }
	b.Config = receive.Config{
		Apps:    []string{"demo", "other-app"},
		MaxBody: 1000,
		FIFO:    true,
		Keys:    &b.keys,
		Queue: queue(func(_ context.Context, m message.Encoded) error {
			b.queued = append(b.queued, m)
			return nil
		}),
		Observer: &b.observer,
		Log:      slog.New(slog.NewJSONHandler(&b.log, nil)),
	}
	return b
}

func parse(t *testing.T, current string) webhook.Keys {
	t.Helper()
	k, err := webhook.ParseKeys([]byte(`{"shared_secret":"` + current + `"}`))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func sign(secretText, timestamp, body string) string {
	return webhook.Sign(secret.New(secretText), timestamp, []byte(body))
}

// request makes a genuine event and applies an edit to it.
func request(t *testing.T, edit func(event map[string]any, headers map[string]any)) []byte {
	t.Helper()
	headers := map[string]any{
		"content-type":                   "application/json",
		"x-purchasely-timestamp":         timestamp,
		"x-purchasely-request-signature": sign(key, timestamp, body),
	}
	event := map[string]any{
		"version":         "2.0",
		"rawPath":         "/purchasely/demo",
		"headers":         headers,
		"pathParameters":  map[string]any{"app": "demo"},
		"requestContext":  map[string]any{"http": map[string]any{"method": "POST", "sourceIp": "203.0.113.17"}},
		"body":            body,
		"isBase64Encoded": false,
	}
	if edit != nil {
		edit(event, headers)
	}
	payload, err := json.Marshal(event)
	if err != nil {
		t.Fatal(err)
	}
	return payload
}

type response struct {
	Status  int               `json:"statusCode"`
	Headers map[string]string `json:"headers"`
	Body    string            `json:"body"`
}

// invoke invokes the handler and checks the form of what every answer must have.
func (b *bench) invoke(ctx context.Context, payload []byte) response {
	b.t.Helper()
	answer, err := receive.New(b.Config).Invoke(ctx, payload)
	if err != nil {
		b.t.Fatalf("function error: %v", err)
	}
	var r response
	if err := json.Unmarshal(answer, &r, json.RejectUnknownMembers(true)); err != nil {
		b.t.Fatalf("answer %s: %v", answer, err)
	}
	if len(r.Headers) != 1 || r.Headers["content-type"] != "application/json" {
		b.t.Errorf("headers %v", r.Headers)
	}
	return r
}

// wants checks an answer, and that it was counted once, logged once if refused, and queued if and only if it is 200.
func (b *bench) wants(payload []byte, status int, reason fault.Reason, app string) {
	b.t.Helper()
	bodies := map[int]string{
		200: `{"status":"queued"}`, 404: `{"error":"unknown_app"}`, 413: `{"error":"too_large"}`,
		401: `{"error":"unauthorized"}`, 503: `{"error":"unavailable"}`,
	}
	r := b.invoke(b.t.Context(), payload)
	if r.Status != status || r.Body != bodies[status] {
		b.t.Errorf("answered %d %s, want %d", r.Status, r.Body, status)
	}
	seen, lines := app+" refused "+string(reason), 1
	if status == 200 {
		seen, lines = app+" queued", 0
	}
	if len(b.seen) != 1 || b.seen[0] != seen {
		b.t.Errorf("counted %q, want %q", b.seen, seen)
	}
	if got := strings.Count(b.log.String(), "\n"); got != lines {
		b.t.Errorf("%d log lines:\n%s", got, &b.log)
	}
	if queued := len(b.queued) == 1; queued != (status == 200) {
		b.t.Errorf("%d messages queued", len(b.queued))
	}
}

func TestAGenuineWebhookIsQueuedVerbatim(t *testing.T) {
	for name, fifo := range map[string]bool{"on a FIFO queue": true, "on a standard queue": false} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.FIFO = fifo
			began := time.Now()
			b.wants(request(t, nil), 200, "", "demo")
			got := b.queued[0]
			if got.Body != body || got.Attributes["app"] != "demo" || got.Attributes["encoding"] != "raw" || got.Attributes["schema"] != "1" {
				t.Errorf("queued %+v", got)
			}
			received, err := time.Parse("2006-01-02T15:04:05.000Z", got.Attributes["received_at"])
			if err != nil || received.Before(began.Truncate(time.Millisecond)) || received.After(time.Now()) {
				t.Errorf("received_at %q, %v", got.Attributes["received_at"], err)
			}
			group, dedup := message.SubscriberID("demo", webhook.ByUser.String(), "rosée-7"), "e-1"
			if !fifo {
				group, dedup = "", ""
			}
			if got.GroupID != group || got.DeduplicationID != dedup {
				t.Errorf("ids %q and %q", got.GroupID, got.DeduplicationID)
			}
		})
	}
}

func TestChecksComeInTheirOrder(t *testing.T) {
	down := func(context.Context, string) (webhook.Keys, error) {
		return webhook.Keys{}, fault.New(fault.Operator, fault.Secret, errors.New("secret is not there"))
	}
	unknown := func(event, _ map[string]any) {
		event["pathParameters"] = map[string]any{"app": "mystery"}
	}
	large := func(event, _ map[string]any) { event["body"] = strings.Repeat("x", 1001) }
	forged := func(_, headers map[string]any) { headers["x-purchasely-request-signature"] = strings.Repeat("0", 64) }
	for name, c := range map[string]struct {
		edits  []func(event, headers map[string]any)
		down   bool
		status int
		reason fault.Reason
		app    string
	}{
		"unknown, too large and forged": {[]func(_, _ map[string]any){unknown, large, forged}, true, 404, fault.UnknownApp, "unknown"},
		"too large and forged":          {[]func(_, _ map[string]any){large, forged}, true, 413, fault.TooLarge, "demo"},
		"forged":                        {[]func(_, _ map[string]any){forged}, false, 401, fault.BadSignature, "demo"},
		"forged, and no secret":         {[]func(_, _ map[string]any){forged}, true, 503, fault.Secret, "demo"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			if c.down {
				b.get = down
			}
			b.wants(request(t, func(event, headers map[string]any) {
				for _, edit := range c.edits {
					edit(event, headers)
				}
			}), c.status, c.reason, c.app)
		})
	}
}

func TestTheSizeLimitIsInBytesOfTheBody(t *testing.T) {
	for name, c := range map[string]struct {
		body   string
		status int
	}{
		"as long as may be":                  {strings.Repeat("x", 1000), 200},
		"one byte too long":                  {strings.Repeat("x", 1001), 413},
		"long only because of its escapes":   {strings.Repeat("\"\n", 500), 200},
		"of fewer characters than it's long": {strings.Repeat("é", 501), 413},
	} {
		t.Run(name, func(t *testing.T) {
			for _, encoded := range []bool{false, true} {
				b := newBench(t)
				reason := fault.Reason("")
				if c.status == 413 {
					reason = fault.TooLarge
				}
				b.wants(genuine(t, c.body, encoded), c.status, reason, "demo")
			}
		})
	}
}

func TestWhatIsOutOfReachIsUnavailable(t *testing.T) {
	for name, c := range map[string]struct {
		change func(b *bench)
		reason fault.Reason
		level  string
	}{
		"no secret": {func(b *bench) {
			b.get = func(context.Context, string) (webhook.Keys, error) {
				return webhook.Keys{}, &fault.Fault{Kind: fault.Operator, Reason: fault.Secret, Code: "ResourceNotFoundException"}
			}
		}, fault.Secret, "ERROR"},
		"Secrets Manager down": {func(b *bench) {
			b.get = func(context.Context, string) (webhook.Keys, error) {
				return webhook.Keys{}, fault.New(fault.Retry, fault.Secret, nil)
			}
		}, fault.Secret, "WARN"},
		"an error nobody marked": {func(b *bench) {
			b.get = func(context.Context, string) (webhook.Keys, error) { return webhook.Keys{}, errors.New("what") }
		}, fault.Unknown, "WARN"},
		"queue down": {func(b *bench) {
			b.Queue = queue(func(context.Context, message.Encoded) error { return fault.New(fault.Retry, fault.Unavailable, nil) })
		}, fault.Unavailable, "WARN"},
		"a panic on the way to the queue": {func(b *bench) {
			b.Queue = queue(func(context.Context, message.Encoded) error { panic(body) })
		}, fault.Panic, "WARN"},
		"a panic with the keys": {func(b *bench) {
			b.get = func(context.Context, string) (webhook.Keys, error) { panic(key) }
		}, fault.Panic, "WARN"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			c.change(b)
			b.wants(request(t, nil), 503, c.reason, "demo")
			var line map[string]any
			if err := json.Unmarshal(b.log.Bytes(), &line); err != nil {
				t.Fatal(err)
			}
			if line["level"] != c.level || line["reason"] != string(c.reason) || line["status"] != 503.0 || line["app"] != "demo" {
				t.Errorf("logged %v", line)
			}
			if c.reason == fault.Secret && c.level == "ERROR" && line["code"] != "ResourceNotFoundException" {
				t.Errorf("logged %v", line)
			}
		})
	}
}

func TestTheLogTellsNothingOfTheRequest(t *testing.T) {
	for name, edit := range map[string]func(event, headers map[string]any){
		"unknown app":  func(event, _ map[string]any) { event["pathParameters"] = map[string]any{"app": "rosée-7"} },
		"too large":    func(event, _ map[string]any) { event["body"] = strings.Repeat(body, 100) },
		"forged":       func(_, headers map[string]any) { headers["x-purchasely-timestamp"] = "1773474113" },
		"not signed":   func(_, headers map[string]any) { clear(headers) },
		"queue panics": nil,
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.Queue = queue(func(context.Context, message.Encoded) error { panic(body) })
			b.invoke(t.Context(), request(t, edit))
			for _, leak := range []string{"rosée", "ACTIVATE", key, timestamp, "1773474113", sign(key, timestamp, body), "203.0.113.17", "e-1"} {
				if strings.Contains(b.log.String(), leak) {
					t.Errorf("%q in %s", leak, &b.log)
				}
			}
			var line map[string]any
			if err := json.Unmarshal(b.log.Bytes(), &line); err != nil {
				t.Fatal(err)
			}
			maps.DeleteFunc(line, func(name string, _ any) bool {
				return strings.Contains(" time level msg app reason status ", " "+name+" ")
			})
			if len(line) != 0 {
				t.Errorf("logged besides: %v", line)
			}
		})
	}
}
