//go:build blackbox

package main_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/purchasely-clevertap/bridge/functions/internal/lambdatest"
	"github.com/purchasely-clevertap/bridge/functions/internal/templatetest"
	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
)

const (
	timeout = time.Minute // the function's, as in the template
	key     = "lantern-quartz-42"
)

// stack is the built heartbeat and the built receiver behind a URL, with a fake AWS.
type stack struct {
	*testing.T
	*lambdatest.Function
	aws    *awstest.Server
	events *awstest.Queue
	url    string

	mu    sync.Mutex
	route string // empty: it is switched off
}

func start(t *testing.T) *stack {
	t.Helper()
	s := &stack{T: t, aws: awstest.New(t, nil), route: "/purchasely/"}
	s.events = s.aws.SQS.Create(awstest.QueueConfig{Name: "events.fifo"})
	for _, app := range []string{"demo", "other", "off"} {
		s.aws.Secrets.Put("bridge/"+app+"/purchasely", `{"shared_secret":"`+key+app+`"}`)
	}
	env := s.aws.Env()
	env["SECRETS_PREFIX"], env["QUEUE_URL"] = "bridge", s.aws.SQS.QueueURL(s.events)
	env["INTEGRATIONS_FILE"] = templatetest.File(t, "apps: {demo: {}, other: {}, off: {enabled: false}}\n")
	receiver := lambdatest.Run(t, "functions/receiver", env)
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.answer(receiver, w, r) }))
	t.Cleanup(api.Close)
	s.url = api.URL
	env["WEBHOOK_URL"] = api.URL + "/purchasely/{app}"
	s.Function = lambdatest.Run(t, "functions/heartbeat", env)
	return s
}

// answer is the API in front of the receiver.
func (s *stack) answer(receiver *lambdatest.Function, w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock() // one at a time
	app, found := strings.CutPrefix(r.URL.Path, s.route)
	if !found || s.route == "" {
		http.Error(w, `{"message":"Not Found"}`, http.StatusNotFound)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		s.Error(err)
	}
	headers := map[string]string{}
	for name := range r.Header {
		headers[strings.ToLower(name)] = r.Header.Get(name)
	}
	payload, err := json.Marshal(map[string]any{
		"version": "2.0", "rawPath": r.URL.Path, "headers": headers, "body": string(body), "isBase64Encoded": false,
		"pathParameters": map[string]string{"app": app},
		"requestContext": map[string]any{"http": map[string]string{"method": r.Method, "sourceIp": "203.0.113.17"}},
	})
	if err != nil {
		s.Error(err)
	}
	out, err := receiver.Invoke(context.WithoutCancel(r.Context()), payload, 6*time.Second)
	var a struct {
		Status int    `json:"statusCode"`
		Body   string `json:"body"`
	}
	if err != nil || json.Unmarshal(out, &a) != nil {
		s.Errorf("the receiver answers %s, %v", out, err)
		a.Status = http.StatusInternalServerError
	}
	w.WriteHeader(a.Status)
	_, _ = io.WriteString(w, a.Body)
}

// beat runs the function and returns its error, empty for none.
func (s *stack) beat() string {
	s.Helper()
	out, err := s.Invoke(s.Context(), []byte(`{"version":"0","detail-type":"Scheduled Event"}`), timeout)
	if err != nil {
		return err.Error()
	}
	if string(out) != "null" {
		s.Errorf("answered %s", out)
	}
	return ""
}

// queued are the apps whose heartbeats are on the queue. They leave it.
func (s *stack) queued() (apps []string) {
	for _, m := range s.events.Receive(100, -1) {
		if !strings.HasPrefix(m.Body, `{"event_name":"BRIDGE_HEARTBEAT","event_id":"heartbeat-`) {
			s.Errorf("queued %s", m.Body)
		}
		apps = append(apps, m.Attributes["app"].StringValue)
		if err := s.events.Delete(m.Handle); err != nil {
			s.Error(err)
		}
	}
	slices.Sort(apps)
	return apps
}

func TestBlackBoxHeartbeats(t *testing.T) {
	t.Parallel()
	s := start(t)
	for range 2 { // the second is another event, and not a repetition
		if err := s.beat(); err != "" {
			t.Errorf("ended with %s\n%s", err, &s.Output().Stdout)
		}
		if got := fmt.Sprint(s.queued()); got != "[demo other]" {
			t.Errorf("queued %s", got)
		}
	}
	// The receiver reads a secret again when a signature is wrong.
	s.aws.Secrets.Put("bridge/other/purchasely", `{"shared_secret":"another than the receiver has"}`)
	if err := s.beat(); err != "" {
		t.Errorf("after a rotation it ended with %s\n%s", err, &s.Output().Stdout)
	}
	s.queued()
	s.aws.Secrets.Put("bridge/demo/purchasely", `{"shared_secret":""}`)
	s.fails("demo", "other")
	s.aws.Secrets.Remove("bridge/demo/purchasely")
	s.fails("demo", "other")
	s.mu.Lock()
	s.route = ""
	s.mu.Unlock()
	s.fails("demo, other")
	s.WantsOutput(t, []string{"shared_secret is missing or empty", "ResourceNotFoundException", `"code":"404"`},
		[]string{key, "another than", s.aws.URL, s.url})
	for line := range strings.Lines(s.AllOutput()) {
		if !strings.HasPrefix(line, "{") {
			t.Errorf("a line that is no entry of the log: %s", line)
		}
	}
}

// fails runs the function and wants it to name apps, and to queue the heartbeats of the others.
func (s *stack) fails(apps string, queued ...string) {
	s.Helper()
	if err := s.beat(); !strings.Contains(err, "heartbeats not taken: "+apps) || strings.Contains(err, key) {
		s.Errorf("ended with %q", err)
	}
	if got := s.queued(); !slices.Equal(got, queued) {
		s.Errorf("queued %q, want %q", got, queued)
	}
}

func TestBlackBoxAFaultyEnvironmentStopsTheStart(t *testing.T) {
	t.Parallel()
	lambdatest.StopsAtStart(t, "heartbeat", map[string]string{
		"WEBHOOK_URL": "hooks.example.com", "INTEGRATIONS_FILE": "/nowhere.yaml", "AWS_REGION": "", "AWS_DEFAULT_REGION": "",
	}, "heartbeat: SECRETS_PREFIX: not set; INTEGRATIONS_FILE: cannot be read: no such file or directory; WEBHOOK_URL: "+
		"not like https://hooks.example.com/purchasely/{app}; plain HTTP is for this machine only; AWS_REGION: not set\n")
}
