package replay

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/explain"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/journal"
	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/forward"
)

// difference is what webhooks of an event come to under today's settings, and what they came to then.
type difference struct {
	Event    string `json:"event"`
	Then     string `json:"then"` // empty: nobody knows
	Now      string `json:"now"`
	Webhooks int    `json:"webhooks"`
}

// mostFirst are counted differences, the most frequent first.
func mostFirst(counts map[difference]int) []difference {
	list := make([]difference, 0, len(counts))
	for d, n := range counts {
		d.Webhooks = n
		list = append(list, d)
	}
	slices.SortFunc(list, func(a, b difference) int {
		return cmp.Or(b.Webhooks-a.Webhooks,
			cmp.Compare(a.Event, b.Event), cmp.Compare(a.Then, b.Then), cmp.Compare(a.Now, b.Now))
	})
	return list
}

const maxDifferences = 12

// writeDifferences writes the most frequent; more is the line for how many others there are.
func writeDifferences(b *strings.Builder, counts map[difference]int, more string) {
	list := mostFirst(counts)
	for _, d := range list[:min(len(list), maxDifferences)] {
		then := ""
		if d.Then != "" {
			then = "then " + d.Then + ", now "
		}
		fmt.Fprintf(b, "  %6d  %s: %s%s\n", d.Webhooks, d.Event, then, d.Now)
	}
	if n := len(list) - maxDifferences; n > 0 {
		fmt.Fprintf(b, more, n)
	}
}

// compareAtOnce is how many webhooks of an app are taken through today's settings at a time.
const compareAtOnce = 500

// outcomes are what becomes of an app's webhooks under today's settings.
func (r *replay) outcomes(app string, bodies [][]byte) ([]string, error) {
	results, err := explain.Batch{
		File: r.settings, App: app, Bodies: bodies, Received: time.Now(), SandboxAccount: r.hasSandbox(app),
	}.Results(r.cmd.Context())
	if err != nil {
		return nil, err
	}
	outcomes := make([]string, len(results))
	for i, result := range results {
		outcomes[i] = withheld(result.Outcome, result.Reason)
		if result.Outcome == forward.Delivered.String() {
			outcomes[i] = delivered(result.Records, result.Name)
		}
	}
	return outcomes, nil
}

func (r *replay) hasSandbox(app string) bool {
	has, known := r.sandbox[app]
	if !known {
		accounts, err := r.stack.Accounts(r.cmd.Context(), app)
		has = err == nil && accounts.Sandbox != nil
		r.unknown = r.unknown || err != nil
		r.sandbox[app] = has
	}
	return has
}

// outcomeThen is what became of a webhook, empty if settings had no part in it: what CleverTap refuses cannot be
// foreseen.
func outcomeThen(e journal.Entry) string {
	switch e.Outcome {
	case forward.Delivered.String():
		return delivered(forward.ParseKinds(e.Records), cmp.Or(e.Name, e.Event.Event))
	case forward.Skipped.String():
		return withheld(e.Outcome, e.Reason)
	default:
		return ""
	}
}

// noEvent is what becomes of an event that is switched off. Whether a profile is sent for it depends on what is known
// of the person at the time, so that nothing can be said about it.
const noEvent = "no event"

// withheld is what becomes of a webhook for which nothing is sent.
func withheld(outcome, reason string) string {
	if reason == string(fault.EventOff) {
		return noEvent
	}
	return outcome + ", " + reason
}

func delivered(records forward.Kinds, name string) string {
	var sent []string
	if records&forward.Event != 0 {
		sent = append(sent, "event "+name)
	}
	if records&forward.Charged != 0 {
		sent = append(sent, "Charged")
	}
	if len(sent) == 0 {
		return noEvent
	}
	return strings.Join(sent, " and ")
}
