//go:build soak

package soak_test

import (
	"slices"
	"strconv"

	"github.com/purchasely-clevertap/bridge/shared/clevertap/clevertaptest"
)

// profiles checks the users' last states. Where the FIFO queue carried all of a user's webhooks, the state is exactly what the last of
// them says; but whose plan a user of two purchases has, depends on which webhooks came in one batch.
func (v *verdict) profiles() {
	known := map[user]clevertaptest.Profile{}
	for _, p := range v.cleverTap.Profiles() {
		known[user{p.Account, p.Key, p.ID}] = p
	}
	for _, w := range v.webhooks {
		for _, u := range w.users {
			if _, ok := known[u]; !ok {
				v.Errorf("a user of a webhook for %s, %s, has no profile", w.app, w.outcome)
			}
		}
	}
	for _, s := range v.senders {
		for _, h := range s.author.people {
			if h.app != "" && len(h.taken) > 0 {
				v.state(h, known[h.taken[0].users[0]])
			}
		}
	}
}

func (v *verdict) state(h *subscriber, p clevertaptest.Profile) {
	active, plan := string(p.Data["has_active_subscription"]), string(p.Data["plan"])
	states := h.states[:len(h.taken)]
	last, ordered := states[len(states)-1], true
	for _, w := range h.taken {
		ordered = ordered && v.carriedByFIFO(w)
	}
	sent := slices.ContainsFunc(states, func(s plainState) bool { return plan == strconv.Quote(s.plan) })
	switch {
	case !sent, ordered && active != strconv.FormatBool(last.active), ordered && h.purchases == 1 && plan != strconv.Quote(last.plan):
		v.Errorf("a profile of %s says %s and %s, want %t and %s", h.app, active, plan, last.active, last.plan)
	case !ordered:
		v.loose++
	default:
		v.exact++
	}
}
