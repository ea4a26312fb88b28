package replay

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/clitest"
	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
	"github.com/purchasely-clevertap/bridge/shared/message"
	"github.com/purchasely-clevertap/bridge/shared/subscriber"
)

// today is the integration file that is in force when the journal is replayed.
const today = `apps:
  demo:
    server_events:
      events:
        RENEWAL_DISABLED: {name: Renewal Off}
        ACTIVATE: {send: false}
    user_properties: {default: none}
  shop: {}
`

// runJournal replays the journal with a progress file of the test's.
func runJournal(ctx context.Context, t *testing.T, c *clitest.Cloud, in, args string) clitest.Result {
	t.Helper()
	t.Chdir(filepath.Dir(clitest.File(t, "integrations.yaml", today)))
	return runJournalHere(ctx, c, in, args)
}

func runJournalHere(ctx context.Context, c *clitest.Cloud, in, args string) clitest.Result {
	line := "replay --stack purchasely-clevertap --journal --rate 0 " + args
	return clitest.Run(ctx, NewCommand(c), in, strings.Fields(line)...)
}

// kept is a webhook that the journal has kept.
type kept struct {
	user, app, event string
	at               time.Time
	change           func(*subscriber.Event)
}

// body is a webhook's.
func (k kept) body() string {
	return fmt.Sprintf(`{"event_name":%q,"user_id":%q,"event_id":"e-%d","event_created_at":%q}`,
		k.event, k.user, k.at.Unix(), k.at.Format(time.RFC3339))
}

// keep fills the journal.
func keep(t *testing.T, c *clitest.Cloud, all ...kept) {
	t.Helper()
	events := make(map[string][]subscriber.Event) // by user
	for i, k := range all {
		e := subscriber.Event{
			App: k.app, Event: k.event, EventID: fmt.Sprint("e-", i),
			Created: k.at, Received: k.at, Settled: k.at.Add(time.Second),
			Outcome: "delivered", Records: "event,profile", Settings: "built-in", Attempt: 1, Body: []byte(k.body()),
		}
		if k.change != nil {
			k.change(&e)
		}
		events[k.user] = append(events[k.user], e)
	}
	for user, list := range events {
		c.Settle(t, user, list...)
	}
}

// november is a time of November 2026, before the tests' own.
func november(day, minute int) time.Time {
	return time.Date(2026, time.November, day, 12, minute, 0, 0, time.UTC)
}

func TestReplayOfTheJournalShowsWhatComesOutDifferently(t *testing.T) {
	clitest.Test(t, func(t *testing.T, c *clitest.Cloud) {
		c.Secrets.Put(clitest.CleverTapSecret, `{"account_id":"AAA-111-2222","passcode":"right-pass"}`)
		skipped := func(e *subscriber.Event) { e.Outcome, e.Reason, e.Records = "skipped", "event_off", "" }
		renamed := func(e *subscriber.Event) { e.Name = "Renewal Off" }
		keep(t, c,
			kept{"a", "demo", "RENEWAL_DISABLED", november(20, 1), skipped},
			kept{"b", "demo", "RENEWAL_DISABLED", november(20, 2), skipped},
			kept{"c", "demo", "RENEWAL_DISABLED", november(20, 3), renamed},
			kept{"a", "demo", "ACTIVATE", november(20, 4), nil},
			kept{"a", "shop", "ACTIVATE", november(20, 5), nil},
			kept{"a", "gone", "ACTIVATE", november(20, 5), nil},
			kept{"d", "demo", "TRIAL_STARTED", november(20, 6), func(e *subscriber.Event) { e.Body = nil }},
			kept{"d", "demo", "TRIAL_STARTED", november(20, 7), func(e *subscriber.Event) {
				e.Outcome, e.Reason, e.Records = "rejected", "clevertap_513", ""
			}},
			kept{"d", "demo", "TRIAL_STARTED", november(23, -150), func(e *subscriber.Event) {
				e.Outcome, e.Reason, e.Records = "retry", "network", ""
			}})
		got := runJournal(t.Context(), t, c, "n\n", "--from 2026-11-20")
		want := `journal: 7 webhooks
  demo                     6 webhooks
  shop                     1 webhook
  1 more: without a body, and left out; the journal keeps bodies where the parameter Journal is "bodies"
  1 more: of apps that the integration file does not have, and left out
  3 delivered then: CleverTap will have them twice
  1 still on the way: CleverTap will have them twice
  1 rejected then: 'bridge rejected redrive' sends each once
  1 younger than two hours or without a time: they may set off campaigns
Under today's settings (integrations.yaml) 3 of them come out differently from then:
       2  RENEWAL_DISABLED: then no event, now event Renewal Off
       1  ACTIVATE: then event ACTIVATE, now no event
  An app's secret could not be read: its webhooks of the sandbox were taken as if there were no sandbox account.
They go to the events queue, as fast as it goes.
`
		if !got.Has(cli.Finding, "", want) || len(c.Events.Messages()) > 0 {
			t.Errorf("got %+v", got)
		}
		got = runJournalHere(t.Context(), c, "", "--from 2026-11-20 --yes --json")
		result := `{"sent":7,"before":0,"left_out":2,"differences":[` +
			`{"event":"RENEWAL_DISABLED","then":"no event","now":"event Renewal Off","webhooks":2},` +
			`{"event":"ACTIVATE","then":"event ACTIVATE","now":"no event","webhooks":1}]}` + "\n"
		if got.Code != cli.OK || got.Out != result || len(c.Events.Messages()) != 7 {
			t.Errorf("got %+v", got)
		}
	})
}

func TestReplayOfTheJournalSendsWhatTheFlagsSay(t *testing.T) {
	all := []kept{
		{"a", "demo", "ACTIVATE", november(20, 1), nil}, {"a", "demo", "DEACTIVATE", november(21, 1), nil},
		{"a", "shop", "ACTIVATE", november(21, 2), nil}, {"b", "demo", "ACTIVATE", november(21, 3), nil},
		{"b", "demo", "TRIAL_STARTED", november(22, 1), nil},
		{"b", "demo", "TRIAL_STARTED", november(23, 1), nil}, // while it runs, as its own do
	}
	for flags, want := range map[string][]int{ // the webhooks that are sent
		"--from 2026-11-20":                                 {0, 1, 2, 3, 4},
		"--from 2026-11-21 --to 2026-11-21":                 {1, 2, 3},
		"--from 2026-11-21T12:02 --to 2026-11-21T12:03":     {2},
		"--from 30d --app demo":                             {0, 1, 3, 4},
		"--from 30d --event ACTIVATE --event TRIAL_STARTED": {0, 2, 3, 4},
		"--user a":                              {0, 1, 2},
		"--user a --from 2026-11-21 --app demo": {1},
		"--anonymous a":                         {},
		"--from 2026-11-23":                     {},
		"--from 1d --to 2030-01-01":             {4},
	} {
		clitest.Subtest(t, flags, func(t *testing.T, c *clitest.Cloud) {
			keep(t, c, all...)
			got := runJournal(t.Context(), t, c, "", flags+" --yes")
			var bodies []string
			for _, n := range want {
				bodies = append(bodies, all[n].body())
			}
			got.Want(t, cli.OK, fmt.Sprintf("journal: %s sent\n", cli.Quantity(len(want), "webhook")), "")
			checkSent(t, c.Events, bodies)
		})
	}
}

// A message is what the receiver would make of it, and a person's webhooks keep their order.
func TestReplayOfTheJournalKeepsTheOrderOfPeople(t *testing.T) {
	clitest.Test(t, func(t *testing.T, c *clitest.Cloud) {
		var all []kept
		for n := range 150 {
			all = append(all, kept{fmt.Sprint("user-", n%4), "demo", "TRIAL_STARTED", november(20, n), nil})
		}
		keep(t, c, all...)
		runJournal(t.Context(), t, c, "y\n", "--from 2026-11-20").Want(t, cli.OK, "journal: 150 webhooks sent\n", "")
		last := make(map[string]string)
		for _, m := range c.Events.Messages() {
			read, err := message.Decode([]byte(m.Body), m.Attribute)
			if err != nil || read.App != "demo" || time.Since(read.Received) > time.Minute {
				t.Fatalf("sent %+v, %v", read, err)
			}
			if last[m.GroupID] > m.Body[strings.Index(m.Body, "event_created_at"):] {
				t.Errorf("%s was sent after %s", m.Body, last[m.GroupID])
			}
			last[m.GroupID] = m.Body[strings.Index(m.Body, "event_created_at"):]
		}
		if len(last) != 4 {
			t.Errorf("%d groups", len(last))
		}
	})
}

func TestReplayOfTheJournalGoesOnWhereItStopped(t *testing.T) {
	clitest.Test(t, func(t *testing.T, c *clitest.Cloud) {
		var all []kept
		var bodies []string
		for n := range 130 {
			all = append(all, kept{fmt.Sprint("user-", n), "demo", "TRIAL_STARTED", november(20, n), nil})
			bodies = append(bodies, all[n].body())
		}
		keep(t, c, all...)
		refuseSome(c.Events, func(body string) bool { return strings.Contains(body, "user-7") })
		got := runJournal(t.Context(), t, c, "", "--from 2026-11-20 --yes")
		got.Want(t, cli.Finding, "", "the events queue refuses it: InvalidMessageContents\nhint: the same command goes on")
		text, err := os.ReadFile(defaultJournalProgress)
		if err != nil || strings.Contains(string(text), "user-") {
			t.Errorf("progress %s, %v", text, err)
		}
		c.Events.Refuse(nil)
		for _, wrong := range []string{
			"--from 2026-11-21", "--from 2026-11-20 --app demo", "--from 2026-11-20 --event ACTIVATE",
		} {
			got := runJournalHere(t.Context(), c, "", wrong+" --yes")
			got.Want(t, cli.Finding, "", "belongs to a replay of other webhooks")
		}
		time.Sleep(time.Hour) // the queue has forgotten what it has seen
		sent := len(c.Events.Messages())
		got = runJournalHere(t.Context(), c, "", "--from 2026-11-20 --yes")
		got.Want(t, cli.OK, fmt.Sprintf("%d were before (--restart sends them again)", sent),
			fmt.Sprintf("%d more: sent by an earlier run", sent))
		checkSent(t, c.Events, bodies)
		runJournalHere(t.Context(), c, "", "--from 2026-11-20").Want(t, cli.OK, "journal: 0 webhooks sent", "")
		got = runJournalHere(t.Context(), c, "", "--from 2026-11-20 --yes --restart")
		got.Want(t, cli.OK, "journal: 130 webhooks sent\n", "")
	})
}

func TestReplayOfTheJournalSaysWhatIsWrong(t *testing.T) {
	for name, test := range map[string]struct {
		prepare func(c *clitest.Cloud)
		args    string
		code    int
		errs    string
	}{
		"no period":               {nil, "", cli.Usage, "flag --from is missing"},
		"a file beside":           {nil, "--from 1d backfill.jsonl", cli.Usage, "unknown command"},
		"a time nobody can read":  {nil, "--from yesterday", cli.Usage, "want a day such as 2026-11-21"},
		"an app that is not here": {nil, "--from 1d --app dmeo", cli.Usage, `app "dmeo" is not in the integration file`},
		"no table": {
			(*clitest.Cloud).UseNoTable, "--from 1d", cli.Finding, "its parameter Subscribers is off",
		},
		"no right to read it": {func(c *clitest.Cloud) {
			c.Dynamo.Inject(awstest.Fault{Status: 400, Code: "AccessDeniedException"})
		}, "--from 1d", cli.Finding, "DynamoDB Scan: AccessDeniedException\nhint: your AWS identity may not do this"},
	} {
		clitest.Subtest(t, name, func(t *testing.T, c *clitest.Cloud) {
			if test.prepare != nil {
				test.prepare(c)
			}
			runJournal(t.Context(), t, c, "", test.args).Want(t, test.code, "", test.errs)
		})
	}
	clitest.Subtest(t, "flags of the journal without it", func(t *testing.T, c *clitest.Cloud) {
		for _, flags := range []string{"--from 1d", "--to 1d", "--event ACTIVATE", "--user a", "--anonymous a"} {
			got := run(t.Context(), c, "", append(strings.Fields(flags), writeFile(t, "{}\n"))...)
			got.Want(t, cli.Usage, "", "go with --journal")
		}
	})
}

// Bodies are in memory a few hundred at a time, however many there are.
func TestReplayOfTheJournalComparesManyWebhooks(t *testing.T) {
	clitest.Test(t, func(t *testing.T, c *clitest.Cloud) {
		var all []kept
		for n := range 2*compareAtOnce + 7 {
			all = append(all, kept{fmt.Sprint("user-", n%50), []string{"demo", "shop"}[n%2], "ACTIVATE", november(20, n), nil})
		}
		keep(t, c, all...)
		got := runJournal(t.Context(), t, c, "n\n", "--from 2026-11-20")
		got.Want(t, cli.Finding, "", fmt.Sprintf("%6d  ACTIVATE: then event ACTIVATE, now no event\n", compareAtOnce+4))
	})
}
