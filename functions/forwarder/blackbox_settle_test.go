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
	type values = map[string]string
	discarded := renewal("a", "event_name", `"DISCARDED"`)
	with := func(message queued, attributes ...string) queued {
		message.changes = attributes
		return message
	}
	type testCase struct {
		message queued
		want    values // the attributes that are added, besides the error
	}
	inParallel(t, map[string]testCase{
		"malformed":      {demo("private \t words"), values{"reason": "malformed"}},
		"invalid base64": {with(demo("private-&"), "encoding", "base64"), values{"reason": "malformed"}},
		"nothing":        {inBase64(""), values{"reason": "malformed"}},
		"unknown schema": {changed("schema", "17"), values{"reason": "unknown_schema"}},
		"unknown app":    {to("gone", renewal("a")), values{"reason": "unknown_app"}},
		"no attributes":  {changed(noAttributes...), values{"reason": "unknown_schema"}},
		"a code, and the other record accepted": {
			demo(discarded), values{"reason": "clevertap_528", "code": "528", "accepted": "profile"},
		},
		"a status, and both records refused": {
			demo(renewal("poison")), values{"reason": "clevertap_http_422", "code": "422"},
		},
		"an earlier rejection's attributes are replaced": {
			with(to("gone", renewal("a")), "reason", "clevertap_513", "code", "513", "error", "old", "accepted", "event"),
			values{"reason": "unknown_app"},
		},
		"what was accepted earlier is still named": {
			with(demo(discarded), "reason", "clevertap_528", "accepted", "profile"),
			values{"reason": "clevertap_528", "code": "528", "accepted": "profile"},
		},
	}, func(t *testing.T, _ string, test testCase) {
		for _, queue := range []string{"rejected", "rejected.fifo"} {
			s := start(t, options{rejected: queue})
			s.clevertap.AddFault(poison("person-poison", 422))
			b := s.deliver(test.message)
			list := s.rejected.Messages()
			if len(list) != 1 || list[0].Body != b.messages[0].Body {
				t.Fatalf("%d messages rejected, or with another body", len(list))
			}
			got, want := maps.Clone(list[0].Attributes), maps.Clone(b.messages[0].Attributes)
			added := make(values)
			for _, ours := range []string{"reason", "code", "error", "accepted"} {
				if _, ok := got[ours]; ok {
					added[ours] = list[0].Attribute(ours)
				}
				delete(got, ours)
				delete(want, ours)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("attributes (-want +got):\n%s", diff)
			}
			if !strings.HasPrefix(added["error"], test.want["reason"]) {
				t.Errorf("error %q", added["error"])
			}
			delete(added, "error")
			if !maps.Equal(added, test.want) {
				t.Errorf("added %v, want %v", added, test.want)
			}
		}
	})
}

func TestOtherAttributesAreKeptAsFarAsTheQueueHasRoom(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	m := demo("private").message(true)
	m.Attributes["trace"] = awstest.Attribute{DataType: "Binary.gzip", BinaryValue: []byte{0, 1, 255}}
	m.Attributes["count"] = awstest.Attribute{DataType: "Number", StringValue: "7"}
	for _, name := range []string{"a1", "a2", "a3", "a4"} {
		m.Attributes[name] = awstest.Attribute{DataType: "String.label", StringValue: "x"}
	}
	if _, err := s.events.Send(m); err != nil {
		t.Fatal(err)
	}
	s.invoke()
	list := s.rejected.Messages()
	if len(list) != 1 || len(list[0].Attributes) != 10 {
		t.Fatalf("%d messages", len(list))
	}
	for _, name := range []string{"schema", "app", "encoding", "received_at"} {
		if list[0].Attribute(name) != m.Attributes[name].StringValue {
			t.Errorf("without %s the message cannot be read again", name)
		}
	}
	for name, a := range list[0].Attributes {
		if was, other := m.Attributes[name]; other && !cmp.Equal(a, was) {
			t.Errorf("%s is %+v, was %+v", name, a, was)
		}
	}
}

func TestRejectedMessagesGoInCallsOfTenAndOneMegabyte(t *testing.T) {
	t.Parallel()
	s := start(t, options{queue: "events"})
	s.send(slices.Repeat([]queued{demo("private-small")}, 120)...)
	s.send(slices.Repeat([]queued{demo(strings.Repeat("private-", 60_000))}, 4)...)
	s.send(inBase64(strings.Repeat("\x00", 750_000)))
	s.deliver()
	if got, calls := len(s.rejected.Messages()), s.aws.SQS.Calls("SendMessageBatch"); got != 125 || calls != 15 {
		t.Errorf("%d messages rejected in %d calls, want 12 for the small ones and 3 for the large", got, calls)
	}
}

func TestWhatTheRejectedQueueDoesNotTakeComesBack(t *testing.T) {
	inParallel(t, map[string]awstest.Fault{
		"down": awstest.Down, "reset": awstest.Reset, "throttled": awstest.Throttle,
		"gone": {Status: 400, Code: "com.amazonaws.sqs#QueueDoesNotExist"},
	}, func(t *testing.T, _ string, fault awstest.Fault) {
		s := start(t, options{})
		fault.Operation = "SendMessageBatch"
		s.aws.SQS.Inject(fault)
		ids := s.send(demo("private"), demo(consumable("a")))
		first := s.invoke()
		s.aws.SQS.Inject()
		second := s.invoke()
		first.want(ids, "retry rejected_queue", "delivered")
		second.want(ids[:1], "rejected malformed")
		if n := len(s.rejected.Messages()); n != 1 {
			t.Errorf("%d messages rejected", n)
		}
	})
}

func TestARedrivenMessageSendsWhatWasNotAccepted(t *testing.T) {
	type testCase struct {
		accepted         string
		events, profiles int // Charged is an event
	}
	inParallel(t, map[string]testCase{
		"nothing was accepted":           {"", 2, 1},
		"the event was":                  {"event", 1, 1},
		"the profile was":                {"profile", 2, 0},
		"event and Charged were":         {"event,charged", 0, 1},
		"a kind of another version was ": {"event, receipt", 1, 1},
		"everything was":                 {"event,profile,charged", 0, 0},
	}, func(t *testing.T, _ string, test testCase) {
		s := start(t, options{})
		ids := s.send(queued{app: "paid", body: payment("a"), changes: []string{
			"accepted", test.accepted, "reason", "clevertap_513", "code", "513", "error", "an earlier one",
		}})
		s.invoke().want(ids, "delivered")
		s.wantStored(test.events, test.profiles)
		for _, r := range s.clevertap.Records(demoAccount) {
			if r.Name == "Charged" && strings.Contains(test.accepted, "charged") {
				t.Error("charged twice")
			}
		}
	})
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
	t.Parallel()
	onBothQueues(t, func(t *testing.T, queue string) {
		var c clock
		s := start(t, options{queue: queue, now: c.now, env: map[string]string{"RETRY_DELAY": "5s"}})
		s.clevertap.AddFault(status(503))
		for i := range 45 {
			s.send(demo(consumable(fmt.Sprint("u", i))))
		}
		for receive := 1; receive <= 40; receive++ {
			b := s.invoke()
			if len(b.messages) != 45 || b.messages[0].Receives != receive || len(b.returned) != 45 {
				t.Fatalf("receive %d: %d messages, %d come back", receive, len(b.messages), len(b.returned))
			}
			middle := min(5*time.Second<<min(receive-1, 20), 15*time.Minute)
			least, most := middle*8/10, min(middle*12/10, 15*time.Minute)
			hidden := s.hidden(&c)
			if hidden[0] < least || hidden[44] > most {
				t.Errorf("receive %d: hidden from %s to %s, want %s to %s", receive, hidden[0], hidden[44], least, most)
			}
			if receive > 3 && len(slices.Compact(hidden)) < 3 {
				t.Errorf("receive %d: all come back together", receive)
			}
		}
		if calls := s.aws.SQS.Calls("ChangeMessageVisibilityBatch"); calls != 40*5 { // of ten messages
			t.Errorf("%d calls for 40 batches of 45 messages", calls)
		}
	})
}

// If the call fails, the queue's own visibility stays, and everything else is as it was.
func TestNewVisibilitiesAreNotNecessary(t *testing.T) {
	inParallel(t, map[string]awstest.Fault{
		"down": awstest.Down, "throttled": awstest.Throttle, "reset": awstest.Reset,
		"denied": {Status: 400, Code: "AccessDenied"},
	}, func(t *testing.T, _ string, fault awstest.Fault) {
		var c clock
		s := start(t, options{now: c.now})
		fault.Operation = "ChangeMessageVisibilityBatch"
		s.aws.SQS.Inject(fault)
		s.clevertap.AddFault(status(503))
		ids := s.send(demo(consumable("a")), to("other", consumable("b")), demo("private"))
		b := s.invoke()
		if hidden := s.hidden(&c); !slices.Equal(hidden, []time.Duration{30 * time.Second}) {
			t.Errorf("hidden for %v", hidden)
		}
		b.want(ids, "retry server", "delivered", "rejected malformed")
	})
}

func TestAQueueThatHangsDoesNotDelayTheResponse(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	s.stayHidden = true
	s.aws.SQS.Inject(awstest.Hang)
	s.clevertap.AddFault(status(503))
	ids := s.send(demo(consumable("a")), to("other", consumable("b")), demo("private"))
	b := s.invokeWithin(3 * time.Second)
	if b.took > 15*time.Second { // a busy machine may be late
		t.Errorf("responded after %s", b.took)
	}
	b.want(ids, "retry server", "delivered", "retry rejected_queue")
}
