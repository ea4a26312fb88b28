package forward_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/forward"
)

func TestAHeartbeatTriesTheAccountAndStoresNothing(t *testing.T) {
	const ok, fails = "delivered HeartbeatOk=1", "retry heartbeat"
	for name, test := range map[string]struct {
		clevertap upload
		accounts  func(context.Context, string) (clevertap.Accounts, error)
		age       time.Duration // of the heartbeat
		want      string
	}{
		"CleverTap takes it":                   {acceptAll, nil, 0, ok},
		"CleverTap takes the credentials only": {refuseOne(528, 1), nil, 0, ok},
		"the passcode has expired":             {responses["401"], nil, 0, fails + " CredentialsRefused=1"},
		"the passcode has expired long ago":    {responses["401"], nil, time.Hour, "skipped heartbeat HeartbeatOk=0"},
		"CleverTap refuses everything":         {responses["400"], nil, 0, fails + " CredentialsRefused=1"},
		"CleverTap is down for five minutes":   {responses["500"], nil, 5 * time.Minute, "skipped heartbeat HeartbeatOk=0"},
		"CleverTap is down for almost that":    {responses["500"], nil, 5*time.Minute - time.Second, fails},
		"an answer that accounts for nothing":  {responses["HTML"], nil, 0, fails},
		"the secret is missing":                {acceptAll, secrets["missing"], 0, fails + " CredentialsRefused=1"},
		"reading the secret panics":            {acceptAll, secrets["panic"], 0, fails},
	} {
		for _, receives := range []int{1, 9} {
			inBubble(t, fmt.Sprint(name, receives), func(t *testing.T, h *harness) {
				table := h.withJournal(forward.JournalBodies)
				before := maps.Clone(table.Items)
				var uploads, dryRuns atomic.Int64
				h.clevertap = func(r *http.Request, body []byte) (*http.Response, error) {
					uploads.Add(1)
					if r.URL.RawQuery == "dryRun=1" && strings.Contains(string(body), `"d":[{`) {
						dryRuns.Add(1)
					}
					return test.clevertap(r, body)
				}
				if test.accounts != nil {
					h.accounts = test.accounts
				}
				m := newMessage("demo", "heartbeat")
				m.received, m.receives = time.Now().Add(-test.age), receives
				returned := h.run(m)
				p := h.read()
				got := h.outcomes(1)[0]
				for _, name := range []string{"HeartbeatOk", "CredentialsRefused"} {
					skipped := strings.HasPrefix(got, "skipped")
					if n, written := p.metrics["demo"][name]; written && (!skipped || name == "HeartbeatOk") {
						got += fmt.Sprint(" ", name, "=", n)
					}
				}
				if got != test.want || (len(returned) == 1) != strings.HasPrefix(test.want, fails) {
					t.Errorf("%s, %q come back, want %s\n%s", got, returned, test.want, &h.out)
				}
				if n := dryRuns.Load(); n > 1 || n != uploads.Load() || n == 0 && test.accounts == nil {
					t.Errorf("%d requests, %d dry runs", uploads.Load(), n)
				}
				if !maps.EqualFunc(table.Items, before, maps.Equal) || len(h.rejected) > 0 {
					t.Errorf("the table has %v, %d are rejected", table.Items, len(h.rejected))
				}
				h.checkPrivacy()
			})
		}
	}
}

// A passcode that was changed in the secret is found at once, also where the old one is still remembered.
func TestAHeartbeatReadsTheSecretAgain(t *testing.T) {
	h := newHarness(t)
	reads := 0
	h.accounts = func(context.Context, string) (clevertap.Accounts, error) {
		reads++
		const secret = `{"region":"eu1","account_id":"DEMO","passcode":"passcode-%d"}`
		return clevertap.ParseAccounts(fmt.Appendf(nil, secret, reads))
	}
	h.clevertap = func(r *http.Request, body []byte) (*http.Response, error) {
		if r.Header.Get("X-CleverTap-Passcode") != "passcode-2" {
			return respond(401, "")
		}
		return acceptAll(r, body)
	}
	h.runAll(newMessage("demo", "heartbeat"))
	h.wantOutcomes("delivered")
}

// The heartbeat of an account that hangs delays nobody, and holds nobody back.
func TestAHeartbeatGoesBesideTheUploads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t)
		h.clevertap = func(r *http.Request, body []byte) (*http.Response, error) {
			if r.URL.RawQuery != "" {
				return nil, hang(r.Context())
			}
			if time.Since(newYear) > time.Second {
				t.Errorf("an upload after %s", time.Since(newYear))
			}
			return acceptAll(r, body)
		}
		beat, webhook := newMessage("demo", "heartbeat"), newMessage("demo", "renewal")
		beat.group, webhook.group = "a", "a"
		h.run(beat, webhook, newMessage("disabled", "heartbeat"))
		h.wantOutcomes("retry heartbeat", "delivered", "skipped disabled")
		if _, counted := h.read().metrics["disabled"]["HeartbeatOk"]; counted {
			t.Error("a heartbeat of an app that is switched off is counted")
		}
	})
}
