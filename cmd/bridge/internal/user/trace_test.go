package user

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/clitest"
	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
	"github.com/purchasely-clevertap/bridge/shared/subscriber"
)

// at is a time of the morning of a day in November 2026, to the millisecond.
func at(day, minute, ms int) time.Time {
	return time.Date(2026, time.November, day, 8, minute, 0, ms*int(time.Millisecond), time.UTC)
}

// fillJournal gives the learner a history in which everything happens, and two transfers.
func fillJournal(t *testing.T, c *clitest.Cloud) {
	t.Helper()
	entry := func(event, id string, received time.Time, change func(*subscriber.Event)) subscriber.Event {
		e := subscriber.Event{
			App: "demo", Event: event, EventID: id, Created: received.Add(-2 * time.Second), Received: received,
			Settled: received.Add(1500 * time.Millisecond), Outcome: "delivered", Records: "event,profile", Account: account,
			Active: "true", Attempt: 1, Settings: "built-in",
		}
		change(&e)
		return e
	}
	keep := func(*subscriber.Event) {}
	c.SettleOf(t, anonymous,
		entry("SUBSCRIPTION_STARTED", "e-1", at(20, 1, 0), func(e *subscriber.Event) {
			e.Name, e.Body = "Subscription Started", []byte(clitest.Webhook("casey", 1))
		}),
		entry("SUBSCRIPTION_TRANSFERRED", "e-2", at(20, 30, 0), func(e *subscriber.Event) {
			e.Active, e.Other = "false", learner
		}))
	c.SettleOf(t, learner,
		entry("SUBSCRIPTION_RECEIVED", "e-3", at(20, 30, 1), func(e *subscriber.Event) { e.Other = anonymous }),
		entry("RENEWAL_DISABLED", "e-4", at(21, 0, 0), func(e *subscriber.Event) {
			e.Outcome, e.Reason, e.Records, e.Created = "skipped", "event_off", "", time.Time{}
		}),
		entry("TRANSACTION_PROCESSED", "e-5", at(21, 5, 0), func(e *subscriber.Event) {
			e.Outcome, e.Reason, e.Code, e.Records, e.Active = "rejected", "clevertap_513", "513", "profile", ""
			e.Created = at(18, 0, 0)
		}),
		entry("SUBSCRIPTION_RENEWED", "e-6", at(22, 0, 0), func(e *subscriber.Event) {
			e.Outcome, e.Reason, e.Code, e.Records, e.Attempt = "retry", "server", "503", "", 4
			e.Settled = at(22, 2, 0)
		}),
		entry("ACTIVATE", "e-7", at(22, 0, 1), func(e *subscriber.Event) {
			e.App, e.Created, e.Settled, e.Attempt, e.Records = "shop", at(22, 0, 1), at(22, 0, 2), 2, "event,profile,charged"
		}),
		entry("DEACTIVATE", "e-8", at(22, 1, 0), func(e *subscriber.Event) { e.Records, e.Settings = "", "0123456789ab" }))
	c.SettleOf(t, second, entry("ACTIVATE", "e-9", at(22, 2, 0), keep))
	putState(c, learner, active)
	person := subscriber.Person{CleverTapID: "__linked", ObservedAt: at(20, 0, 0)}
	suppressed := subscriber.Person{SuppressedAt: at(22, 30, 0)}
	c.PutItems(t, map[subscriber.Key]subscriber.Item{
		subscriber.PersonKey(learner, "demo"): person.Item(time.Now()),
		subscriber.PersonKey(learner, "shop"): suppressed.Item(time.Now()),
	})
}

func TestTrace(t *testing.T) {
	for name, args := range map[string]string{
		"by the user id":           "--user learner-1",
		"by both ids":              "--user learner-1 --anonymous A-1",
		"of one app":               "--user learner-1 --app shop",
		"of one day":               "--user learner-1 --from 2026-11-21 --to 2026-11-21",
		"of a day without any":     "--user learner-1 --app demo --from 2026-11-01 --to 2026-11-01",
		"of somebody unknown":      "--anonymous nobody",
		"of an app misspelt":       "--user learner-1 --app dmeo",
		"for programs":             "--user learner-1 --json",
		"of one app, for programs": "--anonymous A-1 --app demo --json",
	} {
		clitest.Subtest(t, name, func(t *testing.T, c *clitest.Cloud) {
			fillJournal(t, c)
			got := run(t, c, "", "trace --stack purchasely-clevertap "+args)
			if got.Code != cli.OK || got.Errs != "" {
				t.Errorf("got %+v", got)
			}
			file := strings.NewReplacer(" ", "-", ",", "").Replace(name) + ".want"
			clitest.Golden(t, filepath.Join("testdata", "trace", file), got.Out)
		})
	}
}

func TestTraceExplainsABodyUnderTodaysSettings(t *testing.T) {
	const body = `{"event_name": "TRIAL_STARTED","user_id":"casey","event_id":"event-1"}`
	for name, test := range map[string]struct {
		args      string
		code      int
		out, errs string
	}{
		"as text":            {"--body 1", cli.OK, body + "\n\nTRIAL_STARTED would be sent", "the body is personal data"},
		"under today's name": {"--body 1", cli.OK, "\nEvent Trial\n", ""},
		"for programs": {"--body 1 --json", cli.OK,
			`"has_body":true},"body":{"event_name":"TRIAL_STARTED",`, ""},
		"outside of the days": {"--body 1 --from 1h", cli.OK, body, ""},
		"not kept": {"--body 3", cli.Finding, "",
			"the journal has no body of webhook 3\nhint: the stack's parameter Journal"},
		"too far":         {"--body 99", cli.Finding, "", "the list has no webhook 99: it has 8"},
		"before the list": {"--body -1", cli.Finding, "", "the list has no webhook -1"},
	} {
		clitest.Subtest(t, name, func(t *testing.T, c *clitest.Cloud) {
			fillJournal(t, c)
			got := run(t, c, "",
				"trace --stack purchasely-clevertap --file testdata/integrations.yaml --user learner-1 "+test.args)
			got.Want(t, test.code, test.out, test.errs)
		})
	}
}

// What is known of the person counts: a link and the state for the webhook's own app.
func TestTraceExplainsABodyWithWhatIsKnownOfThePerson(t *testing.T) {
	clitest.Test(t, func(t *testing.T, c *clitest.Cloud) {
		const end = `{"event_name":"DEACTIVATE","anonymous_user_id":"A-1","event_id":"e",` +
			`"purchasely_subscription_id":"subs_2"}`
		c.SettleOf(t, anonymous, subscriber.Event{
			App: "demo", Event: "DEACTIVATE", EventID: "e", Received: at(20, 1, 0), Settled: at(20, 1, 1), Outcome: "skipped",
			Reason: "disabled", Body: []byte(end),
		})
		putState(c, anonymous, active)
		put(c, anonymous, "person#demo", awstest.Item{"clevertap_id": awstest.S("__linked")})
		args := "trace --stack purchasely-clevertap --file testdata/integrations.yaml --anonymous A-1 --body 1"
		got := run(t, c, "", args)
		if !got.Has(cli.OK, "CleverTap ID __linked", "") ||
			!strings.Contains(got.Out, "  has_active_subscription  true\n") {
			t.Errorf("got %+v", got)
		}
		c.Secrets.Inject(awstest.Fault{Status: 400, Code: "AccessDeniedException"})
		run(t, c, "", args).Want(t, cli.OK, "identity A-1", "explained without what is stored of the person")
	})
}

// A chain of transfers is followed to its end, unless it has none.
func TestTraceFollowsTransfers(t *testing.T) {
	clitest.Test(t, func(t *testing.T, c *clitest.Cloud) {
		received := func(to, from string) {
			c.SettleOf(t, to, subscriber.Event{
				App: "demo", Event: "SUBSCRIPTION_RECEIVED", EventID: "e", Outcome: "delivered",
				Received: at(20, 1, 0), Settled: at(20, 1, 1), Other: from,
			})
		}
		id := func(n int) string { return subscriber.Partition("user", strings.Repeat("x", n+1)) }
		for n := range 30 {
			received(id(n), id(n+1))
		}
		received(learner, id(25))
		received(second, second)
		for args, want := range map[string]struct {
			people int
			end    string
		}{
			"--user learner-1": {7, "]}"}, "--user x": {20, `],"unfollowed":1}`}, "--user learner-2": {1, "]}"},
		} {
			got := run(t, c, "", "trace --stack purchasely-clevertap --json "+args).Out
			if n := strings.Count(got, `"asked":`); n != want.people || !strings.HasSuffix(got, want.end+"\n") {
				t.Errorf("%s: %d people, want %d: %s", args, n, want.people, got)
			}
		}
	})
}
