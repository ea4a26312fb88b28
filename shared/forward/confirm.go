package forward

import (
	"context"

	"github.com/purchasely-clevertap/bridge/shared/mapping"
)

// confirmations is how often a batch looks again after it has corrected what it said.
const confirmations = 3

// confirm looks whether another forwarder has written a subscriber's entry while this one was uploading. Its upload may have come first and
// ours after it, and then CleverTap has the older news. So whoever finds that the entry has moved on says the newer thing as well: the
// last to say anything about a subscriber has seen the last entry.
//
// Only what two forwarders can write at the same time is looked at. If the table does not answer now, what was said stays.
func (v *invocation) confirm(ctx context.Context) {
	defer v.guard() // It is a second look: what is known of the messages by now stays, whatever goes wrong with it.
	for range confirmations {
		var said []*holding
		for _, h := range v.holdings {
			if h.shared && h.err == nil && v.speaks(h) {
				said = append(said, h)
			}
		}
		if len(said) == 0 {
			return
		}
		reading, cancel := within(ctx, holdShare)
		entries, err := v.handler.Subscribers.Read(reading, keysOf(said))
		cancel()
		if err != nil {
			v.handler.Log.WarnContext(ctx, "subscriber entries not read again: "+err.Error())
			return
		}
		var corrections []draft
		for _, h := range said {
			if entries[h.key] != h.text {
				v.learn(ctx, h, entries)
				corrections = append(corrections, v.corrections(h)...)
			}
		}
		if len(corrections) == 0 {
			return
		}
		v.emptyLanes()
		v.group(corrections)
		v.upload(ctx)
	}
}

// speaks tells whether CleverTap may have heard anything about a subscriber that turns out wrong.
func (v *invocation) speaks(h *holding) bool {
	for i := range h.statements {
		if s := &h.statements[i]; s.said.Known && v.ledger.mayHaveSent(s.message, Profile) {
			return true
		}
	}
	return false
}

// corrections are the profiles that say what is true now, one for each that said something else.
func (v *invocation) corrections(h *holding) (corrections []draft) {
	for i := range h.statements {
		s := &h.statements[i]
		now := h.state.Decide(s.Update, false, s.Scope)
		if !s.said.Known || !now.Known || now.Active == s.said.Active {
			continue
		}
		s.said.Active = now.Active
		d := v.drafts[s.draft]
		c := draft{message: d.message, lane: d.lane}
		if s.other {
			c.other = corrected(d.other, now.Active)
		} else {
			c.profile = corrected(d.profile, now.Active)
		}
		corrections = append(corrections, c)
	}
	return corrections
}

// corrected is a profile that says nothing but whether its user is active; nil if the file wants that unsaid.
func corrected(p *mapping.Profile, active bool) *mapping.Profile {
	p.KeepOnlyActive(active)
	if !p.HasActive() {
		return nil
	}
	return p
}
