//go:build blackbox

package main_test

import (
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/purchasely-clevertap/bridge/functions/internal/lambdatest"
	"github.com/purchasely-clevertap/bridge/functions/internal/templatetest"
	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
	"github.com/purchasely-clevertap/bridge/shared/message"
)

const (
	body = `{"event_name": "ACTIVATE","event_id":"8b0ffd4c-0b2a-4c0e-9f59-6d5a2f3f7a10","user_id":"rosée-7"}`

	prefix     = "bridge/test"
	secretName = prefix + "/demo/purchasely"

	// timeout is the function's, as in the template.
	timeout = 8 * time.Second
	// promised is how soon an answer must come. The function itself gives up after four seconds.
	promised = 5 * time.Second
)

// stack is the built receiver with a fake Runtime API and a fake AWS.
type stack struct {
	*testing.T
	*lambdatest.Function
	aws          *awstest.Server
	queue, relay *awstest.Queue
}

func start(t *testing.T, queueName string, env map[string]string) *stack {
	t.Helper()
	s := prepare(t, nil, queueName)
	s.run(env)
	return s
}

// prepare makes what the receiver needs, with a clock for AWS.
func prepare(t *testing.T, clock func() time.Time, queueName string) *stack {
	t.Helper()
	cloud := awstest.New(t, clock)
	cloud.Secrets.Put(secretName, `{"shared_secret":"`+key+`"}`)
	return &stack{
		T: t, aws: cloud, queue: cloud.SQS.Create(awstest.QueueConfig{Name: queueName}),
		relay: cloud.SQS.Create(awstest.QueueConfig{Name: "relay.fifo"}),
	}
}

// run starts the receiver, which does not relay unless the environment says so.
func (s *stack) run(env map[string]string) {
	s.Helper()
	all := s.aws.Env()
	all["QUEUE_URL"], all["SECRETS_PREFIX"] = s.aws.SQS.QueueURL(s.queue), prefix
	maps.Copy(all, env)
	s.Function = lambdatest.Run(s.T, "functions/receiver", all)
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
func (s *stack) in(t *testing.T) *stack {
	sub := *s
	sub.T = t
	return &sub
}

// renewQueues replaces the queues with empty ones, without the deduplication ids of the old ones.
func (s *stack) renewQueues() {
	s.queue = s.aws.SQS.Create(awstest.QueueConfig{Name: s.queue.Name()})
	s.relay = s.aws.SQS.Create(awstest.QueueConfig{Name: s.relay.Name()})
}

// wantsQueued sends a genuine webhook and checks the message that is on the queue then.
func (s *stack) wantsQueued(body string, e event) awstest.Message {
	s.Helper()
	s.renewQueues()
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
func onBothQueues(t *testing.T, test func(t *testing.T, name string)) {
	for _, name := range []string{"events.fifo", "events"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, name)
		})
	}
}

func TestBlackBoxChecks(t *testing.T) {
	t.Parallel()
	s := start(t, "events.fifo", nil)
	for name, c := range map[string]struct {
		status int
		event  event
	}{
		"unknown app":        {404, signed(body).app("mystery")},
		"too large":          {413, signed(strings.Repeat("x", 262145))},
		"no signature":       {401, signed(body).without(signatureHeader)},
		"wrong secret":       {401, signedWith("other", timestamp, body)},
		"re-serialised body": {401, signed(body).with("body", strings.ReplaceAll(body, ": ", ":"))},
		"deprecated header alone": {401, signed(body).without(signatureHeader).
			header("x-purchasely-signature", sign(key, key, timestamp))},
		"header names in upper case": {200, signed(body).without(signatureHeader, timestampHeader).
			header("X-PURCHASELY-REQUEST-SIGNATURE", sign(key, timestamp, body)).header("X-PURCHASELY-TIMESTAMP", timestamp)},
		"an odd timestamp":    {200, signedWith(key, "yesterday", body)},
		"not an HTTP request": {404, event{fields: map[string]any{"Records": []any{}}}},
	} {
		t.Run(name, func(t *testing.T) {
			s := s.in(t)
			s.renewQueues()
			s.wants(c.status, c.event)
			if got := len(s.queue.Messages()); (got == 1) != (c.status == 200) {
				t.Errorf("%d messages on the queue", got)
			}
		})
	}
}

func TestBlackBoxBodies(t *testing.T) {
	const limit = 262144
	onBothQueues(t, func(t *testing.T, name string) {
		s := start(t, name, nil)
		for encoding, texts := range map[string][]string{
			"raw":    {body, "\n", "\U0001F600\u2028<&>", strings.Repeat("\"", limit)},
			"base64": {"", "\x00\xff", "\uFFFE", strings.Repeat("\xff", limit)},
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
	})
}

func TestBlackBoxAFaultyEnvironmentStopsTheStart(t *testing.T) {
	t.Parallel()
	lambdatest.StopsAtStart(t, "receiver", map[string]string{"AWS_REGION": "", "AWS_DEFAULT_REGION": ""},
		"QUEUE_URL: not set", "SECRETS_PREFIX: not set", "AWS_REGION: not set")
	lambdatest.StopsAtStart(t, "receiver", map[string]string{
		"INTEGRATIONS_FILE": templatetest.File(t, "\x00\x01"), "MAX_BODY_BYTES": "999999999", "AWS_MAX_ATTEMPTS": "many",
	}, "QUEUE_URL: ", "INTEGRATIONS_FILE: ", "MAX_BODY_BYTES: ", "AWS: ")
}

func TestBlackBoxAnyFileWithAppNamesWillDo(t *testing.T) {
	t.Parallel()
	s := start(t, "events", map[string]string{
		"INTEGRATIONS_FILE": templatetest.File(t, "apps:\n  demo: {enabled: perhaps, colour: red}\n  Not A Name: {}\n"),
		"SECRETS_PREFIX":    prefix + "/",
	})
	s.wantsQueued(body, signed(body))
	s.wants(404, signed(body).app("Not A Name"))
}

// Lambda gives functions with snapshots an address to fetch keys from instead of the keys.
func TestBlackBoxCredentialsFromAnAddress(t *testing.T) {
	t.Parallel()
	asked := make(chan string, 10)
	address := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.Header.Get("Authorization")
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"AccessKeyId":"A","SecretAccessKey":"x","Token":"y"}`)
	}))
	t.Cleanup(address.Close)
	s := start(t, "events", map[string]string{
		"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_SESSION_TOKEN": "",
		"AWS_CONTAINER_CREDENTIALS_FULL_URI": address.URL, "AWS_CONTAINER_AUTHORIZATION_TOKEN": "token",
	})
	s.wants(200, signed(body))
	if got := <-asked; got != "token" {
		t.Errorf("asked with %q", got)
	}
}

// The address exists only for the proxy, which is the fake AWS itself.
func TestBlackBoxCallsGoThroughAProxy(t *testing.T) {
	t.Parallel()
	s := prepare(t, nil, "events")
	s.run(map[string]string{"AWS_ENDPOINT_URL": "http://aws.invalid", "HTTP_PROXY": s.aws.URL})
	s.wantsQueued(body, signed(body))
}

func TestBlackBoxTheOutputHasNothingPersonalOrSecret(t *testing.T) {
	t.Parallel()
	s := start(t, "events.fifo", nil)
	s.wants(200, signed(body))
	s.wants(404, signed(body).app("rosée-8"))
	s.wants(401, signed(body).header(timestampHeader, "1773474113"))
	s.wants(413, signed(strings.Repeat(body, 5000)))
	s.wants(401, signed(body).with("isBase64Encoded", true))
	s.aws.SQS.Inject(awstest.Fault{Status: 403, Code: "AccessDenied"})
	s.wants(503, signed(`{"event_id":"other","user_id":"rosée-9"}`))
	s.WantsOutput(t, []string{
		`"requestId"`, `"app":"unknown"`, `"reason":"bad_signature"`, `"code":"AccessDenied"`,
		`"WebhooksQueued":1`, `"WebhooksRefused":1`,
	}, []string{
		key, "rosée", "ros\\u00e9e", "ACTIVATE", "8b0ffd4c", timestamp, "1773474113", sign(key, timestamp, body),
		"203.0.113.17", s.aws.URL, "AKIDEXAMPLE", prefix, "event_id",
	})
	if output := s.AllOutput(); strings.Count(output, `"webhook refused"`) != 5 {
		t.Errorf("not 5 refusals logged:\n%s", output)
	}
}
