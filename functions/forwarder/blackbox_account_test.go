//go:build blackbox

package main_test

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/clevertap/clevertaptest"
)

func TestTheBreakerOpensAfterThreeUploadsInARowThatFailed(t *testing.T) {
	inParallel(t, map[string]clevertaptest.Fault{
		"5xx":       status(503),
		"408":       status(408),
		"resets":    {Kind: clevertaptest.ResetBefore, Account: demoAccount},
		"time-outs": {Kind: clevertaptest.Hang, Account: demoAccount},
		"HTML":      {Kind: clevertaptest.Garbage, Account: demoAccount},
	}, func(t *testing.T, _ string, fault clevertaptest.Fault) {
		s := start(t, options{env: map[string]string{"UPLOAD_TIMEOUT": "2s"}})
		s.ignored = []string{clevertaptest.Repeated} // HTML hides that the records are in.
		s.clevertap.AddFault(fault)
		id := s.send(demo(consumable("a")))[0]
		for range 5 {
			live := s.send(to("other", consumable("live")))[0]
			if b := s.invoke(); len(b.returned) != 1 || b.returned[0] == live {
				t.Fatalf("%v come back", b.returned)
			}
		}
		if n := len(s.uploads(demoAccount)); n != 3 {
			t.Errorf("%d uploads to the account that fails", n)
		}
		for i, b := range s.batches {
			if skipped := b.outcome(id) == "retry breaker"; skipped != (i >= 3) || b.sum("demo", "BreakerOpen") != min(i/2, 1) {
				t.Errorf("batch %d: %s, breaker %d", i+1, b.outcome(id), b.sum("demo", "BreakerOpen"))
			}
		}
	})
}

// After the pause one upload is a probe. If it fails the pause doubles, if it succeeds all others go on.
func TestTheBreakerProbesWithOneUploadAndDoublesItsPause(t *testing.T) {
	t.Parallel()
	const pause = 250 * time.Millisecond
	s := start(t, options{env: map[string]string{"BREAKER_PAUSE": pause.String(), "UPLOAD_CONCURRENCY": "3"}})
	s.clevertap.AddFault(status(503))
	s.send(manyLarge("", 3)...)
	s.invokeUntil(func(*batch) bool { return len(s.uploads(demoAccount)) >= 3 })
	failed := len(s.uploads(demoAccount))
	for probe := range 3 {
		s.invokeUntil(func(*batch) bool { return len(s.uploads(demoAccount)) > failed })
		uploads := s.uploads(demoAccount)
		if len(uploads) != failed+1 {
			t.Fatalf("probe %d made %d uploads", probe, len(uploads)-failed)
		}
		if since, least := uploads[failed].Time.Sub(uploads[failed-1].Time), pause<<probe; since < least-time.Millisecond {
			t.Errorf("probe %d came after %s, want at least %s", probe, since, least)
		}
		failed++
	}
	s.clevertap.ClearFaults()
	last := s.invokeUntil(nothingReturned)
	if n := s.stored(demoAccount, "event"); n != 60 || last.sum("", "BreakerOpen") != 0 {
		t.Errorf("%d events stored, breaker open %d times", n, last.sum("", "BreakerOpen"))
	}
}

func TestAnAccountThatHangsDelaysNoOther(t *testing.T) {
	t.Parallel()
	s := start(t, options{env: map[string]string{"UPLOAD_TIMEOUT": "5s"}})
	s.clevertap.AddFault(clevertaptest.Fault{Kind: clevertaptest.Hang, Account: demoAccount})
	ids := s.send(demo(consumable("a")), to("other", consumable("b")), demo(consumable("c")), to("both", consumable("d")))
	s.invoke().want(ids, "retry timeout", "delivered", "retry timeout", "delivered")
	hanging := s.uploads(demoAccount)[0]
	for _, account := range []string{otherAccount, liveAccount} {
		live := s.uploads(account)
		if len(live) != 1 || !live[0].Time.Add(live[0].Duration).Before(hanging.Time.Add(hanging.Duration)) {
			t.Errorf("%s waited: %+v", account, live)
		}
	}
}

// setPasscodes changes the demo account's passcodes at CleverTap.
func (s *stack) setPasscodes(passcodes ...string) {
	s.clevertap.SetAccount(clevertaptest.Account{ID: demoAccount, Region: "eu1", Passcodes: passcodes})
}

func TestARotatedPasscodeLosesNothing(t *testing.T) {
	t.Parallel()
	for _, code := range []int{401, 403} {
		t.Run(strconv.Itoa(code), func(t *testing.T) {
			t.Parallel()
			s := start(t, options{})
			s.deliver(demo(consumable("before")))
			s.putSecret("demo", secret("eu1", demoAccount, freshPasscode))
			if code == 401 {
				s.setPasscodes(freshPasscode)
			} else {
				s.setPasscodes(demoPasscode, freshPasscode)
				s.clevertap.AddFault(clevertaptest.Fault{Kind: clevertaptest.Status, Status: 403, Count: 1})
			}
			s.deliver(demo(consumable("after")))
			if reads := s.aws.Secrets.Calls("GetSecretValue"); reads != 2 || len(s.uploads(demoAccount)) != 3 {
				t.Errorf("the secret was read %d times, %d uploads", reads, len(s.uploads(demoAccount)))
			}
			if n := s.sum("", "CredentialsRefused"); n != 0 {
				t.Errorf("the metric says %d", n)
			}
		})
	}
}

func TestRefusedCredentialsStopTheAccountAndKeepItsMessages(t *testing.T) {
	answers := func(code int) func(*stack) { return func(s *stack) { s.clevertap.AddFault(status(code)) } }
	type testCase struct {
		prepare func(*stack) // after a first batch, since which the secret is in memory
		uploads int
		reads   int // of the secret, including the first
	}
	inParallel(t, map[string]testCase{
		"the secret has not changed": {func(s *stack) { s.setPasscodes() }, 1, 2},
		"the account is blocked": {func(s *stack) {
			s.clevertap.SetAccount(clevertaptest.Account{
				ID: demoAccount, Region: "eu1", Passcodes: []string{demoPasscode}, Blocked: true,
			})
		}, 1, 2},
		"the new passcode is refused as well": {func(s *stack) {
			s.setPasscodes()
			s.putSecret("demo", secret("eu1", demoAccount, freshPasscode))
		}, 2, 2},
		"the new region is refused as well": {func(s *stack) {
			s.setPasscodes()
			s.putSecret("demo", secret("mec1", demoAccount, demoPasscode))
		}, 2, 2},
		"the secret cannot be read any more": {func(s *stack) {
			s.setPasscodes()
			s.putSecret("demo", "passcode-words")
		}, 1, 2},
		"the secret is gone": {func(s *stack) {
			s.setPasscodes()
			s.aws.Secrets.Remove("bridge/test/demo/clevertap")
		}, 1, 2},
		"308 means a wrong host":           {answers(308), 1, 1},
		"402 means an account not paid":    {answers(402), 1, 1},
		"404 means a wrong path":           {answers(404), 1, 1},
		"405 means a method not supported": {answers(405), 1, 1},
	}, func(t *testing.T, _ string, test testCase) {
		s := start(t, options{queue: "events", env: map[string]string{"UPLOAD_CONCURRENCY": "1"}})
		s.deliver(demo(consumable("before")), to("other", consumable("before")))
		before := len(s.uploads(demoAccount))
		test.prepare(s)
		ids, live := s.send(manyLarge("", 3)...), s.send(to("other", consumable("live")))
		first := s.invoke()
		uploads := len(s.uploads(demoAccount)) - before
		again := s.invoke()
		if n := len(s.uploads(demoAccount)) - before; uploads != test.uploads || n != uploads {
			t.Errorf("%d uploads, then %d, want %d and none", uploads, n-uploads, test.uploads)
		}
		if reads := s.aws.Secrets.Calls("GetSecretValue") - 1; reads != test.reads { // one is the other app's
			t.Errorf("the secret was read %d times, want %d", reads, test.reads)
		}
		first.want(ids, "retry credentials")
		first.want(live, "delivered")
		again.want(ids, "retry breaker")
		if first.sum("demo", "CredentialsRefused") != 1 || first.sum("demo", "BreakerOpen") != 1 ||
			first.sum("other", "CredentialsRefused") != 0 {
			t.Errorf("metrics: %+v", first.metrics)
		}
	})
}

// Two apps of one account have a passcode each.
func TestARefusedPasscodeStopsOnlyTheAppThatHasIt(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	s.setPasscodes(secondPasscode)
	ids := s.send(demo(consumable("a")), to("second", consumable("b")))
	s.invoke().want(ids, "retry credentials", "delivered")
}

func TestARefusedPasscodeThatTwoAppsShareStopsBoth(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	s.setPasscodes()
	ids := s.send(demo(consumable("a")), to("shared", consumable("b")))
	b := s.invoke()
	b.want(ids, "retry credentials")
	alarms := [2]int{b.sum("demo", "CredentialsRefused"), b.sum("shared", "CredentialsRefused")}
	if n := len(s.uploads(demoAccount)); n != 1 || alarms != [2]int{1, 1} {
		t.Errorf("%d uploads, CredentialsRefused is %d", n, alarms)
	}
}

func TestMessagesAreDeliveredOnceTheAccountIsFixed(t *testing.T) {
	t.Parallel()
	s := start(t, options{env: map[string]string{"BREAKER_PAUSE": "50ms"}})
	s.setPasscodes()
	ids := s.send(demo(consumable("a")))
	first := s.invoke()
	s.setPasscodes(demoPasscode)
	last := s.invokeUntil(nothingReturned)
	first.want(ids, "retry credentials")
	last.want(ids, "delivered")
}

func TestAppsOfOneAccountShareUploadsIfTheyShareThePasscode(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	var messages []queued
	for i := range 5 {
		for _, app := range []string{"demo", "shared", "second", "other", "both"} {
			messages = append(messages, to(app, renewal(fmt.Sprint(app, i))))
		}
	}
	s.deliver(append(messages, to("both", sandbox("sand")))...)
	for account, want := range map[string][2]int{
		demoAccount: {2, 30}, otherAccount: {1, 10}, liveAccount: {1, 10}, sandAccount: {1, 2},
	} {
		if got := [2]int{len(s.uploads(account)), s.stored(account, "")}; got != want {
			t.Errorf("%s: %d uploads and records, want %d", account, got, want)
		}
	}
	for app, want := range map[string]int{"demo": 10, "shared": 10, "second": 10, "other": 10, "both": 12} {
		if got := s.sum(app, "RecordsAccepted"); got != want {
			t.Errorf("%d records counted for %s, want %d", got, app, want)
		}
	}
}
