package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/clitest"
	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
	"github.com/purchasely-clevertap/bridge/shared/config"
	store "github.com/purchasely-clevertap/bridge/shared/settings"
	"github.com/purchasely-clevertap/bridge/shared/subscriber"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

func run(ctx context.Context, c *clitest.Cloud, in string, args ...string) clitest.Result {
	return clitest.Run(ctx, newRootCommand(c), in, args...)
}

// eachCommand calls a function for every command that does something, with its name.
func eachCommand(do func(name string, cmd *cobra.Command)) {
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		if !cmd.HasSubCommands() && !cmd.Hidden {
			do(strings.TrimPrefix(cmd.CommandPath(), "bridge "), cmd)
		}
		for _, sub := range cmd.Commands() {
			walk(sub)
		}
	}
	walk(newRootCommand(nil))
}

func TestEveryCommandHelps(t *testing.T) {
	eachCommand(func(name string, cmd *cobra.Command) {
		if cmd.Short == "" || cmd.Long == "" || cmd.Example == "" {
			t.Errorf("%s lacks a part of its help", name)
		}
		if cmd.Flags().Lookup("secret") != nil {
			t.Errorf("%s takes a secret as an argument", name)
		}
	})
	for _, group := range []string{"", "app", "rejected", "settings", "user"} {
		got := clitest.Run(t.Context(), newRootCommand(nil), "", strings.Fields(group)...)
		got.Want(t, cli.OK, "Available Commands:", "")
	}
}

// The version is that of the newest release in CHANGELOG.md.
func TestVersion(t *testing.T) {
	text, err := os.ReadFile("../../CHANGELOG.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "\n## [")
	newest, _, _ := strings.Cut(rest, "]")
	want := clitest.Result{Code: cli.OK, Out: "bridge " + newest + "\n"}
	if got := clitest.Run(t.Context(), newRootCommand(nil), "", "--version"); got != want || newest == "" {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestWrongCommandLines(t *testing.T) {
	for name, c := range map[string]struct{ args, errs string }{
		"an unknown command":            {"trace", `bridge: unknown command "trace"`},
		"a misspelt command":            {"explian", "hint: did you mean 'bridge explain'?"},
		"a misspelt command of a group": {"user sede", "hint: did you mean 'bridge user seed'?"},
		"an unknown flag":               {"lint --quick", "hint: 'bridge lint --help'"},
		"a flag that is no number": {"journal --limit x",
			`bridge: invalid argument "x" for "--limit" flag: want a whole number of at most 18 digits` + "\nhint: 'bridge"},
		"a flag that is no duration": {"send --wait=5", `"--wait" flag: want a duration such as 30s or 5m`},
		"a misspelt flag":            {"lint --stritc", "hint: did you mean --strict?"},
		"too many arguments":         {"lint a.yaml b.yaml", "hint: 'bridge lint --help'"},
		"a file that does not exist": {"lint testdata/none.yaml", "hint: is the path right, seen from this folder?"},
		"explain without an app": {"explain --file internal/lint/testdata/complete.yaml",
			"bridge: no app is named, and the integration file has several\n" +
				"hint: the apps in internal/lint/testdata/complete.yaml: demo, parla-tv\n"},
		"sample without an event":                {"sample", "name an event"},
		"sample with an event and a list":        {"sample ACTIVATE --list", "name an event"},
		"send without a URL":                     {"send --app demo", "hint: give --url or BRIDGE_URL"},
		"send over plain HTTP":                   {"send --app demo --url http://example.com", "must begin with https://"},
		"send to what is no URL":                 {"send --app demo --url example.com", "cannot be read"},
		"send with a file and a sample":          {"send --app demo --sample ACTIVATE a.json", "not both"},
		"send with two things on standard input": {"send --app demo --secret-stdin -", "cannot hold both"},
		"send without a secret and a terminal": {"send --app demo --url http://127.0.0.1:1 --sample ACTIVATE",
			"hint: set BRIDGE_SHARED_SECRET"},
		"send with an empty secret": {"send --app demo --url http://127.0.0.1:1 --sample ACTIVATE --secret-stdin",
			"the shared secret is empty"},
		"app add without an app":               {"app add --file internal/lint/testdata/complete.yaml", "no app is named"},
		"app add with a passcode":              {"app add --passcode x demo", "unknown flag: --passcode"},
		"app check of two apps":                {"app check demo shop", "accepts at most 1 arg(s)"},
		"settings put of what is built in":     {"settings put --yes", "hint: name a file with --file"},
		"settings put of standard input":       {"settings put --file -", "give --yes"},
		"settings history of nothing":          {"settings history --limit 0", "want a limit of 1 or more"},
		"rejected list of an age that is none": {"rejected list --older tomorrow", "want an age such as 30m, 12h or 3d"},
		"rejected list of nothing": {"rejected list --older 2d --newer 1d",
			"nothing is older than --older and newer than --newer"},
		"dead letters by reason": {"rejected list --dead-letters --reason malformed",
			"dead letters have no reason"},
		"redrive with a negative limit":     {"rejected redrive --limit -1", "want 0 or more"},
		"redrive with a negative rate":      {"rejected redrive --rate -1", "want 0 or more"},
		"replay without a file":             {"replay --app demo", "requires at least 1 arg(s)"},
		"replay of standard input and more": {"replay --app demo --yes - x.jsonl", "standard input goes alone"},
		"replay of a file that is not there": {"replay --app demo --stack purchasely-clevertap none.jsonl",
			"hint: name a file"},
	} {
		t.Run(name, func(t *testing.T) {
			got := run(t.Context(), clitest.New(t), "", strings.Fields(c.args)...)
			if !got.Has(cli.Usage, "", c.errs) || got.Out != "" {
				t.Errorf("got %+v, want %q", got, c.errs)
			}
		})
	}
}

// onStack are command lines of the commands that need a stack, without --stack.
var onStack = map[string]string{
	"reconcile": "reconcile --app demo",
	"app add":   "app add demo", "app check": "app check demo", "send": "send --app demo --sample ACTIVATE",
	"rejected list": "rejected list", "rejected show": "rejected show", "rejected redrive": "rejected redrive",
	"rejected purge": "rejected purge", "replay": "replay --app demo --yes ../../events/webhooks/trial-started.json",
	"user show": "user show --app demo --user u", "user trace": "user trace --user u",
	"user erase": "user erase --app demo --user u", "user seed": "user seed testdata/subscribers.csv",
	"user link": "user link --app demo --user u --clevertap-id x", "status": "status", "journal": "journal",
	"user suppress": "user suppress --app demo --user u", "user restore": "user restore --app demo --user u",
	"settings show": "settings show", "settings diff": "settings diff --file ../../events/integrations.yaml",
	"settings put":     "settings put --file ../../events/integrations.yaml --yes",
	"settings history": "settings history", "settings rollback": "settings rollback --yes",
}

func TestWithoutAStackEveryCommandSaysWhatIsMissing(t *testing.T) {
	refused := func(code string) func(*testing.T, *clitest.Cloud) {
		return func(_ *testing.T, c *clitest.Cloud) { c.Stacks.Inject(awstest.Fault{Status: 403, Code: code}) }
	}
	interrupted, cancel := context.WithCancel(t.Context())
	cancel()
	for name, test := range map[string]struct {
		prepare func(t *testing.T, c *clitest.Cloud)
		stack   string
		code    int
		errs    string // the end of what is said
	}{
		"no region": {func(t *testing.T, _ *clitest.Cloud) { t.Setenv("AWS_REGION", "") }, clitest.Stack, cli.Usage,
			"bridge: no AWS region is set\nhint: set AWS_REGION, or give your AWS profile a region\n"},
		"no credentials": {func(t *testing.T, _ *clitest.Cloud) { t.Setenv("AWS_ACCESS_KEY_ID", "") }, clitest.Stack,
			cli.Usage, "bridge: no AWS credentials are found\n" +
				"hint: set AWS_PROFILE, or sign in with 'aws sso login' or 'aws configure'\n"},
		"a profile that does not exist": {func(t *testing.T, _ *clitest.Cloud) { t.Setenv("AWS_PROFILE", "nobody") },
			clitest.Stack, cli.Usage, "bridge: AWS profile \"nobody\" does not exist\n" +
				"hint: AWS_PROFILE names one of those in ~/.aws/config\n"},
		"a stack that does not exist": {nil, "clevertop", cli.Finding,
			"bridge: stack \"clevertop\" does not exist in region eu-west-1\nhint: is it another region, account or name? " +
				"'aws cloudformation list-stacks' names those that are there\n"},
		"a stack of another kind": {func(_ *testing.T, c *clitest.Cloud) {
			c.Stacks.Create(clitest.Stack, map[string]string{"Else": "x"})
		}, clitest.Stack, cli.Finding, "\nhint: deploy the present version of the bridge, or name its stack\n"},
		"no right to look": {refused("AccessDenied"), clitest.Stack, cli.Finding,
			"bridge: CloudFormation DescribeStacks: AccessDenied\nhint: your AWS identity may not do this\n"},
		"a sign-in that has expired": {refused("ExpiredToken"), clitest.Stack, cli.Finding,
			"bridge: CloudFormation DescribeStacks: ExpiredToken\nhint: your AWS sign-in has expired: sign in again\n"},
		"no network": {func(_ *testing.T, c *clitest.Cloud) { c.Stacks.Inject(awstest.Reset) }, clitest.Stack, cli.Finding,
			"bridge: CloudFormation DescribeStacks: AWS does not answer\n" +
				"hint: is the network up, and AWS_ENDPOINT_URL right if it is set?\n"},
		"an interrupt": {nil, clitest.Stack, cli.Finding, "bridge: interrupted\n"},
	} {
		t.Run(name, func(t *testing.T) {
			for command, line := range onStack {
				ctx, c := t.Context(), clitest.New(t)
				if test.prepare != nil {
					test.prepare(t, c)
				}
				if name == "an interrupt" {
					ctx = interrupted
				}
				got := run(ctx, c, "", strings.Fields(line+" --stack "+test.stack)...)
				if got.Code != test.code || got.Out != "" || !strings.HasSuffix(got.Errs, test.errs) {
					t.Errorf("%s: got %+v", command, got)
				}
			}
		})
	}
}

func TestEveryCommandAsksForAStack(t *testing.T) {
	for command, line := range onStack {
		want := "flag --stack is missing: which CloudFormation stack is the bridge's?"
		if command == "send" {
			want = "no receiver's URL is given"
		}
		if got := run(t.Context(), clitest.New(t), "", strings.Fields(line)...); !got.Has(cli.Usage, "", want) {
			t.Errorf("%s: got %+v", command, got)
		}
	}
}

func TestTheEnvironmentNamesAnotherAWS(t *testing.T) {
	c := clitest.New(t)
	server := awstest.New(t, nil)
	queue := server.SQS.Create(awstest.QueueConfig{Name: "rejected"})
	server.Stacks.Create("local", map[string]string{"RejectedQueueUrl": server.SQS.QueueURL(queue)})
	t.Setenv("AWS_ENDPOINT_URL", server.URL)
	got := clitest.Run(t.Context(), newRootCommand(nil), "", "rejected", "purge", "--stack", "local")
	if !got.Has(cli.OK, "there is nothing to delete\n", "") || c.SQS.Calls("") != 0 {
		t.Errorf("got %+v", got)
	}
}

// furnish gives every one of some command lines something to do.
func furnish(t *testing.T, c *clitest.Cloud, lines string) {
	t.Helper()
	c.FillRejected()
	c.UseRelay()
	if !strings.Contains(lines, "app add") || strings.Contains(lines, "--replace") {
		c.Secrets.Put(clitest.PurchaselySecret, `{"shared_secret":"`+clitest.DemoSecret+`"}`)
		c.Secrets.Put(clitest.CleverTapSecret, `{"region":"in1","account_id":"AAA-111-2222","passcode":"right-pass"}`)
	}
	const day = 24 * time.Hour
	clitest.Put(c.Rejected, 9*day, "", clitest.Webhook("eve", 1),
		clitest.Attributes("demo", "malformed", "2026-11-14T10:00:00.000Z"))
	clitest.Put(c.FIFODeadLetters, 2*day, "anna's", clitest.Webhook("anna", 1),
		clitest.Attributes("demo", "", "2026-11-21T10:00:00.000Z"))
	const active = `{"subs_1":{"active":true,"at":"2026-03-14T12:00:00.000Z","rank":"activate"}}`
	former := bytes.Replace(config.Integrations, []byte("charged: true"), []byte("charged: false"), 1)
	c.S3.Put(clitest.Bucket, store.Key, former)
	c.S3.Put(clitest.Bucket, store.Key, config.Integrations)
	for _, user := range []string{"anna", "learner-40213"} {
		partition := subscriber.Partition("user", user)
		c.Table.Put(awstest.Item{
			"subscriber": awstest.S(partition), "item": awstest.S("state#AAA-111-2222"),
			"state": awstest.S(active), "expires": awstest.N(1836648000),
		})
		c.SettleOf(t, partition, history(user)...)
	}
	breaker := subscriber.Breaker{
		App: "demo", Account: "in1.api.clevertap.com/AAA-111-2222", Reason: "server", Code: "503",
		Opened: time.Now().Add(-4 * time.Minute), Until: time.Now().Add(90 * time.Second),
	}
	c.PutItems(t, map[subscriber.Key]subscriber.Item{
		subscriber.BreakerKey(breaker.App, breaker.Account): breaker.Item(),
	})
	watch(c)
	c.Receiver = func(r *http.Request) (*http.Response, error) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		ids, received := webhook.Peek(body), time.Now()
		time.AfterFunc(1500*time.Millisecond, func() { // and the forwarder delivers it
			if ids.Subscriber.ID == "" {
				return // a heartbeat
			}
			e := subscriber.Event{
				App: "demo", Event: ids.EventName, EventID: ids.EventID, Created: received, Received: received, Settled: time.Now(),
				Outcome: "delivered", Records: "event,profile", Account: "AAA-111-2222", Attempt: 1, Settings: "built-in",
			}
			c.SettleOf(t, subscriber.Partition(ids.Subscriber.Kind.String(), ids.Subscriber.ID), e)
			c.Upload(t, clitest.Production, fmt.Sprintf(
				`{"type":"event","identity":%q,"ts":%d,"evtName":%q,"evtData":{"event_id":%q}}`,
				ids.Subscriber.ID, received.Unix(), ids.EventName, ids.EventID))
		})
		return clitest.Answer(http.StatusOK, `{"status":"queued"}`)(r)
	}
}

// watch puts what CloudWatch knows of the stack.
func watch(c *clitest.Cloud) {
	now := time.Now()
	for name, n := range map[string]float64{
		"WebhooksQueued": 412, "MessagesDelivered": 361, "MessagesSkipped": 33, "MessagesRejected": 9, "MessagesRetried": 27,
	} {
		c.CloudWatch.Put("PurchaselyCleverTap", name, now.Add(-5*time.Hour), n, "App=demo")
	}
	c.CloudWatch.Put("PurchaselyCleverTap", "WebhooksQueued", now.Add(-2*time.Minute), 1, "App=demo")
	c.CloudWatch.Put("PurchaselyCleverTap", "MessagesDelivered", now.Add(-6*time.Minute), 1, "App=demo")
	c.CloudWatch.PutAlarm(awstest.Alarm{
		Name: clitest.Stack + "-RejectedAlarm-1A2B3C4D", State: "ALARM", Since: now.Add(-time.Hour),
		Description: "CleverTap refused messages for good. docs/guide/runbook.md#alarm-rejected-messages",
	})
	logged := func(ago time.Duration, id, outcome, reason, code string) {
		c.Logs.Put(clitest.ForwarderLog, now.Add(-ago), fmt.Sprintf(
			`{"messageId":%q,"app":"demo","outcome":%q,"reason":%q,"code":%q}`, id, outcome, reason, code))
	}
	logged(3*time.Minute, "m-1", "retry", "server", "503")
	logged(2*time.Minute, "m-2", "retry", "breaker", "")
	for n := range 9 {
		logged(2*time.Hour, fmt.Sprint("m-", 3+n), "rejected", "clevertap_513", "513")
	}
}

// history is what the journal has of a user's webhooks.
func history(user string) []subscriber.Event {
	received := time.Date(2026, time.November, 22, 8, 12, 4, 0, time.UTC)
	started := subscriber.Event{
		App: "demo", Event: "SUBSCRIPTION_STARTED", EventID: "e-1", Name: "Subscription Started",
		Created:  received.Add(-3 * time.Second),
		Received: received, Settled: received.Add(2 * time.Second), Outcome: "delivered", Records: "event,profile",
		Account: "AAA-111-2222", Active: "true", Attempt: 1, Settings: "built-in",
	}
	switchedOff := started
	switchedOff.Event, switchedOff.EventID, switchedOff.Name = "ACTIVATE", "e-2", ""
	switchedOff.Received, switchedOff.Created = received.Add(time.Second), received
	switchedOff.Outcome, switchedOff.Reason, switchedOff.Records = "skipped", "event_off", ""
	waiting := started
	waiting.Event, waiting.EventID, waiting.Name = "TRANSACTION_PROCESSED", "e-3", ""
	waiting.Received, waiting.Created = received.Add(25*time.Hour), received.Add(25*time.Hour-2*time.Second)
	waiting.Settled, waiting.Attempt = received.Add(25*time.Hour+40*time.Second), 4
	waiting.Outcome, waiting.Reason, waiting.Code, waiting.Records = "retry", "server", "503", ""
	all := []subscriber.Event{started, switchedOff, waiting}
	for i, e := range all {
		all[i].Body = fmt.Appendf(nil, `{"event_name":%q,"user_id":%q,"event_id":%q,"event_created_at":%q}`,
			e.Event, user, e.EventID, e.Created.Format(time.RFC3339))
	}
	return all
}

// What user show prints of an app is what explain takes.
func TestExplainTakesWhatUserShowPrints(t *testing.T) {
	clitest.Test(t, func(t *testing.T, c *clitest.Cloud) {
		furnish(t, c, "")
		const show = "user show --stack purchasely-clevertap --app demo --user anna --json"
		shown := run(t.Context(), c, "", strings.Fields(show)...)
		const end = `{"event_name":"DEACTIVATE","user_id":"anna","purchasely_subscription_id":"subs_2",` +
			`"event_created_at":"2026-03-15T12:00:00Z"}`
		got := run(t.Context(), c, end, "explain", "--app", "demo", "--state", clitest.File(t, "state", shown.Out))
		if !got.Has(cli.OK, "  has_active_subscription  true\n", "") ||
			!strings.Contains(got.Out, `"subs_2":{"active":false`) {
			t.Errorf("got %+v", got)
		}
	})
}

// enterRepository goes into a folder with the parts of the repository that examples name, and what commands write. Its
// integration file is that of the fixtures, with a back end.
func enterRepository(t *testing.T) {
	t.Helper()
	folder := t.TempDir()
	relay := "    relay: {url: \"https://api.example.com\"}\n" // behind what the pages quote by line
	err := errors.Join(
		os.CopyFS(filepath.Join(folder, "events"), os.DirFS("../../events")),
		os.Remove(filepath.Join(folder, "events/integrations.yaml")),
		os.CopyFS(filepath.Join(folder, "cmd/bridge/testdata"), os.DirFS("testdata")),
		os.MkdirAll(filepath.Join(folder, "shared/config"), 0o750),
		os.WriteFile(filepath.Join(folder, "shared/config/integrations.yaml"),
			slices.Concat(config.Integrations, []byte(relay)), 0o600),
	)
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(folder)
}

// TestExamplesWorkAsPrinted runs every line of every example from the repository's root, pipes included.
func TestExamplesWorkAsPrinted(t *testing.T) {
	const values = `{"purchasely":{"shared_secret":"shared-4711"},` +
		`"clevertap":{"account_id":"AAA-111-2222","passcode":"right-pass"}}`
	inputs := map[string]string{
		"app add": values, "rejected redrive": "y\n", "rejected purge": "y\n4\n", "user erase": "y\n",
		"settings put": "y\n", "settings rollback": "y\n", "user link": "y\n", "user suppress": "y\n", "user restore": "y\n",
	}
	names := maps.Clone(onStack)
	for _, offline := range []string{"lint", "explain", "sample"} {
		names[offline] = ""
	}
	eachCommand(func(name string, cmd *cobra.Command) {
		if _, ok := names[name]; !ok {
			return // fake, which ends only when it is told
		}
		for line := range strings.Lines(cmd.Example) {
			t.Run(strings.TrimSpace(line), func(t *testing.T) {
				enterRepository(t)
				clitest.Test(t, func(t *testing.T, c *clitest.Cloud) {
					furnish(t, c, line)
					inForce, err := os.ReadFile("shared/config/integrations.yaml")
					if err != nil {
						t.Fatal(err)
					}
					c.S3.Put(clitest.Bucket, store.Key, inForce)
					t.Setenv("BRIDGE_SHARED_SECRET", clitest.DemoSecret)
					in := inputs[name]
					for part := range strings.SplitSeq(line, "|") {
						got := run(t.Context(), c, in, strings.Fields(part)[1:]...)
						want := cli.OK
						if name == "status" || name == "reconcile" { // which find what the other examples work on
							want = cli.Finding
						}
						if got.Code != want || got.Out == "" {
							t.Fatalf("%q came to %+v", part, got)
						}
						in = got.Out
					}
				})
			})
		}
	})
}

// The README shows what explain prints of a fixture.
func TestTheReadmeShowsWhatExplainPrints(t *testing.T) {
	t.Chdir("../..")
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	got := clitest.Run(t.Context(), newRootCommand(nil), "",
		"explain", "events/webhooks/activate.json", "--file", "events/integrations.yaml")
	if got.Code != cli.OK || !strings.Contains(string(text), "\n```\n"+got.Out+"```\n") {
		t.Errorf("the README does not show\n%s%s", got.Out, got.Errs)
	}
}
