package clevertap_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
)

// busyFirst answers 429 to the first so many requests.
func busyFirst(n int, header map[string]string) func(u *upload) *answer {
	return func(u *upload) *answer {
		if u.number > n {
			return nil
		}
		return &answer{status: 429, header: header}
	}
}

func TestABusyAccountIsAskedAgain(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		busy    int
		header  map[string]string
		within  time.Duration
		want    string
		uploads int
		took    time.Duration
	}{
		"once":                                      {1, nil, time.Minute, "accepted", 2, 200 * time.Millisecond},
		"twice":                                     {2, nil, time.Minute, "accepted", 3, 600 * time.Millisecond},
		"for ever":                                  {99, nil, time.Minute, "retry rate_limited 429", 3, 600 * time.Millisecond},
		"when it says when":                         {1, map[string]string{"Retry-After": "7"}, time.Minute, "accepted", 2, 7 * time.Second},
		"when it says when by a date":               {1, map[string]string{"Retry-After": time.Date(2000, 1, 1, 0, 0, 9, 0, time.UTC).Format(http.TimeFormat)}, time.Minute, "accepted", 2, 9 * time.Second},
		"when it says at once: not quite":           {1, map[string]string{"Retry-After": "0"}, time.Minute, "accepted", 2, 200 * time.Millisecond},
		"when it says nothing that can be read":     {1, map[string]string{"Retry-After": "soon"}, time.Minute, "accepted", 2, 200 * time.Millisecond},
		"when the time it asks for just fits":       {1, map[string]string{"Retry-After": "7"}, 7500 * time.Millisecond, "accepted", 2, 7 * time.Second},
		"not when the time it asks for is too long": {1, map[string]string{"Retry-After": "7"}, 7499 * time.Millisecond, "retry rate_limited 429", 1, 0},
		"not when there is no time":                 {1, nil, 600 * time.Millisecond, "retry rate_limited 429", 1, 0},
		"not within this age of the world":          {1, map[string]string{"Retry-After": "99999999999999999999"}, time.Minute, "retry rate_limited 429", 1, 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c, b := &cleverTap{answer: busyFirst(test.busy, test.header)}, &book{}
				begun := time.Now()
				report := uploader(c).Upload(within(t, test.within), oneLane(4), b)
				b.expect(t, 4, test.want, nil)
				if len(c.uploads) != test.uploads || time.Since(begun) != test.took {
					t.Errorf("%d uploads in %s, want %d in %s", len(c.uploads), time.Since(begun), test.uploads, test.took)
				}
				if report.Batches[0].BreakerOpen {
					t.Error("the breaker is open")
				}
			})
		})
	}
}

func TestABusyAccountGetsFewerUploadsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, b := &cleverTap{}, &book{}
		late := 0 // in flight after the first refusal, at most
		c.answer = func(u *upload) *answer {
			if u.number == 1 {
				return &answer{status: 429}
			}
			c.mu.Lock()
			if u.at.After(c.uploads[0].at) {
				late = max(late, c.inFlight[account.Key()])
			}
			c.mu.Unlock()
			time.Sleep(time.Second)
			return nil
		}
		u := clevertap.NewUploader(clevertap.Options{Transport: c, Concurrency: 4})
		u.Upload(within(t, time.Minute), oneLane(12000), b)
		b.expect(t, 12000, "accepted", nil)
		if late != 2 {
			t.Errorf("%d uploads in flight after the refusal, want half of 4", late)
		}
	})
}

// An account whose places are taken by others answers 429 to most of a burst. Its records still get in, one after the other.
func TestABurstThatMeetsABusyAccountGetsThrough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, b := &cleverTap{}, &book{}
		c.answer = func(u *upload) *answer {
			c.mu.Lock()
			crowded := c.inFlight[account.Key()] > 1
			c.mu.Unlock()
			if crowded {
				return &answer{status: 429}
			}
			time.Sleep(time.Second)
			return nil
		}
		u := clevertap.NewUploader(clevertap.Options{Transport: c, Concurrency: 15})
		report := u.Upload(within(t, time.Minute), oneLane(15000), b)
		b.expect(t, 15000, "accepted", nil)
		c.onceAtMost(t, b)
		if report.Batches[0].BreakerOpen {
			t.Error("the breaker is open")
		}
	})
}

func TestALongWaitIsForTheWholeAccount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, b := &cleverTap{answer: busyFirst(1, map[string]string{"Retry-After": "3600"})}, &book{}
		u := clevertap.NewUploader(clevertap.Options{Transport: c, Concurrency: 1})
		u.Upload(within(t, time.Minute), oneLane(1002), b)
		b.expect(t, 1002, "retry rate_limited 429", map[int]string{1000: "retry rate_limited", 1001: "retry rate_limited"})
		if len(c.uploads) != 1 {
			t.Errorf("%d uploads", len(c.uploads))
		}
	})
}
