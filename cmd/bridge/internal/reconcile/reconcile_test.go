package reconcile

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/clitest"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/explain"
	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/clevertap/clevertaptest"
	"github.com/purchasely-clevertap/bridge/shared/forward"
	"github.com/purchasely-clevertap/bridge/shared/integration"
	store "github.com/purchasely-clevertap/bridge/shared/settings"
	"github.com/purchasely-clevertap/bridge/shared/subscriber"
)

const (
	account  = "AAA-111-2222"
	settings = `apps: {demo: {server_events: {prefix: "Bridge "}, revenue: {charged: true}}}`
)

// body is a webhook of person n of a day: a renewal, or its payment.
func body(n int, at time.Time) []byte {
	name := []string{"SUBSCRIPTION_RENEWED", "TRANSACTION_PROCESSED"}[n%2]
	return fmt.Appendf(nil, `{"api_version":3,"event_name":%q,"event_id":"e-%d","user_id":"learner-1%d",
		"event_created_at":%q,"event_created_at_ms":%d,"environment":"PRODUCTION","store":"APPLE_APP_STORE",
		"purchase_type":"RENEWING_SUBSCRIPTION","plan":"gold","customer_currency":"EUR","amount_in_eur":9.99,
		"amount_in_customer_currency":9.99,"store_transaction_id":"t-%d","purchasely_subscription_id":"s-%d",
		"subscription_status":"AUTO_RENEWING","source_event_name":"SUBSCRIPTION_RENEWED"}`,
		name, n, n, at.UTC().Format("2006-01-02T15:04:05.000Z"), at.UnixMilli(), n, n)
}

// testDay is a day at a deployed bridge, and what is wrong with it.
type testDay struct {
	t       *testing.T
	c       *clitest.Cloud
	people  int
	bodies  bool // the journal has them
	deleted int  // person whose item is deleted from the journal; 0: none
	lost    int  // person whose message is deleted from the queue
	dropped []string
	moved   []int // people who are on other profiles in the hosted integration
	price   int   // person whose price differs there
	day     time.Time
	skipped int
	noIDs   bool // the hosted integration's events have no event_id
	apart   bool // the hosted integration has an account of its own, and the same names
}

func newTestDay(t *testing.T, c *clitest.Cloud) *testDay {
	c.Secrets.Put(clitest.CleverTapSecret, `{"region":"in1","account_id":"AAA-111-2222","passcode":"right-pass"}`)
	return &testDay{t: t, c: c, people: 40, bodies: true, day: time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)}
}

// live lets the day happen.
func (w *testDay) live() {
	t := w.t
	file, problems := integration.Load("test", []byte(settings))
	if file == nil {
		t.Fatal(problems)
	}
	var ours, theirs []string
	for n := 1; n <= w.people; n++ {
		at := w.day.Add(time.Duration(n) * 20 * time.Minute)
		results, err := explain.Batch{
			File: file, App: "demo", Bodies: [][]byte{body(n, at)}, Received: at,
		}.Results(t.Context())
		if err != nil || results[0].Outcome != "delivered" {
			t.Fatalf("%+v, %v", results, err)
		}
		made := results[0]
		theirs = append(theirs, w.hosted(n, made.JSON[forward.Event]))
		if n == w.lost {
			continue
		}
		ours = append(ours, made.JSON[forward.Event])
		if made.Records&forward.Charged != 0 {
			ours = append(ours, made.JSON[forward.Charged])
		}
		if n == w.deleted {
			continue
		}
		id := fmt.Sprint("e-", n)
		e := subscriber.Event{
			App: "demo", Event: strings.TrimPrefix(made.Name, "Bridge "), Name: made.Name, EventID: id, Created: at,
			Received: at.Add(time.Second), Settled: at.Add(2 * time.Second), Outcome: "delivered",
			Records: made.Records.String(), Account: account, Attempt: 1, Settings: "built-in",
		}
		if w.bodies {
			e.Body = body(n, at)
		}
		w.c.Settle(t, fmt.Sprint("learner-1", n), e)
	}
	w.c.Upload(t, map[bool]clevertap.Account{false: clitest.Production, true: clitest.Sandbox}[w.apart], theirs...)
	for _, id := range w.dropped {
		w.c.CleverTap.AddFault(clevertaptest.Fault{Kind: clevertaptest.Drop, Marker: `"event_id":"` + id + `"`})
	}
	w.c.Upload(t, clitest.Production, ours...)
	delivered := w.people
	if w.lost > 0 {
		delivered--
	}
	for name, n := range map[string]int{
		"WebhooksQueued": w.people + w.skipped, "MessagesDelivered": delivered + 3, "MessagesSkipped": w.skipped + 1,
	} {
		w.count(name, float64(n))
	}
	for _, beat := range []float64{1, 1, 0, 1} { // four heartbeats, of which one was given up
		w.count("HeartbeatOk", beat)
	}
}

func (w *testDay) count(name string, n float64) {
	w.c.CloudWatch.Put("PurchaselyCleverTap", name, w.day.Add(9*time.Hour), n, "App=demo")
}

// hosted is what the hosted integration sends of a person.
func (w *testDay) hosted(n int, record string) string {
	if !w.apart {
		record = strings.Replace(record, `"evtName":"Bridge `, `"evtName":"`, 1)
	}
	if w.noIDs {
		record = strings.Replace(record, fmt.Sprintf(`"event_id":"e-%d",`, n), "", 1)
	}
	if slices.Contains(w.moved, n) {
		record = strings.Replace(record, "learner-1", "guest-", 1)
	}
	if n == w.price {
		record = strings.Replace(record, `"amount_in_eur":9.99`, `"amount_in_eur":4.99`, 1)
	}
	return record
}

// execute executes "bridge reconcile" under an integration file.
func execute(t *testing.T, network http.RoundTripper, file, checkpoint string, args ...string) clitest.Result {
	t.Helper()
	args = append([]string{
		"reconcile", "--stack", clitest.Stack, "--app", "demo", "--file", clitest.File(t, "integrations.yaml", file),
		"--json", "--checkpoint", checkpoint,
	}, args...)
	got := clitest.Run(t.Context(), NewCommand(network), "", args...)
	got.CheckLeaks(t)
	return got
}

// reconcile runs the command and reads its JSON.
func (w *testDay) reconcile(args ...string) (Report, clitest.Result) {
	w.t.Helper()
	checkpoint := filepath.Join(w.t.TempDir(), "progress")
	got := execute(w.t, w.c, settings, checkpoint, args...)
	var r Report
	if err := json.Unmarshal([]byte(got.Out), &r); err != nil {
		w.t.Fatalf("%+v: %v", got, err)
	}
	if _, err := os.Stat(checkpoint); err == nil {
		w.t.Error("the checkpoint stays")
	}
	return r, got
}

// summary are the findings with the ids that they name.
func summary(r Report) (lines []string) {
	for _, f := range r.Findings {
		var ids []string
		for _, e := range f.Events {
			ids = append(ids, e.EventID)
		}
		slices.Sort(ids)
		lines = append(lines, strings.TrimSpace(f.Kind+" "+strings.Join(ids, " ")))
	}
	return lines
}

func (w *testDay) want(r Report, lines ...string) {
	w.t.Helper()
	if got := summary(r); !slices.Equal(got, lines) {
		w.t.Errorf("found\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(lines, "\n"))
	}
}

func TestADayWithoutFaults(t *testing.T) {
	clitest.Test(t, func(t *testing.T, c *clitest.Cloud) {
		w := newTestDay(t, c)
		w.skipped = 2
		w.live()
		r, got := w.reconcile()
		w.want(r)
		want := Books{Queued: 42, Delivered: 40, Skipped: 2, Heartbeats: 3}
		if got.Code != 0 || r.Books != want || !strings.HasPrefix(r.Verdict.Text, "Nothing was lost") || len(r.Remarks) > 0 {
			t.Errorf("exit code %d, %+v", got.Code, r)
		}
		if len(r.Events) != 3 || r.Events[2].Name != "Charged" || r.Events[2].Money < 199.79 || r.Events[2].Accepted != 20 {
			t.Errorf("%+v", r.Events)
		}
		r, got = w.reconcile("--hosted-prefix", "")
		w.want(r)
		if got.Code != 0 || r.Hosted.Compared != 40 || r.Hosted.Same != 40 ||
			!strings.HasPrefix(r.Verdict.Text, "You can switch") {
			t.Errorf("exit code %d, %+v", got.Code, r)
		}
	})
}

// Every fault of a bad day is found and named, and nothing else.
func TestABadDay(t *testing.T) {
	clitest.Test(t, func(t *testing.T, c *clitest.Cloud) {
		w := newTestDay(t, c)
		w.dropped, w.deleted, w.lost = []string{"e-4", "e-8", "e-12"}, 16, 20
		w.moved, w.price = []int{24, 28}, 31
		w.live()
		page := filepath.Join(t.TempDir(), "report.html")
		r, got := w.reconcile("--hosted-prefix", "", "--html", page)
		w.want(r, "lost e-20", "dropped e-12 e-4 e-8", "not_in_journal e-16", "other_profile e-24 e-28", "value e-31")
		want := Books{Queued: 40, Delivered: 39, Residue: 1, Heartbeats: 3}
		if got.Code != 1 || r.Books != want || r.Verdict.Text != "Do not switch yet." || len(r.Verdict.Reasons) != 5 {
			t.Errorf("exit code %d, %+v, %+v", got.Code, r.Books, r.Verdict)
		}
		if r.Hosted.Compared != 36 || r.Hosted.Same != 33 || r.Requests > 150 {
			t.Errorf("%+v after %d requests", r.Hosted, r.Requests)
		}
		clitest.Golden(t, "testdata/report.txt", r.text())
		html, err := os.ReadFile(page)
		for _, text := range []string{"Do not switch yet.", "e-20", "e-31", "amount_in_eur is 9.99", "<svg", "</html>"} {
			if !strings.Contains(string(html), text) {
				t.Errorf("the page has no %s: %v", text, err)
			}
		}
		for _, person := range []string{"learner-1", "guest-", "<script", "http:", "https:"} {
			if strings.Contains(string(html), person) {
				t.Errorf("the page has %s", person)
			}
		}
	})
}

// Of purchases the price is compared, too.
func TestAPriceThatDiffersFromTheWebhook(t *testing.T) {
	clitest.Test(t, func(t *testing.T, c *clitest.Cloud) {
		w := newTestDay(t, c)
		w.live()
		charged := `{"type":"event","identity":"learner-199","ts":%d,"evtName":"Charged",` +
			`"evtData":{"Amount":%s,"event_id":%q}}`
		again := fmt.Sprintf(charged, w.day.Add(time.Hour).Unix(), "100", "e-1")
		c.Upload(t, clitest.Production, again)
		r, _ := w.reconcile()
		w.want(r, "twice e-1")
		at := w.day.Add(23 * time.Hour)
		c.Settle(t, "x", subscriber.Event{
			App: "demo", Event: "TRANSACTION_PROCESSED", EventID: "e-51", Created: at, Received: at, Settled: at,
			Outcome: "delivered", Records: "charged", Account: account, Body: body(51, at),
		})
		c.Upload(t, clitest.Production, fmt.Sprintf(charged, at.Unix(), "4.99", "e-51"))
		r, _ = w.reconcile()
		w.want(r, "twice e-1", "price e-51")
	})
}

func TestWithoutAJournalOnlyTheBooksAreCompared(t *testing.T) {
	clitest.Test(t, func(t *testing.T, c *clitest.Cloud) {
		w := newTestDay(t, c)
		w.live()
		c.Stacks.SetParameters(clitest.Stack, map[string]string{"Journal": "off"})
		r, got := w.reconcile()
		w.want(r)
		if got.Code != 0 || r.Journal != nil || len(r.Remarks) != 1 || r.Requests != 0 {
			t.Errorf("exit code %d, %+v", got.Code, r)
		}
	})
}

// However the two integrations can be compared, the same is found.
func TestComparisonsWithTheHostedIntegration(t *testing.T) {
	for name, test := range map[string]struct {
		prepare func(*testDay)
		args    []string
	}{
		"under names of their own, by event id": {func(*testDay) {}, []string{"--hosted-prefix", ""}},
		"without ids, by time and purchase":     {func(w *testDay) { w.noIDs = true }, []string{"--hosted-prefix", ""}},
		"in two accounts, by identity": {func(w *testDay) {
			w.apart = true
			w.c.Secrets.Put("hosted", `{"region":"eu1","account_id":"TEST-AAA-111-2222","passcode":"sandbox-pass"}`)
		}, []string{"--hosted-prefix", "Bridge ", "--hosted-secret", "hosted"}},
	} {
		clitest.Subtest(t, name, func(t *testing.T, c *clitest.Cloud) {
			w := newTestDay(t, c)
			w.moved, w.price = []int{24}, 31
			test.prepare(w)
			w.live()
			r, got := w.reconcile(test.args...)
			w.want(r, "other_profile e-24", "value e-31")
			if got.Code != 1 || r.Hosted.Compared != 40 || r.Hosted.Same != 38 {
				t.Errorf("exit code %d, %+v", got.Code, r.Hosted)
			}
		})
	}
}

// Days are those of the account: what happens before midnight in London is of the next day in Kolkata.
func TestDaysAreThoseOfTheAccountsZone(t *testing.T) {
	clitest.Test(t, func(t *testing.T, c *clitest.Cloud) {
		c.CleverTap.SetAccount(clevertaptest.Account{
			ID: account, Region: "in1", Passcodes: []string{"right-pass"}, TimeZone: "Asia/Kolkata",
		})
		w := newTestDay(t, c)
		w.day = w.day.Add(12 * time.Hour)
		w.live()
		for day, want := range map[string]int{"2026-11-22": 19, "2026-11-23": 21} {
			r, _ := w.reconcile("--zone", "Asia/Kolkata", "--from", day, "--to", day)
			accepted := 0
			for _, e := range r.Events {
				if e.Name != charged {
					accepted += e.Accepted
				}
				if e.Accepted != e.Has {
					t.Errorf("%s: %+v", day, e)
				}
			}
			if accepted != want {
				t.Errorf("%s has %d events, want %d", day, accepted, want)
			}
		}
	})
}

// What is still on a queue is no loss, unless it stays there, and what was sent back has two outcomes.
func TestWhatWaits(t *testing.T) {
	clitest.Test(t, func(t *testing.T, c *clitest.Cloud) {
		w := newTestDay(t, c)
		w.lost = 20
		w.live()
		clitest.Put(c.Events, time.Hour, "g", clitest.Webhook("anna", 1), clitest.Attributes("demo", "", ""))
		r, _ := w.reconcile()
		w.want(r)
		if r.Books.Waiting != 1 || r.Books.Residue != 0 {
			t.Errorf("%+v", r.Books)
		}
		w.count("MessagesDelivered", 5)
		r, _ = w.reconcile()
		w.want(r)
		if r.Books.Residue != -4 || !strings.Contains(strings.Join(r.Remarks, " "), "4 webhooks more have an outcome") {
			t.Errorf("%+v", r)
		}
		// The command runs at ten o'clock on the day after.
		for id, after := range map[string]time.Duration{"old": 18 * time.Hour, "new": 33*time.Hour + 30*time.Minute} {
			at := w.day.Add(after)
			c.Settle(t, "learner-1", subscriber.Event{
				App: "demo", Event: "ACTIVATE", EventID: id, Received: at, Settled: at,
				Outcome: "retry", Reason: "network",
			})
		}
		r, _ = w.reconcile("--to", "2026-11-23")
		w.want(r, "waiting old")
	})
}

// An interrupted comparison does not ask again what it has asked.
func TestAnInterruptedComparisonGoesOn(t *testing.T) {
	clitest.Test(t, func(t *testing.T, c *clitest.Cloud) {
		w := newTestDay(t, c)
		w.live()
		checkpoint := filepath.Join(t.TempDir(), "progress")
		asked := make(map[string]int) // by question
		down := true
		network := clitest.RoundTrip(func(r *http.Request) (*http.Response, error) {
			if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/1/counts/trends.json") {
				if down && len(asked) == 2 {
					return nil, errors.New("no network")
				}
				body, err := r.GetBody()
				if err != nil {
					return nil, err
				}
				question, err := io.ReadAll(body)
				if err != nil {
					return nil, err
				}
				asked[string(question)]++
			}
			return c.RoundTrip(r)
		})
		got := execute(t, network, settings, checkpoint)
		if !got.Has(1, "", "the same command goes on where it stopped") || len(asked) != 2 {
			t.Fatalf("%+v after %v", got, asked)
		}
		down = false
		got = execute(t, network, settings, checkpoint)
		if got.Code != 0 || len(asked) != 4 {
			t.Errorf("%+v after %v", got, asked)
		}
		for question, times := range asked {
			if times > 1 {
				t.Errorf("asked %d times: %s", times, question)
			}
		}
	})
}

func TestWrongUsage(t *testing.T) {
	for args, want := range map[string]string{
		"--zone Moon/Base":                       "is no time zone",
		"--from 2026-11-20 --to 2026-11-19":      "is before",
		"--from 2026-12-24 --to 2026-12-24":      "has not begun",
		"--from 2026-01-01":                      "at most 92 days",
		"--hosted-secret other":                  "needs --hosted-prefix",
		"--from soon":                            "want a day",
		"extra":                                  "unknown command",
		"--checkpoint reconcile_test.go":         "reconcile_test.go is no progress file of a comparison",
		"--app nobody --from 2026-11-22":         "not in the integration file",
		"--stack other --from 2026-11-22 --json": "other",
	} {
		clitest.Subtest(t, args, func(t *testing.T, c *clitest.Cloud) {
			newTestDay(t, c)
			line := append([]string{"reconcile", "--stack", clitest.Stack, "--app", "demo"}, strings.Fields(args)...)
			got := clitest.Run(t.Context(), NewCommand(c), "", line...)
			if got.Code == 0 || !strings.Contains(got.Errs, want) || got.Out != "" {
				t.Errorf("%+v", got)
			}
		})
	}
}

// An app that only the stack's settings have can be compared, too.
func TestTheStacksSettingsCount(t *testing.T) {
	clitest.Test(t, func(t *testing.T, c *clitest.Cloud) {
		c.S3.Put(clitest.Bucket, store.Key, []byte("apps: {shop: {}}"))
		got := clitest.Run(t.Context(), NewCommand(c), "", "reconcile", "--stack", clitest.Stack)
		got.Want(t, 1, "", "secret purchasely-clevertap/shop/clevertap is missing")
	})
}

func TestAReportShowsNoValueThatMayNameSomebody(t *testing.T) {
	for name, want := range map[string]string{
		"plan": `"anna"`, "amount_in_eur": `"anna"`,
		"user_id": "something", "store_transaction_id": "something",
		"email": "something", "user_attributes_name": "something",
	} {
		if got := shown(name, []byte(`"anna"`)); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

// Under one name nobody could tell the two integrations apart.
func TestEqualNamesCannotBeCompared(t *testing.T) {
	clitest.Test(t, func(t *testing.T, c *clitest.Cloud) {
		newTestDay(t, c).live()
		got := execute(t, c, "apps: {demo: {}}", filepath.Join(t.TempDir(), "progress"), "--hosted-prefix", "")
		got.Want(t, 1, "", "has the same name on both sides")
	})
}
