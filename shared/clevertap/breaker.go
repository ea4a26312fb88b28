package clevertap

import (
	"slices"
	"sync"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/fault"
)

const (
	failuresToOpen = 3  // whole uploads in a row that failed for a transient reason open a breaker
	longestPause   = 10 // times the first pause
)

// breaker decides whether an account is called, for one set of credentials: newer ones deserve a try at once. It is
// the one thing that a warm process remembers of CleverTap. After a pause it is half open: one upload, the probe, is
// sent and decides.
type breaker struct {
	account    Account
	firstPause time.Duration

	mu       sync.Mutex
	failures int           // in a row, while closed
	pause    time.Duration // of the next opening
	until    time.Time     // zero: closed; past: half open; without the monotonic clock, which may stand still
	cause    *fault.Fault  // why it opened; nil: closed
	probe    *chunk        // nil if none has been admitted
}

// blocks reports whether the account must not be called now.
func (b *breaker) blocks(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.pausing(now)
}

// pausing reports whether the pause lasts. One that seems longer than any is left from before the clock was set back.
func (b *breaker) pausing(now time.Time) bool {
	left := b.until.Sub(now)
	return left > 0 && left <= longestPause*b.firstPause
}

// admits reports whether a chunk may be uploaded, and whether it is the probe. In a half-open breaker the first one
// to ask becomes the probe, and the others wait for its outcome.
func (b *breaker) admits(c *chunk, now time.Time) (ok, probe bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.until.IsZero() {
		return true, false
	}
	if b.probe == nil && !b.pausing(now) {
		b.probe = c
	}
	return b.probe == c, b.probe == c
}

// release lets another chunk become the probe if this one was it and decided nothing.
func (b *breaker) release(c *chunk) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.probe == c {
		b.probe = nil
	}
}

// close closes the breaker, because CleverTap answered. Unless it accounted for records, the pauses go on doubling
// should the breaker open again.
func (b *breaker) close(accounted bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failures, b.until, b.cause, b.probe = 0, time.Time{}, nil, nil
	if accounted {
		b.pause = b.firstPause
	}
}

// fail counts a whole upload that failed for a transient reason.
func (b *breaker) fail(c *chunk, cause *fault.Fault, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.until.IsZero() {
		b.failures++
	}
	if b.failures >= failuresToOpen || b.probe == c {
		b.startPause(c, cause, now)
	}
}

// trip opens the breaker at once.
func (b *breaker) trip(c *chunk, cause *fault.Fault, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.startPause(c, cause, now)
}

// startPause opens the breaker. An upload that began before the breaker opened and fails afterwards says nothing new,
// and does not make the pause longer.
func (b *breaker) startPause(c *chunk, cause *fault.Fault, now time.Time) {
	if !b.until.IsZero() && (b.probe == nil || b.probe != c) {
		return
	}
	b.failures, b.probe, b.cause = 0, nil, cause
	b.until = now.Round(0).Add(b.pause)
	b.pause = min(2*b.pause, longestPause*b.firstPause)
}

// state returns when the account is called again, and why it is not called now. The time is zero unless the account
// has failed and has not been seen to work since.
func (b *breaker) state() BreakerState {
	b.mu.Lock()
	defer b.mu.Unlock()
	return BreakerState{b.until, b.cause}
}

// breakers holds one breaker for each set of credentials that this process has seen: a handful, even after rotations.
type breakers struct {
	pause time.Duration

	mu    sync.Mutex
	known []*breaker
}

func (bs *breakers) of(a Account) *breaker {
	bs.mu.Lock()
	defer bs.mu.Unlock()
	i := slices.IndexFunc(bs.known, func(b *breaker) bool { return b.account.Equal(a) })
	if i < 0 {
		i = len(bs.known)
		bs.known = append(bs.known, &breaker{account: a, firstPause: bs.pause, pause: bs.pause})
	}
	return bs.known[i]
}
