package settings_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/clitest"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/settings"
	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
	"github.com/purchasely-clevertap/bridge/shared/aws/dynamo"
	"github.com/purchasely-clevertap/bridge/shared/integration"
	store "github.com/purchasely-clevertap/bridge/shared/settings"
	"github.com/purchasely-clevertap/bridge/shared/subscriber"
)

// run runs a command on the stack, with a file as standard input.
func run(t *testing.T, c *clitest.Cloud, in, line string) clitest.Result {
	t.Helper()
	args := strings.Fields("settings " + line + " --stack " + clitest.Stack)
	return clitest.Run(t.Context(), settings.NewCommand(c), in, args...)
}

// renaming is an integration file that calls renewals something else.
func renaming(name string) string {
	return "apps: {demo: {server_events: {events: {SUBSCRIPTION_RENEWED: {name: " + name + "}}}}}\n"
}

func write(c *clitest.Cloud, text string) (version string) {
	time.Sleep(time.Second)
	return c.S3.Put(clitest.Bucket, store.Key, []byte(text))
}

// want runs a command as run does, and checks what it returns and prints.
func want(t *testing.T, c *clitest.Cloud, in, line string, code int, out string, errs ...string) clitest.Result {
	t.Helper()
	got := run(t, c, in, line)
	for _, text := range errs {
		if !got.Has(code, out, text) {
			t.Errorf("%s: got %+v, want %d, %q and %q", line, got, code, out, text)
		}
	}
	return got
}

// inForce checks which renaming settings show prints.
func inForce(t *testing.T, c *clitest.Cloud, name string) {
	t.Helper()
	if got := run(t, c, "", "show"); got.Out != renaming(name) {
		t.Errorf("in force is %+v, want %s", got, name)
	}
}

func TestPutWritesWhatIsInForceThen(t *testing.T) {
	clitest.Test(t, func(t *testing.T, c *clitest.Cloud) {
		for _, name := range []string{"Renewed", "Prolonged"} {
			want(t, c, renaming(name), "put --yes --file - -m because", cli.OK, "is written as", "come out differently")
			inForce(t, c, name)
		}
		want(t, c, renaming("Prolonged"), "put --yes --file -", cli.OK, "nothing to do", "the file is the same")
		if calls := c.S3.Calls("PutObject"); calls != 2 {
			t.Errorf("it was written %d times", calls)
		}
		const entry = "by marie: because\n  demo: event SUBSCRIPTION_RENEWED: \"Renewed\" → \"Prolonged\""
		want(t, c, "", "history", cli.OK, entry, "")
	})
}

func TestAFileIsPutOnlyIfItIsGood(t *testing.T) {
	for name, test := range map[string]struct{ text, errs string }{
		"a typo": {"apps: {demo: {enabled: perhaps}}", "standard input:1:24: error: apps.demo.enabled: enabled is "},
		"a warning": {"apps: {demo: {server_events: {events: {SUBSCRIPTION_RENEWD: {send: false}}}}}",
			"the integration file has 1 warning, which a strict check refuses"},
		"nothing":        {"", "1 error"},
		"five megabytes": {renaming("Large") + strings.Repeat("# padding\n", 500_000), "has more than 1048576 bytes"},
		"a bomb":         {"a: &a [x, x]\nb: &b [*a, *a]\napps: {demo: *b}", "errors"},
		"binary":         {"\x00\x01\xff\xfe", "1 error"},
	} {
		clitest.Subtest(t, name, func(t *testing.T, c *clitest.Cloud) {
			write(c, renaming("Good"))
			for _, command := range []string{"put --yes --file -", "diff --file -"} {
				if got := want(t, c, test.text, command, cli.Finding, "", test.errs); got.Out != "" {
					t.Errorf("%s: got %+v", command, got)
				}
			}
			inForce(t, c, "Good")
		})
	}
}

func TestWithoutAYesNothingIsWritten(t *testing.T) {
	clitest.Test(t, func(t *testing.T, c *clitest.Cloud) {
		first := write(c, renaming("First"))
		write(c, renaming("Second"))
		for _, line := range []string{"rollback", "rollback " + first} {
			want(t, c, "n\n", line, cli.Finding, "", "nobody said yes")
		}
		if c.S3.Calls("PutObject") > 0 {
			t.Error("it was written")
		}
	})
}

func TestNobodyOverwritesWhatHeHasNotSeen(t *testing.T) {
	for name, before := range map[string]string{"a version": renaming("Before"), "nothing": ""} {
		clitest.Subtest(t, name, func(t *testing.T, c *clitest.Cloud) {
			if before != "" {
				write(c, before)
			}
			c.S3.Before(func(operation string) {
				if operation == "PutObject" {
					write(c, renaming("Theirs"))
				}
			})
			const somebody = "somebody else has changed the settings"
			want(t, c, renaming("Mine"), "put --yes --file -", cli.Finding, "", `→ "Theirs"`, somebody)
			c.S3.Before(nil)
			inForce(t, c, "Theirs")
		})
	}
}

// Two people edit the same version, and the second does not look at the preview.
func TestABaseGuardsTheTimeBefore(t *testing.T) {
	clitest.Test(t, func(t *testing.T, c *clitest.Cloud) {
		base := write(c, renaming("Before"))
		want(t, c, renaming("Theirs"), "put --yes --file - --base "+base, cli.OK, "is written", "")
		want(t, c, renaming("Mine"), "put --yes --file - --base "+base, cli.Finding, "", `"Before" → "Theirs"`)
		inForce(t, c, "Theirs")
		want(t, c, renaming("Mine"), "put --yes --file - --base none", cli.Finding, "", `no version "none"`)
		c.S3.Delete(clitest.Bucket, store.Key)
		want(t, c, renaming("Mine"), "put --yes --file - --base "+base, cli.Finding, "", "somebody has deleted the settings")
	})
}

func TestAFaultyVersionDoesNotCount(t *testing.T) {
	clitest.Test(t, func(t *testing.T, c *clitest.Cloud) {
		good := write(c, renaming("Good"))
		faulty := write(c, "apps: {demo: {enabled: perhaps}}")
		want(t, c, "", "show", cli.Finding, renaming("Good"), "version "+faulty, `enabled is "perhaps"`, "in force: "+good)
		want(t, c, "", "show "+faulty, cli.Finding, "perhaps", `enabled is "perhaps"`)
		want(t, c, "", "history", cli.OK, "faulty, so that it never counted: 1 error", "")
		want(t, c, "", "history", cli.OK, good+"  in force", "")
		want(t, c, "", "rollback --yes "+faulty, cli.Finding, "", "version "+faulty+" is faulty")
		want(t, c, "", "rollback --yes", cli.OK, "is written", "the file is the same")
		want(t, c, "", "show", cli.OK, renaming("Good"), "rollback to "+good)
		write(c, strings.Repeat("#\n", store.MaxBytes/2+1))
		want(t, c, "", "show", cli.Finding, renaming("Good"), "larger than 1024 KiB")
	})
}

func TestRollback(t *testing.T) {
	clitest.Test(t, func(t *testing.T, c *clitest.Cloud) {
		want(t, c, "", "rollback --yes", cli.Finding, "", "no good version before")
		first := write(c, renaming("First"))
		write(c, renaming("Second"))
		write(c, renaming("Third"))
		want(t, c, "", "show "+first, cli.OK, renaming("First"), "version: "+first)
		for _, step := range []struct{ line, want string }{
			{"rollback --yes", "Second"}, {"rollback --yes " + first, "First"}, {"rollback --yes", "Second"},
			{"rollback --yes", "First"}, {"rollback --yes", "Second"},
		} {
			want(t, c, "", step.line, cli.OK, "is written", "")
			inForce(t, c, step.want)
		}
		c.S3.Delete(clitest.Bucket, store.Key)
		want(t, c, "", "show", cli.OK, "The integration file of the fixtures", "the settings are empty")
		want(t, c, "", "history", cli.OK, "deleted: since then the built-in file counted", "")
		want(t, c, "", "rollback --yes", cli.OK, "is written", "")
		inForce(t, c, "Second")
		c.S3.Forget(clitest.Bucket, store.Key, first)
		want(t, c, "", "rollback --yes "+first, cli.Finding, "", "have no version")
	})
}

func TestTheHistoryHasALimit(t *testing.T) {
	clitest.Test(t, func(t *testing.T, c *clitest.Cloud) {
		want(t, c, "", "history", cli.OK, "there is no version yet", "")
		for _, name := range []string{"First", "Second", "Third"} {
			write(c, renaming(name))
		}
		got := run(t, c, "", "history --limit 2 --json")
		var entries []settings.Entry
		if err := json.Unmarshal([]byte(got.Out), &entries); err != nil || len(entries) != 2 {
			t.Fatalf("%+v, %v", got, err)
		}
		want := []settings.Change{{
			App: "demo", Kind: settings.Event, Name: "SUBSCRIPTION_RENEWED", Before: "First", After: "Second",
		}}
		if diff := cmp.Diff(want, entries[1].Changes); diff != "" || !entries[0].InForce || entries[1].InForce {
			t.Errorf("%s\n%+v", diff, entries)
		}
	})
}

// batchLine is what the forwarder logs of a batch.
func batchLine(message, settings string) string {
	return fmt.Sprintf(`{"timestamp":%q,"level":"INFO","message":%q,"received":1,"settings":%q}`,
		time.Now().UTC().Format(time.RFC3339Nano), message, settings)
}

func TestPutWaitsForABatch(t *testing.T) {
	for name, test := range map[string]struct {
		message, settings string
		code              int
		out, errs         string
	}{
		"under it": {"batch", store.Name([]byte(renaming("New"))), cli.OK,
			"mapped by it 20s later", "waiting for a batch"},
		"under the other": {"batch", store.BuiltIn, cli.Finding, "", "no batch was mapped by it within 5m0s"},
		"that is none": {"settings rejected", store.Name([]byte(renaming("New"))), cli.Finding, "",
			"hint: it is written, and counts"},
	} {
		clitest.Subtest(t, name, func(t *testing.T, c *clitest.Cloud) {
			time.AfterFunc(20*time.Second, func() {
				c.Logs.Put(clitest.ForwarderLog, time.Now(), batchLine(test.message, test.settings))
			})
			// The same settings were in force before.
			before := batchLine("batch", store.Name([]byte(renaming("New"))))
			c.Logs.Put(clitest.ForwarderLog, time.Now().Add(-time.Hour), before)
			want(t, c, renaming("New"), "put --yes --wait --file -", test.code, test.out, test.errs)
		})
	}
}

// kept puts webhooks of the demo app into the journal.
func kept(t *testing.T, c *clitest.Cloud, event string, webhooks int) {
	t.Helper()
	items := make(map[subscriber.Key]subscriber.Item)
	for i := range webhooks {
		user := fmt.Sprint(event, "-", i)
		e := subscriber.Event{
			App: "demo", Event: event, EventID: "e", Received: time.Now().Add(-time.Hour), Settled: time.Now(),
			Outcome: "delivered", Body: fmt.Appendf(nil, `{"event_name":%q,"user_id":%q,"event_id":"e"}`, event, user),
		}
		partition := subscriber.Partition("user", user)
		items[subscriber.EventKey(partition, e.App, e.Received, e.EventID)] = e.Item(24 * time.Hour)
	}
	if _, err := dynamo.NewTable(c.Config(), clitest.Table, 0).Put(t.Context(), items); err != nil {
		t.Fatal(err)
	}
}

func TestTheLastDaysWebhooksAreComparedIfTheJournalHasThem(t *testing.T) {
	const compared = "the last 2 days: 3 of 5 webhooks come out differently\n  3  demo  SUBSCRIPTION_RENEWED  "
	for name, test := range map[string]struct {
		journal string
		fault   awstest.Fault
		want    bool
		errs    string
	}{
		"bodies":   {"bodies", awstest.Fault{Times: -1}, true, ""},
		"outcomes": {"outcomes", awstest.Fault{Times: -1}, false, ""},
		"no right": {"bodies", awstest.Fault{Status: 400, Code: "AccessDeniedException"}, false, "are not compared"},
		"it hangs": {"bodies", awstest.Hang, false, ""},
	} {
		clitest.Subtest(t, name, func(t *testing.T, c *clitest.Cloud) {
			c.Stacks.SetParameters(clitest.Stack, map[string]string{"Journal": test.journal})
			write(c, "apps: {demo: {}}")
			kept(t, c, "SUBSCRIPTION_RENEWED", 3)
			kept(t, c, "TRIAL_STARTED", 2)
			if test.fault.Times == 0 {
				c.Dynamo.Inject(test.fault)
			}
			got := want(t, c, renaming("New"), "diff --file -", cli.Finding, "1 of 52 sample webhooks", test.errs)
			if strings.Contains(got.Out, compared) != test.want {
				t.Errorf("got %+v", got)
			}
			got.CheckLeaks(t)
		})
	}
}

func TestAThousandOfThemAtMost(t *testing.T) {
	clitest.Test(t, func(t *testing.T, c *clitest.Cloud) {
		c.Stacks.SetParameters(clitest.Stack, map[string]string{"Journal": "bodies"})
		write(c, "apps: {demo: {}}")
		kept(t, c, "TRIAL_STARTED", 1001)
		const none = "the last 2 days: 0 of 1000 webhooks come out differently\n"
		want(t, c, renaming("New"), "diff --file -", cli.Finding, none, "")
	})
}

func TestWhatAWSRefusesIsSaid(t *testing.T) {
	for name, test := range map[string]struct {
		inject func(c *clitest.Cloud)
		errs   string
	}{
		"a stack without settings": {func(c *clitest.Cloud) {
			c.Stacks.SetParameters(clitest.Stack, map[string]string{"Settings": "off"})
		}, "its parameter Settings is off\nhint: deploy it with Settings=on"},
		"no right": {func(c *clitest.Cloud) {
			c.S3.Inject(awstest.Fault{Status: 403, Code: "AccessDenied"})
		}, "S3 ListObjectVersions: AccessDenied\nhint: your AWS identity may not do this"},
		"no right to write": {func(c *clitest.Cloud) {
			c.S3.Inject(awstest.Fault{Operation: "PutObject", Status: 403, Code: "AccessDenied"})
		}, "S3 PutObject: AccessDenied\nhint: your AWS identity may not do this"},
		"no bucket": {func(c *clitest.Cloud) {
			c.S3.Inject(awstest.Fault{Status: 404, Code: "NoSuchBucket"})
		}, "S3 ListObjectVersions: NoSuchBucket\nhint: the stack names a bucket that is gone"},
		"nobody signed in": {func(c *clitest.Cloud) {
			c.STS.Inject(awstest.Fault{Status: 403, Code: "ExpiredToken"})
		}, "STS GetCallerIdentity: ExpiredToken\nhint: your AWS sign-in has expired"},
	} {
		clitest.Subtest(t, name, func(t *testing.T, c *clitest.Cloud) {
			write(c, renaming("Good"))
			test.inject(c)
			want(t, c, renaming("Better"), "put --yes --file -", cli.Finding, "", test.errs).CheckLeaks(t)
		})
	}
}

func load(t *testing.T, app string) *integration.File {
	t.Helper()
	file, problems := integration.Load("test", []byte("apps: {demo: "+app+"}"))
	if file == nil {
		t.Fatal(problems)
	}
	return file
}

// diffs are pairs of apps, with what changes and how many of the samples come out differently.
var diffs = map[string]struct {
	before, after string
	changes       []settings.Change
	different     func(n, all int) bool
}{
	"nothing": {"{}", "{server_events: {default: send}}", []settings.Change{}, none},
	"an app that goes": {
		"{}, shop: {}", "{}",
		[]settings.Change{{App: "shop", Kind: settings.App, Name: "shop", Before: "present", After: "absent"}}, none,
	},
	"an event switched off": {
		"{}", "{server_events: {events: {TRIAL_STARTED: {send: false}}}}",
		[]settings.Change{{Kind: settings.Event, Name: "TRIAL_STARTED", Before: "TRIAL_STARTED"}}, one,
	},
	"an event of the file alone": {
		"{server_events: {events: {NEW: {name: New}}}}", "{server_events: {events: {NEW: {name: Newer}}}}",
		[]settings.Change{{Kind: settings.Event, Name: "NEW", Before: "New", After: "Newer"}}, none,
	},
	"an event's property": {
		"{}", "{server_events: {properties: {plan: {name: Plan}, product_id: {send: false}}}}",
		[]settings.Change{
			{Kind: settings.Property, Name: "plan", Before: "plan", After: "Plan"},
			{Kind: settings.Property, Name: "product_id", Before: "product_id"},
		}, most,
	},
	"a property of the file alone": {
		"{server_events: {properties: {new_a: {name: A}}}}",
		"{server_events: {properties: {new_b: {send: false}, amount_in_eur: {name: Euros}}}}",
		[]settings.Change{
			{Kind: settings.Property, Name: "amount_in_eur", Before: "amount_in_eur", After: "Euros"},
			{Kind: settings.Property, Name: "new_a", Before: "A", After: "new_a"},
			{Kind: settings.Property, Name: "new_b", Before: "new_b"},
		}, one,
	},
	"user properties": {
		"{user_properties: {properties: {has_active_subscription: {name: Premium}, new_a: {send: true}}}}",
		"{user_properties: {properties: {has_active_subscription: {name: Subscriber}, cancel_reason: {send: true}}}}",
		[]settings.Change{
			{Kind: settings.UserProperty, Name: "has_active_subscription", Before: "Premium", After: "Subscriber"},
			{Kind: settings.UserProperty, Name: "cancel_reason", After: "cancel_reason"},
			{Kind: settings.UserProperty, Name: "new_a", Before: "new_a"},
		}, some,
	},
	"settings": {
		"{}", "{enabled: false, anonymous: skip, clevertap_id: never, link_wait: 1h, sandbox: skip, " +
			"relay: {url: https://example.com, events: [ACTIVATE], timeout: 3s}, " +
			"revenue: {charged: true, currency: customer}}",
		[]settings.Change{
			{Kind: settings.Setting, Name: "enabled", Before: "true", After: "false"},
			{Kind: settings.Setting, Name: "anonymous", Before: "identity", After: "skip"},
			{Kind: settings.Setting, Name: "clevertap_id", Before: "anonymous", After: "never"},
			{Kind: settings.Setting, Name: "link_wait", Before: "0s", After: "1h0m0s"},
			{Kind: settings.Setting, Name: "sandbox", Before: "route", After: "skip"},
			{Kind: settings.Setting, Name: "relay.url", After: "https://example.com"},
			{Kind: settings.Setting, Name: "relay.events", After: "ACTIVATE"},
			{Kind: settings.Setting, Name: "relay.timeout", After: "3s"},
			{Kind: settings.Setting, Name: "revenue.charged", Before: "false", After: "true"},
			{Kind: settings.Setting, Name: "revenue.currency", Before: "integration", After: "customer"},
		}, all,
	},
	"Charged": {
		"{}", "{revenue: {charged: true}}",
		[]settings.Change{{Kind: settings.Setting, Name: "revenue.charged", Before: "false", After: "true"}}, one,
	},
}

func none(n, _ int) bool      { return n == 0 }
func one(n, _ int) bool       { return n == 1 }
func some(n, events int) bool { return n > 0 && n <= events }
func most(n, events int) bool { return n > events/2 }
func all(n, events int) bool  { return n == events }

func TestDiffAndCompare(t *testing.T) {
	for name, test := range diffs {
		t.Run(name, func(t *testing.T) {
			before, after := load(t, test.before), load(t, test.after)
			changes := settings.Diff(before, after)
			for i := range test.changes {
				if test.changes[i].App == "" {
					test.changes[i].App = "demo"
				}
			}
			if diff := cmp.Diff(test.changes, changes); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			comparisons, err := settings.Compare(t.Context(), before, after)
			if err != nil || len(comparisons) != 1 || !test.different(len(comparisons[0].Different), comparisons[0].Events) {
				t.Errorf("%+v, %v", comparisons, err)
			}
			if back := settings.Diff(after, before); len(back) != len(changes) {
				t.Errorf("backwards: %+v", back)
			}
		})
	}
}

// A prefix changes the names of all events that have none of their own.
func TestAPrefixChangesManyNames(t *testing.T) {
	before, after := load(t, "{}"), load(t, "{server_events: {prefix: 'App ', events: {TRIAL_STARTED: {name: Trial}}}}")
	want := settings.Change{App: "demo", Kind: settings.Setting, Name: "server_events.prefix", After: "App "}
	if got := settings.Diff(before, after); got[0] != want || len(got) < 40 {
		t.Errorf("%+v", got)
	}
	events := 0
	for _, c := range settings.Diff(before, load(t, "{server_events: {prefix: 'App '}}")) {
		if c.Kind == settings.Event {
			events++
		}
	}
	clitest.Test(t, func(t *testing.T, c *clitest.Cloud) {
		write(c, "apps: {demo: {}}")
		got := run(t, c, "apps: {demo: {server_events: {prefix: 'App '}}, shop: {}}", "diff --file -")
		more := fmt.Sprintf("and %d more\n", events-15)
		for _, want := range []string{"setting  server_events.prefix", more, "app      shop", "absent → present"} {
			if !strings.Contains(got.Out, want) || got.Code != cli.Finding {
				t.Errorf("there is no %q in %+v", want, got)
			}
		}
	})
}

func TestPutRefusesFaultyFilesByItself(t *testing.T) {
	// The console calls it without the command around it.
	_, err := new(settings.Store).Put(t.Context(), []byte("apps: {}"), settings.Current{}, "")
	if problems, ok := errors.AsType[integration.Problems](err); !ok || !problems.Failed() {
		t.Errorf("got %v", err)
	}
}
