// Package subscriber answers which purchases a subscriber has, and with them whether a paying user may be called inactive.
//
// It is pure: the stored state and an event go in, the new state and what the profile may say come out. The same event twice
// gives the same answer, and older news never beats newer. It does not know where states are stored, and it never reads the clock.
package subscriber

import (
	"crypto/sha256"
	"encoding/hex"
	"time"
)

// Rank orders what happened to one purchase at the same instant: the larger one wins.
type Rank uint8

// The ranks: ACTIVATE and DEACTIVATE outrank all other events, and granting outranks ending.
const (
	Other Rank = iota
	OtherGrants
	Deactivate
	Activate
)

// Update is what one event says about one purchase of a subscriber.
type Update struct {
	Purchase string    // the purchase's id; empty: the event has none
	At       time.Time // the time that makes ts, to the millisecond; zero: the event has none
	Known    bool      // whether Active is known
	Active   bool      // whether the purchase gives access from At on
	Rank     Rank
	Sandbox  bool
}

// maxID bounds the purchases' ids. The stores' have up to 60 characters; nothing that comes from outside may fill a table.
const maxID = 128

// key is under what the claim's purchase is stored.
func (c Update) key() string {
	if len(c.Purchase) <= maxID {
		return c.Purchase
	}
	sum := sha256.Sum256([]byte(c.Purchase))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// placed tells whether the claim can be compared with others about its purchase.
func (c Update) placed() bool { return c.Purchase != "" && !c.At.IsZero() }

// Until is the claim with its time bounded: a clock that runs ahead must not silence the events of the days to come.
func (c Update) Until(received time.Time) Update {
	if c.At.After(received) {
		c.At = received
	}
	return c
}

// Scope says which environments' purchases count for the profile of an account.
type Scope struct{ Production, Sandbox bool }

// Decision is what the profile record of an event may say.
type Decision struct {
	Older  bool // no profile record: the state already knows newer things about this purchase
	Others bool // only has_active_subscription and the user's ids: another purchase is active, this one is not
	Known  bool // whether Active is to be said
	Active bool
}
