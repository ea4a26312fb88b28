package clevertap

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	maxTries   = 3 // of one upload, while CleverTap answers 429
	maxRepeats = 2 // of one record, alone, after a code that may pass

	firstWait = 200 * time.Millisecond // the most that the first wait takes; doubled for each further one
	longWait  = 2 * time.Second        // the most that any wait takes which CleverTap did not ask for
	leastNeed = 500 * time.Millisecond // an upload is not begun with less time than this

	patientTrials = 0.25 // of the uploads that try an account again get all the time there is, the others half of it

	longestRetryAfter = 24 * time.Hour // more than any invocation has, and far from an overflow
)

// backoff is how long to wait before a repeat, counted from 1, at a random number in [0,1): the full jitter keeps
// forwarders that were refused together from coming back together.
func backoff(repeat int, random float64) time.Duration {
	most := min(firstWait<<min(repeat-1, 10), longWait)
	return time.Duration(random * float64(most))
}

// retryAfter reads the header of that name, in seconds or as a date. It is not ok if there is none, or if it is past.
func retryAfter(header string, now time.Time) (wait time.Duration, ok bool) {
	header = strings.TrimSpace(header)
	if header == "" {
		return 0, false
	}
	if strings.Trim(header, "0123456789") == "" {
		seconds, err := strconv.Atoi(header)
		if err != nil || seconds > int(longestRetryAfter/time.Second) {
			return longestRetryAfter, true
		}
		return time.Duration(seconds) * time.Second, seconds > 0
	}
	date, err := http.ParseTime(header)
	if err != nil || !date.After(now) {
		return 0, false
	}
	return min(date.Sub(now), longestRetryAfter), true
}

// need is the time that must be left for an upload to be begun, given the slowest one so far. A slow account gets no
// upload that would probably be cut off, because nobody could say what became of it.
func need(timeout, slowest time.Duration) time.Duration {
	return min(timeout, max(leastNeed, 2*slowest))
}

// trialTime is how long the upload may take that tries an account which was left alone, at a random number in [0,1). An account
// that is down mostly keeps its caller waiting to the end. Many processes try in the same seconds: an idle one gets work as
// soon as its neighbours wait, and its own pause has long been over. Were all of them to wait for the whole time-out, nobody
// would serve the other accounts meanwhile. Some are patient all the same, so that an account which has become slow is not left
// alone for ever.
func trialTime(timeout time.Duration, random float64) time.Duration {
	if random < patientTrials {
		return timeout
	}
	return timeout / 2
}
