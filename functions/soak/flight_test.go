//go:build soak

package soak_test

import (
	"fmt"
	"slices"
	"time"
)

// inFlight checks how many uploads of an account were under way at once, as far as the stand-in could know: a sender that gave up, or was
// killed, is noticed late, so such an upload counts for half of its time at most.
func (v *verdict) inFlight() {
	type edge struct {
		at    time.Time
		step  int
		place string
	}
	var edges []edge
	for _, u := range v.uploads {
		if u.request == nil {
			continue
		}
		end := u.request.Time.Add(u.request.Duration)
		if half := u.request.Time.Add(uploadTimeout / 2); u.aborted && half.Before(end) {
			end = half
		}
		for _, call := range v.byPlace[u.forwarder] {
			if call.killed && call.ended.After(u.arrived) && call.began.Before(u.arrived) && call.ended.Before(end) {
				end = call.ended
			}
		}
		for _, place := range []string{u.account, fmt.Sprint(u.account, u.forwarder)} {
			edges = append(edges, edge{u.request.Time, 1, place}, edge{end, -1, place})
		}
	}
	slices.SortStableFunc(edges, func(a, b edge) int {
		if c := a.at.Compare(b.at); c != 0 {
			return c
		}
		return a.step - b.step
	})
	now := map[string]int{}
	for _, e := range edges {
		now[e.place] += e.step
		limit := uploadConcurrency
		if len(e.place) == len(parlaAccount) {
			limit *= len(v.fleet.forwarders)
			v.busiest = max(v.busiest, now[e.place])
		}
		if now[e.place] > limit {
			v.Errorf("%d uploads of %s at once, allowed are %d", now[e.place], e.place, limit)
		}
	}
}
