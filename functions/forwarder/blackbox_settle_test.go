//go:build blackbox

package main_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
)

func TestARejectedMessageIsWholeAndSaysWhy(t *testing.T) {
	t.Parallel()
	type values = map[string]string
	with := func(message queued, attributes ...string) queued {
		message.changes = attributes
		return message
	}
	cases := []struct {
		message queued
		want    values // the attributes that are added, besides the error
	}{
		{demo("private \t words"), values{"reason": "malformed"}},
		{with(demo("private-&"), "encoding", "base64"), values{"reason": "malformed"}},
		{changed("schema", ""), values{"reason": "unknown_schema"}},
		{
			demo(renewal("a", "event_name", `"DISCARDED"`)),
			values{"reason": "clevertap_528", "code": "528", "accepted": "profile"},
		},
		{demo(renewal("poison")), values{"reason": "clevertap_http_422", "code": "422"}},
		{ // of an earlier rejection
			with(to("gone", renewal("b")), "reason", "clevertap_513", "code", "513", "error", "old", "accepted", "event"),
			values{"reason": "unknown_app"},
		},
	}
	s := start(t, options{})
	s.clevertap.AddFault(poison("person-poison", 422))
	for _, c := range cases {
		s.send(c.message)
	}
	b := s.deliver()
	rejected := make(map[string]map[string]awstest.Attribute) // by body
	for _, m := range s.rejected.Messages() {
		rejected[m.Body] = maps.Clone(m.Attributes)
	}
	for i, c := range cases {
		got, want := rejected[b.messages[i].Body], maps.Clone(b.messages[i].Attributes)
		added := make(values)
		for _, ours := range []string{"reason", "code", "error", "accepted"} {
			if a, ok := got[ours]; ok {
				added[ours] = a.StringValue
			}
			delete(got, ours)
			delete(want, ours)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("attributes of message %d (-want +got):\n%s", i, diff)
		}
		if !strings.HasPrefix(added["error"], c.want["reason"]) {
			t.Errorf("error %q", added["error"])
		}
		delete(added, "error")
		if !maps.Equal(added, c.want) {
			t.Errorf("added %v, want %v", added, c.want)
		}
	}
}

func TestWhatTheRejectedQueueDoesNotTakeComesBack(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	s.aws.SQS.Inject(awstest.Fault{
		Operation: "SendMessageBatch", Status: 400, Code: "com.amazonaws.sqs#QueueDoesNotExist",
	})
	ids := s.send(demo("private"), demo(consumable("a")))
	first := s.invoke()
	s.aws.SQS.Inject()
	second := s.invoke()
	first.want(ids, "retry rejected_queue", "delivered")
	second.want(ids[:1], "rejected malformed")
	if n := len(s.rejected.Messages()); n != 1 {
		t.Errorf("%d messages rejected", n)
	}
}

func TestARedrivenMessageSendsWhatWasNotAccepted(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	s.deliver(queued{app: "paid", body: payment("a"), changes: []string{
		"accepted", "event,charged", "reason", "clevertap_513", "code", "513", "error", "an earlier one",
	}})
	s.wantStored(0, 1)
}

// clock is AWS's time in tests that advance it.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time {
	return time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC).Add(time.Duration(c.ahead.Load()))
}

// hidden returns how long each message in flight stays hidden, to the second, and advances the clock until none is.
func (s *stack) hidden(c *clock) (all []time.Duration) {
	s.Helper()
	for waited := time.Duration(0); waited <= time.Hour; waited += time.Second {
		n := s.events.Counts()
		all = append(all, slices.Repeat([]time.Duration{waited}, n.Visible-len(all))...)
		if n.InFlight == 0 {
			return all
		}
		c.ahead.Add(int64(time.Second))
	}
	s.Fatal("a message is hidden for more than an hour")
	return nil
}

func TestARetriedMessageComesBackLaterWithEachReceive(t *testing.T) {
	onBothQueues(t, func(t *testing.T, queue string) {
		var c clock
		s := start(t, options{queue: queue, now: c.now, env: map[string]string{"RETRY_DELAY": "5s"}})
		s.clevertap.AddFault(status(503))
		for i := range 45 {
			s.send(demo(consumable(fmt.Sprint("u", i))))
		}
		const receives = 10
		for receive := 1; receive <= receives; receive++ {
			if b := s.invoke(); len(b.messages) != 45 || len(b.returned) != 45 {
				t.Fatalf("receive %d: %d messages, %d come back", receive, len(b.messages), len(b.returned))
			}
			middle := min(5*time.Second<<(receive-1), 15*time.Minute)
			least, most := middle*8/10, min(middle*12/10, 15*time.Minute)
			hidden := s.hidden(&c)
			if hidden[0] < least || hidden[44] > most {
				t.Errorf("receive %d: hidden from %s to %s, want %s to %s", receive, hidden[0], hidden[44], least, most)
			}
			if receive > 3 && len(slices.Compact(hidden)) < 3 {
				t.Errorf("receive %d: all come back together", receive)
			}
		}
		if calls := s.aws.SQS.Calls("ChangeMessageVisibilityBatch"); calls != receives*5 { // of ten messages
			t.Errorf("%d calls for %d batches of 45 messages", calls, receives)
		}
	})
}
