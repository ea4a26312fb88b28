//go:build blackbox

package main_test

import (
	"fmt"
	"maps"
	"strconv"
	"testing"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/clevertap/clevertaptest"
)

func TestAThrottledAccountIsWaitedFor(t *testing.T) {
	throttled := func(count int, retryAfter string) clevertaptest.Fault {
		f := status(429)
		f.Count, f.RetryAfter = count, retryAfter
		return f
	}
	past := time.Now().Add(-time.Hour).UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT")
	type testCase struct {
		fault   clevertaptest.Fault
		outcome string
		uploads int
		least   time.Duration // between the first two uploads
	}
	inParallel(t, map[string]testCase{
		"a while, if it does not say how long":  {throttled(1, ""), "delivered", 2, 0},
		"twice":                                 {throttled(2, ""), "delivered", 3, 0},
		"three times and no more":               {throttled(9, ""), "retry rate_limited", 3, 0},
		"as long as it says":                    {throttled(1, "1"), "delivered", 2, time.Second},
		"not if it says more than there is":     {throttled(9, "60"), "retry rate_limited", 1, 0},
		"not if it says a day":                  {throttled(9, "86400"), "retry rate_limited", 1, 0},
		"a while, if it says nonsense":          {throttled(1, "soon"), "delivered", 2, 0},
		"until the date that it says, long ago": {throttled(1, past), "delivered", 2, 0},
	}, func(t *testing.T, _ string, test testCase) {
		s := start(t, options{})
		s.clevertap.AddFault(test.fault)
		ids := s.send(demo(consumable("a")), to("other", consumable("b")))
		b := s.invoke()
		b.want(ids, test.outcome, "delivered")
		uploads := s.uploads(demoAccount)
		if len(uploads) != test.uploads {
			t.Fatalf("%d uploads, want %d", len(uploads), test.uploads)
		}
		if test.least > 0 && uploads[1].Time.Sub(uploads[0].Time) < test.least {
			t.Errorf("sent again after %s", uploads[1].Time.Sub(uploads[0].Time))
		}
		if test.uploads == 1 && b.took > timeout/2 {
			t.Errorf("waited %s in vain", b.took)
		}
	})
}

func TestNeverMoreUploadsAtOnceThanConfigured(t *testing.T) {
	t.Parallel()
	for concurrency, queue := range map[int]string{1: "events.fifo", 2: "events", 3: "events.fifo", 15: "events"} {
		t.Run(fmt.Sprint(concurrency, " on ", queue), func(t *testing.T) {
			t.Parallel()
			s := start(t, options{queue: queue, env: map[string]string{
				"UPLOAD_CONCURRENCY": strconv.Itoa(concurrency), "UPLOAD_TIMEOUT": "25s", // for a busy machine
			}})
			wait := time.Duration(concurrency) * 60 * time.Millisecond
			s.clevertap.AddFault(clevertaptest.Fault{Kind: clevertaptest.Latency, Wait: wait})
			messages := manyLarge("", 18)
			for i := range messages { // of three apps of one account
				messages[i].app = []string{"demo", "second", "shared"}[i%3]
			}
			s.deliver(messages...)
			if most := s.clevertap.HighestInFlight(demoAccount); most > concurrency || most < min(concurrency, 3) {
				t.Errorf("%d uploads at once", most)
			}
		})
	}
}

func TestUploadsAreAsFullAsTheyMayBe(t *testing.T) {
	small, two := func(user string) string { return consumable(user) }, func(user string) string { return renewal(user) }
	type testCase struct {
		messages int
		body     func(string) string
		uploads  int
	}
	inParallel(t, map[string]testCase{
		"a thousand records in one":           {1000, small, 1},
		"one more makes two":                  {1001, small, 2},
		"events and profiles share them":      {500, two, 1},
		"and are counted together":            {501, two, 2},
		"large records fill a megabyte":       {21, large, 1},
		"and not more":                        {42, large, 2},
		"ten messages, as from a FIFO queue ": {10, two, 1},
	}, func(t *testing.T, _ string, test testCase) {
		s := start(t, options{queue: "events"})
		for i := range test.messages {
			s.send(demo(test.body(fmt.Sprint("u", i))))
		}
		s.deliver()
		uploads := s.uploads(demoAccount)
		if n := s.stored(demoAccount, "event"); n != test.messages || len(uploads) != test.uploads {
			t.Errorf("%d events stored in %d uploads, want %d", n, len(uploads), test.uploads)
		}
		for _, u := range uploads {
			if u.Records > 1000 || u.Size > 1<<20 {
				t.Errorf("an upload of %d records and %d bytes", u.Records, u.Size)
			}
		}
	})
}

func TestRecordsKeepTheQueuesOrder(t *testing.T) {
	t.Parallel()
	s := start(t, options{queue: "events", env: map[string]string{"UPLOAD_CONCURRENCY": "1"}})
	for i := range 2500 {
		s.send(demo(consumable(fmt.Sprintf("u%04d", i))))
	}
	s.deliver()
	records := s.clevertap.Records(demoAccount)
	for i, r := range records {
		if r.ID != fmt.Sprintf("person-u%04d", i) {
			t.Fatalf("record %d of %d is of %s", i, len(records), r.ID)
		}
	}
}

func TestAnInvocationWithLittleTimeRespondsInTime(t *testing.T) {
	hang := clevertaptest.Fault{Kind: clevertaptest.Hang, Account: demoAccount}
	slow := clevertaptest.Fault{Kind: clevertaptest.Latency, Wait: 700 * time.Millisecond, Account: demoAccount}
	type testCase struct {
		left    time.Duration
		fault   clevertaptest.Fault
		uploads int // that the messages need
		want    []string
	}
	inParallel(t, map[string]testCase{
		"CleverTap hangs":                     {3 * time.Second, hang, 1, []string{"retry timeout"}},
		"it hangs, and there is more":         {3 * time.Second, hang, 10, []string{"retry timeout", "retry no_time"}},
		"it is slow, and there is much":       {3 * time.Second, slow, 10, []string{"delivered", "retry no_time"}},
		"too little time for an upload":       {400 * time.Millisecond, slow, 1, []string{"retry no_time"}},
		"a transient code, no time to repeat": {3 * time.Second, transient(`"event"`, 99), 1, []string{"retry transient"}},
	}, func(t *testing.T, _ string, test testCase) {
		s := start(t, options{queue: "events", env: map[string]string{"UPLOAD_TIMEOUT": "25s", "UPLOAD_CONCURRENCY": "2"}})
		s.deliver(demo(consumable("warm")), to("other", consumable("warm")))
		s.clevertap.AddFault(test.fault)
		ids, bad := s.send(manyLarge("", test.uploads)...), s.send(demo("private"))
		b := s.invokeWithin(test.left)
		if b.took > 15*time.Second { // a busy machine may be late, but does not wait for the upload's own time-out
			t.Errorf("responded after %s", b.took)
		}
		got, want := make(map[string]bool), make(map[string]bool)
		delivered := 0
		for _, id := range ids {
			got[b.outcome(id)] = true
			if b.outcome(id) == "delivered" {
				delivered++
			}
		}
		for _, outcome := range test.want {
			want[outcome] = true
		}
		if !maps.Equal(got, want) {
			t.Errorf("outcomes %v, want %v", got, want)
		}
		// On a busy machine the rejected queue's share of the time may be too short.
		if got := b.outcome(bad[0]); got != "rejected malformed" && got != "retry rejected_queue" {
			t.Error(got)
		}
		if n := s.stored(demoAccount, "event") - 1; n != delivered {
			t.Errorf("%d stored, %d delivered", n, delivered)
		}
	})
}
