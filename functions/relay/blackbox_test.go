//go:build blackbox

package main_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/purchasely-clevertap/bridge/functions/internal/lambdatest"
	"github.com/purchasely-clevertap/bridge/functions/internal/templatetest"
	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
	"github.com/purchasely-clevertap/bridge/shared/message"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

const (
	sharedSecret = "lantern-quartz-42"
	prefix       = "bridge/test"
	token        = "token-4711" // in every URL, and nowhere else

	// timeout is the function's, as in the template.
	timeout = time.Minute
)

// quiet is for servers that are meant to fail.
var quiet = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)

// backEnd is a customer's back end. It notes what it is sent, and answers 200 until a test says otherwise.
type backEnd struct {
	*httptest.Server

	mu       sync.Mutex
	requests []request
	answer   http.HandlerFunc // nil: 200
}

type request struct {
	method, path, body, from string
	header                   http.Header
}

func (b *backEnd) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	b.mu.Lock()
	b.requests = append(b.requests, request{r.Method, r.URL.RequestURI(), string(body), r.RemoteAddr, r.Header.Clone()})
	answer := b.answer
	b.mu.Unlock()
	if answer != nil {
		answer(w, r)
	}
}

// answers makes the back end answer otherwise.
func (b *backEnd) answers(answer http.HandlerFunc) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.answer = answer
}

// got are the requests so far.
func (b *backEnd) got() []request {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.requests)
}

// ids are the event ids of the webhooks so far.
func (b *backEnd) ids() (ids []string) {
	for _, r := range b.got() {
		ids = append(ids, webhook.Peek([]byte(r.body)).EventID)
	}
	return ids
}

func newBackEnd(t testing.TB, https bool) *backEnd {
	b := &backEnd{}
	b.Server = httptest.NewUnstartedServer(b)
	b.Config.ErrorLog = quiet
	if https {
		b.EnableHTTP2 = true
		b.StartTLS()
	} else {
		b.Start()
	}
	t.Cleanup(b.Close)
	return b
}

// stack is the built relay with a fake Lambda, a fake AWS and two back ends.
type stack struct {
	testing.TB
	function       *lambdatest.Function
	aws            *awstest.Server
	queue          *awstest.Queue
	backEnd, other *backEnd
	clock          *clock // nil: returned messages may be received again at once
}

// clock is a queue's time, which passes only when a test says so.
type clock struct {
	began  time.Time
	passed atomic.Int64
}

func (c *clock) now() time.Time { return c.began.Add(time.Duration(c.passed.Load())) }

// start starts the function with back ends that speak TLS or not, and an environment that is usual but for the
// changes.
func start(t testing.TB, https bool, env map[string]string) *stack {
	t.Helper()
	return startAt(t, nil, https, env)
}

// startAt is start with a clock.
func startAt(t testing.TB, clock *clock, https bool, env map[string]string) *stack {
	t.Helper()
	s := &stack{TB: t, clock: clock, backEnd: newBackEnd(t, https), other: newBackEnd(t, https)}
	if clock == nil {
		s.aws = awstest.New(t, nil)
	} else {
		s.aws = awstest.New(t, clock.now)
	}
	s.queue = s.aws.SQS.Create(awstest.QueueConfig{Name: "relay.fifo", Visibility: 6 * time.Minute})
	all := s.aws.Env()
	maps.Copy(all, map[string]string{
		"SECRETS_PREFIX": prefix, "RELAY_ALLOW_PRIVATE": "true", "INTEGRATIONS_FILE": s.file(),
		"HTTPS_PROXY": "http://127.0.0.1:1", "HTTP_PROXY": "http://127.0.0.1:1", "NO_PROXY": s.aws.URL[len("http://"):],
	})
	if https {
		all["SSL_CERT_FILE"] = certificateOf(t, s.backEnd)
	}
	maps.Copy(all, env)
	s.function = lambdatest.Run(t, "functions/relay", all)
	t.Cleanup(s.end)
	return s
}

func (s *stack) file() string {
	return templatetest.File(s, fmt.Sprintf(`apps:
  demo: {relay: {url: "%[1]s/hook?token=%[2]s", timeout: 1s}}
  other: {relay: {url: "%[3]s/hook?token=%[2]s", timeout: 1s}}
  some: {relay: {url: "%[1]s/some", events: [ACTIVATE]}}
  off: {enabled: false, relay: {url: "%[1]s/off"}}
  none: {}
`, s.backEnd.URL, token, s.other.URL))
}

// certificateOf writes a back end's certificate, so that the function trusts it.
func certificateOf(t testing.TB, b *backEnd) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "certificate.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: b.Certificate().Raw})
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func sign(timestamp, body string) string {
	mac := hmac.New(sha256.New, []byte(sharedSecret))
	mac.Write([]byte(timestamp + body))
	return hex.EncodeToString(mac.Sum(nil))
}

const timestamp = "1773474112"

// send puts a webhook on the queue as the receiver does.
func (s *stack) send(app, user, body string) {
	s.Helper()
	ids := webhook.Peek([]byte(body))
	e := message.Encode(message.Message{App: app, Received: time.Now(), Body: []byte(body)}, message.IDs{
		SubscriberKind: "user", Subscriber: user, EventName: ids.EventName, EventID: ids.EventID,
	}, true)
	e.Attributes["timestamp"], e.Attributes["signature"] = timestamp, sign(timestamp, body)
	_, err := s.queue.Send(awstest.Message{
		Body: e.Body, Attributes: awstest.TextAttributes(e.Attributes),
		GroupID: e.GroupID, DeduplicationID: e.DeduplicationID,
	})
	if err != nil {
		s.Fatal(err)
	}
}

// activate is a webhook of a user.
func activate(user, id string) string {
	return fmt.Sprintf(`{"event_name": "ACTIVATE","event_id":%q,"user_id":"rosée-%s"}`, id, user)
}

// batch is what became of one invocation.
type batch struct {
	received []awstest.Received
	back     []string // event ids of the messages that come back
	took     time.Duration
}

// invoke hands the next messages to the function and deletes or returns them, as Lambda does.
func (s *stack) invoke() batch {
	s.Helper()
	b, err := s.call()
	if err != nil {
		s.Fatal(err)
	}
	return b
}

// call is invoke of a function that may end with an error: then all messages come back.
func (s *stack) call() (batch, error) {
	s.Helper()
	b := batch{received: s.queue.Receive(10, -1)}
	payload, err := awstest.Event(s.queue, b.received)
	if err != nil {
		s.Fatal(err)
	}
	answer, failed := s.function.Invoke(s.Context(), payload, timeout)
	b.took = s.function.Took()
	var returned []string
	if failed == nil {
		if returned, err = awstest.Failures(answer); err != nil {
			s.Fatal(err)
		}
	}
	for _, m := range b.received {
		switch {
		case failed == nil && !slices.Contains(returned, m.ID):
			err = s.queue.Delete(m.Handle)
		default:
			b.back = append(b.back, webhook.Peek([]byte(m.Body)).EventID)
			if s.clock == nil {
				err = s.queue.ChangeVisibility(m.Handle, 0)
			}
		}
		if err != nil {
			s.Error(err)
		}
	}
	return b, failed
}

// refuses invokes the function with a webhook, which must come back without having been sent.
func (s *stack) refuses() {
	s.Helper()
	s.send("demo", "7", activate("7", "e-1"))
	if b := s.invoke(); !slices.Equal(b.back, []string{"e-1"}) || len(s.backEnd.got()) != 0 {
		s.Errorf("%q come back, %d requests", b.back, len(s.backEnd.got()))
	}
}

// end stops the function and looks through everything that it has printed: JSON lines only, and nothing private in
// them.
func (s *stack) end() {
	for line := range strings.Lines(s.function.AllOutput()) {
		if !strings.HasPrefix(line, "{") || json.Unmarshal([]byte(line), &map[string]any{}) != nil {
			s.Errorf("no JSON: %s", line)
		}
	}
	s.function.WantsOutput(s, nil, []string{
		"rosée", token, "/hook", sign(timestamp, "")[:8], timestamp, "YWFh", "private answer",
	})
}

// count sums a metric in everything that was printed so far; the function is stopped.
func (s *stack) count(app, name string) (sum int) {
	s.Helper()
	for line := range strings.Lines(s.function.AllOutput()) {
		var l map[string]any
		if json.Unmarshal([]byte(line), &l) == nil && l["App"] == app && l[name] != nil {
			sum += int(l[name].(float64)) //nolint:forcetypeassert // A count is a number.
		}
	}
	return sum
}

func TestAnInvalidEnvironmentStopsTheStartWithOneLine(t *testing.T) {
	t.Parallel()
	lambdatest.StopsAtStart(t, "relay", map[string]string{
		"RETRY_DELAY": "x", "RELAY_ALLOW_PRIVATE": "x", "INTEGRATIONS_FILE": "/nowhere.yaml",
	}, "SECRETS_PREFIX", "RETRY_DELAY", "RELAY_ALLOW_PRIVATE", "INTEGRATIONS_FILE")
}
