package journal_test

import (
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/clitest"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/journal"
	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
	"github.com/purchasely-clevertap/bridge/shared/aws/dynamo"
	"github.com/purchasely-clevertap/bridge/shared/subscriber"
)

// entry is what the journal has of a webhook that arrived some time ago.
type entry struct {
	ago             time.Duration
	id              string
	app, event      string
	outcome, reason string
}

func fill(t *testing.T, c *clitest.Cloud, entries ...entry) *dynamo.Table {
	t.Helper()
	items := make(map[subscriber.Key]subscriber.Item)
	for _, e := range entries {
		received := time.Now().Add(-e.ago)
		items[subscriber.EventKey(subscriber.Partition("user", e.id), e.app, received, e.id)] = subscriber.Event{
			App: e.app, Event: e.event, EventID: e.id, Received: received, Settled: received.Add(time.Second),
			Outcome: e.outcome, Reason: e.reason, Attempt: 1, Settings: "built-in",
		}.Item(30 * 24 * time.Hour)
	}
	c.PutItems(t, items)
	return dynamo.NewTable(c.Config(), clitest.Table, 0)
}

// some are entries of two apps with every outcome, two of them of the same instant.
var some = []entry{
	{5 * time.Minute, "e5", "demo", "ACTIVATE", "skipped", "event_off"},
	{4 * time.Minute, "e4", "shop", "ACTIVATE", "delivered", ""},
	{3 * time.Minute, "e3a", "demo", "TRIAL_STARTED", "rejected", "clevertap_513"},
	{3 * time.Minute, "e3b", "demo", "TRIAL_STARTED", "retry", "server"},
	{2 * time.Minute, "e2", "demo", "DEACTIVATE", "delivered", ""},
}

func ids(p journal.Page) string {
	var all []string
	for _, e := range p.Entries {
		all = append(all, e.EventID)
	}
	return strings.Join(all, " ")
}

func TestLatestSelects(t *testing.T) {
	clitest.Test(t, func(t *testing.T, c *clitest.Cloud) {
		table := fill(t, c, some...)
		at := func(ago time.Duration) time.Time { return time.Now().Add(-ago) }
		for name, test := range map[string]struct {
			selection journal.Selection
			want      string
		}{
			"everything":      {journal.Selection{}, "e2 e3b e3a e4 e5"},
			"an app":          {journal.Selection{App: "shop"}, "e4"},
			"events":          {journal.Selection{Events: []string{"ACTIVATE", "DEACTIVATE"}}, "e2 e4 e5"},
			"an outcome":      {journal.Selection{Outcome: "retry"}, "e3b"},
			"a reason":        {journal.Selection{Reason: "event_off"}, "e5"},
			"a period":        {journal.Selection{From: at(4 * time.Minute), To: at(2 * time.Minute)}, "e3b e3a e4"},
			"a person":        {journal.Selection{Partitions: journal.Partitions("e4", "e4")}, "e4"},
			"nothing of that": {journal.Selection{App: "shop", Outcome: "retry"}, ""},
		} {
			p, err := journal.Latest(t.Context(), table, test.selection, 10, time.Now())
			if got := ids(p); err != nil || got != test.want || p.Older || !p.Complete {
				t.Errorf("%s: %q, want %q; older %t, complete %t, %v", name, got, test.want, p.Older, p.Complete, err)
			}
		}
	})
}

// Pages have every entry once, whatever their size and however many arrived at once.
func TestPagesOfTheJournalFollowEachOther(t *testing.T) {
	for size, total := range map[int]int{1: 30, 7: 100, journal.MaxPage: 2*journal.MaxPage + 100} {
		clitest.Subtest(t, fmt.Sprint("pages of ", size), func(t *testing.T, c *clitest.Cloud) {
			var many []entry
			for n := range total {
				ago := time.Duration(n*7%(total/2)) * time.Millisecond // at least two at each
				many = append(many, entry{ago, fmt.Sprint(n), "demo", "ACTIVATE", "delivered", ""})
			}
			table := fill(t, c, many...)
			seen := make(map[string]bool)
			var s journal.Selection
			for older, before := true, time.Now(); older; {
				p, err := journal.Latest(t.Context(), table, s, size, time.Now())
				if err != nil || len(p.Entries) == 0 || p.Older && len(p.Entries) < size {
					t.Fatalf("%d entries, %v", len(p.Entries), err)
				}
				for _, e := range p.Entries {
					if seen[e.EventID] || e.Received.After(before) {
						t.Fatalf("%s again, or out of order", e.EventID)
					}
					seen[e.EventID], before = true, e.Received
				}
				older, s.To = p.Older, before
			}
			if len(seen) != total {
				t.Errorf("%d entries, want %d", len(seen), total)
			}
		})
	}
}

// What the deadline leaves time for is shown, and said to be a part.
func TestLatestEndsInTime(t *testing.T) {
	clitest.Test(t, func(t *testing.T, c *clitest.Cloud) {
		table := fill(t, c, some...)
		c.Dynamo.Inject(awstest.Hang)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if p, err := journal.Latest(ctx, table, journal.Selection{}, 10, time.Now()); err != nil || p.Complete {
			t.Errorf("%+v, %v", p, err)
		}
		c.Dynamo.Inject(awstest.Down)
		if p, err := journal.Latest(t.Context(), table, journal.Selection{}, 10, time.Now()); err == nil {
			t.Errorf("no error but %+v", p)
		}
	})
}

func TestJournalCommand(t *testing.T) {
	for name, test := range map[string]struct {
		args      string
		code      int
		out, errs string
	}{
		"a page": {"--limit 1 --outcome delivered", cli.OK, "" +
			"ARRIVED (UTC)        APP   EVENT       OUTCOME    ATTEMPT  BECAUSE\n" +
			"2026-11-23 09:58:00  demo  DEACTIVATE  delivered  1        –\n" +
			"older ones: --to 2026-11-23T09:58:00Z\n", ""},
		"the next": {"--limit 1 --outcome delivered --to 2026-11-23T09:58:00Z", cli.OK, "" +
			"ARRIVED (UTC)        APP   EVENT     OUTCOME    ATTEMPT  BECAUSE\n" +
			"2026-11-23 09:56:00  shop  ACTIVATE  delivered  1        –\n", ""},
		"reasons in words": {"--reason clevertap_513", cli.OK, "" +
			"ARRIVED (UTC)        APP   EVENT          OUTCOME   ATTEMPT  BECAUSE\n" +
			"2026-11-23 09:57:00  demo  TRIAL_STARTED  rejected  1        " +
			"CleverTap refused it for good with the code 513 (event name is CleverTap's own)\n", ""},
		"nothing of that event": {"--event NOPE", cli.OK, "0 of 5 webhooks in the journal\n", ""},
		"nothing of that time": {"--app chess --from 4m", cli.OK,
			"0 of 4 webhooks in the journal between --from and --to\n", ""},
		"an unknown outcome": {"--outcome lost", cli.Usage, "", `"lost" is none of delivered, skipped, rejected, retry`},
		"no time at all":     {"--from 1h --to 2h", cli.Usage, "", "nothing is after --from and before --to"},
		"no limit":           {"--limit 0", cli.Usage, "", "want 1 to 1000"},
	} {
		clitest.Subtest(t, name, func(t *testing.T, c *clitest.Cloud) {
			fill(t, c, some...)
			line := "journal --stack " + clitest.Stack + " " + test.args
			got := clitest.Run(t.Context(), journal.NewCommand(c), "", strings.Fields(line)...)
			if got.Code != test.code || !strings.Contains(got.Errs, test.errs) {
				t.Errorf("got %+v", got)
			}
			if diff := cmp.Diff(test.out, got.Out); diff != "" {
				t.Error(diff)
			}
			got.CheckLeaks(t)
		})
	}
}

func TestWithoutATableThereIsNoJournal(t *testing.T) {
	clitest.Test(t, func(t *testing.T, c *clitest.Cloud) {
		c.UseNoTable()
		got := clitest.Run(t.Context(), journal.NewCommand(c), "", "journal", "--stack", clitest.Stack)
		got.Want(t, cli.Finding, "", "has no journal: its parameter Subscribers is off")
	})
}

// notForwarders are reasons that no message of the events queue ends with.
var notForwarders = []string{
	"too_large", "unauthorized", "unavailable", "invalid", "bad_signature", "stale", "future", "source", "back_end",
	"relay_queue",
}

func TestEveryReasonHasWords(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "../../../../shared/fault/fault.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			return true
		}
		if kind, ok := spec.Type.(*ast.Ident); !ok || kind.Name != "Reason" {
			return true
		}
		reason, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		found++
		named := strings.HasPrefix(journal.Because(reason, ""), "of the reason ")
		other := strings.Contains(strings.Join(notForwarders, " "), reason)
		if named != other {
			t.Errorf("%s is in words: %t; it is the forwarder's: %t", reason, !named, !other)
		}
		return true
	})
	if found < 25 {
		t.Errorf("only %d reasons were found", found)
	}
}

func TestBecause(t *testing.T) {
	for _, c := range []struct{ reason, code, want string }{
		{"event_off", "", "the settings switch this event off"},
		{"server", "503", "CleverTap had an error of its own (503)"},
		{"clevertap_513", "513", "CleverTap refused it for good with the code 513 (event name is CleverTap's own)"},
		{"clevertap_599", "599", "CleverTap refused it for good with the code 599"},
		{"clevertap_http_422", "422", "CleverTap refused it for good with the status 422"},
		{"of tomorrow", "7", "of the reason of tomorrow"},
	} {
		if got := journal.Because(c.reason, c.code); got != c.want {
			t.Errorf("%s: %q, want %q", c.reason, got, c.want)
		}
	}
}
