package explain

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/clitest"
	"github.com/purchasely-clevertap/bridge/shared/aws"
	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
	"github.com/purchasely-clevertap/bridge/shared/aws/dynamo"
	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/forward"
	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/mapping"
	"github.com/purchasely-clevertap/bridge/shared/message"
	"github.com/purchasely-clevertap/bridge/shared/settings"
	"github.com/purchasely-clevertap/bridge/shared/subscriber"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
	"github.com/purchasely-clevertap/bridge/shared/webhook/sample"
)

// run executes "bridge explain" for the demo app.
func run(ctx context.Context, in string, args ...string) clitest.Result {
	return clitest.Run(ctx, NewCommand(), in, append([]string{"explain", "--app", "demo"}, args...)...)
}

// TestExplain runs every folder of testdata: its arguments, its input, and what is printed for people and programs.
func TestExplain(t *testing.T) {
	cases, err := filepath.Glob("testdata/*/in.json")
	if err != nil || len(cases) == 0 {
		t.Fatal("no cases", err)
	}
	for _, in := range cases {
		folder := filepath.Dir(in)
		t.Run(filepath.Base(folder), func(t *testing.T) {
			file := filepath.Join(folder, "integrations.yaml")
			if !exists(file) {
				file = "testdata/integrations.yaml"
			}
			args := []string{"--received", "2026-11-02T09:00:00Z", "--file", file}
			if more, err := os.ReadFile(filepath.Join(folder, "args")); err == nil {
				args = append(args, strings.Fields(string(more))...)
			}
			for flag, want := range map[string]string{"--json=false": "want.txt", "--json": "want.json"} {
				got := run(t.Context(), "", append(args, flag, in)...)
				if got.Errs != "" {
					t.Errorf("unexpected message %q", got.Errs)
				}
				clitest.Golden(t, filepath.Join(folder, want), fmt.Sprintf("%sexit %d\n", got.Out, got.Code))
			}
		})
	}
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

func TestExplainSaysWhatIsWrong(t *testing.T) {
	for name, c := range map[string]struct {
		args, in string
		code     int
		errs     string
	}{
		"no webhook":                 {"", " \n", cli.Usage, "hint: 'bridge sample"},
		"a file that does not exist": {"none.json", "", cli.Usage, "hint: name a file"},
		"a time that is none":        {"--received noon", "{}", cli.Usage, "is not RFC 3339"},
		"a webhook beyond all sizes": {
			"", `{"a":"` + strings.Repeat("x", message.MaxBody) + `"}`, cli.Usage,
			"bridge: webhooks: one is longer than 783360 bytes",
		},
		"another app":           {"--app dmeo", "{}", cli.Usage, "hint: did you mean demo? the apps in built-in"},
		"what is not a webhook": {"", "no JSON", cli.Finding, ""},
		"a page of text": {"", "# Title\nno JSON\n", cli.Usage,
			"there is no JSON object in the input\nhint: give"},
		"a state that does not exist": {"--state none.json", "{}", cli.Usage, "hint: name a file with states"},
		"a state that is none":        {"--state explain_test.go", "{}", cli.Usage, "state: this is not what"},
		"the state at an account of another name": {"--state testdata/other-account.json", "{}", cli.Usage,
			"state: this is not what"},
		"two users with one's state": {"--state ../../testdata/state.json", `{"user_id":"a"} {"user_id":"b"}`, cli.Usage,
			"are about 2 users"},
	} {
		t.Run(name, func(t *testing.T) {
			run(t.Context(), c.in, strings.Fields(c.args)...).Want(t, c.code, "", c.errs)
		})
	}
}

// apps are integrations of the demo app that decide differently.
var apps = []string{
	"demo: {}",
	"demo: {enabled: false}",
	"demo: {sandbox: send, anonymous: object_id, revenue: {charged: true}}",
	"demo: {sandbox: skip, anonymous: skip, user_properties: {default: all, prefix: P }}",
	"demo: {server_events: {default: skip, events: {ACTIVATE: {name: On}, DEACTIVATE: {send: true}}}}",
}

// replace replaces the value of an attribute that has a text.
func replace(body []byte, attribute, value string) []byte {
	pattern := regexp.MustCompile(`"` + attribute + `": "[^"]*"`)
	return pattern.ReplaceAll(body, fmt.Appendf(nil, `"%s": "%s"`, attribute, value))
}

// randomBatch makes up webhooks: of one user or of a few, some of them for the sandbox and some damaged.
func randomBatch(t *testing.T, chance *rand.Rand, oneUser bool) Batch {
	t.Helper()
	yaml := "apps:\n  " + apps[chance.IntN(len(apps))]
	file, problems := integration.Load("test.yaml", []byte(yaml))
	if file == nil {
		t.Fatal(problems)
	}
	b := Batch{File: file, App: "demo", Received: time.Now(), SandboxAccount: chance.IntN(2) == 0}
	events := webhook.EmbeddedCatalogue().Events
	for range 1 + chance.IntN(12) {
		body := sample.Webhook(&events[chance.IntN(len(events))], chance.Uint64())
		user := "anna"
		if !oneUser {
			user = []string{"anna", "ben", "null"}[chance.IntN(3)]
		}
		body = replace(replace(body, "user_id", user), "vendor_id", user)
		body = replace(body, "purchasely_subscription_id", fmt.Sprint("subs_", chance.IntN(3)))
		if chance.IntN(4) == 0 {
			body = replace(body, "environment", "SANDBOX")
		}
		if chance.IntN(8) == 0 {
			body = replace(body, "event_name", "App Launched") // CleverTap refuses it
		}
		if chance.IntN(8) == 0 && !oneUser {
			body = body[:len(body)/2]
		}
		b.Bodies = append(b.Bodies, body)
	}
	if oneUser {
		b.States = make(map[string]subscriber.State)
		if chance.IntN(2) == 0 {
			at := b.Received.Add(-time.Duration(chance.IntN(400)) * 24 * time.Hour)
			account := []string{production, sandbox}[chance.IntN(2)]
			b.States[account] = subscriber.State{"subs_1": {Active: true, At: at.Truncate(time.Millisecond)}}
		}
	}
	return b
}

// TestExplainIsTheForwarder takes random batches through explain, and through the handler as the function wires it,
// with AWS and a strict CleverTap: outcomes, uploads and what is stored afterwards are the same.
func TestExplainIsTheForwarder(t *testing.T) {
	for seed := range uint64(100) {
		clitest.Test(t, func(t *testing.T, c *clitest.Cloud) {
			chance := rand.New(rand.NewPCG(seed, 3))
			b := randomBatch(t, chance, chance.IntN(2) == 0)
			event := receive(t, c, &b, []string{"events", "events.fifo"}[chance.IntN(2)])
			x, err := b.explain(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			outcomes := make([]outcome, len(b.Bodies))
			uploads := map[string]string{}
			handler := newForwarder(t, c, b, uploads)
			handler.Observe = func(r forward.Result) { outcomes[r.Message].complete(r, b) }
			if answer, err := handler.Invoke(t.Context(), event); err != nil || string(answer) != `{"batchItemFailures":[]}` {
				t.Fatalf("%s, %v", answer, err)
			}
			got := map[string]string{}
			for _, u := range x.Uploads {
				got[u.Account] += string(u.Body)
			}
			if diff := cmp.Diff(uploads, got); diff != "" {
				t.Errorf("seed %d: uploads (-forwarder +explain):\n%s", seed, diff)
			}
			for i, want := range outcomes {
				if got := x.Webhooks[i]; got.Outcome != want.Outcome || got.Reason != want.Reason || got.Cause != want.Cause ||
					(got.Account == "") != (want.Account == "") || cmp.Diff(got.Drift, want.Drift) != "" ||
					len(got.Records) != len(want.Records) || refused(got) != refused(want) {
					t.Errorf("seed %d, webhook %d: explain says %+v, the forwarder %+v", seed, i, got, want)
				}
			}
			for _, s := range x.States {
				if stored := storedOf(c, subscriber.Partition(s.Kind, s.ID)); stored != string(s.State) {
					t.Errorf("seed %d: stored of %s %s is %s, explain says %s", seed, s.Kind, s.ID, stored, s.State)
				}
			}
		})
	}
}

// refused counts the records that CleverTap would refuse.
func refused(o outcome) (n int) {
	for _, r := range o.Records {
		if !r.Accepted {
			n++
		}
	}
	return n
}

// accountIDs are the ids of the fake CleverTap's accounts.
var accountIDs = map[string]string{production: clitest.Production.ID, sandbox: clitest.Sandbox.ID}

// storedOf is what the table has of a person's purchases, as explain shows it.
func storedOf(c *clitest.Cloud, partition string) string {
	var all []string
	for _, account := range []string{production, sandbox} {
		if text := c.Table.Item(partition, "state#"+accountIDs[account])["state"].Text(); text != "" {
			all = append(all, fmt.Sprintf("%q:%s", account, text))
		}
	}
	return "{" + strings.Join(all, ",") + "}"
}

// receive sends a batch through a queue and returns it as Lambda hands it to the forwarder. The batch's webhooks then
// are in the order in which the queue hands them out.
func receive(t *testing.T, c *clitest.Cloud, b *Batch, name string) (event []byte) {
	t.Helper()
	q := c.SQS.Create(awstest.QueueConfig{Name: name})
	for i, body := range b.Bodies {
		s := webhook.Peek(body).Subscriber
		m := message.Message{App: b.App, Received: b.Received, Body: body}
		e := message.Encode(m, message.IDs{
			SubscriberKind: s.Kind.String(), Subscriber: s.ID, EventName: "EVENT", EventID: fmt.Sprint("event-", i),
		}, q.FIFO())
		_, err := q.Send(awstest.Message{
			Body: e.Body, Attributes: awstest.TextAttributes(e.Attributes),
			GroupID: e.GroupID, DeduplicationID: e.DeduplicationID,
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	received := q.Receive(len(b.Bodies), time.Minute)
	if len(received) != len(b.Bodies) {
		t.Fatalf("received %d of %d messages", len(received), len(b.Bodies))
	}
	for i, m := range received {
		decoded, err := message.Decode([]byte(m.Body), m.Attribute)
		if err != nil {
			t.Fatal(err)
		}
		b.Bodies[i] = decoded.Body
	}
	event, err := awstest.Event(q, received)
	if err != nil {
		t.Fatal(err)
	}
	return event
}

// newForwarder wires a handler as the function does. It notes the uploads by account.
func newForwarder(t *testing.T, c *clitest.Cloud, b Batch, uploads map[string]string) *forward.Handler {
	accounts := fixedAccounts{Production: clitest.Production}
	if b.SandboxAccount {
		accounts.Sandbox = &clitest.Sandbox
	}
	var mu sync.Mutex
	transport := clitest.RoundTrip(func(r *http.Request) (*http.Response, error) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		account := map[string]string{clitest.Production.Host: production, clitest.Sandbox.Host: sandbox}[r.URL.Host]
		mu.Lock()
		uploads[account] += string(body)
		mu.Unlock()
		r = r.Clone(r.Context())
		r.Body = io.NopCloser(bytes.NewReader(body))
		return c.CleverTap.Transport().RoundTrip(r)
	})
	rejected := aws.NewQueue(c.Config(), c.SQS.QueueURL(c.Rejected))
	h := &forward.Handler{
		Settings: settings.Fixed(b.File),
		Accounts: accounts,
		Mapper:   mapping.New(),
		Uploader: clevertap.NewUploader(clevertap.Options{Transport: transport}),
		Rejecter: rejected,
		Delayer:  rejected,
		Log:      slog.New(slog.DiscardHandler),
		Metrics:  io.Discard,
	}
	if b.States == nil {
		return h
	}
	h.Table = dynamo.NewTable(c.Config(), clitest.Table, time.Second)
	h.Journal, h.JournalLifetime = forward.JournalBodies, time.Hour // it decides nothing
	for account, state := range b.States {
		key := stateKey(b.subscribers()[0], accountIDs[account])
		c.PutItems(t, map[subscriber.Key]subscriber.Item{key: {subscriber.StateAttribute: state.Encode()}})
	}
	return h
}
