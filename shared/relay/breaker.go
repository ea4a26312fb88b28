package relay

import (
	"context"
	"sync"
	"time"
)

const (
	failuresToOpen = 3  // requests in a row that fail open a breaker
	longestPause   = 10 // times the first pause
)

// Breakers remember, in a warm process, which back ends are left alone: one breaker for each URL.
type Breakers struct {
	firstPause time.Duration

	mu    sync.Mutex
	byURL map[string]*breaker
}

// NewBreakers makes breakers whose first pause is that long.
func NewBreakers(firstPause time.Duration) *Breakers {
	return &Breakers{firstPause: firstPause, byURL: make(map[string]*breaker)}
}

func (bs *Breakers) of(url string) *breaker {
	bs.mu.Lock()
	defer bs.mu.Unlock()
	b := bs.byURL[url]
	if b == nil {
		b = &breaker{firstPause: bs.firstPause, pause: bs.firstPause}
		bs.byURL[url] = b
	}
	return b
}

// breaker leaves a back end alone after failures in a row. When the pause is over, one request, the probe, is made and
// decides.
type breaker struct {
	firstPause time.Duration

	mu       sync.Mutex
	failures int           // in a row, while closed
	pause    time.Duration // of the next opening
	until    time.Time     // zero: closed; past: half open
	probe    chan struct{} // closed when the probe is over; nil: there is none
}

// admit reports whether a request may be made now; settle must then be called with its result. While a probe is under
// way it waits for what that decides: its caller would otherwise stay away for up to an hour from a back end that
// works again.
func (b *breaker) admit(ctx context.Context) (settle func(ok bool), admitted bool) {
	for {
		b.mu.Lock()
		probe := b.probe
		switch {
		case b.until.IsZero():
			b.mu.Unlock()
			return b.settle, true
		case wallTime().Before(b.until):
			b.mu.Unlock()
			return nil, false
		case probe == nil:
			b.probe = make(chan struct{})
			b.mu.Unlock()
			return b.settleProbe, true
		}
		b.mu.Unlock()
		select {
		case <-probe:
		case <-ctx.Done():
			return nil, false
		}
	}
}

// settle takes the result of a usual request. One that began before the breaker opened and fails afterwards says
// nothing new.
func (b *breaker) settle(ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case ok:
		b.close()
	case b.until.IsZero():
		if b.failures++; b.failures >= failuresToOpen {
			b.open()
		}
	}
}

func (b *breaker) settleProbe(ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	close(b.probe)
	b.probe = nil
	if ok {
		b.close()
	} else {
		b.open()
	}
}

func (b *breaker) close() { b.failures, b.pause, b.until = 0, b.firstPause, time.Time{} }

func (b *breaker) open() {
	b.failures = 0
	b.until = wallTime().Add(b.pause)
	b.pause = min(2*b.pause, longestPause*b.firstPause)
}

// wallTime is the time without its monotonic reading, which may stand still while Lambda has the process frozen.
func wallTime() time.Time { return time.Now().Round(0) }
