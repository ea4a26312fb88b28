package clevertap

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	maxTries   = 3 // of one upload, while CleverTap answers 429
	maxRepeats = 2 // of one record, alone, after a code that may pass

	firstBackoff   = 200 * time.Millisecond // the most that the first wait takes; doubled for each further one
	longestBackoff = 2 * time.Second
	shortestUpload = 500 * time.Millisecond // no upload is begun with less time left

	longestRetryAfter = 24 * time.Hour // more than any invocation has, and far from an overflow
)

// backoff is how long to wait before a repeat, counted from 1, at a random number in [0,1): full jitter keeps
// forwarders that were refused together from coming back together.
func backoff(repeat int, random float64) time.Duration {
	most := min(firstBackoff<<min(repeat-1, 10), longestBackoff)
	return time.Duration(random * float64(most))
}

// retryAfter reads the header of that name, in seconds or as a date. It is zero if there is none, or if it is past.
func retryAfter(header string, now time.Time) time.Duration {
	header = strings.TrimSpace(header)
	if strings.Trim(header, "0123456789") == "" {
		seconds, _ := strconv.Atoi(header) // the largest int if it is out of range
		return time.Duration(min(seconds, int(longestRetryAfter/time.Second))) * time.Second
	}
	date, err := http.ParseTime(header)
	if err != nil {
		return 0
	}
	return min(max(date.Sub(now), 0), longestRetryAfter)
}

// leastTime is how much time must be left for an upload to be begun, given the slowest one so far. A slow account
// gets no upload that would probably be cut off, because nobody could say what became of it.
func leastTime(timeout, slowest time.Duration) time.Duration {
	return min(timeout, max(shortestUpload, 2*slowest))
}

// probeTimeout is the time-out of a half-open breaker's probe, at a random number in [0,1): half of the usual one
// three times out of four. An account that is down keeps its callers waiting for the whole time-out, and many
// processes probe it in the same seconds: with full time-outs, as a simulated outage showed, nobody would serve the
// other accounts meanwhile. The fourth probe is patient, so that an account which is merely slow is taken up again.
func probeTimeout(timeout time.Duration, random float64) time.Duration {
	if random < 0.25 {
		return timeout
	}
	return timeout / 2
}

// latest returns the latest of some times.
func latest(times ...time.Time) time.Time { return slices.MaxFunc(times, time.Time.Compare) }

// earlier returns the earlier of two times; zero means none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
