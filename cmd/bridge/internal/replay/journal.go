package replay

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
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
	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/message"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
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

// selection is what the flags mean; an end that is not given is now, so that a replay does not send its own webhooks.
func (f *journalFlags) selection(app string, now time.Time) journal.Selection {
	s := journal.Selection{
		From: f.From.Time, To: f.To.Time, App: app, Events: f.events, Partitions: journal.Partitions(f.user, f.anonymous),
	}
	if s.To.IsZero() || s.To.After(now) {
		s.To = now
	}
	return s
}

// fingerprint tells the flags of one replay from those of another.
func (f *journalFlags) fingerprint(app string) string {
	text := strings.Join([]string{
		f.From.Text, f.To.Text, app, strings.Join(f.events, ","), f.user, f.anonymous,
	}, "\n")
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:8])
}

// journalReplay is a replay of what the journal has.
type journalReplay struct {
	*options
	cmd      *cobra.Command
	stack    *stack.Stack
	table    *dynamo.Table
	file     *integration.File // today's settings
	progress *journalProgress
	sender   *sender.Sender
	found    journalPreview
	before   int // webhooks that an earlier run has sent
	bar      *cli.Progress
}

var errNoPeriod = errors.New("flag --from is missing: from when on are webhooks sent again?")

func (o *options) runJournal(cmd *cobra.Command) error {
	if o.From.IsZero() && o.user == "" && o.anonymous == "" {
		return cli.BadUsage(cmd, errNoPeriod)
	}
	if err := o.Check(cmd); err != nil {
		return err
	}
	s, err := stack.Open(cmd, o.network, o.stack, stack.EventsQueue)
	if err != nil {
		return err
	}
	file, err := s.LoadIntegrations(cmd, o.file)
	if err != nil {
		return err
	}
	if o.app != "" && file.Apps[o.app] == nil {
		return cli.Usagef("the file is that of --file, or the one that it says above",
			"app %q is not in the integration file", o.app)
	}
	table, err := journal.OfStack(s)
	if err != nil {
		return err
	}
	progress, err := openJournalProgress(o, time.Now())
	if err != nil {
		return err
	}
	r := &journalReplay{
		options: o, cmd: cmd, stack: s, table: table, file: file,
		progress: progress, sender: sender.New(s.Queue(stack.EventsQueue, "events"), o.rate), before: progress.Sent,
	}
	if err := r.preview(cmd.Context()); err != nil {
		return err
	}
	if err := r.ask(); err != nil {
		return err
	}
	r.bar = cli.NewProgress(cmd, "sending", r.found.webhooks)
	err = r.send(cmd.Context())
	r.bar.Done()
	return r.report(err)
}

// entries are those that are still to be sent.
func (r *journalReplay) entries(ctx context.Context, yield func(journal.Entry) error) error {
	selection := r.selection(r.app, r.progress.Begun)
	selection.From, selection.To = r.progress.From, r.progress.To
	for e, err := range journal.Scan(ctx, r.table, selection, r.progress.after(), time.Now()) {
		if err != nil {
			return stack.Explain(err)
		}
		if r.progress.done(e.Key) {
			continue
		}
		if err := yield(e); err != nil {
			return err
		}
	}
	return nil
}

// ask shows what is going to be sent, and asks.
func (r *journalReplay) ask() error {
	r.cmd.PrintErr(r.found.text(r.file.Path, r.before))
	if r.found.webhooks == 0 {
		return nil
	}
	r.cmd.PrintErrf("They go to the events queue%s.\n"+
		"CleverTap does not deduplicate: what it has already is stored twice.\n", r.rate.Pace(r.found.webhooks))
	return r.Confirm(r.cmd, fmt.Sprintf("Send %s?", cli.Quantity(r.found.webhooks, "webhook")))
}

// send sends page by page, and notes after each how far it has come.
func (r *journalReplay) send(ctx context.Context) error {
	if err := r.progress.save(); err != nil {
		return err // it could not be resumed
	}
	var page []journal.Entry
	err := r.entries(ctx, func(e journal.Entry) error {
		if e.Body == nil || r.file.Apps[e.App] == nil {
			return nil
		}
		if page = append(page, e); len(page) < sender.PageSize {
			return nil
		}
		defer func() { page = page[:0] }()
		return r.sendPage(ctx, page)
	})
	if err != nil {
		return err
	}
	return r.sendPage(ctx, page)
}

// sendPage sends a page and notes what was accepted of it. The progress moves up to the first that was not; what was
// accepted behind it is noted one by one.
func (r *journalReplay) sendPage(ctx context.Context, page []journal.Entry) error {
	if ctx.Err() != nil {
		return cli.ErrInterrupted
	}
	messages := make([]*stack.Outgoing, len(page))
	for i, e := range page {
		messages[i] = encode(e.App, e.Body, r.progress.Run, r.sender.FIFO())
	}
	var first error
	for i, err := range r.sender.Send(ctx, messages) {
		switch {
		case err == nil:
			r.progress.accepted(page[i].Key, first == nil)
			r.bar.Add(1)
		case first == nil:
			first = err
		}
	}
	return errors.Join(first, r.progress.save())
}

// encode makes of a body the message that the receiver would make of it now. The queue drops what it has seen in the
// last five minutes: it must do so with what an interrupted run sends twice, but not with what the user sends once
// more.
func encode(app string, body []byte, run string, fifo bool) *stack.Outgoing {
	ids := webhook.Peek(body)
	out := stack.NewOutgoing(message.Encode(message.Message{App: app, Received: time.Now(), Body: body}, message.IDs{
		SubscriberKind: ids.Subscriber.Kind.String(), Subscriber: ids.Subscriber.ID,
		EventName: ids.EventName, EventID: ids.EventID,
	}, fifo))
	out.Fresh = true // the forwarder looks up whatever was on its way for longer than a moment
	if out.DeduplicationID != "" {
		sum := sha256.Sum256([]byte(run + "\n" + out.DeduplicationID))
		out.DeduplicationID = hex.EncodeToString(sum[:])
	}
	return out
}

// journalResult is what replay --journal --json prints.
type journalResult struct {
	Sent        int          `json:"sent"`
	Before      int          `json:"before"`   // sent by an earlier run
	LeftOut     int          `json:"left_out"` // without a body, or of an app that is gone
	Differences []difference `json:"differences"`
}

// report prints what became of it and returns the error that the run ends with.
func (r *journalReplay) report(err error) error {
	sent := r.progress.Sent - r.before
	result := journalResult{sent, r.before, r.found.leftOut(), r.found.sortedDifferences()}
	text := fmt.Sprintf("journal: %s sent", cli.Quantity(sent, "webhook"))
	if r.before > 0 {
		text += fmt.Sprintf(", %d were before (--restart sends them again)", r.before)
	}
	if result.LeftOut > 0 {
		text += fmt.Sprintf(", %d left out", result.LeftOut)
	}
	if err != nil {
		err = cli.WithHint(err, "the same command goes on where it stopped")
	}
	return r.Conclude(r.cmd, result, text+"\n", err)
}

// sortedDifferences are what comes out differently, what there is most of first.
func (p *journalPreview) sortedDifferences() []difference { return mostFirst(p.differences) }

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

// appsText are the apps with how many webhooks each has.
func appsText(apps map[string]int) string {
	var b strings.Builder
	for _, app := range slices.Sorted(maps.Keys(apps)) {
		fmt.Fprintf(&b, "  %-24s %s\n", app, cli.Quantity(apps[app], "webhook"))
	}
	return b.String()
}
