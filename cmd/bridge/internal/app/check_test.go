package app

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/clitest"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/stack"
	"github.com/purchasely-clevertap/bridge/shared/clevertap/clevertaptest"
	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/relay"
	"github.com/purchasely-clevertap/bridge/shared/secret"
	"github.com/purchasely-clevertap/bridge/shared/standardwebhooks"
	"github.com/purchasely-clevertap/bridge/shared/subscriber"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// verifying answers as a back end that follows Purchasely's documentation, and Standard Webhooks where there is a key.
func verifying(t *testing.T, key string) clitest.RoundTrip {
	return func(r *http.Request) (*http.Response, error) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		if r.URL.String() != "https://back.example/hook?token=4711" || webhook.Peek(body).EventName != "ACTIVATE" {
			t.Errorf("%s got %s", r.URL, body)
		}
		header := func(name string) string { return strings.Join(r.Header[name], "|") } // as they are spelled
		digest := webhook.Sign(secret.New("shared-4711"), header("X-PURCHASELY-TIMESTAMP"), body)
		genuine := header("X-PURCHASELY-REQUEST-SIGNATURE") == digest
		if key != "" {
			keys, err := standardwebhooks.ParseKeys([]byte(`{"signing_secret":"` + key + `"}`))
			if err != nil {
				return nil, err
			}
			id, at, signatures := header("Webhook-Id"), header("Webhook-Timestamp"), header("Webhook-Signature")
			genuine = genuine && keys.Verify(id, at, signatures, body, time.Now()) == nil
		}
		if genuine {
			return clitest.Answer(http.StatusOK, "")(r)
		}
		return clitest.Answer(http.StatusUnauthorized, "")(r)
	}
}

func TestCheckRelay(t *testing.T) {
	const (
		to  = `relay: {url: "https://back.example/hook?token=4711"}`
		key = "whsec_Zm9ybWVyIGtleSBvZiB0aGUgZGVtbyBhcHAsIDMyYnk="
	)
	nobody := func(*http.Request) (*http.Response, error) { return nil, errors.New("said token=4711") }
	answer := func(status int) clitest.RoundTrip { return clitest.Answer(status, "private answer") }
	for name, c := range map[string]struct {
		file, secret string
		off          bool
		answer       clitest.RoundTrip
		code         int
		want         string
	}{
		"a back end that verifies": {to, "", false, verifying(t, ""), cli.OK,
			"right  back end back.example: it answers 200 to ACTIVATE "},
		"and Standard Webhooks": {to, `{"signing_secret":"` + key + `"}`, false, verifying(t, key), cli.OK,
			"right  secret " + relayName + "\nright  back end back.example: it answers 200"},
		"one that refuses": {to, "", false, answer(401), cli.Finding, "it answers 401 to ACTIVATE "},
		"a redirect":       {to, "", false, answer(308), cli.Finding, "redirects are never followed"},
		"a wrong path":     {to, "", false, answer(404), cli.Finding, "is the path in relay.url right?"},
		"an odd status":    {to, "", false, answer(500), cli.Finding, "only 2xx counts"},
		"nobody": {to, "", false, nobody, cli.Finding,
			"wrong  back end back.example: error of type *errors.errorString\n       is the address"},
		"no back end in the file": {"", "", false, answer(200), cli.Finding, "write its address under relay.url"},
		"a stack without a relay": {to, "", true, answer(200), cli.Finding, "deploy it with Relay=on"},
		"another event only": {strings.Replace(to, "}", ", events: [DEACTIVATE]}", 1), "", false, answer(204), cli.OK,
			"it is sent all the same"},
		"a secret that is none": {to, `{"signing_secret":"whsec_private"}`, false, answer(200), cli.Finding,
			"'bridge app add --relay-secret --replace' makes another"},
	} {
		clitest.Subtest(t, name, func(t *testing.T, cloud *clitest.Cloud) {
			if !c.off {
				cloud.UseRelay()
			}
			receiver := cloud.Receiver
			cloud.Receiver = func(r *http.Request) (*http.Response, error) {
				if r.URL.Host == "back.example" {
					return c.answer(r)
				}
				return receiver(r)
			}
			putSecrets(cloud, sharedSecret, credentials, map[string]string{relayName: c.secret})
			file := clitest.File(t, "integrations.yaml", "apps:\n  demo: {"+c.file+"}\n")
			got := run(t, cloud, "", "check --relay demo --file "+file)
			if got.Code != c.code || !strings.Contains(got.Out, c.want) {
				t.Errorf("got %+v, want %d and %q", got, c.code, c.want)
			}
			for _, hidden := range []string{"token", "/hook", "private", key[6:]} {
				if strings.Contains(got.Out+got.Errs, hidden) {
					t.Errorf("%q is shown: %+v", hidden, got)
				}
			}
		})
	}
}

// The check reaches what the stack's relay may reach, and nothing else.
func TestCheckRelayAtAPrivateAddress(t *testing.T) {
	for parameter, refused := range map[string]bool{"on": false, "off": true, "": true} {
		clitest.Subtest(t, parameter, func(t *testing.T, cloud *clitest.Cloud) {
			cloud.Stacks.SetParameters(clitest.Stack, map[string]string{"RelayAllowPrivate": parameter})
			cmd := &cobra.Command{}
			cmd.SetContext(t.Context())
			s, err := stack.Open(cmd, cloud, clitest.Stack)
			if err != nil {
				t.Fatal(err)
			}
			to := &integration.Relay{URL: "https://127.0.0.1:1/hook", Timeout: time.Second} // where nobody listens
			_, err = newRelayClient(nil, s, to).Post(t.Context(), to, relay.Webhook{}, nil)
			if err == nil || strings.Contains(err.Error(), "RelayAllowPrivate") != refused {
				t.Errorf("got %v, want it refused: %t", err, refused)
			}
		})
	}
}

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
