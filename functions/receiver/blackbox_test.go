//go:build blackbox

package main_test

import (
	"encoding/base64"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/purchasely-clevertap/bridge/functions/internal/lambdatest"
	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
	"github.com/purchasely-clevertap/bridge/shared/message"
	"github.com/purchasely-clevertap/bridge/shared/secret"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

const (
	key       = "lantern-quartz-42"
	timestamp = "1773474112"
	body      = `{"event_name": "ACTIVATE","event_id":"8b0ffd4c-0b2a-4c0e-9f59-6d5a2f3f7a10","user_id":"rosée-7"}`

	prefix  = "bridge/test"
	secrets = prefix + "/demo/purchasely"
	digest  = "x-purchasely-request-signature"
	stamp   = "x-purchasely-timestamp"
)

// allowed is what the function is given, as the template gives it.
const allowed = 8 * time.Second

// busy is how long a machine that is busy with other things may hold up an answer before a test calls it a hang.
const busy = time.Minute

// stack is the built receiver between a stand-in for Lambda and one for AWS.
type stack struct {
	*testing.T
	*lambdatest.Function
	aws   *awstest.Server
	queue *awstest.Queue
}

// prepare makes everything but starts no process.
func prepare(t *testing.T, queueName string, env map[string]string) *stack {
	t.Helper()
	cloud := awstest.New(t, nil)
	queue := cloud.SQS.Create(awstest.QueueConfig{Name: queueName})
	cloud.Secrets.Put(secrets, `{"shared_secret":"`+key+`"}`)
	all := cloud.Env()
	all["QUEUE_URL"] = cloud.SQS.QueueURL(queue)
	all["SECRETS_PREFIX"] = prefix
	maps.Copy(all, env)
	function := lambdatest.New(t, lambdatest.Build(t, "functions/receiver"), all)
	function.Grace = busy
	return &stack{t, function, cloud, queue}
}

func start(t *testing.T, queueName string, env map[string]string) *stack {
	t.Helper()
	s := prepare(t, queueName, env)
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	return s
}

// event is an HTTP API event that a test may change before it is sent.
type event struct {
	fields  map[string]any
	headers map[string]any
}

// signed makes a genuine event. Bytes that are no text go as base64, as API Gateway does it.
func signed(body string) event { return signedWith(key, timestamp, body) }

func signedWith(secretText, timestamp, body string) event {
	headers := map[string]any{
		"content-type": "application/json",
		stamp:          timestamp,
		digest:         webhook.Sign(secret.New(secretText), timestamp, []byte(body)),
	}
	e := event{headers: headers, fields: map[string]any{
		"version":         "2.0",
		"routeKey":        "POST /purchasely/{app}",
		"rawPath":         "/purchasely/demo",
		"rawQueryString":  "",
		"headers":         headers,
		"requestContext":  map[string]any{"requestId": "r-1", "http": map[string]any{"method": "POST", "sourceIp": "203.0.113.17"}},
		"pathParameters":  map[string]any{"app": "demo"},
		"body":            body,
		"isBase64Encoded": false,
	}}
	if strings.ToValidUTF8(body, "") != body {
		return e.encoded()
	}
	return e
}

// encoded turns the body into base64.
func (e event) encoded() event {
	e.fields["body"], e.fields["isBase64Encoded"] = base64.StdEncoding.EncodeToString([]byte(e.fields["body"].(string))), true
	return e
}

func (e event) with(field string, value any) event {
	e.fields[field] = value
	return e
}

func (e event) header(name string, value any) event {
	e.headers[name] = value
	return e
}

func (e event) without(names ...string) event {
	for _, name := range names {
		delete(e.headers, name)
	}
	return e
}

func (e event) app(name string) event {
	return e.with("pathParameters", map[string]any{"app": name}).with("rawPath", "/purchasely/"+name)
}

// send invokes the function and checks that the answer has the promised form.
func (s *stack) send(e event) (status int) {
	s.Helper()
	payload, err := json.Marshal(e.fields)
	if err != nil {
		s.Fatal(err)
	}
	answer, err := s.Invoke(s.Context(), payload, allowed)
	if err != nil {
		s.Fatalf("function error: %v", err)
	}
	var response struct {
		Status  int               `json:"statusCode"`
		Headers map[string]string `json:"headers"`
		Body    string            `json:"body"`
	}
	if err := json.Unmarshal(answer, &response, json.RejectUnknownMembers(true)); err != nil {
		s.Fatalf("answer %s: %v", answer, err)
	}
	want := map[int]string{
		200: `{"status":"queued"}`, 404: `{"error":"unknown_app"}`, 413: `{"error":"too_large"}`,
		401: `{"error":"unauthorized"}`, 503: `{"error":"unavailable"}`,
	}[response.Status]
	if response.Body != want || len(response.Headers) != 1 || response.Headers["content-type"] != "application/json" {
		s.Errorf("answered %s", answer)
	}
	return response.Status
}

func (s *stack) wants(status int, e event) {
	s.Helper()
	if got := s.send(e); got != status {
		s.Errorf("answered %d, want %d\n%s%s", got, status, &s.Output().Stdout, &s.Output().Stderr)
	}
}

// renewQueue puts an empty queue in the place of the old one, which still remembers its deduplication ids.
func (s *stack) renewQueue() {
	s.queue = s.aws.SQS.Create(awstest.QueueConfig{Name: s.queue.Name()})
}

// wantsQueued sends a genuine webhook and checks what is on the queue then.
func (s *stack) wantsQueued(body string, e event) awstest.Message {
	s.Helper()
	s.renewQueue()
	began := time.Now().Truncate(time.Millisecond)
	s.wants(200, e)
	messages := s.queue.Messages()
	if len(messages) != 1 {
		s.Fatalf("%d messages on the queue", len(messages))
	}
	m := messages[0]
	read, err := message.Decode(m.Body, m.Attribute)
	if err != nil || string(read.Body) != body || read.App != "demo" {
		s.Errorf("queue holds %.200q, %v", read.Body, err)
	}
	if read.Received.Before(began) || read.Received.After(time.Now()) || !receivedAt.MatchString(m.Attribute("received_at")) {
		s.Errorf("received_at %s", m.Attribute("received_at"))
	}
	if len(m.Attributes) != 4 || m.Attribute("schema") != "1" {
		s.Errorf("attributes %v", m.Attributes)
	}
	if s.queue.FIFO() != (m.GroupID != "") || !s.queue.FIFO() && m.DeduplicationID != "" {
		s.Errorf("ids %q and %q", m.GroupID, m.DeduplicationID)
	}
	return m
}

var receivedAt = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$`)

// bothQueues runs a test on a FIFO and on a standard queue.
func bothQueues(t *testing.T, test func(s *stack)) {
	for _, name := range []string{"events.fifo", "events"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(start(t, name, nil))
		})
	}
}

// file writes an integration file.
func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "integrations.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestBlackBoxChecks(t *testing.T) {
	sign := func(secretText, timestamp, body string) string {
		return webhook.Sign(secret.New(secretText), timestamp, []byte(body))
	}
	upper := strings.ToUpper(sign(key, timestamp, body))
	large := strings.Repeat("x", 262145)
	cases := map[string]struct {
		status int
		event  func() event
	}{
		"unknown app":                {404, func() event { return signed(body).app("mystery") }},
		"unknown app, too large":     {404, func() event { return signed(large).app("mystery") }},
		"too large":                  {413, func() event { return signed(large) }},
		"too large and not signed":   {413, func() event { return signed(large).without(digest) }},
		"too large as base64":        {413, func() event { return signed(large).encoded() }},
		"no signature":               {401, func() event { return signed(body).without(digest) }},
		"no timestamp":               {401, func() event { return signed(body).without(stamp) }},
		"empty signature":            {401, func() event { return signed(body).header(digest, "") }},
		"empty timestamp, signed so": {401, func() event { return signedWith(key, "", body) }},
		"wrong secret":               {401, func() event { return signedWith("other", timestamp, body) }},
		"empty secret":               {401, func() event { return signedWith("", timestamp, body) }},
		"upper-case digest":          {401, func() event { return signed(body).header(digest, upper) }},
		"deprecated header alone": {401, func() event {
			return signed(body).without(digest).header("x-purchasely-signature", sign(key, key, timestamp))
		}},
		"deprecated header as well": {200, func() event { return signed(body).header("x-purchasely-signature", "whatever") }},
		"re-serialised body":        {401, func() event { return signed(body).with("body", strings.ReplaceAll(body, ": ", ":")) }},
		"escaped body":              {401, func() event { return signed(body).with("body", strings.ReplaceAll(body, "é", `\u00e9`)) }},
		"other timestamp":           {401, func() event { return signed(body).header(stamp, "1773474113") }},
		"two signatures, joined": {401, func() event {
			return signed(body).header(digest, sign(key, timestamp, body)+","+sign(key, timestamp, body))
		}},
		"two timestamps, joined":      {401, func() event { return signed(body).header(stamp, timestamp+","+timestamp) }},
		"two timestamps in two cases": {401, func() event { return signed(body).header("X-Purchasely-Timestamp", timestamp) }},
		"header names in upper case": {200, func() event {
			return signed(body).without(digest, stamp).
				header("X-PURCHASELY-REQUEST-SIGNATURE", sign(key, timestamp, body)).header("X-PURCHASELY-TIMESTAMP", timestamp)
		}},
		"an old timestamp":    {200, func() event { return signedWith(key, "1000000000", body) }},
		"an odd timestamp":    {200, func() event { return signedWith(key, "yesterday", body) }},
		"not an HTTP request": {404, func() event { return event{fields: map[string]any{"Records": []any{}}} }},
	}
	bothQueues(t, func(s *stack) {
		for name, c := range cases {
			s.Run(name, func(t *testing.T) {
				sub := &stack{t, s.Function, s.aws, s.queue}
				sub.renewQueue()
				sub.wants(c.status, c.event())
				if got := len(sub.queue.Messages()); (got == 1) != (c.status == 200) {
					t.Errorf("%d messages on the queue", got)
				}
			})
		}
	})
}

func TestBlackBoxBodies(t *testing.T) {
	const limit = 262144
	bothQueues(t, func(s *stack) {
		for encoding, texts := range map[string][]string{
			"raw": {
				body, "\n", "{}", "not JSON", `{"event_name":"BRAND_NEW","anonymous_user_id":"a"}`, "\U0001F600\u2028<&>", "\r\n\t",
				strings.Repeat("x", limit), strings.Repeat("\"", limit),
			},
			"base64": {
				"", "\x00\xff", "caf\xc3", "{\"a\":\"\x07\"}", "\uFFFE", strings.Repeat("\x01", limit), strings.Repeat("\xff", limit),
			},
		} {
			for _, text := range texts {
				m := s.wantsQueued(text, signed(text))
				if m.Attribute("encoding") != encoding {
					s.Errorf("%.20q travels as %s", text, m.Attribute("encoding"))
				}
				if text == "" && m.Body != "\n" {
					s.Errorf("empty body travels as %q", m.Body)
				}
			}
		}
		s.wantsQueued("", signed("").with("body", nil))
	})
}

func TestBlackBoxIDs(t *testing.T) {
	t.Parallel()
	s := start(t, "events.fifo", nil)
	ids := func(body string) (group, dedup string) {
		m := s.wantsQueued(body, signed(body))
		return m.GroupID, m.DeduplicationID
	}
	group, dedup := ids(body)
	if dedup != "8b0ffd4c-0b2a-4c0e-9f59-6d5a2f3f7a10" || group != message.SubscriberID("demo", webhook.ByUser.String(), "rosée-7") {
		t.Errorf("ids %q and %q", group, dedup)
	}
	if other, _ := ids(`{"event_id":"e-2","user_id":"rosée-7","anonymous_user_id":"a"}`); other != group {
		t.Error("one user, two groups")
	}
	if other, _ := ids(`{"event_id":"e-3","user_id":null,"anonymous_user_id":"rosée-7"}`); other == group {
		t.Error("an anonymous id and a user id share a group")
	}
	if other, _ := ids(`{"api_version":2,"event_id":"e-4","name":"TRIAL_STARTED","user":{"vendor_id":"rosée-7"},"properties":{}}`); other != group {
		t.Error("a version 2 webhook of the same user is in another group")
	}
	for _, odd := range []string{`{"event_id":"` + strings.Repeat("a", 129) + `"}`, `{"event_id":"a b"}`, `{}`, `hello`} {
		if _, dedup := ids(odd); !regexp.MustCompile(`^[0-9a-f]{64}$`).MatchString(dedup) {
			t.Errorf("%.40s has the id %q", odd, dedup)
		}
	}
}
