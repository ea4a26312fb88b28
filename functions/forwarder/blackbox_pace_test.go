//go:build blackbox

package main_test

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/clevertap/clevertaptest"
)

// throttled is so many answers with 429.
func throttled(count int, retryAfter string) clevertaptest.Fault {
	return clevertaptest.Fault{Kind: clevertaptest.Status, Status: 429, Account: demoAccount, Count: count, RetryAfter: retryAfter}
}

func TestABusyAccountIsWaitedFor(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		fault   clevertaptest.Fault
		outcome string
		uploads int
		least   time.Duration // between the first two uploads
	}{
		"a while, when it does not say how long": {throttled(1, ""), "delivered", 2, 0},
		"twice":                                  {throttled(2, ""), "delivered", 3, 0},
		"three times and no more":                {throttled(9, ""), "retry rate_limited", 3, 0},
		"as long as it says":                     {throttled(1, "1"), "delivered", 2, time.Second},
		"not when it says more than there is":    {throttled(9, "60"), "retry rate_limited", 1, 0},
		"not when it says a day":                 {throttled(9, "86400"), "retry rate_limited", 1, 0},
		"a while, when it says nonsense":         {throttled(1, "soon"), "delivered", 2, 0},
		"until the date that it says":            {throttled(1, time.Now().Add(-time.Hour).UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT")), "delivered", 2, 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, setup{})
			s.clevertap.AddFault(test.fault)
			ids := s.send(letter{body: lamp("a")}, letter{app: "other", body: lamp("b")})
			b := s.invoke()
			s.end()
			if got := b.outcome(ids[0]); got != test.outcome || b.outcome(ids[1]) != "delivered" {
				t.Errorf("%s and %s, want %s", got, b.outcome(ids[1]), test.outcome)
			}
			uploads := s.uploads(demoAccount)
			if len(uploads) != test.uploads {
				t.Fatalf("%d uploads, want %d", len(uploads), test.uploads)
			}
			if test.least > 0 && uploads[1].Time.Sub(uploads[0].Time) < test.least {
				t.Errorf("came back after %s", uploads[1].Time.Sub(uploads[0].Time))
			}
			if test.uploads == 1 && b.took > allowed/2 {
				t.Errorf("waited %s in vain", b.took)
			}
		})
	}
}

func TestABusyAccountGetsFewerUploadsAtOnce(t *testing.T) {
	t.Parallel()
	s := start(t, setup{queue: "events", env: map[string]string{"UPLOAD_CONCURRENCY": "8"}})
	s.clevertap.AddFault(clevertaptest.Fault{Kind: clevertaptest.Throttle, InFlight: 2}, clevertaptest.Fault{Kind: clevertaptest.Latency, Wait: 100 * time.Millisecond})
	for i := range 400 {
		s.send(letter{body: bulky(fmt.Sprint("u", i))})
	}
	b := s.invoke()
	if len(b.returned) != 0 || s.stored(demoAccount, "event") != 400 {
		t.Errorf("%d come back, %d stored", len(b.returned), s.stored(demoAccount, "event"))
	}
	uploads := s.uploads(demoAccount)
	refused, last := 0, 0
	for i, u := range uploads {
		if u.Status == 429 {
			refused, last = refused+1, i
		}
	}
	if refused == 0 || last > len(uploads)/2 {
		t.Errorf("%d of %d uploads refused, the last as number %d", refused, len(uploads), last+1)
	}
}

func TestNeverMoreUploadsAtOnceThanAllowed(t *testing.T) {
	t.Parallel()
	for concurrency, queue := range map[int]string{1: "events.fifo", 2: "events", 3: "events.fifo", 15: "events"} {
		t.Run(fmt.Sprint(concurrency, " on ", queue), func(t *testing.T) {
			t.Parallel()
			s := start(t, setup{queue: queue, env: map[string]string{"UPLOAD_CONCURRENCY": strconv.Itoa(concurrency)}})
			s.clevertap.AddFault(clevertaptest.Fault{Kind: clevertaptest.Latency, Wait: time.Duration(concurrency) * 60 * time.Millisecond})
			for i := range 360 { // eighteen uploads of three apps of one account
				s.send(letter{app: []string{"demo", "twin", "share"}[i%3], body: bulky(fmt.Sprint("u", i))})
			}
			b := s.invoke()
			if len(b.returned) != 0 {
				t.Errorf("%d come back", len(b.returned))
			}
			if most := s.clevertap.HighestInFlight(demoAccount); most > concurrency || most < min(concurrency, 3) {
				t.Errorf("%d uploads at once", most)
			}
		})
	}
}

// Apps of different accounts do not share anything, and those of one account share its uploads.
func TestAppsOfOneAccountShareUploadsIfTheyShareThePasscode(t *testing.T) {
	t.Parallel()
	s := start(t, setup{})
	for i := range 5 {
		for _, app := range []string{"demo", "share", "twin", "other", "boxed"} {
			s.send(letter{app: app, body: bought(fmt.Sprint(app, i))})
		}
	}
	s.send(letter{app: "boxed", body: bought("box", "environment", `"SANDBOX"`)})
	s.invoke()
	for account, want := range map[string][2]int{demoAccount: {2, 30}, otherAccount: {1, 10}, boxedAccount: {1, 10}, sandAccount: {1, 2}} {
		if uploads, records := len(s.uploads(account)), len(s.clevertap.Records(account)); uploads != want[0] || records != want[1] {
			t.Errorf("%s: %d uploads of %d records, want %v", account, uploads, records, want)
		}
	}
	for app, want := range map[string]int{"demo": 10, "share": 10, "twin": 10, "other": 10, "boxed": 12} {
		if got := s.sum(app, "RecordsAccepted"); got != want {
			t.Errorf("%d records counted for %s, want %d", got, app, want)
		}
	}
}

func TestUploadsArePacked(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		messages int
		body     func(string) string
		uploads  int
	}{
		"a thousand records in one":              {1000, func(u string) string { return lamp(u) }, 1},
		"one more makes two":                     {1001, func(u string) string { return lamp(u) }, 2},
		"events and profiles share them":         {500, func(u string) string { return bought(u) }, 1},
		"and are counted together":               {501, func(u string) string { return bought(u) }, 2},
		"large records fill a megabyte":          {21, bulky, 1},
		"and not more":                           {42, bulky, 2},
		"a batch of ten, as FIFO queues give it": {10, func(u string) string { return bought(u) }, 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, setup{queue: "events"})
			for i := range test.messages {
				s.send(letter{body: test.body(fmt.Sprint("u", i))})
			}
			b := s.invoke()
			uploads := s.uploads(demoAccount)
			if len(b.returned) != 0 || len(uploads) != test.uploads {
				t.Errorf("%d come back after %d uploads, want %d", len(b.returned), len(uploads), test.uploads)
			}
			for _, u := range uploads {
				if u.Records > 1000 || u.Size > 1<<20 {
					t.Errorf("an upload of %d records and %d bytes", u.Records, u.Size)
				}
			}
			if n := s.stored(demoAccount, "event"); n != test.messages {
				t.Errorf("%d events stored", n)
			}
		})
	}
}

// Within one upload, and over the uploads where they go one by one, records keep the queue's order.
func TestRecordsKeepTheQueuesOrder(t *testing.T) {
	t.Parallel()
	s := start(t, setup{queue: "events", env: map[string]string{"UPLOAD_CONCURRENCY": "1"}})
	for i := range 2500 {
		s.send(letter{body: lamp(fmt.Sprintf("u%04d", i))})
	}
	s.invoke()
	records := s.clevertap.Records(demoAccount)
	for i, r := range records {
		if r.ID != fmt.Sprintf("person-u%04d", i) {
			t.Fatalf("record %d of %d is of %s", i, len(records), r.ID)
		}
	}
}
