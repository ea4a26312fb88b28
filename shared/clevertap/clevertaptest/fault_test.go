package clevertaptest_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	ct "github.com/purchasely-clevertap/bridge/shared/clevertap/clevertaptest"
)

// listening puts a server on loopback for the length of the test.
func listening(t *testing.T, s *ct.Server) (url string, client *http.Transport) {
	t.Helper()
	l, err := s.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	client = &http.Transport{}
	t.Cleanup(func() {
		client.CloseIdleConnections()
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l.URL, client
}

// All good records are stored whatever the answer says.
func TestFaultsInAnswers(t *testing.T) {
	for name, test := range map[string]struct {
		fault ct.Fault
		body  string
		check func(v verdict) bool
	}{
		"no index": {ct.Fault{Kind: ct.NoIndex}, bad(3, 2), func(v verdict) bool {
			return v.processed() == 2 && v.Unprocessed[0].position() == -1 && v.Unprocessed[0].code() == 513
		}},
		"no echo": {ct.Fault{Kind: ct.NoEcho}, bad(3, 2), func(v verdict) bool {
			return v.Unprocessed[0].position() == 2 && v.Unprocessed[0].Record == nil
		}},
		"no code": {ct.Fault{Kind: ct.NoCode}, bad(3, 2), func(v verdict) bool {
			return v.Unprocessed[0].position() == 2 && v.Unprocessed[0].Code == nil
		}},
		"index zero": {ct.Fault{Kind: ct.WrongIndex, Index: "zero"}, bad(3, 2), func(v verdict) bool {
			return v.Unprocessed[0].position() == 0
		}},
		"index beyond": {ct.Fault{Kind: ct.WrongIndex, Index: "beyond"}, bad(3, 2), func(v verdict) bool {
			return v.Unprocessed[0].position() == 4
		}},
		"another's index": {ct.Fault{Kind: ct.WrongIndex, Index: "other"}, bad(3, 3), func(v verdict) bool {
			return v.Unprocessed[0].position() == 1
		}},
		"another's index in an upload of one": {ct.Fault{Kind: ct.WrongIndex, Index: "other"}, bad(1, 1), func(v verdict) bool {
			return v.Unprocessed[0].position() == 2
		}},
		"any wrong index": {ct.Fault{Kind: ct.WrongIndex}, bad(3, 3), func(v verdict) bool {
			return v.Unprocessed[0].position() != 3
		}},
		"a count off by one": {ct.Fault{Kind: ct.BadCount}, bad(3, 3), func(v verdict) bool {
			return v.processed() == 1 || v.processed() == 3
		}},
		"a count that is too small": {ct.Fault{Kind: ct.BadCount, By: -2}, bad(3), func(v verdict) bool {
			return v.processed() == 1 && v.Status == "success"
		}},
		"a count that cannot become smaller": {ct.Fault{Kind: ct.BadCount, By: -1}, bad(1, 1), func(v verdict) bool {
			return v.processed() == 1
		}},
		"no count": {ct.Fault{Kind: ct.NoCount}, bad(3, 3), func(v verdict) bool {
			return v.Processed == nil && len(v.Unprocessed) == 1
		}},
		"a bare failure": {ct.Fault{Kind: ct.BareFail}, bad(3, 3), func(v verdict) bool {
			return v.Status == "fail" && v.Processed == nil && v.Unprocessed == nil && v.Error != ""
		}},
		"a failure with an empty list": {ct.Fault{Kind: ct.EmptyFail}, bad(3, 3), func(v verdict) bool {
			return v.Status == "fail" && v.processed() == 0 && v.Unprocessed != nil && len(v.Unprocessed) == 0
		}},
	} {
		s := serverOf(test.fault)
		for n := range 8 {
			got := post(t, s, test.body)
			if !test.check(got.read(t)) {
				t.Errorf("%s: %s", name, got.body)
			}
			if want := (n + 1) * strings.Count(test.body, "TRIAL_STARTED"); len(s.Records(account)) != want {
				t.Errorf("%s: %d stored, want %d", name, len(s.Records(account)), want)
			}
		}
	}
}

// codes uploads records and returns the code of each.
func codes(t *testing.T, s *ct.Server, body string) []int {
	t.Helper()
	codes := make([]int, strings.Count(body, `"type"`))
	for _, e := range post(t, s, body).read(t).Unprocessed {
		codes[e.position()-1] = e.code()
	}
	return codes
}

func TestTransient(t *testing.T) {
	for name, test := range map[string]struct {
		faults []ct.Fault
		body   string
		want   [][]int // of uploads one after the other
		stored int
	}{
		"marked records are accepted the third time": {
			[]ct.Fault{{Kind: ct.Transient, Marker: `"event_id":"2"`, Times: 2}}, events(3), [][]int{{0, 555, 0}, {0, 555, 0}, {0, 0, 0}}, 7,
		},
		"stored all the same": {[]ct.Fault{{Kind: ct.Transient, Stored: true}}, events(2), [][]int{{555, 555}}, 2},
		"several faults with codes of their own": {
			[]ct.Fault{{Kind: ct.Transient, Marker: `"event_id":"1"`, Code: 599}, {Kind: ct.Transient, Marker: `"event_id":"3"`, Times: 9}},
			events(3), [][]int{{599, 0, 555}}, 1,
		},
		"what is refused stays refused": {[]ct.Fault{{Kind: ct.Transient, Times: 9}}, bad(2, 2), [][]int{{555, 513}}, 0},
	} {
		s := serverOf(test.faults...)
		for n, want := range test.want {
			if got := codes(t, s, test.body); !slices.Equal(got, want) {
				t.Errorf("%s, upload %d: %v, want %v", name, n+1, got, want)
			}
		}
		if n := len(s.Records("")); n != test.stored {
			t.Errorf("%s: %d stored", name, n)
		}
	}
	s := serverOf(ct.Fault{Kind: ct.Transient, Share: 0.25, Times: 2})
	first, again, third := codes(t, s, events(1000)), codes(t, s, events(1000)), codes(t, s, events(1000))
	accepted := func(code int) bool { return code == 0 }
	if n := len(slices.DeleteFunc(slices.Clone(first), accepted)); n < 200 || n > 300 {
		t.Errorf("%d of 1000 refused, want about 250", n)
	}
	if !slices.Equal(first, again) || slices.ContainsFunc(third, func(code int) bool { return code != 0 }) {
		t.Error("the choice is not the records' own, or they are refused a third time")
	}
}

func TestPoison(t *testing.T) {
	for status, change := range map[int]int{400: 0, 413: 413} {
		s := serverOf(ct.Fault{Kind: ct.Poison, Marker: `"event_id":"2"`, Status: change})
		for body, want := range map[string]int{events(3): status, list(event(1, ""), event(3, "")): 200, list(event(2, "")): status} {
			if got := post(t, s, body); got.status != want {
				t.Errorf("status %d, want %d", got.status, want)
			}
		}
		if n := len(s.Records("")); n != 2 {
			t.Errorf("%d stored", n)
		}
	}
}

func TestExpire(t *testing.T) {
	s := serverOf()
	upload := func(change func(*http.Request), want int) {
		t.Helper()
		if got := call(t, s.Transport(), requestOf(t, upload, events(1), change)); got.status != want {
			t.Errorf("status %d, want %d", got.status, want)
		}
	}
	fresh := header("X-CleverTap-Passcode", "new-passcode")
	upload(nil, 200)
	s.AddFault(ct.Fault{Kind: ct.Expire, Account: account, Passcode: "new-passcode"})
	upload(nil, 401)
	upload(fresh, 200)
	upload(nil, 401)
	s.AddFault(ct.Fault{Kind: ct.Expire})
	upload(fresh, 401)
}

func TestFaultsChooseTheirRequests(t *testing.T) {
	size := len(events(3))
	for name, test := range map[string]struct {
		fault ct.Fault
		want  [6]int // of uploads of 1 to 6 records, a second apart
	}{
		"all":                    {ct.Fault{Status: 429}, [6]int{429, 429, 429, 429, 429, 429}},
		"two":                    {ct.Fault{Status: 429, Count: 2}, [6]int{429, 429, 200, 200, 200, 200}},
		"another account's":      {ct.Fault{Account: second}, [6]int{200, 200, 200, 200, 200, 200}},
		"one of this account's":  {ct.Fault{Account: account, Count: 1}, [6]int{503, 200, 200, 200, 200, 200}},
		"another path's":         {ct.Fault{Path: "/1/delete/profiles.json"}, [6]int{200, 200, 200, 200, 200, 200}},
		"one of this path's":     {ct.Fault{Path: "/1/upload", Count: 1}, [6]int{503, 200, 200, 200, 200, 200}},
		"those of two seconds":   {ct.Fault{Until: 2 * time.Second}, [6]int{503, 503, 200, 200, 200, 200}},
		"bodies over a size":     {ct.Fault{Status: 413, Over: size}, [6]int{200, 200, 200, 413, 413, 413}},
		"two bodies over a size": {ct.Fault{Status: 413, Over: size, Count: 2}, [6]int{200, 200, 200, 413, 413, 200}},
	} {
		synctest.Test(t, func(t *testing.T) {
			test.fault.Kind = ct.Status
			s := serverOf(test.fault)
			var got [6]int
			for n := range got {
				got[n] = post(t, s, events(n+1)).status
				post(t, s, "{}") // what is malformed does not count
				time.Sleep(time.Second)
			}
			if got != test.want {
				t.Errorf("%s: %v, want %v", name, got, test.want)
			}
		})
	}
	s := serverOf(ct.Fault{Kind: ct.Status, Rate: 0.5})
	failed := 0
	for range 100 {
		if post(t, s, events(1)).status == 503 {
			failed++
		}
	}
	if failed < 25 || failed > 75 {
		t.Errorf("%d of 100 at a rate of a half", failed)
	}
}

func TestHeadersOfStatusFaults(t *testing.T) {
	s := serverOf(ct.Fault{Kind: ct.Status, Status: 429, RetryAfter: "7", Count: 1}, ct.Fault{Kind: ct.Status, Status: 307})
	if got := post(t, s, events(1)); got.header.Get("Retry-After") != "7" {
		t.Error("no Retry-After")
	}
	got := post(t, s, events(1))
	if got.header.Values("Retry-After") != nil || len(s.Warnings()) != 0 {
		t.Error("a Retry-After or warning that nobody asked for")
	}
	call(t, s.Transport(), requestOf(t, "https://api.clevertap.com"+got.header.Get("Location"), events(1)))
	if got := rules(s); !slices.Equal(got, []string{ct.RedirectFollowed}) {
		t.Errorf("%v", got)
	}
}

// One request may meet a fault of each group.
func TestFaultsOfDifferentGroupsMeet(t *testing.T) {
	s := serverOf(ct.Fault{Kind: ct.Throttle, InFlight: 1}, ct.Fault{Kind: ct.Transient}, ct.Fault{Kind: ct.NoIndex}, ct.Fault{Kind: ct.Half},
		ct.Fault{Kind: ct.Latency, Wait: 1})
	if _, err := attempt(s.Transport(), requestOf(t, upload, events(2))); err == nil {
		t.Error("not cut off")
	}
	want := []ct.Kind{ct.Throttle, ct.Transient, ct.NoIndex, ct.Half, ct.Latency}
	if got := s.Requests()[0].Faults; !slices.Equal(got, want) {
		t.Errorf("%v", got)
	}
}

func TestDeletesFailToo(t *testing.T) {
	s := serverOf(ct.Fault{Kind: ct.BareFail, Path: "/1/delete/profiles.json", Count: 1}, ct.Fault{Kind: ct.Status, Count: 1, Over: 20})
	for n, test := range []struct{ body, want string }{
		{`{"identity":"a"}`, `"fail"`}, {`{"identity":["a","b"]}`, `"fail"`}, {`{"identity":"a"}`, `"success"`},
	} {
		if got := call(t, s.Transport(), requestOf(t, deletion, test.body)); !strings.Contains(got.body, test.want) {
			t.Errorf("delete %d: %s", n+1, got.body)
		}
	}
	if n := len(s.Deletions()); n != 2 {
		t.Errorf("%d deleted", n)
	}
}

func TestFaultsAreChecked(t *testing.T) {
	for name, f := range map[string]ct.Fault{
		"an unknown kind":               {Kind: "thunder"},
		"a status that is none":         {Kind: ct.Status, Status: 99},
		"poison without a marker":       {Kind: ct.Poison},
		"a throttle without a limit":    {Kind: ct.Throttle},
		"latency without a time":        {Kind: ct.Latency},
		"a trickle without an interval": {Kind: ct.Trickle},
	} {
		func() {
			defer func() {
				if f.Check() == nil || recover() == nil {
					t.Errorf("%s is taken", name)
				}
			}()
			serverOf().AddFault(f)
		}()
	}
}

// Each fault of a connection occurs without a network and over one, and concerns the first of two requests.
func TestFaultsOfTheWire(t *testing.T) {
	for name, test := range map[string]struct {
		fault  ct.Fault
		stored int
		err    error
		status int
		body   string // its end; "" if there is none
		size   int
	}{
		"reset before":  {ct.Fault{Kind: ct.ResetBefore}, 0, syscall.ECONNRESET, 0, "", 0},
		"reset after":   {ct.Fault{Kind: ct.ResetAfter}, 1, syscall.ECONNRESET, 0, "", 0},
		"half":          {ct.Fault{Kind: ct.Half}, 1, io.ErrUnexpectedEOF, 200, `,"proc`, 25},
		"garbage":       {ct.Fault{Kind: ct.Garbage}, 1, nil, 200, "</html>\n", 61},
		"empty":         {ct.Fault{Kind: ct.Empty}, 1, nil, 200, "", 0},
		"huge":          {ct.Fault{Kind: ct.Huge}, 1, nil, 200, ` {"status":"success","processed":1,"unprocessed":[]}`, 16<<20 + 52},
		"a 503":         {ct.Fault{Kind: ct.Status}, 0, nil, 503, `"code":503}`, 52},
		"a 500, stored": {ct.Fault{Kind: ct.Status, Status: 500, Stored: true, Body: "empty"}, 1, nil, 500, "", 0},
		"a 504 in HTML": {ct.Fault{Kind: ct.Status, Status: 504, Body: "html"}, 0, nil, 504, "</html>\n", 74},
		"a trickle":     {ct.Fault{Kind: ct.Trickle, Wait: 1}, 1, nil, 200, `"unprocessed":[]}`, 51},
	} {
		test.fault.Count = 1
		check := func(t *testing.T, s *ct.Server, by http.RoundTripper, url string) {
			t.Helper()
			got, err := attempt(by, requestOf(t, url, events(1)))
			if !errors.Is(err, test.err) || got.status != test.status || !strings.HasSuffix(got.body, test.body) || len(got.body) != test.size {
				t.Errorf("%s: %v, status %d, %d bytes of body", name, err, got.status, len(got.body))
			}
			kept := s.Requests()[0]
			if n := len(s.Records(account)); n != test.stored || kept.Status != test.status || !slices.Equal(kept.Faults, []ct.Kind{test.fault.Kind}) {
				t.Errorf("%s: %d stored, kept %d %v", name, n, kept.Status, kept.Faults)
			}
			if again := call(t, by, requestOf(t, url, events(1))); again.status != http.StatusOK || again.body[0] != '{' {
				t.Errorf("%s concerns the second request too: %d", name, again.status)
			}
		}
		s := serverOf(test.fault)
		check(t, s, s.Transport(), upload)
		s = serverOf(test.fault)
		url, client := listening(t, s)
		check(t, s, client, url+"/api.clevertap.com/1/upload")
	}
}

func TestStatusesWithoutABody(t *testing.T) {
	s := serverOf(ct.Fault{Kind: ct.Status, Status: 204})
	url, client := listening(t, s)
	if got := call(t, client, requestOf(t, url+"/1/upload", events(1))); got.status != 204 || got.body != "" {
		t.Errorf("%+v", got)
	}
}

func TestResetsOverHTTP2(t *testing.T) {
	s := serverOf(ct.Fault{Kind: ct.ResetAfter, Count: 1})
	server := httptest.NewUnstartedServer(s)
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	_, err := attempt(server.Client().Transport, requestOf(t, server.URL+"/1/upload", events(1)))
	if err == nil || len(s.Records("")) != 1 {
		t.Errorf("%v, %d stored", err, len(s.Records("")))
	}
}

func TestLatencyComesAfterTheStoring(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serverOf(slow)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := attempt(s.Transport(), requestOf(t, upload, events(1)).WithContext(ctx))
		if !errors.Is(err, context.DeadlineExceeded) || len(s.Records("")) != 1 {
			t.Errorf("%v, %d stored", err, len(s.Records("")))
		}
		post(t, s, events(1))
		if got := s.Requests(); got[0].Duration != time.Second || got[1].Duration != time.Minute {
			t.Errorf("durations %v and %v", got[0].Duration, got[1].Duration)
		}
	})
}

func TestAHangEndsWithTheSender(t *testing.T) {
	for _, stored := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			s := serverOf(ct.Fault{Kind: ct.Hang, Count: 1, Stored: stored}, ct.Fault{Kind: ct.Throttle, InFlight: 1})
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			_, err := attempt(s.Transport(), requestOf(t, upload, events(1)).WithContext(ctx))
			if !errors.Is(err, context.DeadlineExceeded) || (len(s.Records("")) == 1) != stored {
				t.Errorf("%v, %d stored", err, len(s.Records("")))
			}
			if got := post(t, s, events(1)); got.status != http.StatusOK {
				t.Errorf("still in flight: %d", got.status)
			}
		})
	}
	s := serverOf(ct.Fault{Kind: ct.Hang, Count: 1})
	url, client := listening(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	r := requestOf(t, url+"/1/upload", events(1)).WithContext(ctx)
	ended := make(chan error, 1)
	go func() {
		_, err := attempt(client, r)
		ended <- err
	}()
	for len(s.Requests()) == 0 || len(s.Requests()[0].Faults) == 0 {
		runtime.Gosched() // until the request hangs
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestTrickle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serverOf(ct.Fault{Kind: ct.Trickle, Wait: time.Second}, ct.Fault{Kind: ct.Throttle, InFlight: 1})
		begun := time.Now()
		got := post(t, s, events(1))
		took := time.Duration(len(got.body)) * time.Second
		if got.read(t).processed() != 1 || time.Since(begun) != took || s.Requests()[0].Duration != took {
			t.Errorf("%d bytes in %v, recorded as %v", len(got.body), time.Since(begun), s.Requests()[0].Duration)
		}
		response, err := s.Transport().RoundTrip(requestOf(t, upload, events(1)))
		if err != nil {
			t.Fatal(err)
		}
		if n, err := io.ReadFull(response.Body, make([]byte, 3)); n != 3 || err != nil || post(t, s, events(1)).status != 429 {
			t.Errorf("%d, %v, or not in flight", n, err)
		}
		_ = response.Body.Close() // who stops reading gives the place back
		if got := post(t, s, events(1)); got.status != http.StatusOK {
			t.Errorf("still in flight: %d", got.status)
		}
	})
}

// What was answered as accepted must be stored, and as often.
func TestManyAtOnce(t *testing.T) {
	s := serverOf(ct.Fault{Kind: ct.Status, Rate: 0.1}, ct.Fault{Kind: ct.ResetBefore, Rate: 0.1}, ct.Fault{Kind: ct.Transient, Share: 0.1, Times: 3},
		ct.Fault{Kind: ct.Latency, Rate: 0.1, Wait: time.Microsecond})
	url, client := listening(t, s)
	var mu sync.Mutex
	var all sync.WaitGroup
	var answers []answer
	for range 8 {
		requests := make([]*http.Request, 25)
		for i := range requests {
			requests[i] = requestOf(t, url+"/1/upload", bad(10, 1, 5))
		}
		all.Go(func() {
			for _, r := range requests {
				if got, err := attempt(client, r); err == nil && got.status == http.StatusOK {
					mu.Lock()
					answers = append(answers, got)
					mu.Unlock()
				}
			}
		})
	}
	all.Wait()
	accepted := 0
	for _, a := range answers {
		accepted += a.read(t).processed()
	}
	if got := len(s.Records(account)); got != accepted || got == 0 || s.HighestInFlight(account) > 8 {
		t.Errorf("%d stored, %d answered as accepted, %d in flight", got, accepted, s.HighestInFlight(account))
	}
	for i, r := range s.Records(account) {
		if r.Number != i+1 {
			t.Fatalf("record %d has number %d", i+1, r.Number)
		}
	}
}
