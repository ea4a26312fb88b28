package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/message"
)

// census counts letters by queue, reason and app.
type census struct {
	groups []*censusGroup
	now    time.Time
}

// censusGroup is one line of a census; the times are when the messages came onto the queue.
type censusGroup struct {
	Queue    string    `json:"queue"`
	Reason   string    `json:"reason,omitzero"`
	App      string    `json:"app"`
	Messages int       `json:"messages"`
	Oldest   time.Time `json:"oldest"`
	Newest   time.Time `json:"newest"`
}

// count adds letters of a queue.
func (c *census) count(queue string, letters []*letter) {
	groups := make(map[[2]string]*censusGroup)
	for _, l := range letters {
		key := [2]string{l.attribute(message.AttrReason), l.attribute(message.AttrApp)}
		g := groups[key]
		if g == nil {
			g = &censusGroup{Queue: queue, Reason: key[0], App: key[1], Oldest: l.sent, Newest: l.sent}
			groups[key] = g
			c.groups = append(c.groups, g)
		}
		g.Messages++
		if l.sent.Before(g.Oldest) {
			g.Oldest = l.sent
		}
		if l.sent.After(g.Newest) {
			g.Newest = l.sent
		}
	}
	slices.SortStableFunc(c.groups, func(a, b *censusGroup) int {
		return cmp.Or(cmp.Compare(a.Queue, b.Queue), cmp.Compare(b.Messages, a.Messages), cmp.Compare(a.Reason, b.Reason), cmp.Compare(a.App, b.App))
	})
}

// messages is how many were counted.
func (c *census) messages() (sum int) {
	for _, g := range c.groups {
		sum += g.Messages
	}
	return sum
}

// text is the table for people. Dead letters have a queue to name, rejected messages a reason.
func (c *census) text() string {
	if len(c.groups) == 0 {
		return ""
	}
	var b strings.Builder
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	heading, first := "REASON", func(g *censusGroup) string { return g.Reason }
	if slices.ContainsFunc(c.groups, func(g *censusGroup) bool { return g.Reason == "" }) {
		heading, first = "QUEUE", func(g *censusGroup) string { return g.Queue }
	}
	_, _ = fmt.Fprintf(table, "%s\tAPP\tMESSAGES\tOLDEST\tNEWEST\n", heading)
	for _, g := range c.groups {
		_, _ = fmt.Fprintf(table, "%s\t%s\t%d\t%s\t%s\n", first(g), g.App, g.Messages, ago(c.now.Sub(g.Oldest)), ago(c.now.Sub(g.Newest)))
	}
	_ = table.Flush() // It writes to memory.
	return b.String()
}
