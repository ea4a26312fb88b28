//go:build blackbox

package main_test

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/purchasely-clevertap/bridge/functions/internal/lambdatest"
	"github.com/purchasely-clevertap/bridge/functions/internal/templatetest"
	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
	"github.com/purchasely-clevertap/bridge/shared/clevertap/clevertaptest"
)

// The accounts at CleverTap. Passcodes, users and purchases have words in them that a search finds.
const (
	demoAccount  = "DEM-000-0001"
	otherAccount = "OTH-000-0002"
	liveAccount  = "LIV-000-0003" // of the app "both", with
	sandAccount  = "SND-000-0004"

	demoPasscode   = "passcode-demo"
	secondPasscode = "passcode-second"
	freshPasscode  = "passcode-fresh"
)

// apps is the integration file of these tests.
const apps = `apps:
  demo: {}
  other: {}
  second: {}    # demo's account, with a passcode of its own
  shared: {}    # demo's account, with the same passcode
  both: {}      # its secret has a sandbox account
  lost: {}      # it has no secret
  off: {enabled: false}
  users-only: {anonymous: skip}
  profiles-only: {server_events: {default: skip}}
  silent: {server_events: {default: skip}, user_properties: {default: none}}
  paid: {revenue: {charged: true}}
`

const (
	// timeout is how long an invocation may take unless a test says otherwise.
	timeout = 30 * time.Second
	// busy is how much longer an answer may take on a busy machine before a test calls it a hang.
	busy = time.Minute
)

// stack is the built forwarder with a fake Lambda, a fake AWS and a fake CleverTap.
type stack struct {
	*testing.T
	function   *lambdatest.Function
	aws        *awstest.Server
	events     *awstest.Queue
	rejected   *awstest.Queue
	clevertap  *clevertaptest.Server
	env        map[string]string
	batches    []*batch
	ignored    []string // rules of CleverTap's warnings that are part of the test
	stayHidden bool     // returned messages stay hidden; otherwise the next batch has them at once
	ended      bool     // the function is stopped and its output is checked
}

// options differ from test to test. The zero value is a FIFO queue and short times.
type options struct {
	queue string
	now   func() time.Time
	env   map[string]string
}

func start(t *testing.T, o options) *stack {
	t.Helper()
	cloud := awstest.New(t, o.now)
	s := &stack{
		T: t, aws: cloud, stayHidden: o.now != nil,
		events:   cloud.SQS.Create(awstest.QueueConfig{Name: cmp.Or(o.queue, "events.fifo")}),
		rejected: cloud.SQS.Create(awstest.QueueConfig{Name: "rejected"}),
		clevertap: clevertaptest.New(clevertaptest.Config{Accounts: []clevertaptest.Account{
			account(demoAccount, "eu1", demoPasscode, secondPasscode), account(otherAccount, "in1", "passcode-other"),
			account(liveAccount, "us1", "passcode-live"), account(sandAccount, "sg1", "passcode-sand"),
		}}),
	}
	listener, err := s.clevertap.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	s.putSecrets()
	s.env = cloud.Env()
	maps.Copy(s.env, map[string]string{
		"SECRETS_PREFIX": "bridge/test", "REJECTED_QUEUE_URL": cloud.SQS.QueueURL(s.rejected),
		"INTEGRATIONS_FILE": templatetest.File(t, apps), "CLEVERTAP_ENDPOINT": listener.URL + "/{host}",
		"UPLOAD_TIMEOUT": "5s",
	})
	maps.Copy(s.env, o.env)
	s.run()
	return s
}

// run starts a process.
func (s *stack) run() {
	s.Helper()
	s.function = lambdatest.Run(s.T, "functions/forwarder", s.env)
	s.Cleanup(s.end)
}

// another is another forwarder on the same stack, a cold one.
func (s *stack) another() *stack {
	s.Helper()
	other := *s
	other.batches = nil
	other.run()
	return &other
}

func account(id, region string, passcodes ...string) clevertaptest.Account {
	return clevertaptest.Account{ID: id, Region: region, Passcodes: passcodes, Discarded: []string{"DISCARDED"}}
}

// inParallel runs a test for every row of a table.
func inParallel[K comparable, V any](t *testing.T, rows map[K]V, test func(t *testing.T, key K, value V)) {
	t.Parallel()
	for key, value := range rows {
		t.Run(fmt.Sprint(key), func(t *testing.T) {
			t.Parallel()
			test(t, key, value)
		})
	}
}

// onBothQueues runs a test with messages from a FIFO queue and from a standard queue.
func onBothQueues(t *testing.T, test func(t *testing.T, queue string)) {
	for _, queue := range []string{"events.fifo", "events"} {
		t.Run(queue, func(t *testing.T) {
			t.Parallel()
			test(t, queue)
		})
	}
}

func (s *stack) putSecrets() {
	for app := range strings.FieldsSeq("demo shared off users-only profiles-only silent paid") {
		s.putSecret(app, secret("eu1", demoAccount, demoPasscode))
	}
	s.putSecret("second", secret("EU", demoAccount, secondPasscode))
	s.putSecret("other", secret("in", otherAccount, "passcode-other"))
	live := strings.TrimSuffix(secret("us1", liveAccount, "passcode-live"), "}")
	s.putSecret("both", live+`,"sandbox":`+secret("sg1", sandAccount, "passcode-sand")+"}")
}

func (s *stack) putSecret(app, text string) { s.aws.Secrets.Put("bridge/test/"+app+"/clevertap", text) }

func secret(region, account, passcode string) string {
	return fmt.Sprintf(`{"region":%q,"account_id":%q,"passcode":%q}`, region, account, passcode)
}

// batch is one invocation.
type batch struct {
	*stack
	messages []awstest.Received
	returned []string // the ids in the response
	err      error    // of the function
	took     time.Duration

	// What was printed about it; only after the end.
	lines    map[string]line // by id, of the messages that were not delivered
	summary  line
	settings []line // about the settings
	metrics  []map[string]any
}

// call hands all messages that can be received to the forwarder.
func (s *stack) call(timeout time.Duration) *batch {
	s.Helper()
	b := &batch{stack: s, messages: s.events.Receive(1<<20, -1)}
	s.batches = append(s.batches, b)
	payload, err := awstest.Event(s.events, b.messages)
	if err != nil {
		s.Fatal(err)
	}
	answer, err := s.function.Invoke(s.Context(), payload, timeout)
	b.took = s.function.Took()
	if b.err = err; err == nil {
		b.returned, b.err = awstest.Failures(answer)
	}
	return b
}

// invoke is call, and deletes or returns the messages, as Lambda does.
func (s *stack) invoke() *batch { s.Helper(); return s.invokeWithin(timeout) }

func (s *stack) invokeWithin(timeout time.Duration) *batch {
	s.Helper()
	b := s.call(timeout)
	if b.err != nil {
		s.Fatal(b.err)
	}
	returned := make(map[string]bool)
	for _, id := range b.returned {
		returned[id] = true
	}
	for _, m := range b.messages {
		var err error
		switch {
		case !returned[m.ID]:
			err = s.events.Delete(m.Handle)
		case !s.stayHidden:
			err = s.events.ChangeVisibility(m.Handle, 0)
		}
		if err != nil {
			s.Error(err)
		}
	}
	return b
}

// deliver invokes the forwarder with messages of which none may come back.
func (s *stack) deliver(messages ...queued) *batch {
	s.Helper()
	s.send(messages...)
	b := s.invoke()
	if len(b.returned) > 0 {
		s.Errorf("%d messages come back", len(b.returned))
	}
	return b
}

// deliverAll invokes the forwarder again and again until nothing comes back.
func (s *stack) deliverAll() *batch {
	s.Helper()
	for began := time.Now(); time.Since(began) < busy; time.Sleep(10 * time.Millisecond) {
		if b := s.invoke(); len(b.returned) == 0 {
			return b
		}
	}
	s.Fatal("messages come back for ever")
	return nil
}

// stored counts the records of a type that an account has, of all types if it is empty.
func (s *stack) stored(account, kind string) (n int) {
	for _, r := range s.clevertap.Records(account) {
		if kind == "" || r.Type == kind {
			n++
		}
	}
	return n
}

func (s *stack) wantStored(events, profiles int) {
	s.Helper()
	if e, p := s.stored(demoAccount, "event"), s.stored(demoAccount, "profile"); e != events || p != profiles {
		s.Errorf("%d events and %d profiles stored, want %d and %d", e, p, events, profiles)
	}
}

// uploads are the requests that an account has received.
func (s *stack) uploads(account string) []clevertaptest.Request {
	return slices.DeleteFunc(s.clevertap.Requests(), func(r clevertaptest.Request) bool { return r.Account != account })
}

// queued is a message as the receiver would have written it, except for what a test changes.
type queued struct {
	app     string // demo if empty
	group   string // one of its own if empty
	body    string
	changes []string // attributes, as name, value, name, value; an empty value removes one
}

func to(app, body string) queued { return queued{app: app, body: body} }
func demo(body string) queued    { return queued{body: body} }

// number makes every webhook and every message another one.
var number atomic.Int64

// send puts messages on the queue and returns their ids.
func (s *stack) send(messages ...queued) []string {
	s.Helper()
	ids := make([]string, len(messages))
	for i, m := range messages {
		sent, err := s.events.Send(m.message(s.events.FIFO()))
		if err != nil {
			s.Fatal(err)
		}
		ids[i] = sent.ID
	}
	return ids
}

func (q queued) message(fifo bool) awstest.Message {
	values := map[string]string{
		"schema": "1", "app": cmp.Or(q.app, "demo"), "encoding": "raw", "received_at": timestamp(time.Now()),
	}
	for change := range slices.Chunk(q.changes, 2) {
		values[change[0]] = change[1]
	}
	maps.DeleteFunc(values, func(_, value string) bool { return value == "" })
	m := awstest.Message{Body: q.body, Attributes: awstest.TextAttributes(values)}
	if fifo {
		n := strconv.FormatInt(number.Add(1), 10)
		m.GroupID, m.DeduplicationID = cmp.Or(q.group, "group-"+n), "dedup-"+n
	}
	return m
}

func timestamp(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05.000Z") }

// renewal is a webhook about a subscription, which makes an event record and a profile record. Changes are keys and
// JSON values; an empty value removes a key.
func renewal(user string, changes ...string) string {
	n := number.Add(1)
	at := time.Now().Add(-time.Hour).Add(time.Duration(n) * time.Millisecond)
	values := map[string]string{
		"api_version":                `3`,
		"event_name":                 `"SUBSCRIPTION_RENEWED"`,
		"event_id":                   fmt.Sprintf(`"event-%d"`, n),
		"event_created_at":           strconv.Quote(timestamp(at)),
		"event_created_at_ms":        strconv.FormatInt(at.UnixMilli(), 10),
		"user_id":                    `"person-` + user + `"`,
		"store":                      `"APPLE_APP_STORE"`,
		"purchase_type":              `"RENEWING_SUBSCRIPTION"`,
		"plan":                       `"private-plan"`,
		"purchasely_subscription_id": `"private-subscription"`,
		"subscription_status":        `"AUTO_RENEWING"`,
		"environment":                `"PRODUCTION"`,
	}
	for change := range slices.Chunk(changes, 2) {
		values[change[0]] = change[1]
	}
	var members []string
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if values[name] != "" {
			members = append(members, strconv.Quote(name)+":"+values[name])
		}
	}
	return "{" + strings.Join(members, ",") + "}"
}

// consumable is a webhook about a purchase that does not renew, which makes one record, an event.
func consumable(user string, changes ...string) string {
	return renewal(user, append([]string{"purchase_type", `"CONSUMABLE"`, "subscription_status", ""}, changes...)...)
}

// named is a consumable whose event has another name.
func named(user, event string) string { return consumable(user, "event_name", strconv.Quote(event)) }

// large is a consumable whose record has about 50 kB, so that an upload holds twenty.
func large(user string) string {
	var changes []string
	for i := range 90 {
		changes = append(changes, fmt.Sprintf("private_note_%d", i), strconv.Quote(strings.Repeat("x", 500)))
	}
	return consumable(user, changes...)
}

// manyLarge is so many large webhooks of one group that they take so many uploads.
func manyLarge(group string, uploads int) []queued {
	messages := make([]queued, 20*uploads)
	for i := range messages {
		messages[i] = queued{group: group, body: large(fmt.Sprint(group, i))}
	}
	return messages
}

func TestAnInvalidEnvironmentStopsTheStartWithOneLine(t *testing.T) {
	t.Parallel()
	lambdatest.StopsAtStart(t, "forwarder", nil, "SECRETS_PREFIX", "REJECTED_QUEUE_URL")
	invalid := templatetest.File(t, "apps:\n  demo: {enabled: perhaps, sandbox: never}\n  Demo: {}\n")
	lambdatest.StopsAtStart(t, "forwarder", map[string]string{"UPLOAD_TIMEOUT": "x", "INTEGRATIONS_FILE": invalid},
		"SECRETS_PREFIX", "REJECTED_QUEUE_URL", "UPLOAD_TIMEOUT", "integrations.yaml:2:", "integrations.yaml:3:")
}
