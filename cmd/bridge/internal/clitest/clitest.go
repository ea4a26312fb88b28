// Package clitest runs commands of bridge in tests, in virtual time and against a deployed bridge within the process:
// a fake AWS with the template's stack, a strict fake CleverTap, and a receiver. The integration file of the fixtures
// is the one that is built into bridge, so that no test depends on what somebody has made of the real one.
package clitest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
	"github.com/purchasely-clevertap/bridge/shared/aws/dynamo"
	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/clevertap/clevertaptest"
	"github.com/purchasely-clevertap/bridge/shared/config"
	"github.com/purchasely-clevertap/bridge/shared/message"
	"github.com/purchasely-clevertap/bridge/shared/secret"
	"github.com/purchasely-clevertap/bridge/shared/subscriber"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// The stack's name, and names of its parts.
const (
	Stack            = "purchasely-clevertap"
	Table            = "purchasely-clevertap-SubscribersTable-1A2B3C4D5E6F"
	ForwarderLog     = "/aws/lambda/purchasely-clevertap-forwarder"
	RelayLog         = "/aws/lambda/purchasely-clevertap-relay"
	PurchaselySecret = "purchasely-clevertap/demo/purchasely"
	CleverTapSecret  = "purchasely-clevertap/demo/clevertap"
	Bucket           = "purchasely-clevertap-settingsbucket-1a2b3c4d5e6f"
)

func init() {
	path := "events/integrations.yaml"
	for range 8 { // tests run in the folder of their package
		if text, err := os.ReadFile(path); err == nil {
			config.Integrations = text
			return
		}
		path = filepath.Join("..", path)
	}
	panic("the integration file of the fixtures is not found")
}

// DemoSecret opens nothing.
const DemoSecret = "demo-secret-not-for-production"

// Cloud is a deployed bridge, and the network that leads to it.
type Cloud struct {
	*awstest.Server
	Outputs                                        map[string]string
	Events, Rejected, DeadLetters, FIFODeadLetters *awstest.Queue
	StandardEvents                                 *awstest.Queue
	Relay, RelayDeadLetters                        *awstest.Queue // nil unless the stack passes webhooks on
	Table                                          *awstest.Table
	CleverTap                                      *clevertaptest.Server
	Receiver                                       RoundTrip // answers what is posted to the receiver
}

// RoundTrip is a transport made of a function.
type RoundTrip func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (f RoundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Answer is a transport that always answers the same.
func Answer(status int, body string) RoundTrip {
	return func(r *http.Request) (*http.Response, error) {
		text, header := io.NopCloser(strings.NewReader(body)), http.Header{"Location": {"https://elsewhere.example/"}}
		return &http.Response{StatusCode: status, Header: header, Body: text, Request: r}, nil
	}
}

// Test runs a test in virtual time, which begins in November 2026.
func Test(t *testing.T, test func(t *testing.T, c *Cloud)) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Date(2026, time.November, 23, 10, 0, 0, 0, time.UTC)))
		test(t, New(t))
	})
}

// Subtest runs a test of a table as [Test] does.
func Subtest(t *testing.T, name string, test func(t *testing.T, c *Cloud)) {
	t.Helper()
	t.Run(name, func(t *testing.T) { Test(t, test) })
}

// New makes a Cloud, and sets the environment of commands for it.
func New(t testing.TB) *Cloud {
	c := &Cloud{Server: awstest.NewInProcess(nil), Receiver: Answer(http.StatusOK, `{"status":"queued"}`)}
	for name, value := range c.Env() {
		t.Setenv(name, value)
	}
	for name, value := range map[string]string{
		"AWS_EC2_METADATA_DISABLED": "true", "AWS_MAX_ATTEMPTS": "1", "AWS_PROFILE": "", "AWS_CONFIG_FILE": "none",
		"AWS_SHARED_CREDENTIALS_FILE": "none", "AWS_CA_BUNDLE": "", "BRIDGE_SHARED_SECRET": "", "BRIDGE_URL": "",
		"CLEVERTAP_ENDPOINT": "",
	} {
		t.Setenv(name, value)
	}
	c.Outputs = map[string]string{
		"WebhookUrl":    "https://a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com/purchasely/{app}",
		"SecretsPrefix": Stack, "SubscribersTable": Table, "SettingsBucket": Bucket,
	}
	c.Events = c.create("events.fifo", "EventsFifoQueueUrl")
	c.Outputs["EventsQueueUrl"] = c.Outputs["EventsFifoQueueUrl"]
	c.StandardEvents = c.create("events", "EventsStandardQueueUrl")
	c.FIFODeadLetters = c.create("events-dead.fifo", "EventsFifoDeadLetterQueueUrl")
	c.DeadLetters = c.create("events-dead", "EventsStandardDeadLetterQueueUrl")
	c.Rejected = c.create("rejected", "RejectedQueueUrl")
	c.Stacks.Create(Stack, c.Outputs)
	c.Logs.Create(ForwarderLog)
	c.Stacks.SetParameters(Stack, map[string]string{"SettingsRefresh": "60s"})
	c.S3.Create(Bucket)
	c.Table = c.Dynamo.Create(Table, subscriber.PartitionAttribute, subscriber.SortAttribute)
	c.CleverTap = clevertaptest.New(clevertaptest.Config{Accounts: []clevertaptest.Account{
		{ID: "AAA-111-2222", Region: "in1", Passcodes: []string{"right-pass"}},
		{ID: "TEST-AAA-111-2222", Region: "eu1", Passcodes: []string{"sandbox-pass"}},
	}})
	return c
}

// create creates a queue that an output of the stack names.
func (c *Cloud) create(name, output string) *awstest.Queue {
	q := c.SQS.Create(awstest.QueueConfig{Name: Stack + "-" + name, Retention: 14 * 24 * time.Hour})
	c.Outputs[output] = c.SQS.QueueURL(q)
	return q
}

// UseRelay makes the stack one that passes webhooks on to the customer's back end.
func (c *Cloud) UseRelay() {
	c.Relay = c.create("relay.fifo", "RelayQueueUrl")
	c.RelayDeadLetters = c.create("relay-dead.fifo", "RelayDeadLetterQueueUrl")
	c.Logs.Create(RelayLog)
	c.Stacks.Create(Stack, c.Outputs)
}

// RoundTrip is the network.
func (c *Cloud) RoundTrip(r *http.Request) (*http.Response, error) {
	switch host := r.URL.Host; {
	case host == "aws.test":
		return c.Do(r)
	case strings.HasSuffix(host, "api.clevertap.com"):
		return c.CleverTap.Transport().RoundTrip(r)
	default:
		return c.Receiver(r)
	}
}

// Result is what a command line came to.
type Result struct {
	Code      int
	Out, Errs string
}

// Run executes a command line: of the root command, or of one of its commands. It leaves out the line that says which
// integration file was read.
func Run(ctx context.Context, command *cobra.Command, in string, args ...string) Result {
	if command.Name() != "bridge" {
		command = cli.Group("bridge", "", "", command)
	}
	var out, errs bytes.Buffer
	code := cli.Run(ctx, command, args, strings.NewReader(in), &out, &errs)
	said := regexp.MustCompile(`(?m)^integration file: .*\n`).ReplaceAllString(errs.String(), "")
	return Result{code, out.String(), said}
}

// Has reports whether a result has a code and shows texts.
func (r Result) Has(code int, out, errs string) bool {
	return r.Code == code && strings.Contains(r.Out, out) && strings.Contains(r.Errs, errs)
}

// Want checks a result's code, and that it shows texts.
func (r Result) Want(t testing.TB, code int, out, errs string) {
	t.Helper()
	if !r.Has(code, out, errs) {
		t.Errorf("got %+v, want %d, %q and %q", r, code, out, errs)
	}
}

// CheckLeaks looks for secrets, ids of people and AWS's own words.
func (r Result) CheckLeaks(t *testing.T) {
	t.Helper()
	for _, hidden := range []string{
		DemoSecret, "shared-4711", "former-4711", "right-pass", "wrong-pass", "sandbox-pass", "learner-1", "anna", "otto",
		awstest.ErrorText,
	} {
		if strings.Contains(r.Out+r.Errs, hidden) {
			t.Errorf("the output shows %q: %+v", hidden, r)
		}
	}
}

// Bodies are a queue's bodies in their order.
func Bodies(q *awstest.Queue) (list []string) {
	for _, m := range q.Messages() {
		list = append(list, m.Body)
	}
	return list
}

// Golden compares a text with a file; with UPDATE_GOLDEN=1 it writes the file.
func Golden(t *testing.T, file, got string) {
	t.Helper()
	if os.Getenv("UPDATE_GOLDEN") == "1" {
		if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v (UPDATE_GOLDEN=1 makes it)", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

// Webhook is a body of one user.
func Webhook(user string, n int) string {
	return fmt.Sprintf(`{"event_name": "TRIAL_STARTED","user_id":"%s","event_id":"event-%d"}`, user, n)
}

// Group is the group of a user of the demo app on a FIFO queue.
func Group(user string) string {
	ids := message.IDs{SubscriberKind: webhook.ByUser.String(), Subscriber: user}
	return message.Encode(message.Message{App: "demo"}, ids, true).GroupID
}

// File writes a file of the test's own, and returns its path.
func File(t testing.TB, name, text string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// PutItems stores items in the table.
func (c *Cloud) PutItems(t testing.TB, items map[subscriber.Key]subscriber.Item) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context()) // a timer may do it when the test has ended
	if left, err := dynamo.NewTable(c.Config(), Table, 0).Put(ctx, items); err != nil || len(left) > 0 {
		t.Errorf("not written: %v, %v", left, err)
	}
}

// SettleOf writes outcomes of webhooks into the journal of a partition, as the forwarder does.
func (c *Cloud) SettleOf(t testing.TB, partition string, events ...subscriber.Event) {
	t.Helper()
	items := make(map[subscriber.Key]subscriber.Item)
	for _, e := range events {
		items[subscriber.EventKey(partition, e.App, e.Received, e.EventID)] = e.Item(30 * 24 * time.Hour)
	}
	c.PutItems(t, items)
}

// Settle writes outcomes of a user's webhooks into the journal.
func (c *Cloud) Settle(t testing.TB, user string, events ...subscriber.Event) {
	t.Helper()
	c.SettleOf(t, subscriber.Partition(webhook.ByUser.String(), user), events...)
}

// The accounts that the fake CleverTap has.
var (
	Production = clevertap.Account{
		Host: "in1.api.clevertap.com", ID: "AAA-111-2222", Passcode: secret.New("right-pass"),
	}
	Sandbox = clevertap.Account{
		Host: "eu1.api.clevertap.com", ID: "TEST-AAA-111-2222", Passcode: secret.New("sandbox-pass"),
	}
)

// Upload uploads records to an account.
func (c *Cloud) Upload(t testing.TB, to clevertap.Account, records ...string) {
	t.Helper()
	batch := clevertap.AccountBatch{Account: to}
	for i, text := range records {
		batch.Records = append(batch.Records, clevertap.Record{Key: i, JSON: []byte(text)})
	}
	u := clevertap.NewUploader(clevertap.Options{Transport: c.CleverTap.Transport()})
	ctx := context.WithoutCancel(t.Context()) // a timer may do it when the test has ended
	if r := u.Upload(ctx, []clevertap.AccountBatch{batch}, taken{}); r.Batches[0].Accepted != len(records) {
		t.Errorf("CleverTap has not accepted everything: %+v", r)
	}
}

// taken lets everything be sent.
type taken struct{}

func (taken) MaySend(int) bool { return true }
func (taken) Done(int, error)  {}

// InterruptAt returns a context that is cancelled as so many calls to SQS have been made.
func (c *Cloud) InterruptAt(t testing.TB, calls int) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	var left atomic.Int32
	left.Store(int32(calls))
	c.SQS.Before(func(string) {
		if left.Add(-1) == 0 {
			cancel()
		}
	})
	return ctx
}

// UseStandardQueue makes the stack one whose receiver sends to the standard queue.
func (c *Cloud) UseStandardQueue() {
	c.Events = c.StandardEvents
	c.SetOutput("EventsQueueUrl", c.Outputs["EventsStandardQueueUrl"])
}

// UseNoTable makes the stack one without the table of subscribers.
func (c *Cloud) UseNoTable() { c.SetOutput("SubscribersTable", "") }

// SetOutput gives the stack an output; an empty one is as good as none.
func (c *Cloud) SetOutput(name, value string) {
	c.Outputs[name] = value
	c.Stacks.Create(Stack, c.Outputs)
}

// Attributes are those of a message; with a reason it was rejected.
func Attributes(app, reason, received string) map[string]string {
	all := map[string]string{"schema": "1", "app": app, "received_at": received, "encoding": "raw"}
	if reason != "" {
		all["reason"], all["error"], all["accepted"] = reason, "clevertap refused the record", "profile"
	}
	if code, ok := strings.CutPrefix(reason, "clevertap_"); ok {
		all["code"] = code
	}
	return all
}

// Put puts a message on a queue as if it had come some time ago.
func Put(q *awstest.Queue, ago time.Duration, group, body string, attributes map[string]string) {
	q.Put(awstest.Message{
		ID: fmt.Sprintf("%08x-0000-4000-8000-000000000000", len(q.Messages())+1), Sent: time.Now().Add(-ago),
		GroupID: group, Body: body, Attributes: awstest.TextAttributes(attributes),
	})
}

// FillRejected puts twelve messages on the rejected queue: nine of anna's, the youngest first, and three of otto's.
func (c *Cloud) FillRejected() {
	for n := range 9 {
		received := fmt.Sprintf("2026-11-22T10:00:%02d.000Z", 30-n)
		age := time.Duration(n+1)*time.Hour + time.Minute
		Put(c.Rejected, age, "", Webhook("anna", n), Attributes("demo", "clevertap_513", received))
	}
	for n := range 3 {
		received := fmt.Sprintf("2026-11-20T10:00:%02d.000Z", n)
		Put(c.Rejected, 75*time.Hour, "", Webhook("otto", n), Attributes("shop", "malformed", received))
	}
}
