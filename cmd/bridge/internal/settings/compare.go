package settings

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/explain"
	"github.com/purchasely-clevertap/bridge/shared/forward"
	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/webhook/sample"
)

// Comparison is what becomes of an app's sample webhooks, one of each event, under two integration files.
type Comparison struct {
	App       string       `json:"app"`
	Events    int          `json:"events"`
	Different []Difference `json:"different"`
}

// Difference is a webhook that comes out differently. Before and After are in words; they may be the same if only
// properties differ.
type Difference struct {
	Event   string   `json:"event"`
	Before  string   `json:"before"`
	After   string   `json:"after"`
	Records []string `json:"records"` // which kinds of records differ: event, charged, profile
}

// Compare compares every app that both files have. Those whose samples all come out alike are among them, too.
func Compare(ctx context.Context, before, after *integration.File) ([]Comparison, error) {
	comparisons := []Comparison{}
	for _, app := range slices.Sorted(maps.Keys(before.Apps)) {
		if after.Apps[app] == nil {
			continue
		}
		c, err := CompareApp(ctx, before, after, app)
		if err != nil {
			return nil, err
		}
		comparisons = append(comparisons, c)
	}
	return comparisons, nil
}

// CompareApp takes a sample of each event through the forwarder's own handler under both files. It calls nobody.
func CompareApp(ctx context.Context, before, after *integration.File, app string) (Comparison, error) {
	names, bodies := Samples()
	different, err := differences(ctx, before, after, app, names, bodies)
	return Comparison{App: app, Events: len(names), Different: different}, err
}

// differences takes webhooks of an app, of events with these names, through both files.
func differences(
	ctx context.Context, before, after *integration.File, app string, names []string, bodies [][]byte,
) ([]Difference, error) {
	b := explain.Batch{File: before, App: app, Bodies: bodies, Received: time.Now(), SandboxAccount: true}
	was, err := b.Results(ctx)
	if err != nil {
		return nil, err
	}
	b.File = after
	is, err := b.Results(ctx)
	if err != nil {
		return nil, err
	}
	different := []Difference{}
	for i, name := range names {
		records := differingRecords(was[i], is[i])
		if outcome(was[i]) != outcome(is[i]) || len(records) > 0 {
			different = append(different, Difference{name, outcome(was[i]), outcome(is[i]), records})
		}
	}
	return different, nil
}

// Samples are a webhook of each event that is expected, each of another person.
func Samples() (names []string, bodies [][]byte) {
	events := catalogue.Events
	for i := range events {
		if events[i].Known() {
			names = append(names, events[i].Name)
			bodies = append(bodies, sample.Webhook(&events[i], uint64(i)))
		}
	}
	return names, bodies
}

// differingRecords are the kinds of records that are not the same.
func differingRecords(a, b explain.Result) []string {
	kinds := []string{}
	for kind := forward.Event; kind <= forward.Charged; kind <<= 1 {
		if a.JSON[kind] != b.JSON[kind] {
			kinds = append(kinds, kind.String())
		}
	}
	return kinds
}

// outcome is what becomes of a webhook, in words.
func outcome(r explain.Result) string {
	if r.Outcome != forward.Delivered.String() {
		return r.Outcome + ", " + r.Reason
	}
	var sent []string
	if r.Records&forward.Event != 0 {
		sent = append(sent, fmt.Sprintf("event %q", r.Name))
	}
	if r.Records&forward.Charged != 0 {
		sent = append(sent, "Charged")
	}
	if r.Records&forward.Profile != 0 {
		sent = append(sent, "profile")
	}
	return strings.Join(sent, ", ")
}

// text is a difference for people, without its event.
func (d *Difference) text() string {
	if d.Before == d.After {
		return "other properties of: " + strings.Join(d.Records, ", ")
	}
	return d.Before + " → " + d.After
}

// maxDifferent is how many webhooks are shown to people.
const maxDifferent = 10

// compared is comparisons for people.
func compared(comparisons []Comparison) string {
	var b strings.Builder
	for _, c := range comparisons {
		fmt.Fprintf(&b, "%s: %d of %d sample webhooks come out differently\n", c.App, len(c.Different), c.Events)
		var rows [][]string
		for _, d := range c.Different[:min(len(c.Different), maxDifferent)] {
			rows = append(rows, []string{"  " + d.Event, d.text()})
		}
		b.WriteString(cli.Table(rows))
		if more := len(c.Different) - maxDifferent; more > 0 {
			fmt.Fprintf(&b, "  and %d more\n", more)
		}
	}
	return b.String()
}
