//go:build blackbox

package main_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/purchasely-clevertap/bridge/shared/clevertap/clevertaptest"
)

func TestAnUploadIsSplitUntilTheBadRecordStandsAlone(t *testing.T) {
	t.Parallel()
	for code, at := range map[int]int{400: 0, 409: 63, 413: 32, 422: 31, 499: 7} {
		t.Run(fmt.Sprintf("%d for record %d of 64", code, at), func(t *testing.T) {
			t.Parallel()
			s := start(t, setup{})
			s.clevertap.AddFault(clevertaptest.Fault{Kind: clevertaptest.Poison, Marker: "person-poison", Status: code})
			var ids []string
			for i := range 64 {
				user := fmt.Sprint("u", i)
				if i == at {
					user = "poison"
				}
				ids = append(ids, s.send(letter{body: lamp(user)})...)
			}
			b := s.invoke()
			s.end()
			for i, id := range ids {
				want := "delivered"
				if i == at {
					want = fmt.Sprintf("rejected clevertap_http_%d", code)
				}
				if got := b.outcome(id); got != want {
					t.Errorf("message %d: %s", i, got)
				}
			}
			if n := len(s.clevertap.Records(demoAccount)); n != 63 {
				t.Errorf("%d records stored", n)
			}
			if n := len(s.uploads(demoAccount)); n != 13 {
				t.Errorf("%d uploads: 64 records with one bad one take 13", n)
			}
		})
	}
}

func TestSeveralBadRecordsAreFoundBesideGoodOnes(t *testing.T) {
	t.Parallel()
	s := start(t, setup{})
	s.clevertap.AddFault(clevertaptest.Fault{Kind: clevertaptest.Poison, Marker: "person-poison"})
	want := map[string]string{}
	for i := range 50 {
		user, outcome := fmt.Sprint("u", i), "delivered"
		if i%10 == 9 {
			user, outcome = "poison", "rejected clevertap_http_400"
		}
		want[s.send(letter{body: lamp(user)})[0]] = outcome
	}
	b := s.invoke()
	s.end()
	for id, outcome := range want {
		if got := b.outcome(id); got != outcome {
			t.Errorf("%s, want %s", got, outcome)
		}
	}
	if n := s.sum("demo", "BreakerOpen"); n != 0 {
		t.Error("the breaker is open")
	}
}

// An upload is refused for its size until it is small enough, and nothing is rejected that could be sent in pieces.
func TestAnUploadThatIsTooLargeGoesInPieces(t *testing.T) {
	t.Parallel()
	s := start(t, setup{})
	s.clevertap.AddFault(clevertaptest.Fault{Kind: clevertaptest.Status, Status: 413, Body: "html", Over: 150_000})
	for i := range 20 {
		s.send(letter{body: bulky(fmt.Sprint("u", i))})
	}
	b := s.invoke()
	if len(b.returned) != 0 || len(s.rejected.Messages()) != 0 || s.stored(demoAccount, "event") != 20 {
		t.Errorf("%d come back, %d rejected, %d stored", len(b.returned), len(s.rejected.Messages()), s.stored(demoAccount, "event"))
	}
}

// An account that refuses whatever it is sent is at fault itself: nothing is rejected, and the splitting ends early.
func TestAnAccountThatRefusesEverythingLosesNothing(t *testing.T) {
	t.Parallel()
	for _, code := range []int{400, 413, 451} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			t.Parallel()
			s := start(t, setup{})
			s.clevertap.AddFault(clevertaptest.Fault{Kind: clevertaptest.Status, Status: code, Account: demoAccount})
			ids := map[string]string{}
			for i := range 200 {
				ids[s.send(letter{body: lamp(fmt.Sprint("u", i))})[0]] = "retry account_rejects_all"
			}
			live := s.send(letter{app: "other", body: lamp("live")})[0]
			first := s.invoke()
			uploads := len(s.uploads(demoAccount))
			again := s.invoke()
			if n := len(s.uploads(demoAccount)); n != uploads {
				t.Errorf("%d more uploads although the breaker is open", n-uploads)
			}
			s.end()
			for id := range ids {
				if got := first.outcome(id); got != "retry account_rejects_all" {
					t.Fatal(got)
				}
				if got := again.outcome(id); got != "retry breaker" {
					t.Fatal(got)
				}
			}
			if first.outcome(live) != "delivered" || len(s.rejected.Messages()) != 0 {
				t.Errorf("the other account's is %s, %d rejected", first.outcome(live), len(s.rejected.Messages()))
			}
			if uploads > 60 {
				t.Errorf("%d uploads until it was clear", uploads)
			}
			if s.batches[0].sum("demo", "BreakerOpen") != 1 || s.batches[1].sum("demo", "BreakerOpen") != 1 || s.sum("other", "BreakerOpen") != 0 {
				t.Error("the metric does not show the open breaker")
			}
		})
	}
}

// Two bad records and nothing else are two bad records; the third makes them an account.
func TestThreeInARowMakeTheDifference(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{1: "rejected clevertap_http_400", 2: "rejected clevertap_http_400", 3: "retry account_rejects_all"} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			s := start(t, setup{})
			s.clevertap.AddFault(clevertaptest.Fault{Kind: clevertaptest.Poison, Marker: "person-poison"})
			var ids []string
			for range n {
				ids = append(ids, s.send(letter{body: lamp("poison")})...)
			}
			b := s.invoke()
			s.end()
			for _, id := range ids {
				if got := b.outcome(id); got != want {
					t.Errorf("%s, want %s", got, want)
				}
			}
		})
	}
}

func TestAMergedProfileThatIsRefusedConcernsAllWhoseStateItIs(t *testing.T) {
	t.Parallel()
	s := start(t, setup{})
	s.clevertap.AddFault(clevertaptest.Fault{Kind: clevertaptest.Poison, Marker: `"type":"profile","identity":"person-poison"`})
	group := strings.Repeat("g", 10)
	ids := s.send(letter{group: group, body: bought("poison")}, letter{group: group, body: bought("poison")}, letter{body: bought("fine")})
	b := s.invoke()
	s.end()
	for i, want := range []string{"rejected clevertap_http_400", "rejected clevertap_http_400", "delivered"} {
		if got := b.outcome(ids[i]); got != want {
			t.Errorf("message %d: %s, want %s", i, got, want)
		}
	}
	for _, m := range s.rejected.Messages() {
		if m.Attribute("accepted") != "event" {
			t.Errorf("accepted is %q", m.Attribute("accepted"))
		}
	}
	if n := s.stored(demoAccount, "event"); n != 3 {
		t.Errorf("%d events stored", n)
	}
}
