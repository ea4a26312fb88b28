package clevertaptest_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/purchasely-clevertap/bridge/shared/clevertap/clevertaptest"
)

// slow lets every upload take a minute of virtual time.
var slow = clevertaptest.Fault{Kind: clevertaptest.Latency, Wait: time.Minute}

// together sends so many requests at once and counts the answers by status.
func together(t *testing.T, s *clevertaptest.Server, n int, url, body string) map[int]int {
	t.Helper()
	var mu sync.Mutex
	var all sync.WaitGroup
	counts := map[int]int{}
	for range n {
		r := requestOf(t, url, body)
		all.Go(func() {
			got, err := attempt(s.Transport(), r)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				counts[0]++
				return
			}
			counts[got.status]++
		})
	}
	all.Wait()
	return counts
}

func TestPlacesInFlight(t *testing.T) {
	for name, c := range map[string]struct {
		set     func(*clevertaptest.Account)
		fault   clevertaptest.Fault
		n       int
		url     string
		want    map[int]int
		highest int
	}{
		"15 at once":              {n: 15, want: map[int]int{200: 15}, highest: 15},
		"16 at once":              {n: 16, want: map[int]int{200: 15, 429: 1}, highest: 16},
		"3 where 3 are allowed":   {set: func(a *clevertaptest.Account) { a.Limits.InFlight = 3 }, n: 3, want: map[int]int{200: 3}, highest: 3},
		"5 where 3 are allowed":   {set: func(a *clevertaptest.Account) { a.Limits.InFlight = 3 }, n: 5, want: map[int]int{200: 3, 429: 2}, highest: 4},
		"a throttled account":     {fault: clevertaptest.Fault{Kind: clevertaptest.Throttle, InFlight: 1}, n: 3, want: map[int]int{200: 1, 429: 2}, highest: 2},
		"dry runs take places":    {n: 16, url: upload + "?dryRun=1", want: map[int]int{200: 15, 429: 1}, highest: 16},
		"3 deletes at once":       {n: 3, url: deletion, want: map[int]int{200: 3}},
		"4 deletes at once":       {n: 4, url: deletion, want: map[int]int{200: 3, 429: 1}},
		"strangers take no place": {set: func(a *clevertaptest.Account) { a.Passcodes = nil }, n: 20, want: map[int]int{401: 20}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				faults := []clevertaptest.Fault{slow}
				if c.fault.Kind != "" {
					faults = append(faults, c.fault)
				}
				s := serverOf(withFaults(faults...), withAccount(func(a *clevertaptest.Account) {
					if c.set != nil {
						c.set(a)
					}
				}), func(c *clevertaptest.Config) { c.Now = nil })
				url, body := c.url, events(1)
				if url == "" {
					url = upload
				}
				if url == deletion {
					body = `{"identity":"a"}`
				}
				if diff := cmp.Diff(c.want, together(t, s, c.n, url, body)); diff != "" {
					t.Error(diff)
				}
				if got := s.HighestInFlight(account); got != c.highest {
					t.Errorf("highest %d, want %d", got, c.highest)
				}
				// All places are free again.
				if got := together(t, s, 1, url, body); got[429] != 0 {
					t.Error("a place was kept")
				}
			})
		})
	}
}

func TestAccountsDoNotShareTheirPlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serverOf(twoAccounts, withFaults(slow), withAccount(func(a *clevertaptest.Account) { a.Limits.InFlight = 1 }))
		var all sync.WaitGroup
		all.Go(func() { post(t, s, events(1)) })
		synctest.Wait()
		other := call(t, s.Transport(), requestOf(t, "https://in1.api.clevertap.com/1/upload", events(1), second))
		if other.status != http.StatusOK {
			t.Errorf("status %d", other.status)
		}
		all.Wait()
		if s.HighestInFlight(account) != 1 || s.HighestInFlight("TEST-2") != 1 || s.HighestInFlight("nobody") != 0 {
			t.Error("counted together")
		}
	})
}

func TestRetryAfterOfTheLimit(t *testing.T) {
	for _, want := range []string{"", "3"} {
		synctest.Test(t, func(t *testing.T) {
			s := serverOf(withFaults(slow), withAccount(func(a *clevertaptest.Account) { a.Limits.InFlight, a.RetryAfter = 1, want }))
			var all sync.WaitGroup
			all.Go(func() { post(t, s, events(1)) })
			synctest.Wait()
			if got := post(t, s, events(1)); got.status != http.StatusTooManyRequests || got.header.Get("Retry-After") != want {
				t.Errorf("%d, Retry-After %q", got.status, got.header.Get("Retry-After"))
			}
			all.Wait()
		})
	}
}

func TestLatencyComesAfterTheStoring(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serverOf(withFaults(slow), func(c *clevertaptest.Config) { c.Now = nil })
		begun := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := attempt(s.Transport(), requestOf(t, upload, events(1)).WithContext(ctx)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		if len(s.Records("")) != 1 {
			t.Error("not stored")
		}
		if got := post(t, s, events(1)); got.status != http.StatusOK || time.Since(begun) != time.Second+time.Minute {
			t.Errorf("%d after %v", got.status, time.Since(begun))
		}
		if got := s.Requests(); got[0].Duration != time.Second || got[1].Duration != time.Minute {
			t.Errorf("durations %v and %v", got[0].Duration, got[1].Duration)
		}
	})
}

func TestHang(t *testing.T) {
	for _, stored := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			s := serverOf(withFaults(clevertaptest.Fault{Kind: clevertaptest.Hang, Count: 1, Stored: stored}))
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			if _, err := attempt(s.Transport(), requestOf(t, upload, events(1)).WithContext(ctx)); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%v", err)
			}
			if (len(s.Records("")) == 1) != stored {
				t.Errorf("%d stored", len(s.Records("")))
			}
			if got := s.Summaries()[0].InFlight; got != 0 {
				t.Errorf("%d still in flight", got)
			}
		})
	}
}

func TestHangOverHTTPEndsWithTheSender(t *testing.T) {
	s := serverOf(withFaults(clevertaptest.Fault{Kind: clevertaptest.Hang, Count: 1}))
	l, client := listening(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	r := requestOf(t, l.URL+"/1/upload", events(1)).WithContext(ctx)
	go func() {
		_, err := attempt(client, r)
		ended <- err
	}()
	for len(s.Requests()) == 0 || len(s.Requests()[0].Faults) == 0 {
		runtime.Gosched() // Until the request hangs.
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestTrickle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serverOf(withFaults(clevertaptest.Fault{Kind: clevertaptest.Trickle, Wait: time.Second}), func(c *clevertaptest.Config) { c.Now = nil })
		begun := time.Now()
		got := post(t, s, events(1))
		if v := got.read(t); v.processed() != 1 || time.Since(begun) != time.Duration(len(got.body))*time.Second {
			t.Errorf("%d bytes in %v", len(got.body), time.Since(begun))
		}
		if got := s.Requests()[0].Duration; got != time.Since(begun) {
			t.Errorf("recorded as %v", got)
		}
		// Who stops reading gives the place back.
		response, err := s.Transport().RoundTrip(requestOf(t, upload, events(1)))
		if err != nil {
			t.Fatal(err)
		}
		if n, err := io.ReadFull(response.Body, make([]byte, 3)); n != 3 || err != nil || s.Summaries()[0].InFlight != 1 {
			t.Errorf("%d, %v, %d in flight", n, err, s.Summaries()[0].InFlight)
		}
		_ = response.Body.Close()
		if s.Summaries()[0].InFlight != 0 {
			t.Error("a place was kept")
		}
	})
}

func TestTrickleOverHTTP(t *testing.T) {
	s := serverOf(withFaults(clevertaptest.Fault{Kind: clevertaptest.Trickle, Wait: time.Nanosecond}))
	l, client := listening(t, s)
	for range 2 { // Once by length, once in chunks.
		if got := call(t, client, requestOf(t, l.URL+"/1/upload", events(1))).read(t); got.processed() != 1 {
			t.Errorf("%+v", got)
		}
	}
}

// TestNobodyWhoHasHisAnswerIsInFlight sends one request after another over HTTP where only one is allowed.
func TestNobodyWhoHasHisAnswerIsInFlight(t *testing.T) {
	s := serverOf(withAccount(func(a *clevertaptest.Account) { a.Limits.InFlight = 1 }))
	l, client := listening(t, s)
	for n := range 300 {
		if got := call(t, client, requestOf(t, l.URL+"/1/upload", events(3))); got.status != http.StatusOK {
			t.Fatalf("request %d: status %d", n+1, got.status)
		}
	}
	if got := s.HighestInFlight(account); got != 1 {
		t.Errorf("highest %d", got)
	}
}

// TestManyAtOnce lets many senders meet many faults; what was answered as accepted must be stored, and as often.
func TestManyAtOnce(t *testing.T) {
	s := serverOf(withFaults(
		clevertaptest.Fault{Kind: clevertaptest.Status, Rate: 0.1}, clevertaptest.Fault{Kind: clevertaptest.ResetBefore, Rate: 0.1},
		clevertaptest.Fault{Kind: clevertaptest.Passing, Share: 0.1, Times: 3}, clevertaptest.Fault{Kind: clevertaptest.Latency, Rate: 0.1, Wait: time.Microsecond},
	))
	l, client := listening(t, s)
	var mu sync.Mutex
	var all sync.WaitGroup
	var answers []answer
	for range 8 {
		requests := make([]*http.Request, 25)
		for i := range requests {
			requests[i] = requestOf(t, l.URL+"/1/upload", bad(10, 1, 5))
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
	if got := len(s.Records(account)); got != accepted || got == 0 {
		t.Errorf("%d stored, %d answered as accepted", got, accepted)
	}
	if got := s.HighestInFlight(account); got > 8 {
		t.Errorf("highest %d with 8 senders", got)
	}
	for i, r := range s.Records(account) {
		if r.Number != i+1 {
			t.Fatalf("record %d has number %d", i+1, r.Number)
		}
	}
}
