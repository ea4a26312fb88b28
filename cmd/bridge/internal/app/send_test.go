package app

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/clitest"
	"github.com/purchasely-clevertap/bridge/shared/clevertap/clevertaptest"
	"github.com/purchasely-clevertap/bridge/shared/subscriber"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// answerWith makes the bridge behind the URL give every webhook but heartbeats an outcome.
func answerWith(t *testing.T, c *clitest.Cloud, outcome, reason string) {
	c.Receiver = func(r *http.Request) (*http.Response, error) {
		body, err := io.ReadAll(r.Body)
		ids := webhook.Peek(body)
		if err != nil || ids.EventName == webhook.Heartbeat || outcome == "" {
			return clitest.Answer(http.StatusOK, `{"status":"queued"}`)(r)
		}
		e := subscriber.Event{
			App: "demo", Event: ids.EventName, EventID: ids.EventID, Received: time.Now(), Settled: time.Now(),
			Outcome: outcome, Reason: reason, Account: clitest.Production.ID, Attempt: 1, Settings: "built-in",
		}
		if outcome == "delivered" {
			e.Records = "event,profile"
			c.Upload(t, clitest.Production, fmt.Sprintf(
				`{"type":"event","identity":%q,"ts":%d,"evtName":%q,"evtData":{"event_id":%q}}`,
				ids.Subscriber.ID, time.Now().Unix(), ids.EventName, ids.EventID))
		}
		c.Settle(t, ids.Subscriber.ID, e)
		return clitest.Answer(http.StatusOK, `{"status":"queued"}`)(r)
	}
}

func TestCheckSendsAnEventTheWholeWay(t *testing.T) {
	drop := clevertaptest.Fault{Kind: clevertaptest.Drop}
	busy := clevertaptest.Fault{Kind: clevertaptest.Status, Status: 503, Path: "/1/delete/profiles.json"}
	for name, c := range map[string]struct {
		outcome, reason string
		fault           *clevertaptest.Fault
		journal         string
		code            int
		want            string
		left            int // items of the table
	}{
		"all is well": {
			"delivered", "", nil, "on", 0,
			"TRIAL_STARTED of the made-up user bridge-check-|was queued|right  its outcome: delivered|" +
				"right  TRIAL_STARTED at CleverTap: its profile shows the event|profile and journal are deleted|" +
				"demo: 0 problems", 0,
		},
		"CleverTap drops it": {
			"delivered", "", &drop, "on", 1,
			"right  its outcome|wrong  TRIAL_STARTED at CleverTap: CleverTap has accepted it and does not show it|" +
				"Error Stream|profile and journal are deleted|demo: 1 problem", 0,
		},
		"the profile stays": {
			"delivered", "", &busy, "on", 1, "shows the event|unsure what the test leaves: the profile bridge-check-", 1,
		},
		"it is rejected": {
			"rejected", "clevertap_513", nil, "on", 1, "wrong  its outcome: rejected, because|bridge user erase --app demo", 1,
		},
		"it is skipped": {"skipped", "anonymous", nil, "on", 1, "wrong  its outcome: skipped, because", 1},
		"it waits":      {"retry", "server", nil, "on", 1, "unsure its outcome: still on its way, because", 1},
		"nothing is known of it": {
			"", "", nil, "on", 1, "unsure its outcome: the journal has none after 2m0s|bridge user erase", 0,
		},
		"there is no journal": {"delivered", "", nil, "off", 1, "unsure its outcome: the stack has no journal", 1},
	} {
		clitest.Subtest(t, name, func(t *testing.T, cloud *clitest.Cloud) {
			putSecrets(cloud, sharedSecret, credentials, nil)
			cloud.Stacks.SetParameters(clitest.Stack, map[string]string{"Journal": c.journal})
			if c.fault != nil {
				cloud.CleverTap.AddFault(*c.fault)
			}
			answerWith(t, cloud, c.outcome, c.reason)
			got := run(t, cloud, "", "check --send demo")
			if got.Code != c.code || len(cloud.Table.Keys()) != c.left {
				t.Errorf("%+v, in the table %q", got, cloud.Table.Keys())
			}
			for want := range strings.SplitSeq(c.want, "|") {
				if !strings.Contains(got.Out, want) {
					t.Errorf("no %q in\n%s", want, got.Out)
				}
			}
			if c.code == 0 && len(cloud.CleverTap.Deletions()) != 1 {
				t.Errorf("%d profiles deleted", len(cloud.CleverTap.Deletions()))
			}
		})
	}
}

// What would stop the event is said, and nothing is sent.
func TestCheckSendsNothingWhereSomethingIsWrong(t *testing.T) {
	clitest.Test(t, func(t *testing.T, c *clitest.Cloud) {
		putSecrets(c, sharedSecret, strings.Replace(credentials, "right", "wrong", 1), nil)
		answerWith(t, c, "delivered", "")
		got := run(t, c, "", "check --send demo")
		if !got.Has(1, "unsure a test event: not sent", "") || len(c.Table.Keys()) > 0 {
			t.Errorf("%+v", got)
		}
	})
}
