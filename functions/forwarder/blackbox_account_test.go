//go:build blackbox

package main_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
	"github.com/purchasely-clevertap/bridge/shared/clevertap/clevertaptest"
	"github.com/purchasely-clevertap/bridge/shared/subscriber"
)

// Whoever asks why messages wait finds the answer in the table.
func TestABreakerIsOfOneAccountAndClosesAgain(t *testing.T) {
	t.Parallel()
	const pause = time.Second
	s, table := startWithTable(t, options{env: map[string]string{"BREAKER_PAUSE": pause.String()}})
	breaker := func() awstest.Item {
		return table.Item(subscriber.BreakersPartition, "breaker#demo#api.clevertap.com/"+demoAccount)
	}
	s.deliver(demo(consumable("a")))
	if item := breaker(); item != nil {
		t.Errorf("%v of an account that works", item)
	}
	s.clevertap.AddFault(status(503))
	ids := s.send(demo(consumable("b")))
	for range 3 {
		s.invoke()
	}
	live := s.send(to("other", consumable("live")))
	left := s.invoke()
	if item := breaker(); item["reason"].Text() != "server" || item["until"] == nil || item["closed"] != nil {
		t.Errorf("%v of an account that is left alone", item)
	}
	s.clevertap.ClearFaults()
	last := s.deliverAll()
	if item := breaker(); item["closed"] == nil {
		t.Errorf("%v of an account that works again", item)
	}
	uploads := s.uploads(demoAccount)
	if len(uploads) != 1+3+1 {
		t.Fatalf("uploads %+v", uploads)
	}
	if paused := uploads[4].Time.Sub(uploads[3].Time); paused < pause-time.Millisecond || paused > 20*pause {
		t.Errorf("a pause of %s", paused)
	}
	left.want(ids, "retry breaker")
	left.want(live, "delivered")
	if open := [2]int{left.sum("demo", "BreakerOpen"), last.sum("", "BreakerOpen")}; open != [2]int{1, 0} {
		t.Errorf("the metric of the breaker is %d", open)
	}
}

func TestAnAccountThatHangsDelaysNoOther(t *testing.T) {
	t.Parallel()
	s := start(t, options{env: map[string]string{"UPLOAD_TIMEOUT": "2s"}})
	s.clevertap.AddFault(clevertaptest.Fault{Kind: clevertaptest.Hang, Account: demoAccount})
	ids := s.send(demo(consumable("a")), to("other", consumable("b")), demo(consumable("c")))
	b := s.invoke()
	b.want(ids, "retry timeout", "delivered", "retry timeout")
	hanging, live := s.uploads(demoAccount)[0], s.uploads(otherAccount)[0]
	if !live.Time.Add(live.Duration).Before(hanging.Time.Add(hanging.Duration)) || b.took > timeout/2 {
		t.Errorf("another account waited: %+v; the batch took %s", live, b.took)
	}
}

// setPasscodes changes the demo account's passcodes at CleverTap.
func (s *stack) setPasscodes(passcodes ...string) {
	s.clevertap.SetAccount(account(demoAccount, "eu1", passcodes...))
}

func TestARotatedPasscodeLosesNothing(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	s.deliver(demo(consumable("before")))
	s.putSecret("demo", secret("eu1", demoAccount, freshPasscode))
	s.setPasscodes(freshPasscode)
	b := s.deliver(demo(consumable("after")))
	if reads := s.aws.Secrets.Calls("GetSecretValue"); reads != 2 || len(s.uploads(demoAccount)) != 3 {
		t.Errorf("the secret was read %d times, %d uploads", reads, len(s.uploads(demoAccount)))
	}
	if n := b.sum("", "CredentialsRefused"); n != 0 {
		t.Errorf("the metric says %d", n)
	}
}

func TestRefusedCredentialsStopTheAccountAndKeepItsMessages(t *testing.T) {
	type testCase struct {
		prepare func(*stack) // after a first batch, since which the secret is in memory
		uploads int
		reads   int // of the secret, including the first
	}
	inParallel(t, map[string]testCase{
		"the secret has not changed": {func(s *stack) { s.setPasscodes() }, 1, 2},
		"the new passcode is refused as well": {func(s *stack) {
			s.setPasscodes()
			s.putSecret("demo", secret("eu1", demoAccount, freshPasscode))
		}, 2, 2},
		"the secret is gone": {func(s *stack) {
			s.setPasscodes()
			s.aws.Secrets.Remove("bridge/test/demo/clevertap")
		}, 1, 2},
		"404 means a wrong path": {func(s *stack) { s.clevertap.AddFault(status(404)) }, 1, 1},
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

func TestARefusedPasscodeStopsTheAppsThatHaveIt(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	s.setPasscodes(secondPasscode)
	ids := s.send(demo(consumable("a")), to("shared", consumable("b")), to("second", consumable("c")))
	b := s.invoke()
	b.want(ids, "retry credentials", "retry credentials", "delivered")
	for app, want := range map[string]int{"demo": 1, "shared": 1, "second": 0} {
		if n := b.sum(app, "CredentialsRefused"); n != want {
			t.Errorf("CredentialsRefused of %s is %d, want %d", app, n, want)
		}
	}
	if n := len(s.uploads(demoAccount)); n != 2 {
		t.Errorf("%d uploads", n)
	}
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
	b := s.deliver(append(messages, to("both", sandbox("sand")))...)
	for account, want := range map[string][2]int{
		demoAccount: {2, 30}, otherAccount: {1, 10}, liveAccount: {1, 10}, sandAccount: {1, 2},
	} {
		if got := [2]int{len(s.uploads(account)), s.stored(account, "")}; got != want {
			t.Errorf("%s: %d uploads and records, want %d", account, got, want)
		}
	}
	for app, want := range map[string]int{"demo": 10, "shared": 10, "second": 10, "other": 10, "both": 12} {
		if got := b.sum(app, "RecordsAccepted"); got != want {
			t.Errorf("%d records counted for %s, want %d", got, app, want)
		}
	}
}

func TestASecretThatCannotBeUsedConcernsItsAppOnly(t *testing.T) {
	inParallel(t, map[string]string{
		"passcode-words": "retry secret", secret("europe", demoAccount, demoPasscode): "retry credentials",
	}, func(t *testing.T, text, outcome string) {
		s := start(t, options{})
		s.putSecret("demo", text)
		ids := s.send(demo(consumable("a")), to("other", consumable("b")), demo(renewal("c")), demo("private"))
		b := s.invoke()
		b.want(ids, outcome, "delivered", outcome, "rejected malformed")
		if alarms, uploads := b.sum("demo", "CredentialsRefused"), len(s.uploads(demoAccount)); alarms != 1 || uploads != 0 {
			t.Errorf("CredentialsRefused is %d, %d uploads", alarms, uploads)
		}
	})
}

func TestASecretIsReadOnceForAllBatches(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	for range 3 {
		s.deliver(demo(consumable("a")), demo(consumable("b")), to("other", consumable("c")))
	}
	if n := s.aws.Secrets.Calls(""); n != 2 {
		t.Errorf("%d reads of two secrets", n)
	}
	s.aws.Secrets.Inject(awstest.Down) // What is in memory stays valid.
	s.deliver(demo(consumable("d")))
}

// Secrets Manager that hangs delays a batch for a few seconds; an app whose secret is in memory is not concerned.
func TestASecretStoreThatHangsIsNotWaitedForLong(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	s.deliver(to("other", consumable("warm")))
	s.aws.Secrets.Inject(awstest.Hang)
	ids := s.send(demo(consumable("a")), to("other", consumable("b")))
	b := s.invoke()
	if b.took > timeout/2 {
		t.Errorf("took %s", b.took)
	}
	if got := b.outcome(ids[0]); !strings.HasPrefix(got, "retry ") || b.outcome(ids[1]) != "delivered" {
		t.Errorf("%s and %s", got, b.outcome(ids[1]))
	}
}
