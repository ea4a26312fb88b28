package queue

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/clitest"
)

// withDeadRelay is a stack on whose relay's dead-letter queue lie three webhooks of anna's and one of otto's.
func withDeadRelay(c *clitest.Cloud) {
	c.UseRelay()
	attributes := clitest.Attributes("demo", "", noon)
	attributes["timestamp"], attributes["signature"] = "1773474112", "53bc924e"
	for n := range 3 {
		clitest.Put(c.RelayDeadLetters, time.Hour, "anna's", clitest.Webhook("anna", n), attributes)
	}
	other := maps.Clone(attributes)
	other["app"] = "shop"
	clitest.Put(c.RelayDeadLetters, 75*time.Hour, "otto's", clitest.Webhook("otto", 0), other)
}

func TestTheRelaysDeadLetters(t *testing.T) {
	const counts = "QUEUE               APP   EVENT          MESSAGES  OLDEST  NEWEST\n" +
		"relay dead letters  demo  TRIAL_STARTED  3         1h 0m   1h 0m\n" +
		"relay dead letters  shop  TRIAL_STARTED  1         3d 3h   3d 3h\n"
	for name, c := range map[string]struct {
		in, args  string
		code      int
		out, errs string
		left      int
	}{
		"list":        {"", "list --relay", cli.OK, counts + "4 messages in the relay's dead-letter queue\n", "", 4},
		"show":        {"", "show --relay --app demo", cli.OK, "queue        relay dead letters, for 1h 0m\n", "", 4},
		"show a body": {"", "show --relay --app shop --body", cli.OK, clitest.Webhook("otto", 0), "personal data", 4},
		"redrive": {"y\n", "redrive --relay --rate 0", cli.OK, "4 messages sent back, 0 not\n",
			"They go back to the relay queue, the oldest first, as fast as it goes.\nYour back end gets them after", 0},
		"redrive of one app": {"", "redrive --relay --app shop --yes", cli.OK, "1 message sent back, 0 not\n", "", 3},
		"purge": {"y\n4\n", "purge --relay", cli.OK, "4 messages deleted, 0 not\n",
			"what they say never reaches your back end", 0},
		"a no":                    {"n\n", "redrive --relay", cli.Finding, "", "nobody said yes", 4},
		"with other dead letters": {"", "list --relay --dead-letters", cli.Usage, "", "not both", 4},
		"with a reason":           {"", "list --relay --reason malformed", cli.Usage, "", "dead letters have no reason", 4},
	} {
		clitest.Subtest(t, name, func(t *testing.T, cloud *clitest.Cloud) {
			withDeadRelay(cloud)
			run(t.Context(), cloud, c.in, c.args).Want(t, c.code, c.out, c.errs)
			counts := cloud.RelayDeadLetters.Counts()
			if sent := len(cloud.Relay.Messages()); counts.Visible != c.left || counts.InFlight != 0 ||
				strings.HasPrefix(c.args, "redrive") && sent != 4-c.left || len(cloud.Events.Messages()) != 0 {
				t.Errorf("%+v are left, %d sent", counts, sent)
			}
		})
	}
}

// What the back end verifies is sent too, and the group that keeps a user's order.
func TestRedriveOfTheRelayKeepsWhatPurchaselySigned(t *testing.T) {
	clitest.Test(t, func(t *testing.T, c *clitest.Cloud) {
		withDeadRelay(c)
		run(t.Context(), c, "", "redrive --relay --app demo --yes --rate 0").Want(t, cli.OK, "", "")
		var bodies []string
		for _, m := range c.Relay.Messages() {
			bodies = append(bodies, m.Body)
			if m.Attribute("timestamp") != "1773474112" || m.Attribute("signature") != "53bc924e" ||
				m.Attribute("received_at") != noon || m.GroupID != clitest.Group("anna") {
				t.Errorf("sent %+v", m)
			}
		}
		want := []string{clitest.Webhook("anna", 0), clitest.Webhook("anna", 1), clitest.Webhook("anna", 2)}
		if diff := cmp.Diff(want, bodies); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestAStackWithoutARelaySaysSo(t *testing.T) {
	clitest.Test(t, func(t *testing.T, c *clitest.Cloud) {
		got := run(t.Context(), c, "", "list --relay")
		got.Want(t, cli.Finding, "", "has no relay\nhint: the template's parameter Relay switches it on")
	})
}
