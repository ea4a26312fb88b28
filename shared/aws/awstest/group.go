package awstest

import (
	"slices"
	"time"
)

// nowhere is the place of a group that is not among the waiting ones.
const nowhere = -1

// group is the messages of one group id in their order. While one of them is in flight, none of the others can be received.
type group struct {
	name     string
	messages []*message
	flying   []*message // received together, or delayed, and neither deleted nor visible again
	ready    bool       // stands in the queue's list of ready groups
	place    int        // among the waiting groups
	until    time.Time  // when it is done waiting
}

// wake tells when the last message in flight becomes visible, and forgets those that have.
func (g *group) wake(now time.Time) time.Time {
	var last time.Time
	g.flying = slices.DeleteFunc(g.flying, func(m *message) bool { return !m.visible.After(now) })
	for _, m := range g.flying {
		if m.visible.After(last) {
			last = m.visible
		}
	}
	return last
}

// remove takes a message out of the group.
func (g *group) remove(m *message) {
	is := func(other *message) bool { return other == m }
	g.messages = slices.DeleteFunc(g.messages, is)
	g.flying = slices.DeleteFunc(g.flying, is)
}

// waitingGroups is a heap of groups with a message in flight, by the time when they may be received from again.
type waitingGroups []*group

// Len implements heap.Interface.
func (w waitingGroups) Len() int { return len(w) }

// Less implements heap.Interface.
func (w waitingGroups) Less(i, j int) bool { return w[i].until.Before(w[j].until) }

// Swap implements heap.Interface.
func (w waitingGroups) Swap(i, j int) {
	w[i], w[j] = w[j], w[i]
	w[i].place, w[j].place = i, j
}

// Push implements heap.Interface.
func (w *waitingGroups) Push(g any) {
	pushed := g.(*group) //nolint:forcetypeassert // Only groups are pushed.
	pushed.place = len(*w)
	*w = append(*w, pushed)
}

// Pop implements heap.Interface.
func (w *waitingGroups) Pop() any {
	last := (*w)[len(*w)-1]
	last.place = nowhere
	*w = (*w)[:len(*w)-1]
	return last
}
