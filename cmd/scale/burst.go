package main

import (
	"math/rand/v2"
	"time"
)

// load is what Purchasely sends: so many webhooks a second all the time, and once a burst of renewals.
type load struct {
	rate        int // webhooks a second
	subscribers int // from whom they come, at random
	seed        uint64
	quiet       time.Duration // before the burst
	burst       int           // renewals, each of another subscriber
	over        time.Duration // in which they come
}

// arrivals gives a load's webhooks in the order of their arrival.
type arrivals struct {
	load
	chance  *rand.Rand
	usual   int // webhooks of the usual load that have come
	renewed int // those of the burst
	stopped bool
}

func newArrivals(l load) *arrivals {
	return &arrivals{load: l, chance: rand.New(rand.NewPCG(l.seed, 0))} //nolint:gosec // The same seed has to give the same run.
}

// until hands over what comes until now.
func (a *arrivals) until(now time.Duration, take func(at time.Duration, subscriber int)) {
	for {
		base, isBase := a.nextBase(now)
		burst, isBurst := a.nextBurst(now)
		switch {
		case isBurst && (!isBase || burst < base):
			take(burst, a.subscribers+a.renewed)
			a.renewed++
		case isBase:
			take(base, a.chance.IntN(a.subscribers))
			a.usual++
		default:
			return
		}
	}
}

func (a *arrivals) nextBase(now time.Duration) (at time.Duration, comes bool) {
	if a.rate == 0 || a.stopped {
		return 0, false
	}
	at = time.Duration(a.usual) * time.Second / time.Duration(a.rate)
	return at, at <= now
}

func (a *arrivals) nextBurst(now time.Duration) (at time.Duration, comes bool) {
	if a.renewed == a.burst {
		return 0, false
	}
	n, all := time.Duration(a.renewed), time.Duration(a.burst)
	at = a.quiet + a.over/all*n + a.over%all*n/all // In two parts, because the product may not fit.
	return at, at <= now
}
