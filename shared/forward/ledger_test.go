package forward_test

import (
	"testing"

	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/forward"
)

var (
	passing   = fault.New(fault.Retry, fault.Server, nil)
	permanent = fault.New(fault.Reject, "clevertap_513", nil)
	operator  = fault.New(fault.Operator, fault.Credentials, nil)
)

func TestAMessageEndsAsTheWorstOfItsRecordsSays(t *testing.T) {
	tests := map[string]struct {
		answers []error
		outcome forward.Outcome
		reason  string
	}{
		"delivered when every record was accepted":                      {[]error{nil, nil}, forward.Delivered, ""},
		"delivered when there was nothing left to send":                 {nil, forward.Delivered, ""},
		"rejected when one record was refused for good":                 {[]error{nil, permanent}, forward.Rejected, "clevertap_513"},
		"retried when one record may pass later":                        {[]error{nil, passing}, forward.Retried, "server"},
		"retried first when one was refused for good and one may pass":  {[]error{permanent, passing}, forward.Retried, "server"},
		"retried first whatever the order of the answers":               {[]error{passing, permanent}, forward.Retried, "server"},
		"retried while a person has to act":                             {[]error{permanent, operator}, forward.Retried, "credentials"},
		"retried with the first reason when several may pass":           {[]error{passing, operator}, forward.Retried, "server"},
		"retried when an error came that nobody marked":                 {[]error{nil, errUnmarked}, forward.Retried, "unknown"},
		"rejected only when all records have been answered, not before": {[]error{permanent, errNoAnswer}, forward.Retried, "unmatched"},
		"retried when a record was forgotten":                           {[]error{errNoAnswer}, forward.Retried, "unmatched"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			l := forward.NewLedger("")
			keys := make([]int, len(test.answers))
			for i := range test.answers {
				keys[i] = l.Add(forward.Event, 0)
			}
			for i, err := range test.answers {
				if err != errNoAnswer { //nolint:errorlint // a marker of this test, never wrapped
					l.Done(keys[i], err)
				}
			}
			if outcome, reason := l.Outcome(0); outcome != test.outcome || reason != test.reason {
				t.Errorf("got %s %q, want %s %q", outcome, reason, test.outcome, test.reason)
			}
		})
	}
}

func TestAfterARetryLaterMessagesOfTheGroupStay(t *testing.T) {
	l := forward.NewLedger("anna", "bert", "anna", "anna", "")
	keys := make([]int, 5)
	for i := range keys {
		keys[i] = l.Add(forward.Event, i)
	}
	for i, key := range keys {
		if !l.MaySend(key) {
			t.Errorf("message %d is held although nothing has failed", i)
		}
	}
	l.Done(keys[2], passing)
	for i, want := range []bool{true, true, false, false, true} {
		if got := l.MaySend(keys[i]); got != want {
			t.Errorf("message %d: open %t, want %t", i, got, want)
		}
	}
}

func TestAMessageWhoseRecordsWereAllAcceptedIsDeliveredWhateverPrecedesIt(t *testing.T) {
	l := forward.NewLedger("anna", "anna")
	first, second := l.Add(forward.Event, 0), l.Add(forward.Event, 1)
	l.Done(second, nil)
	l.Done(first, passing)
	if outcome, _ := l.Outcome(1); outcome != forward.Delivered {
		t.Errorf("got %s", outcome)
	}
}

func TestARejectionDoesNotHoldTheGroup(t *testing.T) {
	l := forward.NewLedger("anna", "anna")
	first, second := l.Add(forward.Event, 0), l.Add(forward.Event, 1)
	l.Done(first, permanent)
	if !l.MaySend(second) {
		t.Error("the group waits for a message that never passes")
	}
}

func TestAMergedProfileIsWaitedForByAllWhoContributed(t *testing.T) {
	l := forward.NewLedger("anna", "anna", "anna")
	for i := range 3 {
		l.Done(l.Add(forward.Event, i), nil)
	}
	profile := l.Add(forward.Profile, 0, 2)
	l.Done(profile, passing)
	for i, want := range []forward.Outcome{forward.Retried, forward.Delivered, forward.Retried} {
		if got, _ := l.Outcome(i); got != want {
			t.Errorf("message %d: got %s, want %s", i, got, want)
		}
	}
	if got := l.Accepted(0); got != forward.Event {
		t.Errorf("taken %q, want event", got)
	}
}

func TestAMergedProfileGoesAsLongAsOneContributorIsOnItsWay(t *testing.T) {
	l := forward.NewLedger("anna", "anna")
	event, profile := l.Add(forward.Event, 1), l.Add(forward.Profile, 0, 1)
	l.Done(event, passing)
	if !l.MaySend(profile) {
		t.Error("the first message waits for a profile that nobody sends")
	}
}

func TestWhatWasTakenEarlierCountsAndIsNamed(t *testing.T) {
	l := forward.NewLedger("")
	l.AcceptEarlier(0, forward.ParseKinds("event, charged,unheard-of"))
	l.Done(l.Add(forward.Profile, 0), permanent)
	if got := l.Accepted(0).String(); got != "event,charged" {
		t.Errorf("taken %q", got)
	}
}

func TestAKindIsTakenOnlyWhenEveryRecordOfItWas(t *testing.T) {
	l := forward.NewLedger("")
	own, other := l.Add(forward.Profile, 0), l.Add(forward.Profile, 0)
	l.Done(own, nil)
	l.Done(other, permanent)
	if got := l.Accepted(0); got != 0 {
		t.Errorf("taken %q although one of the two profiles was refused", got)
	}
}
