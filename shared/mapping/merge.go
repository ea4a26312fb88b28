package mapping

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/subscriber"
)

// Merge joins the states of one user into one record, appended to dst. States are ordered by At; at the same instant, within one
// purchase, by rank; then by their place in states, which is the queue's order. Every key has the value of the newest state that
// has it, just as if all had been sent in that order; keys that CleverTap treats as one are one. The record's time is the newest
// state's. All states have the same identity, and there is at least one.
func Merge(dst []byte, states []*Profile) []byte {
	if len(states) == 1 {
		return states[0].append(dst, states[0].Entries)
	}
	states = inOrder(states)
	merged := make([]Entry, 0, 2*len(states[0].Entries))
	for _, state := range states {
		for _, e := range state.Entries {
			if i := sameKey(merged, e.Name); i >= 0 {
				merged[i] = e
			} else {
				merged = append(merged, e)
			}
		}
	}
	return states[len(states)-1].append(dst, merged)
}

// sameKey finds the key that CleverTap treats as the same. Most are the very same text.
func sameKey(entries []Entry, name string) int {
	if i := slices.IndexFunc(entries, func(e Entry) bool { return e.Name == name }); i >= 0 {
		return i
	}
	return slices.IndexFunc(entries, func(e Entry) bool { return clevertap.Same(e.Name, name) })
}

// inOrder gives the states from the oldest to the newest.
func inOrder(states []*Profile) []*Profile {
	states = slices.Clone(states)
	slices.SortStableFunc(states, func(a, b *Profile) int { return cmp.Compare(a.At, b.At) })
	for from := 0; from < len(states); {
		to := from + 1
		for to < len(states) && states[to].At == states[from].At {
			to++
		}
		settleTies(states[from:to])
		from = to
	}
	return states
}

// settleTies orders the states of one instant: those of one purchase share out the places that they have among themselves, by
// rank. States of different purchases keep the queue's order; those without a purchase's id count as one purchase.
func settleTies(states []*Profile) {
	var places []int
	var own []*Profile
	settled := make([]bool, len(states))
	for i := range states {
		if settled[i] {
			continue
		}
		places, own = places[:0], own[:0]
		for j := i; j < len(states); j++ {
			if bytes.Equal(states[j].Purchase, states[i].Purchase) {
				places, own = append(places, j), append(own, states[j])
				settled[j] = true
			}
		}
		slices.SortStableFunc(own, func(a, b *Profile) int { return cmp.Compare(a.turn(), b.turn()) })
		for k, place := range places {
			states[place] = own[k]
		}
	}
}

// turn is a state's place among those of its purchase at the same instant: those that are neither ACTIVATE nor DEACTIVATE are alike.
func (p *Profile) turn() subscriber.Rank {
	if p.Rank < subscriber.Deactivate {
		return subscriber.Other
	}
	return p.Rank
}
