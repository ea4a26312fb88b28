package clevertap_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
)

func TestBackoff(t *testing.T) {
	t.Parallel()
	for repeat, most := range map[int]time.Duration{
		1: 200 * time.Millisecond, 2: 400 * time.Millisecond, 3: 800 * time.Millisecond, 4: 1600 * time.Millisecond,
		5: 2 * time.Second, 6: 2 * time.Second, 60: 2 * time.Second, 1000: 2 * time.Second,
	} {
		for random, want := range map[float64]time.Duration{1: most, 0.5: most / 2, 0: 0} {
			if got := clevertap.Backoff(repeat, random); got != want {
				t.Errorf("repeat %d waits %s at a random number of %g, want %s", repeat, got, random, want)
			}
		}
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	const day = 24 * time.Hour
	for header, want := range map[string]time.Duration{
		"": 0, "3": 3 * time.Second, " 3 ": 3 * time.Second, "0": 0, "-3": 0, "1.5": 0, "soon": 0,
		"90000": day, "99999999999999999999999999": day, // more than any invocation has
		now.Add(5 * time.Second).Format(http.TimeFormat): 5 * time.Second,
		now.Add(50 * day).Format(http.TimeFormat):        day,
		now.Add(-time.Second).Format(http.TimeFormat):    0,
	} {
		if got := clevertap.RetryAfter(header, now); got != want {
			t.Errorf("%q: %s, want %s", header, got, want)
		}
	}
}

func TestLeastTime(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ timeout, slowest, want time.Duration }{
		"nothing is known yet":            {10 * time.Second, 0, 500 * time.Millisecond},
		"a quick account":                 {10 * time.Second, 100 * time.Millisecond, 500 * time.Millisecond},
		"twice the slowest":               {10 * time.Second, 2 * time.Second, 4 * time.Second},
		"never more than an upload takes": {10 * time.Second, 9 * time.Second, 10 * time.Second},
		"a time-out below the least":      {100 * time.Millisecond, 0, 100 * time.Millisecond},
	}
	for name, test := range tests {
		if got := clevertap.LeastTime(test.timeout, test.slowest); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}
