package clevertap_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
)

func TestBackoff(t *testing.T) {
	t.Parallel()
	most := map[int]time.Duration{
		1: 200 * time.Millisecond, 2: 400 * time.Millisecond, 3: 800 * time.Millisecond, 4: 1600 * time.Millisecond,
		5: 2 * time.Second, 6: 2 * time.Second, 60: 2 * time.Second, 1000: 2 * time.Second,
	}
	for repeat, want := range most {
		if got := clevertap.Backoff(repeat, 1); got != want {
			t.Errorf("repeat %d waits %s at most, want %s", repeat, got, want)
		}
		if got := clevertap.Backoff(repeat, 0.5); got != want/2 {
			t.Errorf("repeat %d waits %s in the middle, want %s", repeat, got, want/2)
		}
		if got := clevertap.Backoff(repeat, 0); got != 0 {
			t.Errorf("repeat %d waits %s at least, want none", repeat, got)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	const day = 24 * time.Hour
	tests := map[string]struct {
		header string
		want   time.Duration
		ok     bool
	}{
		"none":                            {"", 0, false},
		"seconds":                         {"3", 3 * time.Second, true},
		"seconds with spaces around them": {" 3 ", 3 * time.Second, true},
		"no time at all":                  {"0", 0, false},
		"more than a day is a day":        {"90000", day, true},
		"more than any number is a day":   {"99999999999999999999999999", day, true},
		"a date":                          {now.Add(5 * time.Second).Format(http.TimeFormat), 5 * time.Second, true},
		"a date far away is a day":        {now.Add(50 * day).Format(http.TimeFormat), day, true},
		"a date that is past":             {now.Add(-time.Second).Format(http.TimeFormat), 0, false},
		"a negative number":               {"-3", 0, false},
		"a fraction":                      {"1.5", 0, false},
		"a word":                          {"soon", 0, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, ok := clevertap.RetryAfter(test.header, now)
			if got != test.want || ok != test.ok {
				t.Errorf("%s, %t, want %s, %t", got, ok, test.want, test.ok)
			}
		})
	}
}

func TestNeed(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ timeout, slowest, want time.Duration }{
		"nothing is known yet":            {10 * time.Second, 0, 500 * time.Millisecond},
		"a quick account":                 {10 * time.Second, 100 * time.Millisecond, 500 * time.Millisecond},
		"twice the slowest":               {10 * time.Second, 2 * time.Second, 4 * time.Second},
		"never more than an upload takes": {10 * time.Second, 9 * time.Second, 10 * time.Second},
		"a time limit below the least":    {100 * time.Millisecond, 0, 100 * time.Millisecond},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := clevertap.Need(test.timeout, test.slowest); got != test.want {
				t.Errorf("%s, want %s", got, test.want)
			}
		})
	}
}
