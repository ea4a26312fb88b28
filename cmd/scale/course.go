package main

import "time"

// moment is how things stand at one time.
type moment struct {
	At        time.Duration
	Waiting   int // messages that nobody is at
	InFlight  int
	Delivered int
	Age       time.Duration // of the oldest message
}

// course is how a simulation went.
type course struct {
	moments   []moment
	peak      moment        // when most messages waited
	oldest    moment        // when the oldest message was oldest
	caughtUp  time.Duration // from the burst's end until all of it was delivered
	delivered int
	batches   int
}

func (c *course) note(m moment) {
	c.moments = append(c.moments, m)
	if m.Waiting > c.peak.Waiting {
		c.peak = m
	}
	if m.Age > c.oldest.Age {
		c.oldest = m
	}
}

// end is when the last message was delivered.
func (c course) end() time.Duration { return c.moments[len(c.moments)-1].At }

// rate is how many messages were delivered a second between two moments.
func rate(from, to moment) float64 {
	if to.At == from.At {
		return 0
	}
	return float64(to.Delivered-from.Delivered) / (to.At - from.At).Seconds()
}

// thinned is the course in so many parts, or fewer if it is short: the moments at their ends, and the first before them.
func (c course) thinned(parts int) []moment {
	last := len(c.moments) - 1
	parts = min(parts, last)
	thin := []moment{c.moments[0]}
	for i := 1; i <= parts; i++ {
		thin = append(thin, c.moments[last*i/parts])
	}
	return thin
}
