//go:build blackbox

package main_test

import (
	"encoding/base64"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
	"github.com/purchasely-clevertap/bridge/shared/clevertap/clevertaptest"
)

func TestARejectedMessageIsWholeAndSaysWhy(t *testing.T) {
	t.Parallel()
	poison := clevertaptest.Fault{Kind: clevertaptest.Poison, Marker: "person-poison", Status: 422}
	tests := map[string]struct {
		letter letter
		faults []clevertaptest.Fault
		want   map[string]string // what is added; the error only has to be there
	}{
		"malformed":           {letter{body: "private \t words"}, nil, map[string]string{"reason": "malformed"}},
		"base64 that is none": {letter{body: "private-&", changes: []string{"encoding", "base64"}}, nil, map[string]string{"reason": "malformed"}},
		"nothing at all":      {letter{body: "\n", changes: []string{"encoding", "base64"}}, nil, map[string]string{"reason": "malformed"}},
		"an unknown schema":   {letter{body: bought("a"), changes: []string{"schema", "17"}}, nil, map[string]string{"reason": "unknown_schema"}},
		"an unknown app":      {letter{app: "gone", body: bought("a")}, nil, map[string]string{"reason": "unknown_app"}},
		"no attributes":       {letter{body: bought("a"), changes: []string{"schema", "", "app", "", "encoding", "", "received_at", ""}}, nil, map[string]string{"reason": "unknown_schema"}},
		"a code, and the other record accepted": {
			letter{body: bought("a", "event_name", `"DISCARDED"`)}, nil,
			map[string]string{"reason": "clevertap_528", "code": "528", "accepted": "profile"},
		},
		"a status, and both records refused": {
			letter{body: bought("poison")}, []clevertaptest.Fault{poison},
			map[string]string{"reason": "clevertap_http_422", "code": "422"},
		},
		"the words of an earlier rejection give way": {
			letter{app: "gone", body: bought("a"), changes: []string{"reason", "clevertap_513", "code", "513", "error", "old", "accepted", "event"}}, nil,
			map[string]string{"reason": "unknown_app"},
		},
		"what was accepted before is still named": {
			letter{body: bought("a", "event_name", `"DISCARDED"`), changes: []string{"reason", "clevertap_528", "accepted", "profile"}}, nil,
			map[string]string{"reason": "clevertap_528", "code": "528", "accepted": "profile"},
		},
	}
	for name, test := range tests {
		for _, queue := range []string{"rejected", "rejected.fifo"} {
			t.Run(name+" to "+queue, func(t *testing.T) {
				t.Parallel()
				s := start(t, setup{rejected: queue})
				s.clevertap.AddFault(test.faults...)
				s.send(test.letter)
				b := s.invoke()
				list := s.rejected.Messages()
				if len(list) != 1 || len(b.returned) != 0 {
					t.Fatalf("%d messages rejected, %d come back", len(list), len(b.returned))
				}
				got, came := list[0], b.messages[0]
				if got.Body != came.Body {
					t.Error("the body is another one")
				}
				added := map[string]string{}
				for name, a := range got.Attributes {
					if _, ours := test.want[name]; ours || name == "error" || name == "reason" || name == "code" || name == "accepted" {
						added[name] = a.StringValue
					} else if !cmp.Equal(a, came.Attributes[name]) {
						t.Errorf("attribute %s is %+v", name, a)
					}
				}
				for name := range came.Attributes {
					if _, kept := got.Attributes[name]; !kept && test.want["reason"] != "unknown_app" {
						t.Errorf("attribute %s is gone", name)
					}
				}
				want := maps.Clone(test.want)
				want["error"] = added["error"]
				if diff := cmp.Diff(want, added); diff != "" || !strings.HasPrefix(want["error"], want["reason"]) {
					t.Errorf("added (-want +got), error %q:\n%s", want["error"], diff)
				}
			})
		}
	}
}

func TestAttributesOfStrangersAreKeptAsFarAsTheQueueHasRoom(t *testing.T) {
	t.Parallel()
	s := start(t, setup{})
	m := letter{body: "private"}.message(true)
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
		if was, theirs := m.Attributes[name]; theirs && !cmp.Equal(a, was) {
			t.Errorf("%s is %+v, was %+v", name, a, was)
		}
	}
}

func TestManyRejectedMessagesGoInCallsOfTenAndOneMegabyte(t *testing.T) {
	t.Parallel()
	s := start(t, setup{queue: "events"})
	for range 120 {
		s.send(letter{body: "private-small"})
	}
	for range 4 {
		s.send(letter{body: strings.Repeat("private-", 60_000)})
	}
	s.send(letter{body: base64.StdEncoding.EncodeToString(make([]byte, 750_000)), changes: []string{"encoding", "base64"}})
	s.invoke()
	if got := len(s.rejected.Messages()); got != 125 {
		t.Errorf("%d messages rejected", got)
	}
	if calls := s.aws.SQS.Calls("SendMessageBatch"); calls != 15 {
		t.Errorf("%d calls, want 12 for the small ones and 3 for the large", calls)
	}
}

func TestWhatTheRejectedQueueDoesNotTakeComesBack(t *testing.T) {
	t.Parallel()
	for name, trouble := range map[string]awstest.Fault{
		"down": awstest.Down, "reset": awstest.Reset, "throttled": awstest.Throttle,
		"gone": {Status: 400, Code: "com.amazonaws.sqs#QueueDoesNotExist"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, setup{})
			trouble.Operation = "SendMessageBatch"
			s.aws.SQS.Inject(trouble)
			bad, good := s.send(letter{body: "private"})[0], s.send(letter{body: lamp("a")})[0]
			first := s.invoke()
			s.aws.SQS.Inject()
			second := s.invoke()
			s.end()
			if got := first.outcome(bad); got != "retry rejected_queue" || first.outcome(good) != "delivered" {
				t.Errorf("%s and %s", got, first.outcome(good))
			}
			if got := second.outcome(bad); got != "rejected malformed" || len(s.rejected.Messages()) != 1 {
				t.Errorf("later %s", got)
			}
		})
	}
}

func TestARejectedQueueThatHangsDoesNotHoldTheAnswer(t *testing.T) {
	t.Parallel()
	s := start(t, setup{})
	s.aws.SQS.Inject(awstest.Hang)
	bad, good := s.send(letter{body: "private"})[0], s.send(letter{body: lamp("a")})[0]
	b := s.invokeWithin(3 * time.Second)
	s.end()
	if b.outcome(bad) != "retry rejected_queue" || b.outcome(good) != "delivered" {
		t.Errorf("%s and %s", b.outcome(bad), b.outcome(good))
	}
}

func TestARedrivenMessageIsNewButForWhatWasAccepted(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		accepted        string
		events, profile int
		charged         bool
	}{
		"nothing was accepted":                {"", 2, 1, true},
		"the event was":                       {"event", 1, 1, true},
		"the profile was":                     {"profile", 2, 0, true},
		"event and charged were":              {"event,charged", 0, 1, false},
		"a word of another version was added": {"event, receipt", 1, 1, true},
		"everything was":                      {"event,profile,charged", 0, 0, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, setup{})
			body := bought("a", "event_name", `"TRANSACTION_PROCESSED"`, "amount_in_eur", "9.90", "store_transaction_id", `"private-1"`)
			id := s.send(letter{app: "paid", body: body, changes: []string{
				"accepted", test.accepted, "reason", "clevertap_513", "code", "513", "error", "an earlier one",
			}})[0]
			b := s.invoke()
			s.end()
			if got := b.outcome(id); got != "delivered" {
				t.Errorf("%s", got)
			}
			if e, p := s.stored(demoAccount, "event"), s.stored(demoAccount, "profile"); e != test.events || p != test.profile {
				t.Errorf("%d events and %d profiles sent", e, p)
			}
			for _, r := range s.clevertap.Records(demoAccount) {
				if r.Name == "Charged" && !test.charged {
					t.Error("charged twice")
				}
			}
		})
	}
}
