package settings

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/journal"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/stack"
	"github.com/purchasely-clevertap/bridge/shared/aws/dynamo"
	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/subscriber"
)

// Recent is what becomes of webhooks that have come lately under two integration files.
type Recent struct {
	Webhooks  int   `json:"webhooks"`
	Different int   `json:"different"`
	Ways      []Way `json:"ways"` // what there is most of first
}

// Way is a way in which webhooks of an event come out differently.
type Way struct {
	App string `json:"app"`
	Difference
	Webhooks int `json:"webhooks"`
}

// Whoever waits for an answer waits no longer, whatever the table holds.
const (
	recentDays     = 2
	recentWebhooks = 1000
	recentTime     = 10 * time.Second
)

// Recent compares as [Compare] does, with webhooks of the last two days of which the journal holds the bodies: a
// thousand at most, or as many as are read in ten seconds. It returns nil if the stack keeps no bodies.
func (s *Store) Recent(ctx context.Context, before, after *integration.File) (*Recent, error) {
	table := s.stack.Output(stack.SubscribersTable)
	if table == "" || s.stack.Parameter(stack.JournalParameter) != "bodies" {
		return nil, nil
	}
	within, cancel := context.WithTimeout(ctx, recentTime)
	defer cancel()
	now := time.Now()
	since := journal.Selection{From: now.AddDate(0, 0, -recentDays)}
	names, bodies := make(map[string][]string), make(map[string][][]byte) // by app
	r := &Recent{Ways: []Way{}}
	scan := journal.Scan(within, dynamo.NewTable(s.stack.Config, table, 0), since, subscriber.Key{}, now)
	for e, err := range scan {
		if err != nil {
			if within.Err() != nil {
				break
			}
			return nil, stack.Explain(err)
		}
		if e.Body == nil || before.Apps[e.App] == nil || after.Apps[e.App] == nil {
			continue
		}
		names[e.App], bodies[e.App] = append(names[e.App], e.Event.Event), append(bodies[e.App], e.Body)
		if r.Webhooks++; r.Webhooks == recentWebhooks {
			break
		}
	}
	for _, app := range slices.Sorted(maps.Keys(names)) {
		different, err := differences(ctx, before, after, app, names[app], bodies[app])
		if err != nil {
			return nil, err
		}
		r.count(app, different)
	}
	return r, nil
}

// count adds what comes out differently, way by way.
func (r *Recent) count(app string, different []Difference) {
	for _, d := range different {
		r.Different++
		i := slices.IndexFunc(r.Ways, func(w Way) bool {
			return w.App == app && w.Event == d.Event && w.text() == d.text()
		})
		if i < 0 {
			i = len(r.Ways)
			r.Ways = append(r.Ways, Way{App: app, Difference: d})
		}
		r.Ways[i].Webhooks++
	}
	slices.SortStableFunc(r.Ways, func(a, b Way) int { return cmp.Compare(b.Webhooks, a.Webhooks) })
}

// text is for people.
func (r *Recent) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "the last %d days: %d of %s come out differently\n",
		recentDays, r.Different, cli.Quantity(r.Webhooks, "webhook"))
	var rows [][]string
	for _, w := range r.Ways[:min(len(r.Ways), maxDifferent)] {
		rows = append(rows, []string{fmt.Sprintf("  %d", w.Webhooks), w.App, w.Event, w.text()})
	}
	b.WriteString(cli.Table(rows))
	if more := len(r.Ways) - maxDifferent; more > 0 {
		fmt.Fprintf(&b, "  and %d more ways\n", more)
	}
	return b.String()
}
