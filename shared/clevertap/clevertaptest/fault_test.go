package clevertaptest_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/purchasely-clevertap/bridge/shared/clevertap/clevertaptest"
)

// TestFaultsInAnswers provokes each fault in what an answer says. All good records are stored whatever it says.
func TestFaultsInAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		fault clevertaptest.Fault
		body  string
		check func(verdict) bool
	}{
		"no index": {clevertaptest.Fault{Kind: clevertaptest.NoIndex}, bad(3, 2), func(v verdict) bool {
			return v.processed() == 2 && v.Unprocessed[0].position() == -1 && v.Unprocessed[0].code() == 513 && v.Unprocessed[0].Record != nil
		}},
		"no echo": {clevertaptest.Fault{Kind: clevertaptest.NoEcho}, bad(3, 2), func(v verdict) bool {
			return v.processed() == 2 && v.Unprocessed[0].position() == 2 && v.Unprocessed[0].code() == 513 && v.Unprocessed[0].Record == nil
		}},
		"no code": {clevertaptest.Fault{Kind: clevertaptest.NoCode}, bad(3, 2), func(v verdict) bool {
			return v.processed() == 2 && v.Unprocessed[0].position() == 2 && v.Unprocessed[0].Code == nil
		}},
		"index zero": {clevertaptest.Fault{Kind: clevertaptest.WrongIndex, Index: "zero"}, bad(3, 2), func(v verdict) bool {
			return v.Unprocessed[0].position() == 0
		}},
		"index beyond": {clevertaptest.Fault{Kind: clevertaptest.WrongIndex, Index: "beyond"}, bad(3, 2), func(v verdict) bool {
			return v.Unprocessed[0].position() == 4
		}},
		"another's index": {clevertaptest.Fault{Kind: clevertaptest.WrongIndex, Index: "other"}, bad(3, 3), func(v verdict) bool {
			return v.Unprocessed[0].position() == 1
		}},
		"another's index in an upload of one": {clevertaptest.Fault{Kind: clevertaptest.WrongIndex, Index: "other"}, bad(1, 1), func(v verdict) bool {
			return v.Unprocessed[0].position() == 2
		}},
		"any wrong index": {clevertaptest.Fault{Kind: clevertaptest.WrongIndex}, bad(3, 3), func(v verdict) bool {
			return v.Unprocessed[0].position() != 3
		}},
		"a count off by one": {clevertaptest.Fault{Kind: clevertaptest.BadCount}, bad(3, 3), func(v verdict) bool {
			return v.processed() == 1 || v.processed() == 3
		}},
		"a count that is too small": {clevertaptest.Fault{Kind: clevertaptest.BadCount, By: -2}, bad(3), func(v verdict) bool {
			return v.processed() == 1 && v.Status == "success"
		}},
		"a count that cannot become smaller": {clevertaptest.Fault{Kind: clevertaptest.BadCount, By: -1}, bad(1, 1), func(v verdict) bool {
			return v.processed() == 1
		}},
		"no count": {clevertaptest.Fault{Kind: clevertaptest.NoCount}, bad(3, 3), func(v verdict) bool {
			return v.Processed == nil && len(v.Unprocessed) == 1
		}},
		"a bare failure": {clevertaptest.Fault{Kind: clevertaptest.BareFail}, bad(3, 3), func(v verdict) bool {
			return v.Status == "fail" && v.Processed == nil && v.Unprocessed == nil && v.Error != ""
		}},
		"a failure with an empty list": {clevertaptest.Fault{Kind: clevertaptest.EmptyFail}, bad(3, 3), func(v verdict) bool {
			return v.Status == "fail" && v.processed() == 0 && v.Unprocessed != nil && len(v.Unprocessed) == 0
		}},
	} {
		t.Run(name, func(t *testing.T) {
			s := serverOf(withFaults(c.fault))
			for range 8 {
				s.Reset()
				got := post(t, s, c.body)
				if !c.check(got.read(t)) {
					t.Error(got.body)
				}
				good := strings.Count(c.body, "TRIAL_STARTED")
				if n := len(s.Records(account)); n != good {
					t.Errorf("%d stored, want %d", n, good)
				}
			}
		})
	}
}

func TestPassing(t *testing.T) {
	codes := func(s *clevertaptest.Server, body string) []int {
		codes := make([]int, strings.Count(body, `"type"`))
		for _, e := range post(t, s, body).read(t).Unprocessed {
			codes[e.position()-1] = e.code()
		}
		return codes
	}
	t.Run("marked records pass at the third time", func(t *testing.T) {
		s := serverOf(withFaults(clevertaptest.Fault{Kind: clevertaptest.Passing, Marker: `"event_id":"2"`, Times: 2}))
		for n, want := range [][]int{{0, 555, 0}, {0, 555, 0}, {0, 0, 0}} {
			if diff := cmp.Diff(want, codes(s, events(3))); diff != "" {
				t.Errorf("time %d: %s", n+1, diff)
			}
		}
		if n := len(s.RecordsAfter("", 0)); n != 7 {
			t.Errorf("%d stored", n)
		}
		if s.Refusals(account)[555] != 2 {
			t.Errorf("refusals %v", s.Refusals(account))
		}
	})
	t.Run("stored all the same", func(t *testing.T) {
		s := serverOf(withFaults(clevertaptest.Fault{Kind: clevertaptest.Passing, Stored: true}))
		if diff := cmp.Diff([]int{555, 555}, codes(s, events(2))); diff != "" || len(s.Records("")) != 2 {
			t.Errorf("%s, %d stored", diff, len(s.Records("")))
		}
	})
	t.Run("several rules with codes of their own", func(t *testing.T) {
		s := serverOf(withFaults(
			clevertaptest.Fault{Kind: clevertaptest.Passing, Marker: `"event_id":"1"`, Code: 599},
			clevertaptest.Fault{Kind: clevertaptest.Passing, Marker: `"event_id":"3"`, Times: 9},
		))
		if diff := cmp.Diff([]int{599, 0, 555}, codes(s, events(3))); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("what is refused stays refused", func(t *testing.T) {
		s := serverOf(withFaults(clevertaptest.Fault{Kind: clevertaptest.Passing, Times: 9}))
		if diff := cmp.Diff([]int{555, 513}, codes(s, bad(2, 2))); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("a share is chosen by the records themselves", func(t *testing.T) {
		s := serverOf(withFaults(clevertaptest.Fault{Kind: clevertaptest.Passing, Share: 0.25, Times: 2}))
		first := codes(s, events(1000))
		if diff := cmp.Diff(first, codes(s, events(1000))); diff != "" {
			t.Error("another choice for the same records")
		}
		if n := s.Refusals(account)[555]; n < 400 || n > 600 {
			t.Errorf("%d of 2000 refused, want about 500", n)
		}
		if n := len(post(t, s, events(1000)).read(t).Unprocessed); n != 0 {
			t.Errorf("%d refused a third time", n)
		}
	})
}

func TestPoison(t *testing.T) {
	for status, change := range map[int]int{400: 0, 413: 413} {
		s := serverOf(withFaults(clevertaptest.Fault{Kind: clevertaptest.Poison, Marker: `"event_id":"2"`, Status: change}))
		for _, c := range []struct {
			body string
			want int
		}{{events(3), status}, {list(event(1, ""), event(3, "")), 200}, {list(event(2, "")), status}} {
			if got := post(t, s, c.body); got.status != c.want {
				t.Errorf("status %d, want %d", got.status, c.want)
			}
		}
		if n := len(s.Records("")); n != 2 {
			t.Errorf("%d stored", n)
		}
	}
}

func TestExpire(t *testing.T) {
	s := serverOf(withFaults(clevertaptest.Fault{Kind: clevertaptest.Expire, From: 2, Passcode: "new-passcode"}))
	renewed := header("X-CleverTap-Passcode", "new-passcode")
	for n, c := range []struct {
		change func(*http.Request)
		want   int
	}{{func(*http.Request) {}, 200}, {func(*http.Request) {}, 401}, {renewed, 200}, {func(*http.Request) {}, 401}, {renewed, 200}} {
		if got := call(t, s.Transport(), requestOf(t, upload, events(1), c.change)); got.status != c.want {
			t.Errorf("request %d: status %d, want %d", n+1, got.status, c.want)
		}
	}
	s.AddFault(clevertaptest.Fault{Kind: clevertaptest.Expire})
	if got := call(t, s.Transport(), requestOf(t, upload, events(1), renewed)); got.status != http.StatusUnauthorized {
		t.Errorf("without a new passcode: %d", got.status)
	}
}

// TestFaultsChooseTheirRequests lists the answers to a row of requests.
func TestFaultsChooseTheirRequests(t *testing.T) {
	for name, c := range map[string]struct {
		fault clevertaptest.Fault
		want  [6]int
	}{
		"all":                       {clevertaptest.Fault{Status: 429}, [6]int{429, 429, 429, 429, 429, 429}},
		"two from the third on":     {clevertaptest.Fault{Status: 429, From: 3, Count: 2}, [6]int{200, 200, 429, 429, 200, 200}},
		"another account":           {clevertaptest.Fault{Account: "TEST-2"}, [6]int{200, 200, 200, 200, 200, 200}},
		"this account":              {clevertaptest.Fault{Account: account, Count: 1}, [6]int{503, 200, 200, 200, 200, 200}},
		"another path":              {clevertaptest.Fault{Path: "/1/delete/profiles.json"}, [6]int{200, 200, 200, 200, 200, 200}},
		"this path":                 {clevertaptest.Fault{Path: "/1/upload", Count: 1}, [6]int{503, 200, 200, 200, 200, 200}},
		"after two seconds":         {clevertaptest.Fault{After: 2 * time.Second}, [6]int{200, 200, 503, 503, 503, 503}},
		"for two seconds":           {clevertaptest.Fault{Until: 2 * time.Second}, [6]int{503, 503, 200, 200, 200, 200}},
		"bodies over a size":        {clevertaptest.Fault{Status: 413, Over: int64(len(events(3)))}, [6]int{200, 200, 200, 413, 413, 413}},
		"two bodies over a size":    {clevertaptest.Fault{Status: 413, Over: int64(len(events(3))), Count: 2}, [6]int{200, 200, 200, 413, 413, 200}},
		"what is malformed is not":  {clevertaptest.Fault{Count: 1, From: 2}, [6]int{200, 503, 200, 200, 200, 200}},
		"at random, with this seed": {clevertaptest.Fault{Rate: 0.5}, [6]int{503, 200, 200, 200, 503, 503}},
	} {
		t.Run(name, func(t *testing.T) {
			at := time.Unix(now, 0)
			c.fault.Kind = clevertaptest.Status
			s := serverOf(withFaults(c.fault), func(c *clevertaptest.Config) { c.Now, c.Seed = func() time.Time { return at }, 1 })
			var got [6]int
			for n := range got {
				got[n] = post(t, s, events(n+1)).status
				if name == "what is malformed is not" {
					post(t, s, "{}")
				}
				at = at.Add(time.Second)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestRetryAfter(t *testing.T) {
	s := serverOf(withFaults(clevertaptest.Fault{Kind: clevertaptest.Status, Status: 429, RetryAfter: "7", Count: 1}, clevertaptest.Fault{Kind: clevertaptest.Status, Status: 429}))
	if got := post(t, s, events(1)); got.header.Get("Retry-After") != "7" {
		t.Error("no Retry-After")
	}
	if got := post(t, s, events(1)); got.header.Values("Retry-After") != nil {
		t.Error("Retry-After that nobody asked for")
	}
}

// TestFaultsOfDifferentStagesMeet lets one request meet five.
func TestFaultsOfDifferentStagesMeet(t *testing.T) {
	s := serverOf(withFaults(
		clevertaptest.Fault{Kind: clevertaptest.Throttle, InFlight: 1}, clevertaptest.Fault{Kind: clevertaptest.Passing},
		clevertaptest.Fault{Kind: clevertaptest.NoIndex}, clevertaptest.Fault{Kind: clevertaptest.Half}, clevertaptest.Fault{Kind: clevertaptest.Latency, Wait: 1},
	))
	if _, err := attempt(s.Transport(), requestOf(t, upload, events(2))); err == nil {
		t.Error("not cut off")
	}
	want := []clevertaptest.Kind{clevertaptest.Throttle, clevertaptest.Passing, clevertaptest.NoIndex, clevertaptest.Half, clevertaptest.Latency}
	if diff := cmp.Diff(want, s.Requests()[0].Faults); diff != "" {
		t.Error(diff)
	}
}

func TestDeletesFailToo(t *testing.T) {
	s := serverOf(withFaults(clevertaptest.Fault{Kind: clevertaptest.BareFail, Path: "/1/delete/profiles.json", Count: 1},
		clevertaptest.Fault{Kind: clevertaptest.Status, Count: 1, From: 2}))
	for n, want := range []string{`{"status":"fail"`, `{"status":"fail"`, `{"status":"success"}`} {
		if got := call(t, s.Transport(), requestOf(t, deletion, `{"identity":"a"}`)); !strings.HasPrefix(got.body, want) {
			t.Errorf("delete %d: %s", n+1, got.body)
		}
	}
	if n := len(s.Deletions()); n != 2 {
		t.Errorf("%d deleted", n)
	}
}

func TestFaultsAreChecked(t *testing.T) {
	for name, f := range map[string]clevertaptest.Fault{
		"an unknown kind":               {Kind: "thunder"},
		"a negative number":             {Kind: clevertaptest.Status, Count: -1},
		"a rate above 1":                {Kind: clevertaptest.Status, Rate: 1.5},
		"a status that is none":         {Kind: clevertaptest.Status, Status: 99},
		"a body that is none":           {Kind: clevertaptest.Status, Body: "xml"},
		"an index that is none":         {Kind: clevertaptest.WrongIndex, Index: "last"},
		"poison without a marker":       {Kind: clevertaptest.Poison},
		"a throttle without a limit":    {Kind: clevertaptest.Throttle},
		"latency without a time":        {Kind: clevertaptest.Latency},
		"a trickle without an interval": {Kind: clevertaptest.Trickle},
	} {
		if f.Check() == nil {
			t.Errorf("%s is taken", name)
		}
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s does not panic", name)
				}
			}()
			serverOf().AddFault(f)
		}()
	}
}
