//go:build blackbox

package main_test

import (
	"maps"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/purchasely-clevertap/bridge/functions/internal/lambdatest"
	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
	"github.com/purchasely-clevertap/bridge/shared/message"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

const (
	body = `{"event_name": "ACTIVATE","event_id":"8b0ffd4c-0b2a-4c0e-9f59-6d5a2f3f7a10","user_id":"rosée-7"}`

	prefix     = "bridge/test"
	secretName = prefix + "/demo/purchasely"

	// timeout is the function's, as in the template.
	timeout = 8 * time.Second
	// busy is how much longer an answer may take before a test calls it a hang, on a machine with other things
	// to do.
	busy = time.Minute
)

// stack is the built receiver with a fake Runtime API and a fake AWS.
type stack struct {
	*testing.T
	*lambdatest.Function
	aws   *awstest.Server
	queue *awstest.Queue
}

func start(t *testing.T, queueName string, env map[string]string) *stack {
	t.Helper()
	return startAt(t, nil, queueName, env)
}

// startAt is start with a clock for AWS.
func startAt(t *testing.T, clock func() time.Time, queueName string, env map[string]string) *stack {
	t.Helper()
	cloud := awstest.New(t, clock)
	queue := cloud.SQS.Create(awstest.QueueConfig{Name: queueName})
	cloud.Secrets.Put(secretName, `{"shared_secret":"`+key+`"}`)
	all := cloud.Env()
	all["QUEUE_URL"], all["SECRETS_PREFIX"] = cloud.SQS.QueueURL(queue), prefix
	maps.Copy(all, env)
	function := lambdatest.New(t, lambdatest.Build(t, "functions/receiver"), all)
	function.Grace = busy
	if err := function.Start(); err != nil {
		t.Fatal(err)
	}
	return &stack{t, function, cloud, queue}
}

// wants invokes the function and checks the status of the answer, and that its form is the promised one.
func (s *stack) wants(status int, e event) {
	s.Helper()
	answer, err := s.Invoke(s.Context(), e.payload(s.T), timeout)
	if err != nil {
		s.Fatalf("function error: %v", err)
	}
	var r struct {
		Status  int               `json:"statusCode"`
		Headers map[string]string `json:"headers"`
		Body    string            `json:"body"`
	}
	if err := json.Unmarshal(answer, &r, json.RejectUnknownMembers(true)); err != nil {
		s.Fatalf("answer %s: %v", answer, err)
	}
	want := map[int]string{
		200: `{"status":"queued"}`, 404: `{"error":"unknown_app"}`, 413: `{"error":"too_large"}`,
		401: `{"error":"unauthorized"}`, 503: `{"error":"unavailable"}`,
	}[status]
	if r.Status != status || r.Body != want || len(r.Headers) != 1 || r.Headers["content-type"] != "application/json" {
		s.Errorf("answered %s, want %d\n%s%s", answer, status, &s.Output().Stdout, &s.Output().Stderr)
	}
}

// in is the same stack in a subtest.
func (s *stack) in(t *testing.T) *stack { return &stack{t, s.Function, s.aws, s.queue} }

// renewQueue replaces the queue with an empty one, without the deduplication ids of the old one.
func (s *stack) renewQueue() { s.queue = s.aws.SQS.Create(awstest.QueueConfig{Name: s.queue.Name()}) }

// wantsQueued sends a genuine webhook and checks the message that is on the queue then.
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
	read, err := message.Decode([]byte(m.Body), m.Attribute)
	if err != nil || string(read.Body) != body || read.App != "demo" {
		s.Errorf("queue has %.200q, %v", read.Body, err)
	}
	at := m.Attribute("received_at")
	if read.Received.Before(began) || read.Received.After(time.Now()) || !receivedAt.MatchString(at) {
		s.Errorf("received_at %s", at)
	}
	if len(m.Attributes) != 4 || m.Attribute("schema") != "1" {
		s.Errorf("attributes %v", m.Attributes)
	}
	if s.queue.FIFO() != (m.GroupID != "demo") || s.queue.FIFO() != (m.DeduplicationID != "") {
		s.Errorf("ids %q and %q", m.GroupID, m.DeduplicationID)
	}
	return m
}

var receivedAt = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$`)

// onBothQueues runs a test with a FIFO queue and with a standard queue.
func onBothQueues(t *testing.T, test func(s *stack)) {
	for _, name := range []string{"events.fifo", "events"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(start(t, name, nil))
		})
	}
}

func TestBlackBoxChecks(t *testing.T) {
	digest := sign(key, timestamp, body)
	large := strings.Repeat("x", 262145)
	cases := map[string]struct {
		status int
		event  event
	}{
		"unknown app":                 {404, signed(body).app("mystery")},
		"too large":                   {413, signed(large)},
		"too large as base64":         {413, signed(large).encoded()},
		"no signature":                {401, signed(body).without(signatureHeader)},
		"empty timestamp, signed so":  {401, signedWith(key, "", body)},
		"wrong secret":                {401, signedWith("other", timestamp, body)},
		"upper-case digest":           {401, signed(body).header(signatureHeader, strings.ToUpper(digest))},
		"re-serialised body":          {401, signed(body).with("body", strings.ReplaceAll(body, ": ", ":"))},
		"escaped body":                {401, signed(body).with("body", strings.ReplaceAll(body, "é", `\u00e9`))},
		"two signatures, joined":      {401, signed(body).header(signatureHeader, digest+","+digest)},
		"two timestamps in two cases": {401, signed(body).header("X-Purchasely-Timestamp", timestamp)},
		"deprecated header alone": {401, signed(body).without(signatureHeader).
			header("x-purchasely-signature", sign(key, key, timestamp))},
		"deprecated header as well": {200, signed(body).header("x-purchasely-signature", "whatever")},
		"header names in upper case": {200, signed(body).without(signatureHeader, timestampHeader).
			header("X-PURCHASELY-REQUEST-SIGNATURE", digest).header("X-PURCHASELY-TIMESTAMP", timestamp)},
		"an odd timestamp":    {200, signedWith(key, "yesterday", body)},
		"not an HTTP request": {404, event{fields: map[string]any{"Records": []any{}}}},
	}
	onBothQueues(t, func(s *stack) {
		for name, c := range cases {
			s.Run(name, func(t *testing.T) {
				s := s.in(t)
				s.renewQueue()
				s.wants(c.status, c.event)
				if got := len(s.queue.Messages()); (got == 1) != (c.status == 200) {
					t.Errorf("%d messages on the queue", got)
				}
			})
		}
	})
}

func TestBlackBoxBodies(t *testing.T) {
	const limit = 262144
	onBothQueues(t, func(s *stack) {
		for encoding, texts := range map[string][]string{
			"raw": {
				body, "\n", "{}", "not JSON", `{"event_name":"BRAND_NEW"}`, "\U0001F600\u2028<&>", "\r\n\t",
				strings.Repeat("x", limit), strings.Repeat("\"", limit),
			},
			"base64": {
				"", "\x00\xff", "caf\xc3", "{\"a\":\"\x07\"}", "\uFFFE",
				strings.Repeat("\x01", limit), strings.Repeat("\xff", limit),
			},
		} {
			for _, text := range texts {
				m := s.wantsQueued(text, signed(text))
				if m.Attribute("encoding") != encoding {
					s.Errorf("%.20q is sent as %s", text, m.Attribute("encoding"))
				}
				if text == "" && m.Body != "\n" {
					s.Errorf("an empty body is sent as %q", m.Body)
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
	want := message.Encode(message.Message{App: "demo", Body: []byte(body)}, message.IDs{
		SubscriberKind: webhook.ByUser.String(), Subscriber: "rosée-7",
		EventName: "ACTIVATE", EventID: "8b0ffd4c-0b2a-4c0e-9f59-6d5a2f3f7a10",
	}, true)
	if group != want.GroupID || dedup != want.DeduplicationID {
		t.Errorf("ids %q and %q", group, dedup)
	}
	for body, same := range map[string]bool{
		`{"event_id":"e-2","user_id":"rosée-7","anonymous_user_id":"a"}`:                           true,
		`{"event_id":"e-3","user_id":null,"anonymous_user_id":"rosée-7"}`:                          false,
		`{"api_version":2,"event_id":"e-4","name":"TRIAL_STARTED","user":{"vendor_id":"rosée-7"}}`: true,
	} {
		if other, _ := ids(body); (other == group) != same {
			t.Errorf("%s is in group %s, that of the user is %s", body, other, group)
		}
	}
	for _, odd := range []string{`{"event_id":"` + strings.Repeat("a", 129) + `"}`, `{}`, `hello`} {
		if _, dedup := ids(odd); !regexp.MustCompile(`^[0-9a-f]{64}$`).MatchString(dedup) {
			t.Errorf("%.40s has the id %q", odd, dedup)
		}
	}
}
