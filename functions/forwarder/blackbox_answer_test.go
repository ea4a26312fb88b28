//go:build blackbox

package main_test

import (
	"fmt"
	"strconv"
	"testing"

	"github.com/purchasely-clevertap/bridge/shared/clevertap/clevertaptest"
)

// status answers every upload to the demo account with a status.
func status(code int) clevertaptest.Fault {
	return clevertaptest.Fault{Kind: clevertaptest.Status, Status: code, Account: demoAccount}
}

// transient answers records with a code that may pass.
func transient(marker string) clevertaptest.Fault {
	return clevertaptest.Fault{Kind: clevertaptest.Transient, Marker: marker, Times: 99}
}

// poison answers uploads that have a marker in them with a status.
func poison(marker string, code int) clevertaptest.Fault {
	return clevertaptest.Fault{Kind: clevertaptest.Poison, Marker: marker, Status: code}
}

func TestEveryStatusEndsAsTheContractSays(t *testing.T) {
	inParallel(t, map[int]string{
		204: "retry unreadable_answer", 308: "retry credentials", 403: "retry credentials", 404: "retry credentials",
		408: "retry timeout", 422: "rejected clevertap_http_422", 429: "retry rate_limited", 503: "retry server",
	}, func(t *testing.T, code int, outcome string) {
		s := start(t, options{})
		s.clevertap.AddFault(status(code))
		ids := s.send(demo(consumable("a")))
		b := s.invoke()
		b.want(ids, outcome)
		if code >= 400 && b.lines[ids[0]].Code != strconv.Itoa(code) {
			t.Errorf("the line has code %q", b.lines[ids[0]].Code)
		}
		if n := s.stored("", ""); n != 0 {
			t.Errorf("%d records stored", n)
		}
		if n := len(s.clevertap.Requests()); code < 400 && n != 1 {
			t.Errorf("%d requests: a redirect was followed", n)
		}
	})
}

func TestEveryAnswerIsReadRecordByRecord(t *testing.T) {
	kind := func(k clevertaptest.Kind) clevertaptest.Fault { return clevertaptest.Fault{Kind: k} }
	unknown := clevertaptest.Fault{Kind: clevertaptest.Transient, Code: 529, Times: 9}
	const (
		delivered = "delivered"
		unmatched = "retry unmatched"
		no528     = "rejected clevertap_528"
		no513     = "rejected clevertap_513"
	)
	type testCase struct {
		webhooks string // g is a good event, d a discarded one, r a reserved one
		fault    clevertaptest.Fault
		want     []string
		uploads  int
	}
	inParallel(t, map[string]testCase{
		"several are rejected":         {"gdgr", kind(""), []string{delivered, no528, delivered, no513}, 1},
		"a transient code that stays":  {"g", transient(""), []string{"retry transient"}, 3},
		"an unknown code, alone twice": {"g", unknown, []string{"rejected clevertap_529"}, 2},
		"success without a count":      {"gg", kind(clevertaptest.NoCount), []string{delivered}, 1},
		"no count, and a rejection":    {"gd", kind(clevertaptest.NoCount), []string{unmatched, no528}, 1},
		"a failure without a list":     {"gg", kind(clevertaptest.EmptyFail), []string{unmatched}, 1},
		"gzip":                         {"gd", kind(clevertaptest.Gzip), []string{delivered, no528}, 1},
		"half an answer":               {"g", kind(clevertaptest.Half), []string{"retry unreadable_answer"}, 1},
		"HTML with 200":                {"g", kind(clevertaptest.Garbage), []string{"retry unreadable_answer"}, 1},
		"reset after it":               {"g", kind(clevertaptest.ResetAfter), []string{"retry network"}, 1},
		"more than 16 MiB":             {"g", kind(clevertaptest.Huge), []string{delivered}, 1},
	}, func(t *testing.T, _ string, test testCase) {
		s := start(t, options{})
		if test.fault.Kind != "" {
			s.clevertap.AddFault(test.fault)
		}
		var ids []string
		for i, kind := range test.webhooks {
			event := map[rune]string{'g': "GOOD", 'd': "DISCARDED", 'r': "App Launched"}[kind]
			ids = append(ids, s.send(demo(named(fmt.Sprint(i), event)))...)
		}
		s.invoke().want(ids, test.want...)
		if uploads := len(s.uploads(demoAccount)); uploads != test.uploads {
			t.Errorf("%d uploads, want %d", uploads, test.uploads)
		}
		if repeated := s.clevertap.Duplicates(); len(repeated) > 0 {
			t.Errorf("accepted records were sent again: %+v", repeated)
		}
	})
}

// An upload is split until the bad record is alone.
func TestARecordThatIsRefusedWithAStatusIsFound(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	s.clevertap.AddFault(poison("person-poison", 409))
	var ids, want []string
	for i := range 64 {
		user, outcome := fmt.Sprint("u", i), "delivered"
		if i == 31 {
			user, outcome = "poison", "rejected clevertap_http_409"
		}
		ids, want = append(ids, s.send(demo(consumable(user)))...), append(want, outcome)
	}
	s.invoke().want(ids, want...)
	if stored, uploads := s.stored(demoAccount, ""), len(s.uploads(demoAccount)); stored != 63 || uploads != 13 {
		t.Errorf("%d records stored in %d uploads, want 63 in 13", stored, uploads)
	}
}

// An account that refuses whatever it is sent is at fault itself: nothing is rejected, and the splitting ends early.
func TestAnAccountThatRefusesEverythingLosesNothing(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	s.clevertap.AddFault(status(400))
	var ids []string
	for i := range 200 {
		ids = append(ids, s.send(demo(consumable(fmt.Sprint("u", i))))...)
	}
	b := s.invoke()
	if n := len(s.uploads(demoAccount)); n > 60 {
		t.Errorf("%d uploads", n)
	}
	b.want(ids, "retry account_rejects_all")
	if n := b.sum("demo", "BreakerOpen"); n != 1 || len(s.rejected.Messages()) != 0 {
		t.Errorf("the metric of the breaker is %d, %d rejected", n, len(s.rejected.Messages()))
	}
}
