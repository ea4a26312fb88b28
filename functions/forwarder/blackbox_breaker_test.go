//go:build blackbox

package main_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/clevertap/clevertaptest"
)

// down is a failure of one account that lasts until it is taken away.
func down(account string) clevertaptest.Fault {
	return clevertaptest.Fault{Kind: clevertaptest.Status, Status: 503, Account: account}
}

// until invokes again and again, until something holds.
func (s *stage) until(holds func(*batch) bool) *batch {
	s.Helper()
	for begun := time.Now(); time.Since(begun) < busy; {
		if b := s.invoke(); holds(b) {
			return b
		}
	}
	s.Fatal("it never happened")
	return nil
}

func TestTheBreakerOpensAfterThreeUploadsInARowThatFailed(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]clevertaptest.Fault{
		"5xx":       down(demoAccount),
		"resets":    {Kind: clevertaptest.ResetBefore, Account: demoAccount},
		"time-outs": {Kind: clevertaptest.Hang, Account: demoAccount},
		"HTML":      {Kind: clevertaptest.Garbage, Account: demoAccount},
		"408":       {Kind: clevertaptest.Status, Status: 408, Account: demoAccount},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, setup{env: map[string]string{"UPLOAD_TIMEOUT": "2s"}})
			s.excused = []string{clevertaptest.Repeated} // HTML hides that the records are in.
			s.clevertap.AddFault(fault)
			id := s.send(letter{body: lamp("a")})[0]
			for range 5 {
				live := s.send(letter{app: "other", body: lamp("live")})[0]
				if b := s.invoke(); len(b.returned) != 1 || b.returned[0] == live {
					t.Fatalf("%v come back", b.returned)
				}
			}
			if n := len(s.uploads(demoAccount)); n != 3 {
				t.Errorf("%d uploads to the account that fails", n)
			}
			s.end()
			for i, b := range s.batches {
				reason, open := b.outcome(id), b.sum("demo", "BreakerOpen")
				if i < 3 && reason == "retry breaker" || i >= 3 && reason != "retry breaker" || open != min(i/2, 1) {
					t.Errorf("batch %d: %s, breaker %d", i+1, reason, open)
				}
			}
		})
	}
}

func TestASuccessInBetweenStartsTheRowAnew(t *testing.T) {
	t.Parallel()
	s := start(t, setup{})
	for range 3 {
		s.clevertap.AddFault(clevertaptest.Fault{Kind: clevertaptest.Status, Status: 500, Count: 2})
		s.send(letter{body: lamp("a")})
		for range 3 {
			s.invoke()
		}
	}
	if n := len(s.uploads(demoAccount)); n != 9 {
		t.Errorf("%d uploads, want 9", n)
	}
	if n := s.sum("", "BreakerOpen"); n != 0 {
		t.Errorf("breaker open %d times", n)
	}
}

func TestTheBreakerOpensInTheMiddleOfABatch(t *testing.T) {
	t.Parallel()
	s := start(t, setup{queue: "events", env: map[string]string{"UPLOAD_CONCURRENCY": "1"}})
	s.clevertap.AddFault(down(demoAccount))
	for i := range 120 {
		s.send(letter{body: bulky(fmt.Sprint("u", i))})
	}
	b := s.invoke()
	s.end()
	outcomes := map[string]int{}
	for _, m := range b.messages {
		outcomes[b.outcome(m.ID)]++
	}
	uploads := s.uploads(demoAccount)
	sent := 0
	for _, u := range uploads {
		sent += u.Records
	}
	if len(uploads) != 3 || outcomes["retry server"] != sent || outcomes["retry breaker"] != 120-sent || sent == 120 {
		t.Errorf("%d uploads of %d records, outcomes %v", len(uploads), sent, outcomes)
	}
}

// After the pause one upload tries; it fails, and the pause doubles; it succeeds, and all go on.
func TestTheBreakerTriesWithOneUploadAndDoublesItsPause(t *testing.T) {
	t.Parallel()
	const pause = 250 * time.Millisecond
	s := start(t, setup{env: map[string]string{"BREAKER_PAUSE": pause.String(), "UPLOAD_CONCURRENCY": "3"}})
	s.clevertap.AddFault(down(demoAccount))
	for i := range 60 { // several uploads, of which one may try
		s.send(letter{body: bulky(fmt.Sprint("u", i))})
	}
	s.until(func(*batch) bool { return len(s.uploads(demoAccount)) >= 3 })
	failed := len(s.uploads(demoAccount))
	for try := 1; try <= 3; try++ {
		s.until(func(*batch) bool { return len(s.uploads(demoAccount)) > failed })
		uploads := s.uploads(demoAccount)
		if len(uploads) != failed+1 {
			t.Fatalf("try %d made %d uploads", try, len(uploads)-failed)
		}
		since := uploads[failed].Time.Sub(uploads[failed-1].Time)
		if least := pause << (try - 1); since < least-time.Millisecond {
			t.Errorf("try %d came after %s, want at least %s", try, since, least)
		}
		failed++
	}
	s.clevertap.ClearFaults()
	last := s.until(func(b *batch) bool { return len(b.returned) == 0 })
	if n := s.stored(demoAccount, "event"); n != 60 {
		t.Errorf("%d events stored", n)
	}
	s.end()
	if last.sum("", "BreakerOpen") != 0 {
		t.Error("the metric still shows an open breaker")
	}
}

func TestThePauseIsAtMostTenTimesTheFirst(t *testing.T) {
	t.Parallel()
	const pause = 20 * time.Millisecond
	s := start(t, setup{env: map[string]string{"BREAKER_PAUSE": pause.String()}})
	s.clevertap.AddFault(down(demoAccount))
	s.send(letter{body: lamp("a")})
	// Three, then pauses of 1, 2, 4, 8 and nine times 10. Were they doubled without an end, the last would come after two minutes.
	s.until(func(*batch) bool { return len(s.uploads(demoAccount)) == 16 })
	uploads := s.uploads(demoAccount)
	for i := 7; i < len(uploads); i++ {
		if since := uploads[i].Time.Sub(uploads[i-1].Time); since < 10*pause-time.Millisecond {
			t.Errorf("upload %d came after %s", i+1, since)
		}
	}
}

// A hanging account and a live one in one batch: the live one's events are in at once, long before the answer.
func TestADeadAccountBesideALiveOneHoldsNothing(t *testing.T) {
	t.Parallel()
	s := start(t, setup{env: map[string]string{"UPLOAD_TIMEOUT": "5s"}})
	s.clevertap.AddFault(clevertaptest.Fault{Kind: clevertaptest.Hang, Account: demoAccount})
	dead := s.send(letter{body: lamp("a")}, letter{app: "other", body: lamp("b")}, letter{body: lamp("c")}, letter{app: "boxed", body: lamp("d")})
	b := s.invoke()
	s.end()
	for i, want := range []string{"retry timeout", "delivered", "retry timeout", "delivered"} {
		if got := b.outcome(dead[i]); got != want {
			t.Errorf("message %d: %s, want %s", i, got, want)
		}
	}
	hanging := s.uploads(demoAccount)[0]
	for _, account := range []string{otherAccount, boxedAccount} {
		live := s.uploads(account)
		if len(live) != 1 || !live[0].Time.Add(live[0].Duration).Before(hanging.Time.Add(hanging.Duration)) {
			t.Errorf("%s waited: %+v", account, live)
		}
	}
}
