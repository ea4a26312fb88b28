package console

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/spf13/cobra"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/clitest"
	"github.com/purchasely-clevertap/bridge/shared/aws/dynamo"
	store "github.com/purchasely-clevertap/bridge/shared/settings"
	"github.com/purchasely-clevertap/bridge/shared/subscriber"
)

// newCloud is a stack on which everything has happened that pages show: webhooks of every outcome, with bodies.
func newCloud(t testing.TB) *clitest.Cloud {
	t.Helper()
	c := clitest.New(t)
	c.FillRejected()
	for hour := range 24 {
		at := time.Now().Add(-time.Duration(hour) * time.Hour)
		for name, n := range map[string]int{
			"WebhooksQueued": 40 + hour*3, "MessagesDelivered": 30 + hour*3, "MessagesSkipped": 6, "MessagesRejected": hour % 4,
		} {
			c.CloudWatch.Put("PurchaselyCleverTap", name, at, float64(n), "App=demo")
		}
	}
	events := make([]subscriber.Event, 0, 12)
	for n, outcome := range []string{"delivered", "delivered", "skipped", "rejected", "retry", "delivered"} {
		e := subscriber.Event{
			App: "demo", Event: []string{"TRIAL_STARTED", "SUBSCRIPTION_RENEWED", "ACTIVATE"}[n%3], EventID: "event-" + outcome,
			Received: time.Now().Add(-time.Duration(n+1) * time.Minute), Outcome: outcome, Attempt: 1, Settings: "built-in",
			Body: []byte(`{"event_name":"TRIAL_STARTED","user_id":"anna","plan":"<b>gold</b>"}`),
		}
		switch e.Settled = e.Received.Add(time.Second); outcome {
		case "delivered":
			e.Records, e.Account = []string{"event,profile", "profile"}[n%2], "AAA-111-2222"
		case "skipped":
			e.Reason = "event_off"
		case "rejected":
			e.Reason, e.Code = "clevertap_513", "513"
		case "retry":
			e.Reason, e.Code = "server", "503"
		}
		events = append(events, e)
	}
	fill(t, c, "anna", events)
	return c
}

// fill puts entries of a user into the journal.
func fill(t testing.TB, c *clitest.Cloud, user string, events []subscriber.Event) {
	t.Helper()
	items := map[subscriber.Key]subscriber.Item{}
	for _, e := range events {
		key := subscriber.EventKey(subscriber.Partition("user", user), e.App, e.Received, e.EventID)
		items[key] = e.Item(30 * 24 * time.Hour)
	}
	if _, err := dynamo.NewTable(c.Config(), clitest.Table, 0).Put(t.Context(), items); err != nil {
		t.Fatal(err)
	}
}

func openCloud(t testing.TB, c *clitest.Cloud, write bool) *console {
	t.Helper()
	cmd := &cobra.Command{}
	cmd.SetContext(t.Context())
	opened, err := openStack(cmd, c, clitest.Stack, write)
	if err != nil {
		t.Fatal(err)
	}
	return opened
}

func newStackClient(t testing.TB, c *clitest.Cloud, write bool) *client {
	t.Helper()
	g := newGuard(8080)
	return &client{t, "", g, g.protect(openCloud(t, c, write).routes())}
}

// put writes settings as somebody else does, and returns their tag.
func put(c *clitest.Cloud, text string) { c.S3.Put(clitest.Bucket, store.Key, []byte(text)) }

func TestPagesOfAStack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // an empty queue is waited for
		cloud := newCloud(t)
		put(cloud, twoApps)
		c := newStackClient(t, cloud, false)
		for path, wants := range map[string][]string{
			"/": {"<svg", "demo: the last 24 hours", "What waits", "bridge status --stack purchasely-clevertap"},
			"/deliveries": {"6 webhooks", "CleverTap refused it for good", "bridge journal --stack purchasely-clevertap",
				"delivered</span>, profile only<", `name="entry"`},
			"/deliveries?outcome=rejected":  {"1 webhook<", "--outcome rejected"},
			"/deliveries?event=ACTIVATE":    {"2 webhooks"},
			"/deliveries?app=none":          {"0 webhooks"},
			"/deliveries?rejected=1":        {"clevertap_513", "12 messages", "See what would be sent back"},
			"/person":                       {"User id"},
			"/events":                       {"Somebody has become a subscriber.", "read-only", "bridge settings put --stack"},
			"/events?app=demo&saved=":       {"It counts within a minute."},
			"/preview?sample=TRIAL_STARTED": {"TRIAL_STARTED would be sent"},
			"/history":                      {"newest"},
		} {
			if body := c.want(c.get(path), http.StatusOK, wants...); strings.Contains(body, `value="save"`) {
				t.Errorf("%s can be saved", path)
			}
		}
	})
}

func TestPagesOfAStackNeedOne(t *testing.T) {
	c := newClient(t, twoApps)
	for _, path := range []string{"/deliveries", "/person"} {
		c.want(c.get(path), http.StatusOK, "bridge console --stack")
	}
}

func TestAnEventThatWasSeenCanBeSwitched(t *testing.T) {
	cloud := newCloud(t)
	put(cloud, twoApps)
	at := time.Now().Add(-time.Minute)
	fill(t, cloud, "otto", []subscriber.Event{{App: "demo", Event: "BRAND_NEW", EventID: "e", Received: at, Settled: at,
		Outcome: "delivered", Attempt: 1}})
	c := newStackClient(t, cloud, true)
	c.want(c.get("/events"), http.StatusOK, `id="on-BRAND_NEW"`, ">seen<")
	form := c.form("/events")
	flip(form, "BRAND_NEW")
	form.Set("name.BRAND_NEW", "Brand New")
	c.want(c.post("/events?app=demo", form), http.StatusSeeOther)
	c.want(c.get("/preview"), http.StatusOK, "BRAND_NEW: {send: false, name: Brand New, known: false}")
}

func TestAStackIsSavedOnlyWithWrite(t *testing.T) {
	for write, want := range map[bool]struct{ saved, back, writes int }{
		true:  {http.StatusSeeOther, http.StatusNotFound, 1},
		false: {http.StatusForbidden, http.StatusInternalServerError, 0},
	} {
		cloud := newCloud(t)
		put(cloud, twoApps)
		c := newStackClient(t, cloud, write)
		form := c.form("/events")
		flip(form, "TRIAL_STARTED")
		c.want(c.post("/events?app=demo", form), want.saved)
		if got := slices.Contains(c.form("/events")["on"], "TRIAL_STARTED"); got == write {
			t.Errorf("with write %v: the event is sent: %v", write, got)
		}
		c.want(c.post("/history", c.form("/events")), want.back)
		if got := cloud.S3.Calls("PutObject"); got != want.writes {
			t.Errorf("with write %v: %d writes", write, got)
		}
	}
}

func TestTheFirstSettingsOfAStack(t *testing.T) {
	c := newStackClient(t, newCloud(t), true)
	form := c.form("/events")
	if form.Get("base") != noETag {
		t.Errorf("the tag is %q", form.Get("base"))
	}
	flip(form, "TRIAL_STARTED")
	c.want(c.post("/events?app=demo", form), http.StatusSeeOther)
	c.want(c.post("/events?app=demo", form), http.StatusConflict)
}

func TestAConflictOnAStackShowsTheOtherChange(t *testing.T) {
	cloud := newCloud(t)
	put(cloud, twoApps)
	c := newStackClient(t, cloud, true)
	form := c.form("/events")
	flip(form, "TRIAL_STARTED")
	put(cloud, strings.Replace(twoApps, "Subscription Started", "Somebody Subscribed", 1))
	c.want(c.post("/events?app=demo", form), http.StatusConflict, "<ins>Somebody Subscribed</ins>")
}

func TestTheHistoryComparesGoodVersions(t *testing.T) {
	cloud := newCloud(t)
	for _, text := range []string{twoApps, "apps: {", strings.Replace(twoApps, "name: Plan", "name: The Plan", 1)} {
		put(cloud, text)
	}
	c := newStackClient(t, cloud, true)
	body := c.want(c.get("/history"), http.StatusOK, "<del>Plan</del> → <ins>The Plan</ins>", ">faulty<",
		"What was before is not known", "This would change:", "<del>The Plan</del> → <ins>Plan</ins>")
	if strings.Count(body, ">Go back to it<") != 1 {
		t.Errorf("got\n%s", body)
	}
}

func TestAStackTakesNoWarnings(t *testing.T) {
	cloud := newCloud(t)
	put(cloud, twoApps)
	c := newStackClient(t, cloud, true)
	form := c.form("/preview")
	form.Set("file", strings.Replace(twoApps, ", known: false", "", 1))
	c.want(c.post("/preview", form), http.StatusUnprocessableEntity, "no settings with warnings")
}

func TestAWarningAboutAnAppIsShown(t *testing.T) {
	cloud := newCloud(t)
	text := "apps:\n  demo:\n    server_events:\n      events:\n"
	for i := range 400 {
		text += fmt.Sprintf("        EVENT_%d: {known: false}\n", i)
	}
	put(cloud, text)
	c := newStackClient(t, cloud, true)
	c.want(c.post("/events", c.form("/events")), http.StatusUnprocessableEntity, "names of events are sent")
}

func TestRedriveAsksFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // an empty queue is waited for
		for write, want := range map[bool]struct {
			left, status int
			text         string
		}{
			true:  {3, http.StatusOK, "9 messages sent back, 0 not"},
			false: {12, http.StatusInternalServerError, "this console only shows the stack"},
		} {
			cloud := newCloud(t)
			c := newStackClient(t, cloud, write)
			const path = "/deliveries?app=demo&reason=clevertap_513&outcome=rejected" // of which the queue knows nothing
			c.want(c.post(path, url.Values{"do": {"preview"}}), http.StatusOK, "This would be sent back")
			if left := len(cloud.Rejected.Messages()); left != 12 {
				t.Errorf("%d are left", left)
			}
			c.want(c.post(path, url.Values{"do": {"redrive"}}), want.status, want.text)
			left, back := len(cloud.Rejected.Messages()), len(cloud.Events.Messages())
			if left != want.left || back != 12-want.left {
				t.Errorf("with write %v: %d are left, %d went back", write, left, back)
			}
		}
	})
}

func TestOlderWebhooksAreOnTheNextPage(t *testing.T) {
	cloud := newCloud(t)
	newer, now := make([]subscriber.Event, maxDeliveries), time.Now()
	for i := range newer {
		at := now.Add(-time.Duration(i) * time.Millisecond)
		newer[i] = subscriber.Event{App: "demo", Event: "ACTIVATE", EventID: "e", Received: at, Settled: at,
			Outcome: "rejected", Attempt: 1}
	}
	fill(t, cloud, "otto", newer)
	c := newStackClient(t, cloud, false)
	for path, want := range map[string]string{"/deliveries": "6 webhooks<", "/deliveries?outcome=rejected": "1 webhook<"} {
		page := c.want(c.get(path), http.StatusOK, "1000 webhooks, and more")
		_, link, _ := strings.Cut(page, `<p><a href="`)
		link, _, _ = strings.Cut(link, `">Older ones`)
		c.want(c.get(strings.ReplaceAll(link, "&amp;", "&")), http.StatusOK, want)
	}
}

func TestAPersonIsTracedByPost(t *testing.T) {
	c := newStackClient(t, newCloud(t), false)
	page := c.want(c.post("/person", url.Values{"user": {" anna "}}), http.StatusOK,
		"6 webhooks, the newest first", "Nothing was sent, because", "no purchase is known", `name="entry"`)
	if strings.Index(page, ">skipped<") > strings.Index(page, ">rejected<") {
		t.Errorf("the oldest are first:\n%s", page)
	}
	if strings.Contains(c.get("/person?user=anna").Body.String(), "6 webhooks") {
		t.Error("an id in the address was taken")
	}
}

func TestAWebhookOfTheJournalIsPreviewed(t *testing.T) {
	c := newStackClient(t, newCloud(t), false)
	form := url.Values{"base": {noETag}, "entry": c.form("/deliveries")["entry"], "do": {"show"}}
	c.want(c.post("/preview?app=demo", form), http.StatusOK, "&lt;b&gt;gold&lt;/b&gt;")
}

func TestAStackWithoutSettingsAndTableIsShown(t *testing.T) {
	cloud := newCloud(t)
	cloud.SetOutput("SettingsBucket", "")
	cloud.SetOutput("SubscribersTable", "")
	c := newStackClient(t, cloud, true)
	for path, want := range map[string]string{
		"/": "which keeps no settings", "/events": "read-only", "/deliveries": "keeps no journal", "/history": "History",
	} {
		c.want(c.get(path), http.StatusOK, want)
	}
	c.want(c.get("/person"), http.StatusInternalServerError, "has no journal")
}
