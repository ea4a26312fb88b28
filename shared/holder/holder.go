// Package holder answers which purchases a holder has, and with them whether a paying user may be called inactive.
//
// It is pure: the stored state and an event go in, the new state and what the profile may say come out. It does not
// know where states are stored, and it never reads the clock.
package holder

import "time"

// Rank orders what happened to one purchase at the same instant: the larger one wins.
type Rank uint8

// The ranks: ACTIVATE and DEACTIVATE outrank all other events, and granting outranks ending.
const (
	Other Rank = iota
	OtherGrants
	Deactivate
	Activate
)

// Claim is what one event says about one purchase of a holder.
type Claim struct {
	Purchase string    // the purchase's id; empty: the event has none
	At       time.Time // the time that makes ts, to the millisecond; zero: the event has none
	Known    bool      // whether Active is known
	Active   bool      // whether the purchase gives access from At on
	Rank     Rank
	Sandbox  bool
}
