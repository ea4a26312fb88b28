package replay

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/explain"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/journal"
	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/forward"
)

// journalPreview is what the journal has that is still to be sent.
type journalPreview struct {
	webhooks    int
	apps        map[string]int
	noBody      int
	gone        int // of apps that today's settings do not have
	young       int // may set off campaigns
	delivered   int
	waiting     int
	rejected    int
	differences map[difference]int
	sandbox     map[string]bool // whether an app's secret has a sandbox account
	unknown     bool            // not for every app, because a secret could not be read
}

// difference is one way in which webhooks of an event come out differently from then.
type difference struct {
	Event    string `json:"event"`
	Then     string `json:"then"`
	Now      string `json:"now"`
	Webhooks int    `json:"webhooks"`
}

// compareAtOnce is how many webhooks of an app are taken through today's settings at a time.
const compareAtOnce = 500

// preview reads what is to be sent, and what would become of it under today's settings.
func (r *journalReplay) preview(ctx context.Context) error {
	p := &r.found
	p.apps, p.differences, p.sandbox = make(map[string]int), make(map[difference]int), make(map[string]bool)
	batches := make(map[string][]journal.Entry) // by app
	bar := cli.NewProgress(r.cmd, "reading the journal", -1)
	defer bar.Done()
	err := r.entries(ctx, func(e journal.Entry) error {
		bar.Add(1)
		switch {
		case r.file.Apps[e.App] == nil:
			p.gone++
			return nil
		case e.Body == nil:
			p.noBody++
			return nil
		}
		p.count(e, r.progress.Begun)
		batches[e.App] = append(batches[e.App], e)
		if len(batches[e.App]) < compareAtOnce {
			return nil
		}
		defer func() { batches[e.App] = nil }()
		return r.compare(ctx, batches[e.App])
	})
	for _, batch := range batches {
		if err == nil {
			err = r.compare(ctx, batch)
		}
	}
	return err
}

func (p *journalPreview) count(e journal.Entry, now time.Time) {
	p.webhooks++
	p.apps[e.App]++
	if e.Created.IsZero() || now.Sub(e.Created) < campaignWindow {
		p.young++
	}
	switch e.Outcome {
	case forward.Delivered.String():
		p.delivered++
	case forward.Rejected.String():
		p.rejected++
	case forward.Retried.String():
		p.waiting++
	}
}

// compare takes an app's webhooks through today's settings.
func (r *journalReplay) compare(ctx context.Context, batch []journal.Entry) error {
	if len(batch) == 0 {
		return nil
	}
	app := batch[0].App
	bodies := make([][]byte, len(batch))
	for i, e := range batch {
		bodies[i] = e.Body
	}
	results, err := explain.Results(ctx, r.file, app, bodies, time.Now(), r.hasSandbox(ctx, app))
	if err != nil {
		return err
	}
	for i, e := range batch {
		then, now := outcomeThen(e), outcomeNow(results[i])
		if then != "" && then != now {
			r.found.differences[difference{Event: e.Event.Event, Then: then, Now: now}]++
		}
	}
	return nil
}

// hasSandbox reports whether an app's secret has a sandbox account.
func (r *journalReplay) hasSandbox(ctx context.Context, app string) bool {
	has, known := r.found.sandbox[app]
	if !known {
		accounts, err := r.stack.Accounts(ctx, app)
		has = err == nil && accounts.Sandbox != nil
		r.found.unknown = r.found.unknown || err != nil
		r.found.sandbox[app] = has
	}
	return has
}

// outcomeThen is what became of a webhook, empty if settings had no part in it: what CleverTap refuses cannot be
// foreseen.
func outcomeThen(e journal.Entry) string {
	switch e.Outcome {
	case forward.Delivered.String():
		name := e.Name
		if name == "" {
			name = e.Event.Event
		}
		return delivered(forward.ParseKinds(e.Records), name)
	case forward.Skipped.String():
		return withheld(e.Outcome, e.Reason)
	default:
		return ""
	}
}

func outcomeNow(r explain.Result) string {
	if r.Outcome == forward.Delivered.String() {
		return delivered(r.Records, r.Name)
	}
	return withheld(r.Outcome, r.Reason)
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

// delivered is what is sent.
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

// leftOut is how many webhooks cannot be sent.
func (p *journalPreview) leftOut() int { return p.noBody + p.gone }

// maxDifferences is how many ways of coming out differently are shown.
const maxDifferences = 12

// text is what is going to be sent, for people.
func (p *journalPreview) text(settings string, before int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "journal: %s\n%s", cli.Quantity(p.webhooks, "webhook"), appsText(p.apps))
	line := func(n int, format string) {
		if n > 0 {
			fmt.Fprintf(&b, "  "+format+"\n", n)
		}
	}
	line(before, "%d more: sent by an earlier run")
	line(p.noBody, "%d more: without a body, and left out; "+
		"the journal keeps bodies where the parameter Journal is \"bodies\"")
	line(p.gone, "%d more: of apps that the integration file does not have, and left out")
	line(p.delivered, "%d delivered then: CleverTap will have them twice")
	line(p.waiting, "%d still on the way: CleverTap will have them twice")
	line(p.rejected, "%d rejected then: 'bridge rejected redrive' sends each once")
	line(p.young, "%d younger than two hours or without a time: they may set off campaigns")
	changed := 0
	for _, n := range p.differences {
		changed += n
	}
	if p.webhooks == 0 {
		return b.String()
	}
	fmt.Fprintf(&b, "Under today's settings (%s) %d of them come out differently from then:\n", settings, changed)
	if changed == 0 {
		fmt.Fprintf(&b, "  none\n")
	}
	list := p.sortedDifferences()
	for _, d := range list[:min(len(list), maxDifferences)] {
		fmt.Fprintf(&b, "  %6d  %s: then %s, now %s\n", d.Webhooks, d.Event, d.Then, d.Now)
	}
	line(len(list)-maxDifferences, "and %d more ways")
	if p.unknown {
		b.WriteString("  An app's secret could not be read: its webhooks of the sandbox were taken " +
			"as if there were no sandbox account.\n")
	}
	return b.String()
}
