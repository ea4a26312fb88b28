package clevertap

import (
	"sync"
	"time"
)

const (
	breakerRow  = 3  // uploads in a row that failed for a passing reason open a breaker
	breakerMost = 10 // times the first pause is the longest one
)

// breaker tells whether an account is left alone, for one set of credentials: newer ones deserve a try at once. It is the one
// thing that a warm process remembers of CleverTap.
type breaker struct {
	account Account
	first   time.Duration // the pause after a success

	mu    sync.Mutex
	row   int           // failures in a row, while closed
	pause time.Duration // of the next opening
	until time.Time     // zero: closed; past: half open, one upload tries
	trial *segment      // the upload that tries, while half open
}

// blocks tells whether the account is left alone for now.
func (b *breaker) blocks(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return now.Before(b.until)
}

// admits tells whether a segment may be uploaded. When the pause is over, the first one to ask is the one that tries, and the
// others wait for its outcome.
func (b *breaker) admits(s *segment, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.until.IsZero(), b.trial == s:
		return true
	case now.Before(b.until), b.trial != nil:
		return false
	}
	b.trial = s
	return true
}

// tries tells whether a segment is the one that tries.
func (b *breaker) tries(s *segment) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.trial == s
}

// leave gives up a trial that ended without an upload.
func (b *breaker) leave(s *segment) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.trial == s {
		b.trial = nil
	}
}

// succeed closes the breaker: CleverTap accounted for records.
func (b *breaker) succeed() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.close()
	b.pause = b.first
}

// answer closes the breaker after a refusal of all that was sent. CleverTap is there, but it did not take anything: should the
// breaker open again, the pause goes on doubling.
func (b *breaker) answer() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.close()
}

func (b *breaker) close() {
	b.row, b.until, b.trial = 0, time.Time{}, nil
}

// fail counts a whole upload that failed for a passing reason.
func (b *breaker) fail(s *segment, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.until.IsZero() {
		b.row++
	}
	if b.row >= breakerRow || b.trial == s {
		b.open(s, now)
	}
}

// trip opens the breaker at once.
func (b *breaker) trip(s *segment, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.open(s, now)
}

// open begins a pause. An upload that began before the breaker opened, and fails afterwards, tells nothing new and does not
// make the pause longer.
func (b *breaker) open(s *segment, now time.Time) {
	if !b.until.IsZero() && (b.trial == nil || b.trial != s) {
		return
	}
	b.row, b.trial = 0, nil
	b.until = now.Add(b.pause)
	b.pause = min(2*b.pause, breakerMost*b.first)
}

// isOpen tells whether the account has failed and not been seen to succeed since.
func (b *breaker) isOpen() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return !b.until.IsZero()
}

// breakers holds one breaker for each set of credentials that this process has seen: a handful, even after rotations.
type breakers struct {
	first time.Duration

	mu    sync.Mutex
	known []*breaker
}

// of gives the breaker of an account with its credentials.
func (bs *breakers) of(a Account) *breaker {
	bs.mu.Lock()
	defer bs.mu.Unlock()
	for _, b := range bs.known {
		if b.account.Equal(a) {
			return b
		}
	}
	b := &breaker{account: a, first: bs.first, pause: bs.first}
	bs.known = append(bs.known, b)
	return b
}
