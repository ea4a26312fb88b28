//go:build blackbox

package main_test

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
	"github.com/purchasely-clevertap/bridge/shared/clevertap/clevertaptest"
)

// outcomes says what becomes of messages, and how many records of each are stored.
var outcomes = []struct {
	message queued
	outcome string
	account string
	records int
}{
	{demo(renewal("a")), "delivered", demoAccount, 2},
	{demo(consumable("b")), "delivered", demoAccount, 1},
	{to("paid", payment("c")), "delivered", demoAccount, 3},
	{inBase64(renewal("d", "plan", "\"gold \xf0\x9f\x98\"")), "delivered", demoAccount, 2}, // a label cut in a letter
	{demo(anonymous("e")), "delivered", demoAccount, 2},
	{to("profiles-only", renewal("f")), "delivered", demoAccount, 1},
	{queued{
		body:    consumable("g", "event_created_at", "", "event_created_at_ms", ""),
		changes: []string{"received_at", ""},
	}, "delivered", demoAccount, 1},
	{to("both", renewal("h", "environment", "")), "delivered", liveAccount, 2},
	{to("both", sandbox("i")), "delivered", sandAccount, 2},

	{to("off", renewal("j")), "skipped disabled", "", 0},
	{to("silent", renewal("k")), "skipped event_off", "", 0},
	{demo(sandbox("l")), "skipped sandbox", "", 0},
	{to("users-only", anonymous("m")), "skipped anonymous", "", 0},
	{demo(renewal("n", "user_id", `"(NULL)"`)), "skipped no_identity", "", 0},

	{demo(named("o", "App Launched")), "rejected clevertap_513", "", 0},
	{demo(named("p", "DISCARDED")), "rejected clevertap_528", "", 0},
	{demo("private-words"), "rejected malformed", "", 0},
	{inBase64(""), "rejected malformed", "", 0},
	{changed("encoding", "gzip"), "rejected malformed", "", 0},
	{changed("schema", "2"), "rejected unknown_schema", "", 0},
	{changed("schema", "", "app", "", "encoding", "", "received_at", ""), "rejected unknown_schema", "", 0},
	{to("gone", renewal("q")), "rejected unknown_app", "", 0},
	{changed("app", ""), "rejected unknown_app", "", 0},

	{to("lost", renewal("r")), "retry secret", "", 0},
}

func changed(attributes ...string) queued {
	return queued{body: renewal("changed"), changes: attributes}
}

// inBase64 is a body as the receiver writes it if SQS does not take it as it is; an empty one is a newline.
func inBase64(body string) queued {
	text := base64.StdEncoding.EncodeToString([]byte(body))
	if text == "" {
		text = "\n"
	}
	return queued{body: text, changes: []string{"encoding", "base64"}}
}

func payment(user string, changes ...string) string {
	return renewal(user, append(changes, "event_name", `"TRANSACTION_PROCESSED"`, "amount_in_eur", "9.90",
		"store_transaction_id", `"private-1"`)...)
}

func sandbox(user string, changes ...string) string {
	return renewal(user, append(changes, "environment", `"SANDBOX"`)...)
}

func anonymous(user string) string {
	return renewal("", "user_id", "", "anonymous_user_id", `"person-`+user+`"`)
}

func TestEveryMessageEndsAsItsRowSays(t *testing.T) {
	onBothQueues(t, func(t *testing.T, queue string) {
		s := start(t, options{queue: queue})
		var ids, want []string
		records, all := make(map[string]int), 0
		for _, row := range outcomes {
			ids, want = append(ids, s.send(row.message)...), append(want, row.outcome)
			records[row.account] += row.records
			all += row.records
		}
		b := s.invoke()
		b.want(ids, want...)
		for _, account := range []string{demoAccount, liveAccount, sandAccount, otherAccount} {
			if n := s.stored(account, ""); n != records[account] {
				t.Errorf("%d records of %s stored, want %d", n, account, records[account])
			}
		}
		if got := b.sum("", "RecordsAccepted"); got != all {
			t.Errorf("%d records counted, want %d", got, all)
		}
	})
}

func TestALargeBatchIsUploadedInItsOrder(t *testing.T) {
	t.Parallel()
	const messages = 2500
	s := start(t, options{queue: "events", env: map[string]string{"UPLOAD_CONCURRENCY": "1"}})
	for i := range messages {
		s.send(demo(consumable(fmt.Sprint("u", i))))
	}
	s.deliver()
	records := s.clevertap.Records(demoAccount)
	if n := len(s.uploads(demoAccount)); n != 3 || len(records) != messages {
		t.Fatalf("%d records in %d uploads", len(records), n)
	}
	for i, r := range records {
		if r.ID != fmt.Sprint("person-u", i) {
			t.Fatalf("record %d is of %s", i, r.ID)
		}
	}
}

func TestNeverMoreUploadsAtOnceThanConfigured(t *testing.T) {
	t.Parallel()
	s := start(t, options{queue: "events", env: map[string]string{
		"UPLOAD_CONCURRENCY": "2", "UPLOAD_TIMEOUT": "25s", // for a busy machine
	}})
	s.clevertap.AddFault(clevertaptest.Fault{Kind: clevertaptest.Latency, Wait: 100 * time.Millisecond})
	messages := manyLarge("", 6)
	for i := range messages { // of three apps of one account
		messages[i].app = []string{"demo", "second", "shared"}[i%3]
	}
	s.deliver(messages...)
	if most := s.clevertap.HighestInFlight(demoAccount); most != 2 {
		t.Errorf("%d uploads at once", most)
	}
}

// Only a function that was set up wrongly gets such a payload: nothing else is an error.
func TestAPayloadThatIsNotAnEventIsAnError(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	s.ended = true // no batch is counted
	for _, payload := range []string{`[]`, `"private"`, `{"Records":"private"}`, `{"Records":[`} {
		_, err := s.function.Invoke(t.Context(), []byte(payload), timeout)
		if err == nil || strings.Contains(err.Error(), "private") {
			t.Errorf("%s: %v", payload, err)
		}
	}
	for _, payload := range []string{`{}`, `{"Records":[]}`} {
		answer, err := s.function.Invoke(t.Context(), []byte(payload), timeout)
		if string(answer) != `{"batchItemFailures":[]}` || err != nil {
			t.Errorf("%s, %v", answer, err)
		}
	}
}

// grouped are messages of one group.
func grouped(group string, bodies ...string) (messages []queued) {
	for _, body := range bodies {
		messages = append(messages, queued{group: group, body: body})
	}
	return messages
}

func TestAfterARetryTheRestOfTheGroupIsNotUploaded(t *testing.T) {
	inParallel(t, map[string]string{
		"events.fifo": "retry group_order", "events": "delivered",
	}, func(t *testing.T, queue, later string) {
		s := start(t, options{queue: queue, env: map[string]string{"UPLOAD_CONCURRENCY": "1"}})
		s.clevertap.AddFault(clevertaptest.Fault{Kind: clevertaptest.Status, Status: 500, Count: 1})
		messages := slices.Concat(manyLarge("anna", 2), manyLarge("bert", 1))
		ids := s.send(messages...)
		b := s.invoke()
		var want []string
		for i, m := range messages {
			switch {
			case i < s.uploads(demoAccount)[0].Records:
				want = append(want, "retry server")
			case m.group == "bert":
				want = append(want, "delivered")
			default:
				want = append(want, later)
			}
		}
		b.want(ids, want...)
		if repeated := s.clevertap.Duplicates(); len(repeated) > 0 {
			t.Errorf("%+v", repeated)
		}
	})
}

// A rejected message blocks nobody, one whose secret cannot be read its group, whichever app the later ones are of.
func TestAMessageThatWaitsForItsSecretBlocksItsGroup(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	messages := grouped("g", consumable("a"), "private", consumable("b"), consumable("c"), consumable("d"))
	messages[3].app = "lost"
	ids := s.send(append(messages, demo(consumable("e")))...)
	s.invoke().want(ids,
		"delivered", "rejected malformed", "delivered", "retry secret", "retry group_order", "delivered")
}

// Profiles of one user become one record, in which the newest counts; events stay apart, in the queue's order.
func TestProfilesOfOneUserAreOneRecord(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	var messages []queued
	for i := range 5 {
		messages = append(messages, queued{group: "g", body: renewal("a", "plan", fmt.Sprintf(`"private-plan-%d"`, i))})
		messages = append(messages, demo(renewal(fmt.Sprint("b", i))))
	}
	s.deliver(messages...)
	s.wantStored(10, 6)
	n := 0
	for _, r := range s.clevertap.Records(demoAccount) {
		if r.ID != "person-a" {
			continue
		}
		if want := fmt.Sprintf(`"private-plan-%d"`, min(n, 4)); !strings.Contains(string(r.Raw), want) {
			t.Errorf("record %d of the user does not have %s", n, want)
		}
		n++
	}
}

func TestAThrottledAccountIsWaitedFor(t *testing.T) {
	inParallel(t, map[string]string{"1": "delivered", "60": "retry rate_limited"},
		func(t *testing.T, seconds, outcome string) {
			s := start(t, options{})
			f := status(429)
			f.Count, f.RetryAfter = 1, seconds
			s.clevertap.AddFault(f)
			ids := s.send(demo(consumable("a")), to("other", consumable("b")))
			b := s.invoke()
			b.want(ids, outcome, "delivered")
			switch uploads := s.uploads(demoAccount); {
			case seconds == "60" && (len(uploads) != 1 || b.took > timeout/2):
				t.Errorf("waited %s in vain, %d uploads", b.took, len(uploads))
			case seconds == "1" && (len(uploads) != 2 || uploads[1].Time.Sub(uploads[0].Time) < time.Second):
				t.Errorf("sent again: %+v", uploads)
			}
		})
}

func TestAnInvocationWithLittleTimeRespondsInTime(t *testing.T) {
	type testCase struct {
		left     time.Duration
		outcomes []string // that some message has
	}
	inParallel(t, map[string]testCase{
		"CleverTap hangs, and there is more": {3 * time.Second, []string{"retry no_time", "retry timeout"}},
		"too little time for an upload":      {400 * time.Millisecond, []string{"retry no_time"}},
	}, func(t *testing.T, _ string, test testCase) {
		s := start(t, options{queue: "events", env: map[string]string{"UPLOAD_TIMEOUT": "25s", "UPLOAD_CONCURRENCY": "2"}})
		s.deliver(demo(consumable("warm")))
		s.clevertap.AddFault(clevertaptest.Fault{Kind: clevertaptest.Hang})
		ids, bad := s.send(manyLarge("", 4)...), s.send(demo("private"))
		b := s.invokeWithin(test.left)
		if b.took > 15*time.Second { // a busy machine may be late, but does not wait for the upload's own time-out
			t.Errorf("responded after %s", b.took)
		}
		var got []string
		for _, id := range ids {
			got = append(got, b.outcome(id))
		}
		slices.Sort(got)
		if got = slices.Compact(got); !slices.Equal(got, test.outcomes) {
			t.Errorf("outcomes %q, want %q", got, test.outcomes)
		}
		// On a busy machine the rejected queue's share of the time may be too short.
		if got := b.outcome(bad[0]); got != "rejected malformed" && got != "retry rejected_queue" {
			t.Error(got)
		}
	})
}

func TestAQueueThatHangsDoesNotDelayTheResponse(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	s.stayHidden = true
	s.aws.SQS.Inject(awstest.Hang)
	s.clevertap.AddFault(status(503))
	ids := s.send(demo(consumable("a")), to("other", consumable("b")), demo("private"))
	b := s.invokeWithin(2 * time.Second)
	if b.took > 15*time.Second { // a busy machine may be late
		t.Errorf("responded after %s", b.took)
	}
	b.want(ids, "retry server", "delivered", "retry rejected_queue")
}

func TestAHeartbeatSaysWhetherItsAccountWouldBeUploadedTo(t *testing.T) {
	t.Parallel()
	const beat = `{"event_name":"BRIDGE_HEARTBEAT","event_id":"heartbeat-1"}`
	s, table := startWithTable(t, options{env: map[string]string{"JOURNAL": "bodies"}})
	right := s.send(demo(beat), to("off", beat))
	first := s.deliver()
	s.clevertap.AddFault(clevertaptest.Fault{Kind: clevertaptest.Expire, Account: demoAccount, Passcode: freshPasscode})
	failing := s.send(demo(beat), to("other", beat))
	second := s.invoke()
	s.events.Purge()
	late := s.send(queued{body: beat, changes: []string{"received_at", timestamp(time.Now().Add(-time.Hour))}})
	third := s.deliver()
	first.want(right, "delivered", "skipped disabled")
	second.want(failing, "retry heartbeat", "delivered")
	third.want(late, "skipped heartbeat")
	got := [4]int{
		first.sum("demo", "HeartbeatOk"), first.sum("off", "HeartbeatOk"), second.sum("", "HeartbeatOk"),
		second.sum("other", "HeartbeatOk"),
	}
	if got != [4]int{1, 0, 1, 1} || second.sum("demo", "CredentialsRefused") != 1 {
		t.Errorf("HeartbeatOk is %d, CredentialsRefused %d", got, second.sum("demo", "CredentialsRefused"))
	}
	if s.stored("", "") != 0 || len(table.Keys()) != 0 {
		t.Errorf("%d stored at CleverTap, %q in the table", s.stored("", ""), table.Keys())
	}
}
