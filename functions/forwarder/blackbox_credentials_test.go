//go:build blackbox

package main_test

import (
	"fmt"
	"testing"

	"github.com/purchasely-clevertap/bridge/shared/clevertap/clevertaptest"
)

// rotate changes the passcode at CleverTap.
func (s *stage) rotate(passcodes ...string) {
	s.clevertap.SetAccount(clevertaptest.Account{ID: demoAccount, Region: "eu1", Passcodes: passcodes})
}

func (s *stage) freshSecret(app, passcode string) {
	s.secret(app, `{"region":"eu1","account_id":"`+demoAccount+`","passcode":"`+passcode+`"}`)
}

func TestARotatedPasscodeIsFoundWithoutLosingAnything(t *testing.T) {
	t.Parallel()
	for _, code := range []int{401, 403} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			t.Parallel()
			s := start(t, setup{})
			s.send(letter{body: lamp("before")})
			s.invoke()
			s.freshSecret("demo", freshPasscode)
			if code == 401 {
				s.rotate(freshPasscode)
			} else {
				s.rotate(demoPasscode, freshPasscode)
				s.clevertap.AddFault(clevertaptest.Fault{Kind: clevertaptest.Status, Status: 403, Count: 1})
			}
			id := s.send(letter{body: lamp("after")})[0]
			b := s.invoke()
			s.end()
			if got := b.outcome(id); got != "delivered" {
				t.Error(got)
			}
			if reads := s.aws.Secrets.Calls("GetSecretValue"); reads != 2 {
				t.Errorf("the secret was read %d times", reads)
			}
			if n := len(s.uploads(demoAccount)); n != 3 {
				t.Errorf("%d uploads", n)
			}
			if n := s.sum("", "CredentialsRefused"); n != 0 {
				t.Errorf("the metric says %d", n)
			}
		})
	}
}

func TestRefusedCredentialsStopTheAccountAndKeepItsMessages(t *testing.T) {
	t.Parallel()
	answers := func(code int) func(*stage) {
		return func(s *stage) {
			s.clevertap.AddFault(clevertaptest.Fault{Kind: clevertaptest.Status, Account: demoAccount, Status: code})
		}
	}
	tests := map[string]struct {
		prepare func(*stage) // after a first batch, since which the secret is in memory
		uploads int
		reads   int // of the secret, the first included
	}{
		"the secret has not changed": {func(s *stage) { s.rotate() }, 1, 2},
		"the account is blocked": {func(s *stage) {
			s.clevertap.SetAccount(clevertaptest.Account{ID: demoAccount, Region: "eu1", Passcodes: []string{demoPasscode}, Blocked: true})
		}, 1, 2},
		"the new passcode is refused as well": {func(s *stage) {
			s.rotate()
			s.freshSecret("demo", freshPasscode)
		}, 2, 2},
		"the new region is refused as well": {func(s *stage) {
			s.rotate()
			s.secret("demo", `{"region":"mec1","account_id":"`+demoAccount+`","passcode":"`+demoPasscode+`"}`)
		}, 2, 2},
		"the secret is unreadable by now": {func(s *stage) {
			s.rotate()
			s.secret("demo", "passcode-words")
		}, 1, 2},
		"the secret is gone by now": {func(s *stage) {
			s.rotate()
			s.aws.Secrets.Remove("bridge/test/demo/clevertap")
		}, 1, 2},
		"a redirect says that the host is wrong":  {answers(308), 1, 1},
		"402 says that the account is not paid":   {answers(402), 1, 1},
		"404 says that the path is wrong":         {answers(404), 1, 1},
		"405 says that the method is not allowed": {answers(405), 1, 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, setup{queue: "events", env: map[string]string{"UPLOAD_CONCURRENCY": "1"}})
			s.send(letter{body: lamp("before")}, letter{app: "other", body: lamp("before")})
			s.invoke()
			test.prepare(s)
			before := len(s.uploads(demoAccount))
			test.prepare(s)
			ids := map[string]bool{}
			for i := range 60 { // three uploads
				ids[s.send(letter{body: bulky(fmt.Sprint("u", i))})[0]] = true
			}
			live := s.send(letter{app: "other", body: lamp("live")})[0]
			b := s.invoke()
			uploads := len(s.uploads(demoAccount))
			again := s.invoke()
			later := len(s.uploads(demoAccount))
			reads := s.aws.Secrets.Calls("GetSecretValue") - 1 // The other app's is read, too.
			s.end()
			for id := range ids {
				if got := b.outcome(id); got != "retry credentials" {
					t.Fatal(got)
				}
				if got := again.outcome(id); got != "retry breaker" {
					t.Fatalf("the second time %s", got)
				}
			}
			if got := b.outcome(live); got != "delivered" {
				t.Errorf("the other account's is %s", got)
			}
			if uploads-before != test.uploads || later != uploads {
				t.Errorf("%d uploads, then %d, want %d and none", uploads-before, later-uploads, test.uploads)
			}
			if reads != test.reads {
				t.Errorf("the secret was read %d times, want %d", reads, test.reads)
			}
			if b.sum("demo", "CredentialsRefused") != 1 || b.sum("demo", "BreakerOpen") != 1 || b.sum("other", "CredentialsRefused") != 0 {
				t.Errorf("metrics: %+v", b.metrics)
			}
		})
	}
}

// Two apps of one account have a passcode each: a dead one must not stop the other.
func TestADeadPasscodeStopsOnlyTheAppThatHasIt(t *testing.T) {
	t.Parallel()
	s := start(t, setup{})
	s.rotate(twinPasscode)
	dead, live := s.send(letter{body: lamp("a")})[0], s.send(letter{app: "twin", body: lamp("b")})[0]
	b := s.invoke()
	s.end()
	if b.outcome(dead) != "retry credentials" || b.outcome(live) != "delivered" {
		t.Errorf("%s and %s", b.outcome(dead), b.outcome(live))
	}
}

// Two apps that share account and passcode share the stop; it is told of both.
func TestASharedPasscodeStopsBothApps(t *testing.T) {
	t.Parallel()
	s := start(t, setup{})
	s.rotate()
	ids := s.send(letter{body: lamp("a")}, letter{app: "share", body: lamp("b")})
	b := s.invoke()
	s.end()
	if b.outcome(ids[0]) != "retry credentials" || b.outcome(ids[1]) != "retry credentials" || len(s.uploads(demoAccount)) != 1 {
		t.Errorf("%s and %s", b.outcome(ids[0]), b.outcome(ids[1]))
	}
	if b.sum("demo", "CredentialsRefused") != 1 || b.sum("share", "CredentialsRefused") != 1 {
		t.Error("the metric is not raised for both")
	}
}

func TestMessagesGoOnWhenTheAccountIsMended(t *testing.T) {
	t.Parallel()
	s := start(t, setup{env: map[string]string{"BREAKER_PAUSE": "50ms"}})
	s.rotate()
	id := s.send(letter{body: lamp("a")})[0]
	first := s.invoke()
	s.rotate(demoPasscode)
	last := s.until(func(b *batch) bool { return len(b.returned) == 0 })
	s.end()
	if first.outcome(id) != "retry credentials" || last.outcome(id) != "delivered" {
		t.Errorf("%s, at last %s", first.outcome(id), last.outcome(id))
	}
}
