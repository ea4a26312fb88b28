package clevertaptest_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
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
		kind  ct.Kind
		index string
		by    int
		body  string
		want  string // a comma is between what may be
	}{
		"no index":            {ct.NoIndex, "", 0, bad(3, 2), "partial 2 ?:513:true"},
		"no echo":             {ct.NoEcho, "", 0, bad(3, 2), "partial 2 2:513:false"},
		"no code":             {ct.NoCode, "", 0, bad(3, 2), "partial 2 2:0:true"},
		"index zero":          {ct.WrongIndex, "zero", 0, bad(3, 2), "partial 2 0:513:true"},
		"index beyond":        {ct.WrongIndex, "beyond", 0, bad(3, 2), "partial 2 4:513:true"},
		"another's index":     {ct.WrongIndex, "other", 0, bad(3, 3), "partial 2 1:513:true"},
		"there is no other":   {ct.WrongIndex, "other", 0, bad(1, 1), "fail 0 2:513:true"},
		"any wrong index":     {ct.WrongIndex, "", 0, bad(1, 1), "fail 0 0:513:true,fail 0 2:513:true"},
		"a count off by one":  {ct.BadCount, "", 0, bad(3, 3), "partial 1 3:513:true,partial 3 3:513:true"},
		"a smaller count":     {ct.BadCount, "", -2, bad(3), "success 1"},
		"not below nothing":   {ct.BadCount, "", -1, bad(1, 1), "fail 1 1:513:true"},
		"no count":            {ct.NoCount, "", 0, bad(3, 3), "partial ? 3:513:true"},
		"a bare failure":      {ct.BareFail, "", 0, bad(3, 3), "fail ?"},
		"a failure of nobody": {ct.EmptyFail, "", 0, bad(3, 3), "fail 0"},
	} {
		s := serverOf(ct.Fault{Kind: test.kind, Index: test.index, By: test.by})
		for n := range 8 {
			got := post(t, s, test.body).read(t).String()
			stored, want := len(s.Records(account)), (n+1)*strings.Count(test.body, "TRIAL_STARTED")
			if !slices.Contains(strings.Split(test.want, ","), got) || stored != want {
				t.Errorf("%s: %s, %d stored, want %d", name, got, stored, want)
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
	s := serverOf(ct.Fault{Kind: ct.Transient, Marker: `"event_id":"2"`, Times: 2})
	for n, want := range [][]int{{0, 555, 0}, {0, 555, 0}, {0, 0, 0}} {
		if got := codes(t, s, events(3)); !slices.Equal(got, want) {
			t.Errorf("upload %d: %v, want %v", n+1, got, want)
		}
	}
	if n := len(s.Records("")); n != 7 {
		t.Errorf("%d stored", n)
	}
	s = serverOf(ct.Fault{Kind: ct.Transient, Code: 599, Stored: true})
	if got := codes(t, s, bad(2, 2)); !slices.Equal(got, []int{599, 513}) || len(s.Records("")) != 1 {
		t.Errorf("%v, %d stored", got, len(s.Records("")))
	}
	s = serverOf(ct.Fault{Kind: ct.Transient, Share: 0.25, Times: 2})
	first, again, third := codes(t, s, events(1000)), codes(t, s, events(1000)), codes(t, s, events(1000))
	accepted := func(code int) bool { return code == 0 }
	if n := len(slices.DeleteFunc(slices.Clone(first), accepted)); n < 200 || n > 300 {
		t.Errorf("%d of 1000 refused, want about 250", n)
	}
	if !slices.Equal(first, again) || slices.ContainsFunc(third, func(code int) bool { return code != 0 }) {
		t.Error("the choice is not the records' own, or they are refused a third time")
	}
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

func TestWhoFollowsARedirectIsWarnedOf(t *testing.T) {
	s := serverOf(ct.Fault{Kind: ct.Status, Status: 307})
	got := post(t, s, events(1))
	if got := rules(s); len(got) != 0 {
		t.Errorf("%v", got)
	}
	call(t, s.Transport(), requestOf(t, "https://api.clevertap.com"+got.header.Get("Location"), events(1)))
	if got := rules(s); !slices.Equal(got, []string{ct.RedirectFollowed}) {
		t.Errorf("%v", got)
	}
}

// One request may meet a fault of each group.
func TestFaultsOfDifferentGroupsMeet(t *testing.T) {
	s := serverOf(ct.Fault{Kind: ct.Throttle, InFlight: 1}, ct.Fault{Kind: ct.Transient}, ct.Fault{Kind: ct.NoIndex},
		ct.Fault{Kind: ct.Half}, ct.Fault{Kind: ct.Latency, Wait: 1})
	if _, err := attempt(s.Transport(), requestOf(t, upload, events(2))); err == nil {
		t.Error("not cut off")
	}
	want := []ct.Kind{ct.Throttle, ct.Transient, ct.NoIndex, ct.Half, ct.Latency}
	if got := s.Requests()[0].Faults; !slices.Equal(got, want) {
		t.Errorf("%v", got)
	}
}

func TestDeletesFailToo(t *testing.T) {
	s := serverOf(ct.Fault{Kind: ct.BareFail, Path: "/1/delete/profiles.json", Count: 1},
		ct.Fault{Kind: ct.Status, Count: 1, Over: 20})
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
	for _, f := range []ct.Fault{
		{Kind: "thunder"}, {Kind: ct.Poison}, {Kind: ct.Throttle}, {Kind: ct.Latency}, {Kind: ct.Trickle},
	} {
		if f.Check() == nil {
			t.Errorf("%+v is taken", f)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("a fault that cannot be is added")
		}
	}()
	serverOf(ct.Fault{Kind: "thunder"})
}

// Each fault of a connection occurs without a network and over one, and concerns the first of two requests.
func TestFaultsOfTheWire(t *testing.T) {
	const huge, end = 16<<20 + 52, `"unprocessed":[]}`
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
		"garbage":       {ct.Fault{Kind: ct.Garbage}, 1, nil, 200, "</html>\n", 33},
		"empty":         {ct.Fault{Kind: ct.Empty}, 1, nil, 200, "", 0},
		"huge":          {ct.Fault{Kind: ct.Huge}, 1, nil, 200, ` {"status":"success","processed":1,` + end, huge},
		"a mark":        {ct.Fault{Kind: ct.BOM}, 1, nil, 200, end, 54},
		"a 201":         {ct.Fault{Kind: ct.Success}, 1, nil, 201, end, 51},
		"a 503":         {ct.Fault{Kind: ct.Status}, 0, nil, 503, `"code":503}`, 52},
		"a 500, stored": {ct.Fault{Kind: ct.Status, Status: 500, Stored: true, Body: "empty"}, 1, nil, 500, "", 0},
		"a 504 in HTML": {ct.Fault{Kind: ct.Status, Status: 504, Body: "html"}, 0, nil, 504, "</html>\n", 46},
		"a trickle":     {ct.Fault{Kind: ct.Trickle, Wait: 1}, 1, nil, 200, end, 51},
	} {
		test.fault.Count = 1
		check := func(t *testing.T, s *ct.Server, by http.RoundTripper, url string) {
			t.Helper()
			got, err := attempt(by, requestOf(t, url, events(1)))
			if !errors.Is(err, test.err) || !strings.HasSuffix(got.body, test.body) || len(got.body) != test.size {
				t.Errorf("%s: %v, %d bytes of body", name, err, len(got.body))
			}
			kept, n := s.Requests()[0], len(s.Records(account))
			if n != test.stored || got.status != test.status || kept.Status != got.status {
				t.Errorf("%s: %d stored, status %d, kept %d", name, n, got.status, kept.Status)
			}
			if !slices.Equal(kept.Faults, []ct.Kind{test.fault.Kind}) {
				t.Errorf("%s: kept %v", name, kept.Faults)
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

// However a sender gives up, its slot is free again.
func TestWaitingEndsWithTheSender(t *testing.T) {
	for fault, stored := range map[ct.Fault]int{
		{Kind: ct.Latency, Wait: time.Hour, Count: 1}: 1,
		{Kind: ct.Hang, Count: 1}:                     0,
		{Kind: ct.Hang, Count: 1, Stored: true}:       1,
	} {
		synctest.Test(t, func(t *testing.T) {
			s := serverOf(fault, ct.Fault{Kind: ct.Throttle, InFlight: 1})
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			_, err := attempt(s.Transport(), requestOf(t, upload, events(1)).WithContext(ctx))
			if !errors.Is(err, context.DeadlineExceeded) || len(s.Records("")) != stored {
				t.Errorf("%v: %v, %d stored", fault.Kind, err, len(s.Records("")))
			}
			if got := post(t, s, events(1)); got.status != http.StatusOK || s.Requests()[0].Duration != time.Minute {
				t.Errorf("%v: then %d, the first took %v", fault.Kind, got.status, s.Requests()[0].Duration)
			}
		})
	}
}

func TestTrickle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serverOf(ct.Fault{Kind: ct.Trickle, Wait: time.Second}, ct.Fault{Kind: ct.Throttle, InFlight: 1})
		begun := time.Now()
		got := post(t, s, events(1))
		took := time.Duration(len(got.body)) * time.Second
		if got.read(t).String() != "success 1" || time.Since(begun) != took || s.Requests()[0].Duration != took {
			t.Errorf("%d bytes in %v, recorded as %v", len(got.body), time.Since(begun), s.Requests()[0].Duration)
		}
		response, err := s.Transport().RoundTrip(requestOf(t, upload, events(1)))
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.ReadFull(response.Body, make([]byte, 3))
		if got := post(t, s, events(1)); got.status != 429 || err != nil {
			t.Errorf("not in flight: %d, %v", got.status, err)
		}
		_ = response.Body.Close() // who stops reading frees the slot
		if got := post(t, s, events(1)); got.status != http.StatusOK {
			t.Errorf("still in flight: %d", got.status)
		}
	})
}
