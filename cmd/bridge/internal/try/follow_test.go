package try

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/clitest"
	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
	"github.com/purchasely-clevertap/bridge/shared/subscriber"
)

// outcome is what a forwarder writes some time after the webhook was accepted.
type outcome struct {
	after time.Duration
	entry subscriber.Event
}

// settle makes the receiver accept webhooks, and a forwarder write what became of them.
func settle(t *testing.T, c *clitest.Cloud, id string, outcomes ...outcome) {
	t.Helper()
	c.Receiver = func(r *http.Request) (*http.Response, error) {
		received := time.Now()
		for _, o := range outcomes {
			time.AfterFunc(o.after, func() {
				e := o.entry
				e.App, e.Event, e.EventID, e.Received, e.Settled = "demo", "TRIAL_STARTED", id, received, time.Now()
				e.Settings, e.Account = "built-in", "AAA-111-2222"
				c.Settle(t, "casey", e)
			})
		}
		return clitest.Answer(http.StatusOK, `{"status":"queued"}`)(r)
	}
}

func TestSendWaitsForTheOutcome(t *testing.T) {
	delivered := subscriber.Event{Outcome: "delivered", Records: "event", Attempt: 1}
	retried := subscriber.Event{Outcome: "retry", Reason: "network", Attempt: 1}
	rejected := subscriber.Event{Outcome: "rejected", Reason: "clevertap_513", Code: "513", Attempt: 2}
	for name, test := range map[string]struct {
		outcomes  []outcome
		args      string
		code      int
		out, errs string
		took      time.Duration
	}{
		"delivered": {[]outcome{{2 * time.Second, delivered}}, "--wait", cli.OK,
			"200 {\"status\":\"queued\"}, after 0 ms\n  It does not say when Purchasely created it.\n" +
				"  Delivered 2 seconds later: CleverTap account AAA-111-2222 has the event.\n", "", 3 * time.Second},
		"for programs": {[]outcome{{2 * time.Second, delivered}}, "--wait --json", cli.OK,
			`,"status":200,"answer":{"status":"queued"},"milliseconds":0,"outcome":{"app":"demo","event":"TRIAL_STARTED",`, "",
			3 * time.Second},
		"after two attempts": {
			[]outcome{{time.Second, retried}, {10 * time.Second, rejected}}, "--wait", cli.Finding,
			"Not delivered, because CleverTap refused it for good with the code 513",
			"attempt 1: not yet, because CleverTap could not be reached\n", 11 * time.Second,
		},
		"still under way": {[]outcome{{time.Second, retried}}, "--wait=1m", cli.Finding, "Still on its way",
			"bridge: it is still on its way after 1m0s\nhint: the bridge goes on trying", time.Minute},
		"no outcome": {
			nil, "--wait", cli.Finding, "200 {", "bridge: the journal has no outcome of it after 2m0s\n", 2 * time.Minute,
		},
	} {
		clitest.Subtest(t, name, func(t *testing.T, c *clitest.Cloud) {
			c.Secrets.Put(clitest.PurchaselySecret, `{"shared_secret":"`+clitest.DemoSecret+`"}`)
			settle(t, c, "event-1", test.outcomes...)
			begun := time.Now()
			args := append(strings.Fields(test.args), "--stack", clitest.Stack)
			got := send(t.Context(), c, clitest.Webhook("casey", 1), args...)
			took := time.Since(begun)
			if !got.Has(test.code, test.out, test.errs) || took < test.took-time.Second || took > test.took+time.Second {
				t.Errorf("after %s: %+v", took, got)
			}
		})
	}
}

// A webhook that the queue swallows, because it has had the same event, has the outcome of the first one.
func TestSendWaitsForTheOutcomeOfTheSameEvent(t *testing.T) {
	const body = `{"event_name": "TRIAL_STARTED","user_id":"casey","event_id":"not legal"}`
	clitest.Test(t, func(t *testing.T, c *clitest.Cloud) {
		c.Secrets.Put(clitest.PurchaselySecret, `{"shared_secret":"`+clitest.DemoSecret+`"}`)
		delivered := subscriber.Event{Outcome: "delivered", Records: "event", Attempt: 1}
		settle(t, c, subscriber.JournalID("", []byte(body)), outcome{time.Second, delivered})
		if got := send(t.Context(), c, body, "--stack", clitest.Stack); got.Code != cli.OK {
			t.Fatalf("got %+v", got)
		}
		time.Sleep(4 * time.Minute)
		c.Receiver = clitest.Answer(http.StatusOK, `{"status":"queued"}`)
		got := send(t.Context(), c, body, "--stack", clitest.Stack, "--wait")
		if !got.Has(cli.OK, "Delivered 1 second later", "") {
			t.Errorf("within five minutes: %+v", got)
		}
		time.Sleep(time.Hour)
		got = send(t.Context(), c, body, "--stack", clitest.Stack, "--wait")
		if !got.Has(cli.Finding, "", "has no outcome of it") {
			t.Errorf("an hour later: %+v", got)
		}
	})
}

func TestSendSaysWhyItCannotWait(t *testing.T) {
	for name, test := range map[string]struct {
		prepare func(c *clitest.Cloud)
		body    string
		args    string
		code    int
		errs    string
	}{
		"no stack": {nil, clitest.Webhook("casey", 1), "--url https://demo.test", cli.Usage, "flag --wait needs --stack"},
		"no table": {
			(*clitest.Cloud).UseNoTable, clitest.Webhook("casey", 1), "--stack " + clitest.Stack,
			cli.Finding, "its parameter Subscribers is off",
		},
		"no journal": {func(c *clitest.Cloud) {
			c.Stacks.SetParameters(clitest.Stack, map[string]string{"Journal": "off"})
		}, clitest.Webhook("casey", 1), "--stack " + clitest.Stack, cli.Finding, "its parameter Journal is off"},
		"nobody's webhook": {nil, `{"event_name":"TRIAL_STARTED","event_id":"e"}`, "--stack " + clitest.Stack, cli.Usage,
			"a webhook without an id of a person has no entry"},
		"no right to read the table": {func(c *clitest.Cloud) {
			c.Dynamo.Inject(awstest.Fault{Status: 400, Code: "AccessDeniedException"})
		}, clitest.Webhook("casey", 1), "--stack " + clitest.Stack, cli.Finding, "DynamoDB Query: AccessDeniedException"},
	} {
		clitest.Subtest(t, name, func(t *testing.T, c *clitest.Cloud) {
			c.Secrets.Put(clitest.PurchaselySecret, `{"shared_secret":"`+clitest.DemoSecret+`"}`)
			if test.prepare != nil {
				test.prepare(c)
			}
			t.Setenv(secretVariable, clitest.DemoSecret)
			file := clitest.File(t, "webhook.json", test.body)
			got := send(t.Context(), c, "", append(strings.Fields(test.args), "--wait", file)...)
			if !got.Has(test.code, "", test.errs) {
				t.Errorf("got %+v", got)
			}
		})
	}
}
