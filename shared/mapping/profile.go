package mapping

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/purchasely-clevertap/bridge/shared/subscriber"
)

// Profile is one state of a user, not yet encoded: states of one user in one upload are merged first. A state of which
// nothing is left makes no record.
type Profile struct {
	Identity Identity
	TS       int64 // whole seconds, what goes out
	At       int64 // milliseconds, what states are ordered by
	Purchase string
	Rank     subscriber.Rank

	entries []entry
	active  *policy // has_active_subscription; nil if the file switches it off
	place   int     // where that is, or would be, among the entries
}

// entry is one key of a profile.
type entry struct {
	policy *policy
	value  []byte // encoded JSON
}

func (p *Profile) reset() { *p = Profile{entries: p.entries[:0]} }

// buildProfile makes the subscriber's state of the user properties that are sent.
func (run *mapperRun) buildProfile() {
	p := &run.profile
	p.Identity, p.TS, p.At = run.identity, seconds(run.times.sent), run.times.order
	p.Purchase, p.Rank, p.active = run.Update.Purchase, run.Update.Rank, run.policies.active
	for i := range run.decisions {
		d := &run.decisions[i]
		if out := &d.user; out.policy != nil && out.policy.isActive {
			p.place = len(p.entries)
		}
		if d.user.sent() {
			p.entries = append(p.entries, entry{d.user.policy, run.values.keep(d.value)})
		}
	}
	if len(p.entries) > 0 {
		run.Profile = p
	}
}

// SetActive makes the profile say whether its user is active, unless the file switches that off.
func (p *Profile) SetActive(active bool) {
	if p.active == nil {
		return
	}
	e := entry{p.active, boolean(true, active)}
	if i := slices.IndexFunc(p.entries, isActive); i >= 0 {
		p.entries[i] = e
		return
	}
	p.entries = slices.Insert(p.entries, p.place, e)
}

func isActive(e entry) bool { return e.policy.isActive }

// HasActive reports whether the profile says if its user is active.
func (p *Profile) HasActive() bool { return slices.ContainsFunc(p.entries, isActive) }

// KeepOnlyActive makes the profile say only whether its user is active, and under which ids: the rest is about a
// purchase that matters less than another one.
func (p *Profile) KeepOnlyActive(active bool) {
	p.SetActive(active)
	p.entries = slices.DeleteFunc(p.entries, func(e entry) bool { return !e.policy.isUserID && !e.policy.isActive })
}

// Apply returns what subscriber state leaves of a profile; nil if nothing.
func (p *Profile) Apply(d subscriber.Decision) *Profile {
	switch {
	case p == nil || d.Older:
		return nil
	case d.Unsure:
		p.entries = slices.DeleteFunc(p.entries, isActive)
	case d.Others:
		p.KeepOnlyActive(d.Active)
	case d.Known:
		p.SetActive(d.Active)
	}
	if len(p.entries) == 0 {
		return nil
	}
	return p
}

// append writes the record of a state with other entries.
func (p *Profile) append(dst []byte, entries []entry) []byte {
	dst = append(p.Identity.appendRecord(dst, "profile", p.TS), `,"profileData":{`...)
	for i, e := range entries {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(append(dst, e.policy.key...), e.value...)
	}
	return append(dst, "}}"...)
}

// Merge joins the states of one user into one record, appended to dst. States are ordered by At; at the same instant,
// within one purchase, by rank; then by their position in states, which is the queue's order. Every key has the value
// of the newest state that has it, just as if all had been sent in that order; keys that CleverTap treats as one are
// one. The record's time is the newest state's. All states have the same identity, and there is at least one.
func Merge(dst []byte, states []*Profile) []byte {
	if len(states) == 1 {
		return states[0].append(dst, states[0].entries)
	}
	states = inOrder(states)
	merged := make([]entry, 0, 2*len(states[0].entries))
	for _, state := range states {
		for _, e := range state.entries {
			same := func(m entry) bool { return bytes.Equal(m.policy.folded, e.policy.folded) }
			if i := slices.IndexFunc(merged, same); i >= 0 {
				merged[i] = e
			} else {
				merged = append(merged, e)
			}
		}
	}
	return states[len(states)-1].append(dst, merged)
}

// inOrder returns the states from the oldest to the newest. At the same instant those of one purchase share out, by
// rank, the positions that they have among themselves; states of different purchases keep the queue's order, and those
// without a purchase's id count as one purchase.
func inOrder(states []*Profile) []*Profile {
	states = slices.Clone(states)
	slices.SortStableFunc(states, func(a, b *Profile) int { return cmp.Compare(a.At, b.At) })
	for i := range states {
		j := i
		for k := earlier(states, j); k >= 0 && states[k].rank() > states[j].rank(); k = earlier(states, j) {
			states[j], states[k] = states[k], states[j]
			j = k
		}
	}
	return states
}

// earlier is the position of the last state before another one of the same instant and purchase; -1 if there is none.
func earlier(states []*Profile, of int) int {
	for i := of - 1; i >= 0 && states[i].At == states[of].At; i-- {
		if states[i].Purchase == states[of].Purchase {
			return i
		}
	}
	return -1
}

// rank is a state's rank within an instant: all but ACTIVATE and DEACTIVATE are alike.
func (p *Profile) rank() subscriber.Rank {
	if p.Rank < subscriber.Deactivate {
		return subscriber.Other
	}
	return p.Rank
}
