package queue

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/clitest"
	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
	"github.com/purchasely-clevertap/bridge/shared/message"
)

const noon = "2026-11-22T12:00:00.000Z"

// run executes "bridge rejected" on the stack.
func run(ctx context.Context, c *clitest.Cloud, in, args string) clitest.Result {
	words := append([]string{"rejected"}, strings.Fields(args)...)
	return clitest.Run(ctx, NewCommand(c), in, append(words, "--stack", clitest.Stack)...)
}

// checkReturned checks how many messages are on the rejected queue, and that none is in flight.
func checkReturned(t *testing.T, c *clitest.Cloud, want int) {
	t.Helper()
	if counts := c.Rejected.Counts(); counts.Visible != want || counts.InFlight != 0 {
		t.Errorf("%+v on the queue, want %d that are visible", counts, want)
	}
}

func TestListCounts(t *testing.T) {
	const heading = "REASON         APP   EVENT          MESSAGES  OLDEST  NEWEST\n"
	const shop = "REASON     APP   EVENT          MESSAGES  OLDEST  NEWEST\n" +
		"malformed  shop  TRIAL_STARTED  3         3d 3h   3d 3h\n"
	for name, c := range map[string]struct{ args, want string }{
		"everything": {"", heading + "clevertap_513  demo  TRIAL_STARTED  9         9h 1m   1h 1m\n" +
			"malformed      shop  TRIAL_STARTED  3         3d 3h   3d 3h\n12 messages in the rejected queue\n"},
		"one reason": {"--reason malformed", shop + "3 of 12 messages in the rejected queue\n"},
		"one app":    {"--app shop", shop + "3 of 12 messages in the rejected queue\n"},
		"what is old": {"--older 8h --newer 2d",
			heading + "clevertap_513  demo  TRIAL_STARTED  2         9h 1m   8h 1m\n2 of 12 messages in the rejected queue\n"},
		"a misspelling": {"--app none", "0 of 12 messages in the rejected queue\n"},
		"each, by age": {"--reason malformed --each", shop + `
MESSAGE                               REASON     APP   EVENT          AGE    BYTES
0000000a-0000-4000-8000-000000000000  malformed  shop  TRIAL_STARTED  3d 3h  69
0000000b-0000-4000-8000-000000000000  malformed  shop  TRIAL_STARTED  3d 3h  69
0000000c-0000-4000-8000-000000000000  malformed  shop  TRIAL_STARTED  3d 3h  69

3 of 12 messages in the rejected queue
`},
	} {
		clitest.Subtest(t, name, func(t *testing.T, cloud *clitest.Cloud) {
			cloud.FillRejected()
			got := run(t.Context(), cloud, "", "list "+c.args)
			if diff := cmp.Diff(clitest.Result{Code: cli.OK, Out: c.want}, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			checkReturned(t, cloud, 12)
		})
	}
}

// Ids and events choose messages, and a mistake in an id chooses none.
func TestChosenMessages(t *testing.T) {
	put := func(c *clitest.Cloud, body string) {
		clitest.Put(c.Rejected, time.Hour, "", body, clitest.Attributes("demo", "malformed", noon))
	}
	for name, c := range map[string]struct {
		args      string
		code      int
		out, errs string
		left      int
	}{
		"one by its id":    {"redrive --yes 0000000a", cli.OK, "1 message sent back, 0 not\n", "", 14},
		"two by their ids": {"redrive --yes 00000001 00000003", cli.OK, "2 messages sent back, 0 not\n", "", 13},
		"listed by an id":  {"list 0000000d", cli.OK, "malformed  demo  RENEWAL_DISABLED  1 ", "", 15},
		"listed by event": {"list --event RENEWAL_DISABLED", cli.OK,
			"1 of 15 messages in the rejected queue", "", 15},
		"by two events": {"redrive --yes --event RENEWAL_DISABLED --event X --app demo", cli.OK,
			"1 message sent back", "", 14},
		"by event and app": {"list --event TRIAL_STARTED --app shop", cli.OK,
			"3 of 15 messages in the rejected queue", "", 15},
		"for programs": {"list --json --each 0000000d", cli.OK,
			`"app":"demo","event":"RENEWAL_DISABLED","since":`, "", 15},
		"without any event": {"list 0000000e", cli.OK, "malformed  demo  –      1 ", "", 15},
		"with an odd event": {"list 0000000f", cli.OK, `"a\x1b[2J` + strings.Repeat("b", 51) + "…", "", 15},
		"by no such id": {"redrive --yes 0000000a ff", cli.Finding, "",
			"bridge: there is no such message: ff\nhint: 'bridge rejected list --each' prints the ids\n", 15},
		"by an id of another app": {"purge --yes --app demo 0000000a", cli.Finding, "", "no such message: 0000000a", 15},
		"by half an id": {"purge --yes 0000000", cli.Finding, "",
			"bridge: 15 messages have an id that begins with 0000000\nhint: give more of the id\n", 15},
		"deleted by an id": {"purge --yes 0000000b", cli.OK, "1 message deleted, 0 not\n", "", 14},
	} {
		clitest.Subtest(t, name, func(t *testing.T, cloud *clitest.Cloud) {
			cloud.FillRejected()
			put(cloud, `{"event_name":"RENEWAL_DISABLED"}`)
			put(cloud, "no JSON")
			put(cloud, `{"event_name":"a\u001b[2J`+strings.Repeat("b", 100)+`"}`)
			got := run(t.Context(), cloud, "", c.args)
			got.Want(t, c.code, c.out, c.errs)
			got.CheckLeaks(t)
			checkReturned(t, cloud, c.left)
		})
	}
}

func TestListSaysWhenItHasNotSeenAll(t *testing.T) {
	for format, want := range map[string]string{
		"": `QUEUE                  APP   EVENT          MESSAGES  OLDEST  NEWEST
fifo dead letters      demo  TRIAL_STARTED  11        1h 0m   1h 0m
standard dead letters  shop  TRIAL_STARTED  1         2h 0m   2h 0m
12 messages in the dead-letter queues
about 2 more did not show: others look at them, or they stand behind messages of the same user, or are too many at once
`,
		"--json": `{"messages":12,"unseen":2,"groups":[{"queue":"fifo dead letters","app":"demo","event":"TRIAL_STARTED",` +
			`"messages":11,"oldest":"`,
	} {
		clitest.Test(t, func(t *testing.T, c *clitest.Cloud) {
			dead := clitest.Attributes("demo", "", noon)
			for n := range 12 {
				clitest.Put(c.FIFODeadLetters, time.Hour, "anna's", clitest.Webhook("anna", n), dead)
			}
			clitest.Put(c.FIFODeadLetters, time.Hour, "otto's", clitest.Webhook("otto", 1), dead)
			clitest.Put(c.DeadLetters, 2*time.Hour, "", clitest.Webhook("eve", 1), clitest.Attributes("shop", "", noon))
			run(t.Context(), c, "", "list --dead-letters "+format).Want(t, cli.OK, want, "")
		})
	}
}

func TestAQueueThatHandsOutNoMoreIsNoError(t *testing.T) {
	clitest.Test(t, func(t *testing.T, c *clitest.Cloud) {
		c.FillRejected()
		c.SQS.Before(func(operation string) {
			if operation == "ReceiveMessage" {
				c.SQS.Inject(awstest.Fault{Operation: operation, Status: 403, Code: "OverLimit"})
			}
		})
		run(t.Context(), c, "", "list").Want(t, cli.OK, "10 messages in the rejected queue\nabout 2 more did not show", "")
		checkReturned(t, c, 12)
	})
}

func TestAnInterruptReturnsEverything(t *testing.T) {
	clitest.Test(t, func(t *testing.T, c *clitest.Cloud) {
		for n := range 45 {
			clitest.Put(c.Rejected, time.Hour, "", clitest.Webhook("anna", n), clitest.Attributes("demo", "malformed", noon))
		}
		want := clitest.Result{Code: cli.Finding, Errs: "bridge: interrupted\n"}
		if got := run(c.InterruptAt(t, 4), c, "", "list"); got != want {
			t.Errorf("got %+v", got)
		}
		checkReturned(t, c, 45)
	})
}

func TestShow(t *testing.T) {
	for name, c := range map[string]struct {
		args      string
		code      int
		out, errs string
	}{
		"the oldest": {"", cli.OK, "message      0000000a-0000-4000-8000-000000000000\nqueue        rejected, for 3d 3h\n" +
			"event        TRIAL_STARTED\napp          shop\nreason       malformed\n" +
			"error        clevertap refused the record\naccepted     profile\n" +
			"received_at  2026-11-20T10:00:00.000Z\nschema       1\nencoding     raw\nbody         69 bytes\n", ""},
		"the oldest of an app": {"--app demo", cli.OK, "message      00000009-0000-4000-8000-000000000000\n", ""},
		"one by its id":        {"00000003", cli.OK, "message      00000003-0000-4000-8000-000000000000\n", ""},
		"for programs": {"--json --app demo 00000001", cli.OK, `"attributes":{"accepted":"profile","app":"demo",` +
			`"code":"513","encoding":"raw","error":"clevertap refused the record","reason":"clevertap_513",` +
			`"received_at":"2026-11-22T10:00:30.000Z","schema":"1"}}`, ""},
		"the body":                  {"--body", cli.OK, clitest.Webhook("otto", 0) + "\n", "the body is personal data"},
		"one that is not there":     {"f00", cli.Finding, "", "hint: 'bridge rejected list --each'"},
		"one of another app":        {"--app shop 00000001", cli.Finding, "", "there is no such message"},
		"the body among attributes": {"--body --json", cli.Usage, "", "not both"},
	} {
		clitest.Subtest(t, name, func(t *testing.T, cloud *clitest.Cloud) {
			cloud.FillRejected()
			got := run(t.Context(), cloud, "", "show "+c.args)
			got.Want(t, c.code, c.out, c.errs)
			if !strings.Contains(c.args, "--body") {
				got.CheckLeaks(t)
			}
			checkReturned(t, cloud, 12)
		})
	}
}

func TestABodyThatTravelledAsBase64IsShownAsItCame(t *testing.T) {
	clitest.Test(t, func(t *testing.T, c *clitest.Cloud) {
		attributes := clitest.Attributes("demo", "malformed", noon)
		attributes["encoding"] = "base64"
		clitest.Put(c.Rejected, time.Hour, "", "AP8=", attributes)
		if got := run(t.Context(), c, "", "show --body"); got.Out != "\x00\xff\n" {
			t.Errorf("got %q", got.Out)
		}
	})
}

func TestRedriveSendsBackWhatTheReceiverSent(t *testing.T) {
	clitest.Test(t, func(t *testing.T, c *clitest.Cloud) {
		c.FillRejected()
		got := run(t.Context(), c, "y\n", "redrive --app demo --rate 0")
		if got.Out != "9 messages sent back, 0 not\n" || !got.Has(cli.OK, "", "clevertap_513  demo  TRIAL_STARTED  9") ||
			!strings.Contains(got.Errs, "Send 9 messages back? [y/N]") {
			t.Fatalf("got %+v", got)
		}
		var want []string
		for n := range 9 {
			want = append(want, clitest.Webhook("anna", 8-n))
		}
		if diff := cmp.Diff(want, clitest.Bodies(c.Events)); diff != "" {
			t.Errorf("not the oldest first (-want +got):\n%s", diff)
		}
		unique := make(map[string]bool)
		for _, m := range c.Events.Messages() {
			if len(m.Attributes) != 5 || m.Attribute("app") != "demo" || m.Attribute("schema") != "1" ||
				m.Attribute("encoding") != "raw" || m.Attribute("accepted") != "profile" ||
				!strings.HasPrefix(m.Attribute("received_at"), "2026-11-22T10:00:") {
				t.Errorf("attributes are %v", m.Attributes)
			}
			id := m.DeduplicationID
			if m.GroupID != clitest.Group("anna") || !message.LegalID(id) || strings.HasPrefix(id, "event-") {
				t.Errorf("ids are %q and %q", m.GroupID, id)
			}
			unique[m.DeduplicationID] = true
		}
		if len(unique) != 9 {
			t.Errorf("%d deduplication ids", len(unique))
		}
		checkReturned(t, c, 3)
	})
}

func TestRedriveToAStandardQueue(t *testing.T) {
	clitest.Test(t, func(t *testing.T, c *clitest.Cloud) {
		c.FillRejected()
		c.UseStandardQueue()
		if got := run(t.Context(), c, "", "redrive --yes --rate 0"); got.Out != "12 messages sent back, 0 not\n" {
			t.Fatalf("got %+v", got)
		}
		for _, m := range c.Events.Messages() {
			if m.GroupID != m.Attribute("app") {
				t.Errorf("a message of %s is in the group %q", m.Attribute("app"), m.GroupID)
			}
		}
	})
}

func TestWhatCannotBeDecodedIsSentBackAsItIs(t *testing.T) {
	clitest.Test(t, func(t *testing.T, c *clitest.Cloud) {
		for body, attributes := range map[string]map[string]string{
			"no JSON": {"schema": "7", "app": "demo", "reason": "unknown_schema"},
			"e30=!":   {"schema": "1", "encoding": "base64", "app": "demo", "reason": "malformed"},
		} {
			clitest.Put(c.Rejected, time.Hour, "", body, attributes)
		}
		got := run(t.Context(), c, "", "redrive --yes --json")
		if got.Out != `{"chosen":2,"sent":2,"failed":0,"undeleted":0,"unseen":0}`+"\n" {
			t.Errorf("got %+v", got)
		}
		bodies := slices.Sorted(slices.Values(clitest.Bodies(c.Events)))
		if !slices.Equal(bodies, []string{"e30=!", "no JSON"}) {
			t.Errorf("sent %q", bodies)
		}
	})
}

func TestNothingHappensWithoutAYes(t *testing.T) {
	for name, c := range map[string]struct{ command, in string }{
		"redrive, silence":           {"redrive", ""},
		"redrive, a no":              {"redrive", "n\n"},
		"purge, silence":             {"purge", ""},
		"purge, one yes":             {"purge", "y\n"},
		"purge, the number is wrong": {"purge", "yes\n11\n"},
	} {
		clitest.Subtest(t, name, func(t *testing.T, cloud *clitest.Cloud) {
			cloud.FillRejected()
			got := run(t.Context(), cloud, c.in, c.command)
			if !got.Has(cli.Finding, "", "nobody said yes") || got.Out != "" {
				t.Errorf("got %+v", got)
			}
			checkReturned(t, cloud, 12)
			if sent := cloud.Events.Messages(); len(sent) != 0 {
				t.Errorf("%d messages were sent", len(sent))
			}
		})
	}
}

// undeletable refuses the deletion of a queue's messages.
func undeletable(operation string, _ awstest.Message) string {
	if operation == "DeleteMessage" {
		return "ReceiptHandleIsInvalid"
	}
	return ""
}

func TestPurgeDeletesWhatItCounted(t *testing.T) {
	clitest.Test(t, func(t *testing.T, c *clitest.Cloud) {
		c.FillRejected()
		got := run(t.Context(), c, "y\n3\n", "purge --reason malformed")
		got.Want(t, cli.OK, "3 messages deleted, 0 not\n", "")
		checkReturned(t, c, 9)
		run(t.Context(), c, "", "purge --reason malformed").Want(t, cli.OK, "there is nothing to delete\n", "")
		c.Rejected.Refuse(undeletable)
		run(t.Context(), c, "", "purge --yes --json").Want(t, cli.Finding, `{"chosen":9,"deleted":0,"unseen":0}`+"\n", "")
	})
}

func TestRedriveOfOneUsersDeadLettersKeepsTheirOrder(t *testing.T) {
	clitest.Test(t, func(t *testing.T, c *clitest.Cloud) {
		var want []string
		for n := range 37 {
			want = append(want, clitest.Webhook("anna", n))
			clitest.Put(c.FIFODeadLetters, time.Hour, "anna's", want[n], clitest.Attributes("demo", "", noon))
		}
		got := run(t.Context(), c, "y\n", "redrive --dead-letters --rate 0 --json")
		if !got.Has(cli.OK, "", "Send 10 messages back and what stands behind them? [y/N]") ||
			got.Out != `{"chosen":37,"sent":37,"failed":0,"undeleted":0,"unseen":0}`+"\n" {
			t.Errorf("got %+v", got)
		}
		if diff := cmp.Diff(want, clitest.Bodies(c.Events)); diff != "" || len(c.FIFODeadLetters.Messages()) != 0 {
			t.Errorf("%d are left; (-want +got):\n%s", len(c.FIFODeadLetters.Messages()), diff)
		}
	})
}

func TestRedriveStopsAtItsLimit(t *testing.T) {
	clitest.Test(t, func(t *testing.T, c *clitest.Cloud) {
		c.FillRejected()
		got := run(t.Context(), c, "", "redrive --limit 4 --yes --json")
		got.Want(t, cli.OK, `{"chosen":4,"sent":4,"failed":0,"undeleted":0,"unseen":0}`+"\n", "")
		var want []string
		for n := range 3 {
			want = append(want, clitest.Webhook("otto", n))
		}
		if want = append(want, clitest.Webhook("anna", 8)); !slices.Equal(clitest.Bodies(c.Events), want) {
			t.Errorf("sent %q", clitest.Bodies(c.Events))
		}
		checkReturned(t, c, 8)
	})
}

func TestWhatTheEventsQueueRefusesStays(t *testing.T) {
	clitest.Test(t, func(t *testing.T, c *clitest.Cloud) {
		c.FillRejected()
		oldest := clitest.Webhook("anna", 8)
		c.Events.Refuse(func(_ string, m awstest.Message) string {
			return map[bool]string{true: "InvalidMessageContents"}[m.Body == oldest]
		})
		got := run(t.Context(), c, "", "redrive --yes --rate 2")
		if !got.Has(cli.Finding, "", "1 message: the events queue refuses it: InvalidMessageContents\n") ||
			!strings.Contains(got.Errs, "an earlier message of the same user was not accepted") {
			t.Errorf("got %+v", got)
		}
		sent, left := clitest.Bodies(c.Events), clitest.Bodies(c.Rejected)
		if len(sent)+len(left) != 12 || !slices.Contains(left, oldest) || slices.Contains(sent, clitest.Webhook("anna", 0)) {
			t.Errorf("sent %q, left %q", sent, left)
		}
	})
}

func TestRedriveWithoutRightsChangesNothing(t *testing.T) {
	clitest.Test(t, func(t *testing.T, c *clitest.Cloud) {
		c.FillRejected()
		c.SQS.Inject(awstest.Fault{Operation: "SendMessageBatch", Status: 403, Code: "AccessDenied"})
		got := run(t.Context(), c, "", "redrive --yes")
		got.Want(t, cli.Finding, "", "bridge: SQS SendMessageBatch: AccessDenied\n"+
			"hint: your AWS identity may not do this; what was not sent is where it was")
		got.CheckLeaks(t)
		checkReturned(t, c, 12)
	})
}

func TestAMessageThatCouldNotBeDeletedIsNotSentTwiceSoon(t *testing.T) {
	clitest.Test(t, func(t *testing.T, c *clitest.Cloud) {
		c.FillRejected()
		c.Rejected.Refuse(undeletable)
		got := run(t.Context(), c, "", "redrive --yes --json")
		const sent = `{"chosen":12,"sent":12,"failed":0,"undeleted":12,"unseen":0}` + "\n"
		got.Want(t, cli.Finding, sent, "the next redrive sends it again")
		c.Rejected.Refuse(nil)
		run(t.Context(), c, "", "redrive --yes").Want(t, cli.OK, "", "")
		if sent := c.Events.Messages(); len(sent) != 12 {
			t.Errorf("%d messages were sent", len(sent))
		}
	})
}

// TestARedriveLosesNothing interrupts redrives and lets calls fail at random: every message is on one of the two
// queues, and on one only.
func TestARedriveLosesNothing(t *testing.T) {
	for seed := range uint64(12) {
		clitest.Subtest(t, fmt.Sprint(seed), func(t *testing.T, c *clitest.Cloud) {
			chance := rand.New(rand.NewPCG(seed, 1))
			want := make(map[string]int)
			for n := range 150 {
				body := clitest.Webhook(fmt.Sprint("user-", chance.IntN(40)), n)
				want[body]++
				received := fmt.Sprintf("2026-11-22T10:00:00.%03dZ", n)
				clitest.Put(c.Rejected, time.Hour, "", body, clitest.Attributes("demo", "malformed", received))
			}
			c.Events.Refuse(func(string, awstest.Message) string {
				return map[int]string{0: "InvalidMessageContents"}[chance.IntN(9)]
			})
			for len(c.Rejected.Messages()) > 0 {
				run(c.InterruptAt(t, chance.IntN(60)), c, "", "redrive --yes --rate 0")
			}
			got := make(map[string]int)
			for _, body := range clitest.Bodies(c.Events) {
				got[body]++
			}
			if !maps.Equal(got, want) {
				t.Errorf("%d messages became %d", len(want), len(c.Events.Messages()))
			}
		})
	}
}

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
