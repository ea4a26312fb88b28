package main

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/purchasely-clevertap/bridge/shared/message"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// executeIn runs a command line that a test may interrupt.
func executeIn(ctx context.Context, in string, args ...string) execution {
	var out, errs bytes.Buffer
	code := run(ctx, args, strings.NewReader(in), &out, &errs)
	return execution{code, out.String(), errs.String()}
}

// attributesOf are a rejected message's.
func attributesOf(app, reason, received string) map[string]string {
	all := map[string]string{"schema": "1", "app": app, "received_at": received, "encoding": "raw"}
	if reason != "" {
		maps.Copy(all, map[string]string{"reason": reason, "error": "clevertap refused the record", "accepted": "profile"})
	}
	if code, ok := strings.CutPrefix(reason, "clevertap_"); ok {
		all["code"] = code
	}
	return all
}

// webhookOf is a body of one user.
func webhookOf(user string, n int) string {
	return fmt.Sprintf(`{"event_name": "TRIAL_STARTED","user_id":"%s","event_id":"event-%d"}`, user, n)
}

// fillRejected puts twelve messages on the rejected queue, the youngest first.
func fillRejected(c *fakeCloud) {
	q := c.queues[rejects]
	for n := range 9 {
		q.put(time.Duration(n+1)*time.Hour+time.Minute, "", webhookOf("anna", n), attributesOf("demo", "clevertap_513", fmt.Sprintf("2026-11-22T10:00:%02d.000Z", 30-n)))
	}
	for n := range 3 {
		q.put(75*time.Hour, "", webhookOf("otto", n), attributesOf("shop", "malformed", fmt.Sprintf("2026-11-20T10:00:%02d.000Z", n)))
	}
}

func TestRejectedListCounts(t *testing.T) {
	for name, c := range map[string]struct{ args, want string }{
		"everything": {"", `REASON         APP   MESSAGES  OLDEST  NEWEST
clevertap_513  demo  9         9h 1m   1h 1m
malformed      shop  3         3d 3h   3d 3h
12 messages in the rejected queue
`},
		"one reason":     {"--reason malformed", "REASON     APP   MESSAGES  OLDEST  NEWEST\nmalformed  shop  3         3d 3h   3d 3h\n3 messages in the rejected queue\n"},
		"one app":        {"--app shop", "REASON     APP   MESSAGES  OLDEST  NEWEST\nmalformed  shop  3         3d 3h   3d 3h\n3 messages in the rejected queue\n"},
		"what is old":    {"--older 8h --newer 2d", "REASON         APP   MESSAGES  OLDEST  NEWEST\nclevertap_513  demo  2         9h 1m   8h 1m\n2 messages in the rejected queue\n"},
		"nothing at all": {"--app none", "0 messages in the rejected queue\n"},
		"each, by age": {"--reason malformed --each", `REASON     APP   MESSAGES  OLDEST  NEWEST
malformed  shop  3         3d 3h   3d 3h

MESSAGE                               REASON     APP   AGE    BYTES
0000000a-0000-4000-8000-000000000000  malformed  shop  3d 3h  69
0000000b-0000-4000-8000-000000000000  malformed  shop  3d 3h  69
0000000c-0000-4000-8000-000000000000  malformed  shop  3d 3h  69

3 messages in the rejected queue
`},
	} {
		t.Run(name, func(t *testing.T) {
			cloud := newFakeCloud(t)
			fillRejected(cloud)
			got := execute(t, "", append([]string{"rejected", "list", "--stack", testStack}, strings.Fields(c.args)...)...)
			if diff := cmp.Diff(execution{fine, c.want, ""}, got, cmp.AllowUnexported(execution{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if n := cloud.hidden(rejects); n != 0 {
				t.Errorf("%d messages were not given back", n)
			}
		})
	}
}

func TestRejectedListSaysWhenItHasNotSeenAll(t *testing.T) {
	cloud := newFakeCloud(t)
	for n := range 12 {
		cloud.queues[deadName].put(time.Hour, "anna's", webhookOf("anna", n), attributesOf("demo", "", "2026-11-22T10:00:00.000Z"))
	}
	cloud.queues[deadName].put(time.Hour, "otto's", webhookOf("otto", 1), attributesOf("demo", "", "2026-11-22T10:00:00.000Z"))
	cloud.queues[lostName].put(2*time.Hour, "", webhookOf("eve", 1), attributesOf("shop", "", "2026-11-22T10:00:00.000Z"))
	got := execute(t, "", "rejected", "list", "--stack", testStack, "--dead-letters")
	want := `QUEUE                  APP   MESSAGES  OLDEST  NEWEST
fifo dead letters      demo  11        1h 0m   1h 0m
standard dead letters  shop  1         2h 0m   2h 0m
12 messages in the dead-letter queues
about 2 more did not show: others look at them, or they stand behind messages of the same user, or are too many at once
`
	if got.code != fine || got.out != want {
		t.Errorf("got %+v, want\n%s", got, want)
	}
	if got := execute(t, "", "rejected", "list", "--stack", testStack, "--dead-letters", "--json"); !strings.HasPrefix(got.out, `{"messages":12,"unseen":2,"groups":[{"queue":"fifo dead letters","app":"demo","messages":11,"oldest":"`) {
		t.Errorf("got %+v", got)
	}
}

func TestAQueueThatHandsOutNoMoreIsNoError(t *testing.T) {
	cloud := newFakeCloud(t)
	fillRejected(cloud)
	cloud.before = func(operation string) {
		if operation == "ReceiveMessage" && cloud.calls[operation] == 1 {
			cloud.refuseAll(operation, "OverLimit")
		}
	}
	got := execute(t, "", "rejected", "list", "--stack", testStack)
	if got.code != fine || !strings.Contains(got.out, "10 messages in the rejected queue\nabout 2 more did not show") || cloud.hidden(rejects) != 0 {
		t.Errorf("got %+v", got)
	}
}

func TestAnInterruptGivesEverythingBack(t *testing.T) {
	cloud := newFakeCloud(t)
	for n := range 45 {
		cloud.queues[rejects].put(time.Hour, "", webhookOf("anna", n), attributesOf("demo", "malformed", "2026-11-22T10:00:00.000Z"))
	}
	ctx, cancel := context.WithCancel(t.Context())
	var receives atomic.Int32
	cloud.before = func(operation string) {
		if operation == "ReceiveMessage" && receives.Add(1) == 3 {
			cancel()
		}
	}
	got := executeIn(ctx, "", "rejected", "list", "--stack", testStack)
	if got.code != finding || got.errs != "bridge: interrupted\n" || got.out != "" {
		t.Errorf("got %+v", got)
	}
	if held, all := cloud.hidden(rejects), len(cloud.bodies(rejects)); held != 0 || all != 45 {
		t.Errorf("%d of %d messages were not given back", held, all)
	}
}

func TestRejectedShow(t *testing.T) {
	const oldest = "0000000a-0000-4000-8000-000000000000"
	for name, c := range map[string]struct {
		args      string
		code      int
		out, errs string
	}{
		"the oldest": {"", fine, "message      " + oldest + "\nqueue        rejected, for 3d 3h\napp          shop\nreason       malformed\n" +
			"error        clevertap refused the record\naccepted     profile\nreceived_at  2026-11-20T10:00:00.000Z\nschema       1\nencoding     raw\nbody         69 bytes\n", ""},
		"the oldest of an app":      {"--app demo", fine, "message      00000009-0000-4000-8000-000000000000\n", ""},
		"one by its id":             {"00000003", fine, "message      00000003-0000-4000-8000-000000000000\n", ""},
		"for programs":              {"--json --app demo 00000001", fine, `"attributes":{"accepted":"profile","app":"demo","code":"513","encoding":"raw","error":"clevertap refused the record","reason":"clevertap_513","received_at":"2026-11-22T10:00:30.000Z","schema":"1"}}`, ""},
		"the body":                  {"--body", fine, webhookOf("otto", 0) + "\n", "the body is personal data"},
		"one that is not there":     {"f00", finding, "", "hint: 'bridge rejected list --each'"},
		"one of another app":        {"--app shop 00000001", finding, "", "there is no such message"},
		"the body among attributes": {"--body --json", usage, "", "not both"},
	} {
		t.Run(name, func(t *testing.T) {
			cloud := newFakeCloud(t)
			fillRejected(cloud)
			got := execute(t, "", append([]string{"rejected", "show", "--stack", testStack}, strings.Fields(c.args)...)...)
			if got.code != c.code || !strings.Contains(got.out, c.out) || !strings.Contains(got.errs, c.errs) {
				t.Errorf("got %+v, want %d, %q and %q", got, c.code, c.out, c.errs)
			}
			if !strings.Contains(c.args, "--body") && strings.Contains(got.out+got.errs, "otto") {
				t.Errorf("the output tells who it is: %+v", got)
			}
			if n := cloud.hidden(rejects); n != 0 {
				t.Errorf("%d messages were not given back", n)
			}
		})
	}
}

func TestABodyThatTravelledAsBase64IsShownAsItCame(t *testing.T) {
	cloud := newFakeCloud(t)
	attributes := attributesOf("demo", "malformed", "2026-11-22T10:00:00.000Z")
	attributes["encoding"] = "base64"
	cloud.queues[rejects].put(time.Hour, "", "AP8=", attributes)
	if got := execute(t, "", "rejected", "show", "--stack", testStack, "--body"); got.out != "\x00\xff\n" {
		t.Errorf("got %q", got.out)
	}
}

func TestRedriveSendsBackWhatTheReceiverSent(t *testing.T) {
	cloud := newFakeCloud(t)
	fillRejected(cloud)
	got := execute(t, "y\n", "rejected", "redrive", "--stack", testStack, "--app", "demo", "--rate", "0")
	if got.code != fine || got.out != "9 messages sent back, 0 not\n" || !strings.Contains(got.errs, "clevertap_513  demo  9") ||
		!strings.Contains(got.errs, "Send 9 messages back? [y/N]") {
		t.Fatalf("got %+v", got)
	}
	want := make([]string, 9)
	for n := range want {
		want[8-n] = webhookOf("anna", n)
	}
	events := cloud.queues[eventsName]
	if diff := cmp.Diff(want, cloud.bodies(eventsName)); diff != "" {
		t.Errorf("not the oldest first (-want +got):\n%s", diff)
	}
	group := message.SubscriberID("demo", webhook.ByUser.String(), "anna")
	unique := make(map[string]bool)
	for _, m := range events.messages {
		attributes := make(map[string]string)
		for name, a := range m.Attributes {
			attributes[name] = a.Value
		}
		if len(attributes) != 5 || attributes["app"] != "demo" || attributes["schema"] != "1" || attributes["encoding"] != "raw" ||
			attributes["accepted"] != "profile" || !strings.HasPrefix(attributes["received_at"], "2026-11-22T10:00:") {
			t.Errorf("attributes are %v", attributes)
		}
		if m.Group != group || !message.LegalID(m.Unique) || strings.HasPrefix(m.Unique, "event-") {
			t.Errorf("ids are %q and %q", m.Group, m.Unique)
		}
		unique[m.Unique] = true
	}
	if len(unique) != 9 || len(cloud.bodies(rejects)) != 3 || cloud.hidden(rejects) != 0 {
		t.Errorf("%d deduplication ids; left are %v", len(unique), cloud.bodies(rejects))
	}
}

func TestWhatNobodyCanReadIsSentBackAsItIs(t *testing.T) {
	cloud := newFakeCloud(t)
	q := cloud.queues[rejects]
	q.put(time.Hour, "", "no JSON", map[string]string{"schema": "7", "app": "demo", "reason": "unknown_schema"})
	q.put(time.Hour, "", "e30=!", map[string]string{"schema": "1", "encoding": "base64", "app": "demo", "reason": "malformed"})
	if got := execute(t, "", "rejected", "redrive", "--stack", testStack, "--yes", "--json"); got.out != `{"chosen":2,"sent":2,"failed":0,"undeleted":0,"unseen":0}`+"\n" {
		t.Errorf("got %+v", got)
	}
	bodies := cloud.bodies(eventsName)
	if slices.Sort(bodies); !slices.Equal(bodies, []string{"e30=!", "no JSON"}) {
		t.Errorf("sent %q", bodies)
	}
}

func TestNothingHappensWithoutAYes(t *testing.T) {
	for name, c := range map[string]struct{ command, in, errs string }{
		"redrive, silence":            {"redrive", "", "nobody said yes"},
		"redrive, a no":               {"redrive", "n\n", "nobody said yes"},
		"redrive, something else":     {"redrive", "yellow\n", "nobody said yes"},
		"purge, silence":              {"purge", "", "nobody said yes"},
		"purge, one yes":              {"purge", "y\n", "nobody said yes"},
		"purge, the number is wrong":  {"purge", "yes\n11\n", "nobody said yes"},
		"purge, the number is spoken": {"purge", "yes\ntwelve\n", "nobody said yes"},
	} {
		t.Run(name, func(t *testing.T) {
			cloud := newFakeCloud(t)
			fillRejected(cloud)
			got := execute(t, c.in, "rejected", c.command, "--stack", testStack)
			if got.code != finding || !strings.Contains(got.errs, c.errs) || got.out != "" {
				t.Errorf("got %+v", got)
			}
			if n := len(cloud.bodies(rejects)); n != 12 || cloud.hidden(rejects) != 0 || len(cloud.bodies(eventsName)) != 0 {
				t.Errorf("%d messages are left, %d hidden", n, cloud.hidden(rejects))
			}
		})
	}
}

func TestPurgeDeletesWhatItCounted(t *testing.T) {
	cloud := newFakeCloud(t)
	fillRejected(cloud)
	got := execute(t, "y\n3\n", "rejected", "purge", "--stack", testStack, "--reason", "malformed")
	if got.code != fine || got.out != "3 messages deleted, 0 not\n" || len(cloud.bodies(rejects)) != 9 || cloud.hidden(rejects) != 0 {
		t.Errorf("got %+v; %d are left", got, len(cloud.bodies(rejects)))
	}
	if got := execute(t, "", "rejected", "purge", "--stack", testStack, "--reason", "malformed"); got.code != fine || got.out != "there is nothing to delete\n" {
		t.Errorf("got %+v", got)
	}
	cloud.queues[rejects].stubborn = true
	if got := execute(t, "", "rejected", "purge", "--stack", testStack, "--yes", "--json"); got.code != finding || got.out != `{"chosen":9,"deleted":0,"unseen":0}`+"\n" {
		t.Errorf("got %+v", got)
	}
}

func TestRedriveOfOneUsersDeadLettersKeepsTheirOrder(t *testing.T) {
	cloud := newFakeCloud(t)
	var want []string
	for n := range 37 {
		want = append(want, webhookOf("anna", n))
		cloud.queues[deadName].put(time.Hour, "anna's", want[n], attributesOf("demo", "", "2026-11-22T10:00:00.000Z"))
	}
	got := execute(t, "y\n", "rejected", "redrive", "--stack", testStack, "--dead-letters", "--rate", "0", "--json")
	if got.code != fine || !strings.Contains(got.errs, "Send 10 messages back and what stands behind them? [y/N]") || got.out != `{"chosen":37,"sent":37,"failed":0,"undeleted":0,"unseen":0}`+"\n" {
		t.Errorf("got %+v", got)
	}
	if diff := cmp.Diff(want, cloud.bodies(eventsName)); diff != "" || len(cloud.bodies(deadName)) != 0 {
		t.Errorf("%d are left; (-want +got):\n%s", len(cloud.bodies(deadName)), diff)
	}
}

func TestRedriveStopsAtItsLimit(t *testing.T) {
	cloud := newFakeCloud(t)
	fillRejected(cloud)
	got := execute(t, "", "rejected", "redrive", "--stack", testStack, "--limit", "4", "--yes", "--json")
	if got.code != fine || got.out != `{"chosen":4,"sent":4,"failed":0,"undeleted":0,"unseen":0}`+"\n" || len(cloud.bodies(rejects)) != 8 {
		t.Errorf("got %+v; %d are left", got, len(cloud.bodies(rejects)))
	}
	if want := []string{webhookOf("otto", 0), webhookOf("otto", 1), webhookOf("otto", 2), webhookOf("anna", 8)}; !slices.Equal(cloud.bodies(eventsName), want) {
		t.Errorf("sent %q", cloud.bodies(eventsName))
	}
}

func TestWhatTheEventsQueueRefusesStays(t *testing.T) {
	cloud := newFakeCloud(t)
	fillRejected(cloud)
	cloud.queues[eventsName].fail = func(e fakeEntry) string {
		if e.Body == webhookOf("anna", 8) { // the oldest of hers
			return "InvalidMessageContents"
		}
		return ""
	}
	got := execute(t, "", "rejected", "redrive", "--stack", testStack, "--yes", "--rate", "2")
	if got.code != finding || !strings.Contains(got.errs, "1 message: the events queue refuses it: InvalidMessageContents\n") {
		t.Errorf("got %+v", got)
	}
	sent, left := cloud.bodies(eventsName), cloud.bodies(rejects)
	if len(sent)+len(left) != 12 || !slices.Contains(left, webhookOf("anna", 8)) || slices.Contains(sent, webhookOf("anna", 0)) {
		t.Errorf("sent %q, left %q", sent, left)
	}
	if !strings.Contains(got.errs, "an earlier message of the same user was not accepted") {
		t.Errorf("got %+v", got)
	}
}

func TestRedriveWithoutRightsChangesNothing(t *testing.T) {
	cloud := newFakeCloud(t)
	fillRejected(cloud)
	cloud.refuse["SendMessageBatch"] = "AccessDenied"
	got := execute(t, "", "rejected", "redrive", "--stack", testStack, "--yes")
	if got.code != finding || !strings.Contains(got.errs, "bridge: SQS SendMessageBatch: AccessDenied\nhint: your AWS identity may not do this; what was not sent is where it was") {
		t.Errorf("got %+v", got)
	}
	if strings.Contains(got.errs, "nobody must see") {
		t.Errorf("the output shows AWS's own words: %+v", got)
	}
	if len(cloud.bodies(rejects)) != 12 || cloud.hidden(rejects) != 0 {
		t.Errorf("%d messages are left, %d hidden", len(cloud.bodies(rejects)), cloud.hidden(rejects))
	}
}

func TestAMessageThatCouldNotBeDeletedIsNotSentTwiceSoon(t *testing.T) {
	cloud := newFakeCloud(t)
	fillRejected(cloud)
	cloud.queues[rejects].stubborn = true
	got := execute(t, "", "rejected", "redrive", "--stack", testStack, "--yes", "--json")
	if got.code != finding || got.out != `{"chosen":12,"sent":12,"failed":0,"undeleted":12,"unseen":0}`+"\n" || !strings.Contains(got.errs, "the next redrive sends it again") {
		t.Errorf("got %+v", got)
	}
	cloud.queues[rejects].stubborn = false
	if got := execute(t, "", "rejected", "redrive", "--stack", testStack, "--yes"); got.code != fine {
		t.Errorf("got %+v", got)
	}
	if n := len(cloud.bodies(eventsName)); n != 12 {
		t.Errorf("%d messages were sent", n)
	}
}

// TestARedriveLosesNothing interrupts redrives and lets calls fail at random: every message is on one of the two queues, and on one only.
func TestARedriveLosesNothing(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			cloud := newFakeCloud(t)
			chance := rand.New(rand.NewPCG(seed, 1))
			var want []string
			for n := range 150 {
				user := fmt.Sprint("user-", chance.IntN(40))
				want = append(want, webhookOf(user, n))
				cloud.queues[rejects].put(time.Hour, "", want[n], attributesOf("demo", "malformed", fmt.Sprintf("2026-11-22T10:00:00.%03dZ", n)))
			}
			cloud.queues[eventsName].fail = func(fakeEntry) string {
				return []string{"", "", "", "", "", "", "", "", "InvalidMessageContents"}[chance.IntN(9)]
			}
			for len(cloud.bodies(rejects)) > 0 {
				ctx, cancel := context.WithCancel(t.Context())
				var left atomic.Int32
				left.Store(int32(chance.IntN(60)))
				cloud.before = func(string) {
					if left.Add(-1) == 0 {
						cancel()
					}
				}
				executeIn(ctx, "", "rejected", "redrive", "--stack", testStack, "--yes", "--rate", "0")
				cancel()
			}
			got := cloud.bodies(eventsName)
			slices.Sort(want)
			if slices.Sort(got); !slices.Equal(got, want) {
				t.Errorf("%d messages became %d", len(want), len(got))
			}
		})
	}
}
