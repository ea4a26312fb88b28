//go:build blackbox

package main_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/purchasely-clevertap/bridge/functions/internal/lambdatest"
	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
	"github.com/purchasely-clevertap/bridge/shared/clevertap/clevertaptest"
)

// The accounts at CleverTap. Their passcodes, the people and what they buy have words in them that a search finds.
const (
	demoAccount  = "DEM-000-0001"
	otherAccount = "OTH-000-0002"
	boxedAccount = "BOX-000-0003"
	sandAccount  = "SND-000-0004"

	demoPasscode  = "passcode-demo"
	twinPasscode  = "passcode-twin"
	freshPasscode = "passcode-fresh"
)

// apps is the integration file of these tests.
const apps = `apps:
  demo: {}
  other: {}
  twin: {}      # demo's account, under a passcode of its own
  share: {}     # demo's account, under the same passcode
  boxed: {}     # its secret has a sandbox account
  shut: {enabled: false}
  sent: {sandbox: send}
  unsent: {sandbox: skip}
  known: {anonymous: skip}
  muted: {server_events: {default: skip}}
  silent: {server_events: {default: skip}, user_properties: {default: none}}
  paid: {revenue: {charged: true}}
  one: {}       # both accounts of its secret are the same one
  lost: {}      # has no secret
`

// allowed is how long an invocation may take where a test does not say so.
const allowed = 30 * time.Second

// busy is how long a machine that is busy with other things may hold up an answer before a test calls it a hang.
const busy = time.Minute

// stage is the built forwarder between stand-ins for Lambda, AWS and CleverTap.
type stage struct {
	*testing.T
	function  *lambdatest.Function
	aws       *awstest.Server
	events    *awstest.Queue
	rejected  *awstest.Queue
	clevertap *clevertaptest.Server
	env       map[string]string
	batches   []*batch
	excused   []string // rules against which this test makes CleverTap object
	impatient bool     // what comes back does so at once
	ended     bool     // what was printed has been judged
}

// setup is what differs from test to test. The zero setup is a FIFO queue and short times.
type setup struct {
	queue    string
	rejected string
	now      func() time.Time
	env      map[string]string
	seed     uint64
}

func start(t *testing.T, s setup) *stage {
	t.Helper()
	if s.queue == "" {
		s.queue = "events.fifo"
	}
	if s.rejected == "" {
		s.rejected = "rejected"
	}
	cloud := awstest.New(t, s.now)
	g := &stage{
		T: t, aws: cloud, impatient: s.now == nil,
		events:   cloud.SQS.Create(awstest.QueueConfig{Name: s.queue}),
		rejected: cloud.SQS.Create(awstest.QueueConfig{Name: s.rejected}),
		clevertap: clevertaptest.New(clevertaptest.Config{Seed: s.seed, Accounts: []clevertaptest.Account{
			{ID: demoAccount, Region: "eu1", Passcodes: []string{demoPasscode, twinPasscode}, Discarded: []string{"DISCARDED"}},
			{ID: otherAccount, Region: "in1", Passcodes: []string{"passcode-other"}},
			{ID: boxedAccount, Region: "us1", Passcodes: []string{"passcode-boxed"}},
			{ID: sandAccount, Region: "sg1", Passcodes: []string{"passcode-sand"}},
		}}),
	}
	listener, err := g.clevertap.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	g.secrets()
	env := cloud.Env()
	maps.Copy(env, map[string]string{
		"SECRETS_PREFIX": "bridge/test", "REJECTED_QUEUE_URL": cloud.SQS.QueueURL(g.rejected), "INTEGRATIONS_FILE": integrations(t),
		"CLEVERTAP_ENDPOINT": listener.URL + "/{host}", "UPLOAD_TIMEOUT": "5s",
	})
	maps.Copy(env, s.env)
	g.env = env
	g.function = lambdatest.New(t, lambdatest.Build(t, "functions/forwarder"), env)
	g.function.Grace = busy
	if err := g.function.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.end)
	return g
}

// secrets stores every app's accounts.
func (s *stage) secrets() {
	demo := `{"region":"eu1","account_id":"` + demoAccount + `","passcode":"` + demoPasscode + `"}`
	for _, app := range []string{"demo", "share", "shut", "sent", "unsent", "known", "muted", "silent", "paid"} {
		s.secret(app, demo)
	}
	s.secret("twin", `{"region":"EU","account_id":"`+demoAccount+`","passcode":"`+twinPasscode+`"}`)
	s.secret("other", `{"region":"in","account_id":"`+otherAccount+`","passcode":"passcode-other"}`)
	s.secret("boxed", `{"region":"us1","account_id":"`+boxedAccount+`","passcode":"passcode-boxed",
		"sandbox":{"region":"sg1","account_id":"`+sandAccount+`","passcode":"passcode-sand"}}`)
}

func (s *stage) secret(app, text string) { s.aws.Secrets.Put("bridge/test/"+app+"/clevertap", text) }

func integrations(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "integrations.yaml")
	if err := os.WriteFile(path, []byte(apps), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// batch is one invocation.
type batch struct {
	messages []awstest.Received
	returned []string // the ids that the answer names
	took     time.Duration
	told     map[string]told // by message, what the log says of those that were not delivered; only after the end
	metrics  []metrics       // only after the end
}

// invoke hands everything that can be received to the forwarder and settles it as Lambda does.
func (s *stage) invoke() *batch { s.Helper(); return s.invokeWithin(allowed) }

func (s *stage) invokeWithin(timeout time.Duration) *batch {
	s.Helper()
	b := &batch{messages: s.events.Receive(1<<20, -1)}
	s.batches = append(s.batches, b)
	payload, err := awstest.Event(s.events, b.messages)
	if err != nil {
		s.Fatal(err)
	}
	answer, err := s.function.Invoke(s.Context(), payload, timeout)
	b.took = s.function.Took()
	if err != nil {
		s.Fatal(err)
	}
	var response struct {
		Failures *[]struct {
			ID string `json:"itemIdentifier"`
		} `json:"batchItemFailures"`
	}
	if err := json.Unmarshal(answer, &response, json.RejectUnknownMembers(true)); err != nil || response.Failures == nil {
		s.Fatalf("answer %s: %v", answer, err)
	}
	for _, f := range *response.Failures {
		b.returned = append(b.returned, f.ID)
	}
	comesBack := make(map[string]bool, len(b.returned))
	for _, id := range b.returned {
		comesBack[id] = true
	}
	for _, m := range b.messages {
		switch {
		case !comesBack[m.ID]:
			if err := s.events.Delete(m.Handle); err != nil {
				s.Error(err)
			}
		case s.impatient: // The next invocation gets it at once, whatever the forwarder has asked for.
			if err := s.events.ChangeVisibility(m.Handle, 0); err != nil {
				s.Error(err)
			}
		}
	}
	return b
}

// stored tells how many records an account has of a type.
func (s *stage) stored(account, kind string) int {
	n := 0
	for _, r := range s.clevertap.Records(account) {
		if r.Type == kind {
			n++
		}
	}
	return n
}

// uploads are the requests that an account got.
func (s *stage) uploads(account string) []clevertaptest.Request {
	return slices.DeleteFunc(s.clevertap.Requests(), func(r clevertaptest.Request) bool { return r.Account != account })
}
