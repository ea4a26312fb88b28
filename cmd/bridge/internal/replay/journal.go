package replay

import (
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/journal"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/sender"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/stack"
	"github.com/purchasely-clevertap/bridge/shared/aws/dynamo"
	"github.com/purchasely-clevertap/bridge/shared/forward"
	"github.com/purchasely-clevertap/bridge/shared/subscriber"
)

// journalFlags say which webhooks of the journal are replayed.
type journalFlags struct {
	journal bool
	cli.Period
	events          []string
	user, anonymous string
}

func (f *journalFlags) flags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.BoolVar(&f.journal, "journal", false, "send the webhooks that the stack's journal has kept")
	cli.PeriodFlags(cmd, &f.Period, "with --journal: webhooks that arrived")
	flags.StringSliceVar(&f.events, "event", nil, "with --journal: only this event; may be repeated")
	flags.StringVar(&f.user, "user", "", "with --journal: only webhooks of this user_id")
	flags.StringVar(&f.anonymous, "anonymous", "", "with --journal: only webhooks of this anonymous_user_id")
}

// used reports whether any flag is given that needs --journal.
func (f *journalFlags) used() bool {
	return !f.From.IsZero() || !f.To.IsZero() || len(f.events) > 0 || f.user != "" || f.anonymous != ""
}

type journalReplay struct {
	*replay
	table    *dynamo.Table
	progress *journalProgress
	found    journalPreview
	before   int // webhooks that an earlier run has sent
}

func openJournal(r *replay) (source, error) {
	if r.app != "" && r.settings.Apps[r.app] == nil {
		return nil, cli.Usagef("the file is that of --file, or the one that it says above",
			"app %q is not in the integration file", r.app)
	}
	table, err := journal.OfStack(r.stack)
	if err != nil {
		return nil, err
	}
	progress, err := openJournalProgress(r.options, r.now)
	if err != nil {
		return nil, err
	}
	found := journalPreview{apps: make(map[string]int), differences: make(map[difference]int)}
	return &journalReplay{r, table, progress, found, progress.Sent}, nil
}

// entries are those that are still to be sent.
func (j *journalReplay) entries() iter.Seq2[journal.Entry, error] {
	return func(yield func(journal.Entry, error) bool) {
		selection := journal.Selection{
			From: j.progress.From, To: j.progress.To, App: j.app, Events: j.events,
			Partitions: journal.Partitions(j.user, j.anonymous),
		}
		after := subscriber.Key{Partition: j.progress.Subject, Sort: j.progress.Item}
		for e, err := range journal.Scan(j.cmd.Context(), j.table, selection, after, time.Now()) {
			if !j.progress.done(e.Key) && !yield(e, stack.Explain(err)) {
				return
			}
		}
	}
}

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
	differences map[difference]int // how webhooks of an event come out differently from then
}

func (j *journalReplay) preview() (total int, err error) {
	if err := j.read(); err != nil {
		return 0, err
	}
	j.cmd.PrintErr(j.previewText())
	return j.found.webhooks, nil
}

// read finds out what is to be sent, and what would become of it under today's settings.
func (j *journalReplay) read() error {
	p := &j.found
	batches := make(map[string][]journal.Entry) // by app
	bar := cli.NewProgress(j.cmd, "reading the journal", -1)
	defer bar.Done()
	for e, err := range j.entries() {
		if err != nil {
			return err
		}
		bar.Add(1)
		switch {
		case j.settings.Apps[e.App] == nil:
			p.gone++
			continue
		case e.Body == nil:
			p.noBody++
			continue
		}
		p.count(e, j.progress.Begun)
		if batches[e.App] = append(batches[e.App], e); len(batches[e.App]) == compareAtOnce {
			if err := j.compare(e.App, batches[e.App]); err != nil {
				return err
			}
			delete(batches, e.App)
		}
	}
	for app, batch := range batches {
		if err := j.compare(app, batch); err != nil {
			return err
		}
	}
	return nil
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
func (j *journalReplay) compare(app string, batch []journal.Entry) error {
	bodies := make([][]byte, len(batch))
	for i, e := range batch {
		bodies[i] = e.Body
	}
	outcomes, err := j.outcomes(app, bodies)
	if err != nil {
		return err
	}
	for i, e := range batch {
		if then := outcomeThen(e); then != "" && then != outcomes[i] {
			j.found.differences[difference{Event: e.Event.Event, Then: then, Now: outcomes[i]}]++
		}
	}
	return nil
}

func (j *journalReplay) previewText() string {
	p := &j.found
	var b strings.Builder
	fmt.Fprintf(&b, "journal: %s\n", cli.Quantity(p.webhooks, "webhook"))
	for _, app := range slices.Sorted(maps.Keys(p.apps)) {
		fmt.Fprintf(&b, "  %-24s %s\n", app, cli.Quantity(p.apps[app], "webhook"))
	}
	line := func(n int, format string) {
		if n > 0 {
			fmt.Fprintf(&b, "  "+format+"\n", n)
		}
	}
	line(j.before, "%d more: sent by an earlier run")
	line(p.noBody, "%d more: without a body, and left out; "+
		"the journal keeps bodies where the parameter Journal is \"bodies\"")
	line(p.gone, "%d more: of apps that the integration file does not have, and left out")
	line(p.delivered, "%d delivered then: CleverTap will have them twice")
	line(p.waiting, "%d still on the way: CleverTap will have them twice")
	line(p.rejected, "%d rejected then: 'bridge rejected redrive' sends each once")
	line(p.young, "%d younger than two hours or without a time: they may set off campaigns")
	if p.webhooks == 0 {
		return b.String()
	}
	changed := 0
	for _, n := range p.differences {
		changed += n
	}
	fmt.Fprintf(&b, "Under today's settings (%s) %d of them come out differently from then:\n", j.settings.Path, changed)
	if changed == 0 {
		b.WriteString("  none\n")
	}
	writeDifferences(&b, p.differences, "  and %d more ways\n")
	if j.unknown {
		b.WriteString("  An app's secret could not be read: its webhooks of the sandbox were taken " +
			"as if there were no sandbox account.\n")
	}
	return b.String()
}

// send sends page by page, and notes after each how far it has come.
func (j *journalReplay) send() error {
	if err := j.progress.save(); err != nil {
		return err // it could not be resumed
	}
	var page []journal.Entry
	for e, err := range j.entries() {
		if err != nil {
			return err
		}
		if e.Body == nil || j.settings.Apps[e.App] == nil {
			continue
		}
		if page = append(page, e); len(page) == sender.PageSize {
			if err := j.sendEntries(page); err != nil {
				return err
			}
			page = nil
		}
	}
	return j.sendEntries(page)
}

// sendEntries sends a page and notes what was accepted of it. The progress moves up to the first that was not; what
// was accepted behind it is noted one by one.
func (j *journalReplay) sendEntries(page []journal.Entry) error {
	messages := make([]*stack.Outgoing, len(page))
	for i, e := range page {
		messages[i] = encode(e.App, e.Body, j.progress.Run, j.sender.FIFO())
	}
	_, err := j.sendPage(messages, func(i int, inOrder bool) { j.progress.accept(page[i].Key, inOrder) })
	return errors.Join(err, j.progress.save())
}

// journalResult is what replay --journal --json prints.
type journalResult struct {
	Sent        int          `json:"sent"`
	Before      int          `json:"before"`   // sent by an earlier run
	LeftOut     int          `json:"left_out"` // without a body, or of an app that is gone
	Differences []difference `json:"differences"`
}

func (j *journalReplay) report(err error) error {
	result := journalResult{
		j.progress.Sent - j.before, j.before, j.found.noBody + j.found.gone, mostFirst(j.found.differences),
	}
	text := fmt.Sprintf("journal: %s sent", cli.Quantity(result.Sent, "webhook"))
	if result.Before > 0 {
		text += fmt.Sprintf(", %d were before (--restart sends them again)", result.Before)
	}
	if result.LeftOut > 0 {
		text += fmt.Sprintf(", %d left out", result.LeftOut)
	}
	if err != nil {
		err = cli.WithHint(err, "the same command goes on where it stopped")
	}
	return j.Conclude(j.cmd, result, text+"\n", err)
}
