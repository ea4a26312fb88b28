//go:build blackbox

package main_test

import (
	"fmt"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/clevertap/clevertaptest"
)

type faults = []clevertaptest.Fault

// status answers every upload to the demo account with a status.
func status(code int) clevertaptest.Fault {
	return clevertaptest.Fault{Kind: clevertaptest.Status, Status: code, Account: demoAccount}
}

// transient answers records with a code that may pass, so many times each.
func transient(marker string, times int) clevertaptest.Fault {
	return clevertaptest.Fault{Kind: clevertaptest.Transient, Marker: marker, Times: times}
}

// poison answers uploads that have a marker in them with a status.
func poison(marker string, code int) clevertaptest.Fault {
	return clevertaptest.Fault{Kind: clevertaptest.Poison, Marker: marker, Status: code}
}

func TestEveryStatusEndsAsTheContractSays(t *testing.T) {
	want := map[int]string{408: "retry timeout", 429: "retry rate_limited"}
	for _, code := range []int{500, 501, 502, 503, 504, 507, 599} {
		want[code] = "retry server"
	}
	for _, code := range []int{202, 204, 206} {
		want[code] = "retry unreadable_answer"
	}
	want[201] = "retry unmatched" // its body says that it failed, and of nobody
	for _, code := range []int{300, 301, 302, 303, 304, 307, 308, 401, 402, 403, 404, 405} {
		want[code] = "retry credentials"
	}
	for _, code := range []int{400, 406, 409, 410, 413, 414, 415, 418, 422, 425, 431, 451} {
		want[code] = "rejected clevertap_http_" + strconv.Itoa(code)
	}
	inParallel(t, want, func(t *testing.T, code int, outcome string) {
		s := start(t, options{})
		f := status(code)
		f.Body = []string{"json", "html", "empty"}[code%3] // which does not matter
		s.clevertap.AddFault(f)
		ids := s.send(demo(consumable("a")))
		b := s.invoke()
		b.want(ids, outcome)
		if code >= 400 && code != 429 && b.lines[ids[0]].Code != strconv.Itoa(code) {
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
	kind := func(k clevertaptest.Kind) faults { return faults{{Kind: k}} }
	once := func(k clevertaptest.Kind) faults { return faults{{Kind: k, Count: 1}} }
	unknown := func(code, times int) faults { return faults{{Kind: clevertaptest.Transient, Code: code, Times: times}} }
	wrongCount := func(by int) faults { return faults{{Kind: clevertaptest.BadCount, By: by}} }
	slow := func(k clevertaptest.Kind, wait time.Duration) faults { return faults{{Kind: k, Wait: wait}} }
	wrongIndex := func(index string) faults { return faults{{Kind: clevertaptest.WrongIndex, Index: index}} }
	const (
		delivered = "delivered"
		unmatched = "retry unmatched"
		unread    = "retry unreadable_answer"
		no528     = "rejected clevertap_528"
		no513     = "rejected clevertap_513"
	)
	type testCase struct {
		webhooks string // g is a good event, d a discarded one, r a reserved one, p has a profile, x is a discarded p
		faults   faults
		want     []string
		uploads  int // 0: as many as it takes
	}
	inParallel(t, map[string]testCase{
		"all good":               {"ggp", nil, []string{delivered}, 1},
		"the first is rejected":  {"dgg", nil, []string{no528, delivered, delivered}, 1},
		"the middle is rejected": {"gdg", nil, []string{delivered, no528, delivered}, 1},
		"the last is rejected":   {"ggr", nil, []string{delivered, delivered, no513}, 1},
		"all are rejected":       {"rdr", nil, []string{no513, no528, no513}, 1},
		"several are rejected":   {"rgdgrd", nil, []string{no513, delivered, no528, delivered, no513, no528}, 1},

		"a transient code":             {"gg", faults{transient("", 1)}, []string{delivered}, 3},
		"a transient code twice":       {"g", faults{transient("", 2)}, []string{delivered}, 3},
		"a transient code that stays":  {"g", faults{transient("", 9)}, []string{"retry transient"}, 3},
		"one beside a good record":     {"gp", faults{transient("person-p", 9)}, []string{delivered, "retry transient"}, 0},
		"an unknown code once":         {"g", unknown(529, 1), []string{delivered}, 2},
		"an unknown code, alone twice": {"g", unknown(529, 9), []string{"rejected clevertap_529"}, 2},
		"an unknown code among others": {"gd", unknown(777, 9), []string{"rejected clevertap_777", no528}, 3},
		"one rejected, one transient":  {"x", faults{transient(`"profile"`, 9)}, []string{"retry transient"}, 3},

		"a count of one too many":   {"gg", wrongCount(1), []string{unmatched}, 1},
		"a count of one too few":    {"gg", wrongCount(-1), []string{unmatched}, 1},
		"a count and a rejection":   {"gdg", wrongCount(-1), []string{unmatched, no528, unmatched}, 1},
		"success without a count":   {"gp", kind(clevertaptest.NoCount), []string{delivered}, 1},
		"no count, and a rejection": {"gd", kind(clevertaptest.NoCount), []string{unmatched, no528}, 1},
		"a failure without a list":  {"gg", kind(clevertaptest.EmptyFail), []string{unmatched}, 1},
		"a failure only":            {"g", kind(clevertaptest.BareFail), []string{unmatched}, 1},
		"an echo without a number":  {"gdp", kind(clevertaptest.NoIndex), []string{delivered, no528, delivered}, 1},
		"no number, and one record": {"d", kind(clevertaptest.NoIndex), []string{no528}, 1},
		"a number without an echo":  {"gdg", kind(clevertaptest.NoEcho), []string{delivered, no528, delivered}, 1},
		"no code at first":          {"gd", once(clevertaptest.NoCode), []string{delivered, no528}, 0},
		"number zero":               {"gd", wrongIndex("zero"), []string{unmatched}, 1},
		"a number beyond the last":  {"gd", wrongIndex("beyond"), []string{unmatched}, 1},
		"another record's number":   {"gd", wrongIndex("other"), []string{unmatched}, 1},

		"gzip":                     {"gdp", kind(clevertaptest.Gzip), []string{delivered, no528, delivered}, 1},
		"a byte order mark":        {"gdp", kind(clevertaptest.BOM), []string{delivered, no528, delivered}, 1},
		"another status, 201":      {"gdp", kind(clevertaptest.Success), []string{delivered, no528, delivered}, 1},
		"one that nobody has seen": {"g", faults{{Kind: clevertaptest.Success, Status: 299}}, []string{delivered}, 1},

		"half an answer":   {"g", kind(clevertaptest.Half), []string{unread}, 1},
		"HTML with 200":    {"g", kind(clevertaptest.Garbage), []string{unread}, 1},
		"an empty answer":  {"g", kind(clevertaptest.Empty), []string{unread}, 1},
		"byte by byte":     {"g", slow(clevertaptest.Trickle, time.Millisecond), []string{delivered}, 1},
		"a slow answer":    {"g", slow(clevertaptest.Latency, 100*time.Millisecond), []string{delivered}, 1},
		"reset before it":  {"g", once(clevertaptest.ResetBefore), []string{"retry network"}, 1},
		"reset after it":   {"g", once(clevertaptest.ResetAfter), []string{"retry network"}, 1},
		"more than 16 MiB": {"g", kind(clevertaptest.Huge), []string{delivered}, 1},
	}, func(t *testing.T, _ string, test testCase) {
		s := start(t, options{})
		s.clevertap.AddFault(test.faults...)
		var ids []string
		for _, kind := range test.webhooks {
			ids = append(ids, s.send(demo(map[rune]func() string{
				'g': func() string { return consumable("a") },
				'd': func() string { return named("b", "DISCARDED") },
				'r': func() string { return named("c", "App Launched") },
				'p': func() string { return renewal("p") },
				'x': func() string { return renewal("p", "event_name", `"DISCARDED"`) },
			}[kind]()))...)
		}
		b := s.invoke()
		b.want(ids, test.want...)
		uploads := len(s.uploads(demoAccount))
		if test.uploads != 0 && uploads != test.uploads {
			t.Errorf("%d uploads, want %d", uploads, test.uploads)
		}
		if repeated := s.clevertap.Duplicates(); len(repeated) > 0 {
			t.Errorf("accepted records were sent again: %+v", repeated)
		}
		if n := len(b.metrics[0].values["UploadLatency"]); n != uploads {
			t.Errorf("%d latencies of %d uploads", n, uploads)
		}
	})
}

func TestWhatIsRetriedIsDeliveredLater(t *testing.T) {
	inParallel(t, map[string]clevertaptest.Fault{
		"after a reset":     {Kind: clevertaptest.ResetBefore, Count: 1},
		"after a status":    {Kind: clevertaptest.Status, Status: http.StatusBadGateway, Count: 1},
		"after a time-out":  {Kind: clevertaptest.Hang, Count: 1},
		"after a slow byte": {Kind: clevertaptest.Trickle, Wait: 200 * time.Millisecond, Count: 1},
	}, func(t *testing.T, _ string, f clevertaptest.Fault) {
		s := start(t, options{env: map[string]string{"UPLOAD_TIMEOUT": "500ms"}})
		if f.Kind == clevertaptest.Trickle {
			s.ignored = []string{clevertaptest.Repeated} // It was stored the first time.
		}
		s.clevertap.AddFault(f)
		ids := s.send(demo(consumable("a")))
		last := s.invokeUntil(nothingReturned)
		last.want(ids, "delivered")
		if f.Kind == clevertaptest.Hang {
			s.batches[0].want(ids, "retry timeout")
		}
		if n := len(s.batches); n < 2 || last.messages[0].Receives != n {
			t.Errorf("delivered after %d batches", n)
		}
	})
}

// An upload is split until the bad record is alone.
func TestARecordThatIsRefusedWithAStatusIsFound(t *testing.T) {
	t.Parallel()
	for code, at := range map[int]int{400: 0, 409: 63, 413: 32, 422: 31, 499: 7} {
		t.Run(fmt.Sprintf("%d for record %d of 64", code, at), func(t *testing.T) {
			t.Parallel()
			s := start(t, options{})
			s.clevertap.AddFault(poison("person-poison", code))
			var ids, want []string
			for i := range 64 {
				user, outcome := fmt.Sprint("u", i), "delivered"
				if i == at {
					user, outcome = "poison", fmt.Sprint("rejected clevertap_http_", code)
				}
				ids, want = append(ids, s.send(demo(consumable(user)))...), append(want, outcome)
			}
			s.invoke().want(ids, want...)
			if stored, uploads := s.stored(demoAccount, ""), len(s.uploads(demoAccount)); stored != 63 || uploads != 13 {
				t.Errorf("%d records stored in %d uploads, want 63 in 13", stored, uploads)
			}
		})
	}
}

// What is refused for its size is sent in pieces, and nothing is rejected.
func TestAnUploadThatIsTooLargeIsSplit(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	f := status(http.StatusRequestEntityTooLarge)
	f.Body, f.Over = "html", 150_000
	s.clevertap.AddFault(f)
	s.deliver(manyLarge("", 1)...)
	if len(s.rejected.Messages()) != 0 || s.stored(demoAccount, "event") != 20 {
		t.Errorf("%d rejected, %d stored", len(s.rejected.Messages()), s.stored(demoAccount, "event"))
	}
}

// An account that refuses whatever it is sent is at fault itself: nothing is rejected, and the splitting ends early.
func TestAnAccountThatRefusesEverythingLosesNothing(t *testing.T) {
	t.Parallel()
	for _, code := range []int{400, 413, 451} {
		t.Run(strconv.Itoa(code), func(t *testing.T) {
			t.Parallel()
			s := start(t, options{})
			s.clevertap.AddFault(status(code))
			var ids []string
			for i := range 200 {
				ids = append(ids, s.send(demo(consumable(fmt.Sprint("u", i))))...)
			}
			live := s.send(to("other", consumable("live")))
			first := s.invoke()
			uploads := len(s.uploads(demoAccount))
			again := s.invoke()
			if n := len(s.uploads(demoAccount)); n != uploads || n > 60 {
				t.Errorf("%d uploads, and %d while the breaker was open", uploads, n-uploads)
			}
			first.want(ids, "retry account_rejects_all")
			first.want(live, "delivered")
			again.want(ids, "retry breaker")
			if n := len(s.rejected.Messages()); n != 0 {
				t.Errorf("%d rejected", n)
			}
			if n := [2]int{first.sum("demo", "BreakerOpen"), again.sum("", "BreakerOpen")}; n != [2]int{1, 1} {
				t.Errorf("the metric of the breaker is %d", n)
			}
		})
	}
}
