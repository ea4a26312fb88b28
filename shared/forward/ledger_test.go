package forward

import (
	"errors"
	"testing"

	"github.com/purchasely-clevertap/bridge/shared/fault"
)

var (
	transient = fault.New(fault.Retry, fault.Server, nil)
	permanent = fault.New(fault.Reject, "clevertap_513", nil)
	operator  = fault.New(fault.Operator, fault.Credentials, nil)

	errNoResult = errors.New("the record has no result")
)

// ledgerOf returns a ledger for messages of these groups on a FIFO queue.
func ledgerOf(groups ...string) *ledger {
	messages := make([]Message, len(groups))
	for i, group := range groups {
		messages[i] = Message{Group: group, Source: "arn:aws:sqs:eu-west-1:123456789012:events.fifo", Receives: 1}
	}
	return newLedger(messages)
}

func TestAMessageEndsAsTheWorstOfItsRecords(t *testing.T) {
	for name, test := range map[string]struct {
		results []error
		outcome Outcome
		reason  fault.Reason
	}{
		"delivered when every record was accepted":        {[]error{nil, nil}, Delivered, ""},
		"rejected when one record was rejected":           {[]error{nil, permanent}, Rejected, "clevertap_513"},
		"retried when one record may pass later":          {[]error{nil, transient}, Retried, "server"},
		"retried when one was rejected and one may pass":  {[]error{permanent, transient}, Retried, "server"},
		"retried for the first reason of several":         {[]error{transient, operator}, Retried, "server"},
		"retried while a record beside one has no result": {[]error{permanent, errNoResult}, Retried, "unmatched"},
	} {
		t.Run(name, func(t *testing.T) {
			l := ledgerOf("")
			keys := make([]int, len(test.results))
			for i := range test.results {
				keys[i] = l.add(Event, 0)
			}
			for i, err := range test.results {
				if !errors.Is(err, errNoResult) {
					l.Done(keys[i], err)
				}
			}
			outcome, f := l.outcome(0)
			if f == nil {
				f = &fault.Fault{}
			}
			if outcome != test.outcome || f.Reason != test.reason {
				t.Errorf("got %s %q, want %s %q", outcome, f.Reason, test.outcome, test.reason)
			}
		})
	}
}

func TestOnlyAfterARetryLaterMessagesOfTheGroupWait(t *testing.T) {
	for err, want := range map[error][]bool{
		nil:       {true, true, true, true, true},
		transient: {true, true, false, false, true},
		permanent: {true, true, true, true, true},
	} {
		l := ledgerOf("anna", "bert", "anna", "anna", "")
		for i := range want {
			l.add(Event, i)
		}
		l.Done(2, err)
		for i, want := range want {
			if got := l.MaySend(i); got != want {
				t.Errorf("after %v message %d may be sent: %t, want %t", err, i, got, want)
			}
		}
	}
}

func TestAnAcceptedMessageIsDeliveredWhateverPrecedesIt(t *testing.T) {
	l := ledgerOf("anna", "anna")
	first, second := l.add(Event, 0), l.add(Event, 1)
	l.Done(second, nil)
	l.Done(first, transient)
	if outcome, _ := l.outcome(1); outcome != Delivered {
		t.Errorf("got %s", outcome)
	}
}

func TestAllMessagesOfAMergedProfileWaitForIt(t *testing.T) {
	l := ledgerOf("anna", "anna", "anna")
	for i := range 3 {
		l.Done(l.add(Event, i), nil)
	}
	l.Done(l.add(Profile, 0, 2), transient)
	for i, want := range []Outcome{Retried, Delivered, Retried} {
		if got, _ := l.outcome(i); got != want {
			t.Errorf("message %d: got %s, want %s", i, got, want)
		}
	}
	if got := l.accepted(0); got != Event {
		t.Errorf("accepted %q, want event", got)
	}
}

func TestAMergedProfileIsSentIfOneOfItsMessagesMayBe(t *testing.T) {
	l := ledgerOf("anna", "anna")
	event, profile := l.add(Event, 1), l.add(Profile, 0, 1)
	l.Done(event, transient)
	if !l.MaySend(profile) {
		t.Error("the first message waits for a profile that is not sent")
	}
}

func TestRecordsAcceptedEarlierCount(t *testing.T) {
	l := ledgerOf("")
	l.acceptEarlier(0, ParseKinds("event, charged,unheard-of"))
	l.Done(l.add(Profile, 0), permanent)
	if got := l.accepted(0).String(); got != "event,charged" {
		t.Errorf("accepted %q", got)
	}
}

func TestAKindIsAcceptedOnlyIfEveryRecordOfItWas(t *testing.T) {
	l := ledgerOf("")
	own, former := l.add(Profile, 0), l.add(Profile, 0)
	l.Done(own, nil)
	l.Done(former, permanent)
	if got := l.accepted(0); got != 0 {
		t.Errorf("accepted %q although one of the two profiles was not", got)
	}
}

// Another record of the message may have failed first, and for another reason.
func TestADoubtAboutOneRecordCountsWhateverBecameOfTheOthers(t *testing.T) {
	for _, reason := range []fault.Reason{fault.Unmatched, fault.UnreadableAnswer} {
		l := ledgerOf("")
		event, profile := l.add(Event, 0), l.add(Profile, 0)
		l.Done(event, transient)
		if l.unaccounted(0) {
			t.Error("an upload that failed leaves no doubt")
		}
		l.Done(profile, fault.New(fault.Retry, reason, nil))
		if !l.unaccounted(0) {
			t.Errorf("%s: no doubt", reason)
		}
		l.rejectUnaccounted(0)
		if outcome, f := l.outcome(0); outcome != Rejected || f.Reason != reason || l.unaccounted(0) {
			t.Errorf("%s: got %s %s", reason, outcome, f.Reason)
		}
	}
}
