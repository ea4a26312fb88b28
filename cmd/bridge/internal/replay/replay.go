// Package replay is the command that sends stored webhooks through the queue as if they had just come.
//
// It promises that every webhook of a file is sent once, however often the command is interrupted and repeated, as
// long as what was sent already does not change, and that a user's webhooks stay in their order. CleverTap does not
// deduplicate: whether a webhook should be sent is for the user to know.
package replay

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/sender"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/stack"
	"github.com/purchasely-clevertap/bridge/shared/integration"
)

type options struct {
	cli.Output
	cli.Confirmation
	network                      http.RoundTripper
	stack, app, file, checkpoint string
	rate                         cli.Rate
	skipBad, restart             bool
	journalFlags
}

// NewCommand returns "replay". network makes the calls to AWS; nil is the real one.
func NewCommand(network http.RoundTripper) *cobra.Command {
	o := options{network: network, rate: sender.DefaultRate}
	cmd := &cobra.Command{
		Use:   "replay --stack <stack> --app <app> <file>… | - | --journal --from <time>",
		Short: "Send stored webhooks through the queue",
		Long: `Sends stored webhook bodies to the events queue as if they had just come: a backfill, or
what another system kept. Files hold one webhook a line, or JSON documents one after the
other; bodies are sent byte for byte. First every file is read and checked; then it
shows what it is going to send, and asks.

How far it has come is noted in <file>.progress (or --checkpoint). The same command goes
on there after an interrupt, and refuses a file that has changed where it was sent
already. Standard input needs --yes, and --checkpoint if it is to be resumed.

CleverTap does not deduplicate: what it has already is stored a second time. Events
younger than two hours may set off campaigns; older ones do not.

With --journal the webhooks are those that the stack's journal has kept, where its
parameter Journal is "bodies": of all apps or one, of some events, of one person. It shows
first how many there are, and which come out differently under today's settings from what
became of them then. Unless a person is named it reads the whole table, twice, which costs
a few cents for a million entries. How far it has come is noted in journal.progress.

Exit codes: 0 all were sent, 1 some were not, or nobody said yes, 2 wrong usage.`,
		Example: `  bridge replay --stack purchasely-clevertap --app demo --yes events/webhooks/trial-started.json
  bridge replay --stack purchasely-clevertap --journal --from 2026-11-21 --to 2026-11-22 --event ACTIVATE --yes
  bridge sample TRIAL_STARTED | bridge replay --stack purchasely-clevertap --app demo --rate 5 --yes --json -`,
		Args: cli.Args(func(cmd *cobra.Command, args []string) error {
			if o.journal {
				return cobra.NoArgs(cmd, args)
			}
			return cobra.MinimumNArgs(1)(cmd, args)
		}),
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd, args) },
	}
	flags := cmd.Flags()
	stack.Flag(cmd, &o.stack)
	cli.FileFlag(cmd, &o.file)
	o.JSONFlag(cmd, "print the result as one JSON object for programs")
	cli.AppFlag(cmd, &o.app, "the app whose webhooks these are; with --journal all apps unless one is named")
	flags.StringVar(&o.checkpoint, "checkpoint", "", "where to note how far it has come (default <file>.progress)")
	flags.Var(&o.rate, "rate", "webhooks per second, 0 for as fast as it goes")
	o.YesFlag(cmd)
	flags.BoolVar(&o.skipBad, "skip-bad", false, "leave out what is no webhook")
	flags.BoolVar(&o.restart, "restart", false, "begin anew, whatever was sent before")
	o.flags(cmd)
	return cmd
}

func (o *options) check(cmd *cobra.Command, paths []string) error {
	switch {
	case o.used():
		return cli.BadUsage(cmd, errors.New("flags --from, --to, --event, --user and --anonymous go with --journal"))
	case len(paths) > 1 && o.checkpoint != "":
		return cli.BadUsage(cmd, errors.New("flag --checkpoint is for one file"))
	case len(paths) > 1 && slices.Contains(paths, "-"):
		return cli.BadUsage(cmd, errors.New("standard input goes alone"))
	case paths[0] == "-" && !o.Yes():
		return cli.BadUsage(cmd, errors.New("standard input holds the webhooks, so that nobody can be asked: give --yes"))
	}
	return nil
}

type replay struct {
	*options
	cmd      *cobra.Command
	settings *integration.File // today's
	sandbox  bool              // whether the app's secret has a sandbox account
	sender   *sender.Sender
	now      time.Time
	bar      *cli.Progress
	files    []*file
}

func (o *options) run(cmd *cobra.Command, paths []string) error {
	if o.journal {
		return o.runJournal(cmd)
	}
	if err := o.check(cmd, paths); err != nil {
		return err
	}
	s, err := stack.Open(cmd, o.network, o.stack, stack.EventsQueue)
	if err != nil {
		return err
	}
	settings, err := s.LoadIntegrations(cmd, o.file)
	if err != nil {
		return err
	}
	if err := cli.RequireApp(cmd, settings, &o.app); err != nil {
		return err
	}
	events := sender.New(s.Queue(stack.EventsQueue, "events"), o.rate)
	accounts, _ := s.Accounts(cmd.Context(), o.app) // only the preview needs them, and says what it took for granted
	r := &replay{
		options: o, cmd: cmd, settings: settings, sandbox: accounts.Sandbox != nil, sender: events, now: time.Now(),
	}
	for _, path := range paths {
		if err := r.open(path); err != nil {
			return err
		}
	}
	if err := r.ask(); err != nil {
		return err
	}
	r.bar = cli.NewProgress(cmd, "sending", r.total())
	for _, f := range r.files {
		if err = r.send(f); err != nil {
			break
		}
	}
	r.bar.Done()
	return r.report(err)
}

// total is how many webhooks there are to send, -1 if it is unknown.
func (r *replay) total() (sum int) {
	for _, f := range r.files {
		if f.isStdin() {
			return -1
		}
		sum += f.found.webhooks
	}
	return sum
}

// ask shows what is going to be sent, and asks. What is no webhook is reported before anything is sent.
func (r *replay) ask() error {
	bad := 0
	for _, f := range r.files {
		r.cmd.PrintErr(f.preview(r))
		bad += f.found.bad
	}
	total := r.total()
	switch {
	case bad > 0 && !r.skipBad:
		return cli.Findingf("fix them, or leave them out with --skip-bad",
			"%s; nothing was sent", cli.Quantity(bad, "faulty line"))
	case total == 0:
		return nil
	}
	pace := r.rate.Pace(total)
	if total < 0 { // standard input: nobody knows how many
		pace, _, _ = strings.Cut(pace, ", which takes")
	}
	r.cmd.PrintErrf("They go to the events queue%s.\n"+
		"CleverTap does not deduplicate: what it has already is stored twice.\n", pace)
	return r.Confirm(r.cmd, fmt.Sprintf("Send %s?", cli.Quantity(total, "webhook")))
}

// result is what replay --json prints.
type result struct {
	Sent  int          `json:"sent"`
	Files []fileResult `json:"files"`
}

type fileResult struct {
	File   string `json:"file"`
	Sent   int    `json:"sent"`
	Before int    `json:"before"` // sent by an earlier run
	Bad    int    `json:"bad"`    // left out
	Line   int    `json:"line"`   // the last that is done
}

// report prints what became of the files and returns the error that the run ends with.
func (r *replay) report(err error) error {
	var all result
	var b strings.Builder
	for _, f := range r.files {
		c := f.checkpoint
		sent := c.Sent - f.before
		all.Sent += sent
		all.Files = append(all.Files, fileResult{f.path, sent, f.before, c.Bad, c.Line})
		fmt.Fprintf(&b, "%s: %s sent", f.path, cli.Quantity(sent, "webhook"))
		if f.before > 0 {
			fmt.Fprintf(&b, ", %d were before (--restart sends them again)", f.before)
		}
		if c.Bad > 0 {
			fmt.Fprintf(&b, ", %d left out", c.Bad)
		}
		b.WriteString("\n")
	}
	if err != nil && r.files[0].checkpoint.path == "" {
		err = cli.WithHint(err, "what was sent is not noted anywhere: standard input needs --checkpoint for that")
	} else if err != nil {
		err = cli.WithHint(err, "the same command goes on where it stopped")
	}
	return r.Conclude(r.cmd, all, b.String(), err)
}
