package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// replayOptions are the flags of replay.
type replayOptions struct {
	stack, app, file, checkpoint  string
	rate                          float64
	yes, skipBad, restart, asJSON bool
}

func newReplayCommand() *cobra.Command {
	var o replayOptions
	cmd := &cobra.Command{
		Use:   "replay --stack <stack> --app <app> <file>… | -",
		Short: "Send stored webhooks through the queue",
		Long: `Sends stored webhook bodies to the events queue as if they had just come: a backfill, or
what another system kept. Files hold one webhook a line, or JSON documents one after the
other; bodies are sent byte for byte. First every file is read and checked; then it
shows what it is going to send, and asks.

How far it has come stands in <file>.progress (or --checkpoint). The same command goes
on there after an interrupt, and refuses a file that has changed where it was sent
already. Standard input needs --yes, and --checkpoint if it is to be resumed.

CleverTap does not deduplicate: what it has already is stored a second time. Events
younger than two hours may set off campaigns; older ones do not.

Exit codes: 0 all were sent, 1 some were not, or nobody said yes, 2 wrong usage.`,
		Example: `  bridge replay --stack purchasely-clevertap --app demo --yes events/webhooks/trial-started.json
  bridge sample TRIAL_STARTED | bridge replay --stack purchasely-clevertap --app demo --rate 5 --yes --json -`,
		Args: usageArgs(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd, args) },
	}
	flags := cmd.Flags()
	stackFlag(cmd, &o.stack)
	flags.StringVar(&o.app, "app", "", "the app whose webhooks these are")
	flags.StringVar(&o.file, "file", "", "an integration file instead of the embedded one")
	flags.StringVar(&o.checkpoint, "checkpoint", "", "where to note how far it has come (default <file>.progress)")
	flags.Float64Var(&o.rate, "rate", defaultRate, "webhooks per second, 0 for as fast as it goes")
	flags.BoolVar(&o.yes, "yes", false, "do not ask")
	flags.BoolVar(&o.skipBad, "skip-bad", false, "leave out what is no webhook")
	flags.BoolVar(&o.restart, "restart", false, "begin anew, whatever was sent before")
	flags.BoolVar(&o.asJSON, "json", false, "print the result as one JSON object for programs")
	return cmd
}

// check finds what is wrong with the command line.
func (o *replayOptions) check(cmd *cobra.Command, paths []string) error {
	switch {
	case o.app == "":
		return usageOf(cmd, errNoApp)
	case o.rate < 0:
		return usageOf(cmd, errors.New("flag --rate: want 0 or more"))
	case len(paths) > 1 && o.checkpoint != "":
		return usageOf(cmd, errors.New("flag --checkpoint is for one file"))
	case len(paths) > 1 && slices.Contains(paths, "-"):
		return usageOf(cmd, errors.New("standard input goes alone"))
	case paths[0] == "-" && !o.yes:
		return usageOf(cmd, errors.New("standard input holds the webhooks, so that nobody can be asked: give --yes"))
	}
	return nil
}

func (o *replayOptions) run(cmd *cobra.Command, paths []string) error {
	if err := o.check(cmd, paths); err != nil {
		return err
	}
	if _, err := loadApp(o.file, o.app); err != nil {
		return err
	}
	s, err := openStack(cmd, o.stack)
	if err != nil {
		return err
	}
	sender, err := newSender(s, o.rate)
	if err != nil {
		return err
	}
	r := &replay{replayOptions: o, cmd: cmd, sender: sender, now: time.Now()}
	for _, path := range paths {
		if err := r.open(path); err != nil {
			return err
		}
	}
	if err := r.ask(); err != nil {
		return err
	}
	r.bar = newProgress(cmd, "sending", r.total())
	for _, source := range r.sources {
		if err = r.send(source); err != nil {
			break
		}
	}
	r.bar.done()
	return r.report(err)
}

// total is how many webhooks there are to send; -1: nobody knows.
func (r *replay) total() (sum int) {
	for _, source := range r.sources {
		if source.path == "-" {
			return -1
		}
		sum += source.survey.webhooks
	}
	return sum
}

// ask shows what is going to be sent, and asks. What is no webhook is told before anything is sent.
func (r *replay) ask() error {
	bad := 0
	var b strings.Builder
	for _, source := range r.sources {
		if source.path == "-" {
			fmt.Fprintf(&b, "standard input: webhooks for %s\n", r.app)
		} else {
			b.WriteString(source.survey.text(source.path, source.checkpoint))
		}
		bad += source.survey.bad
	}
	if total := r.total(); total != 0 {
		b.WriteString("They go to the events queue" + pace(max(0, total), r.rate) + ".\n" +
			"CleverTap does not deduplicate: what it has already is stored twice.\n")
	}
	r.cmd.PrintErr(b.String())
	if bad > 0 && !r.skipBad {
		return findingf("mend them, or leave them out with --skip-bad", "%d of the input are no webhooks; nothing was sent", bad)
	}
	if r.yes || r.total() == 0 {
		return nil
	}
	return newQuestions(r.cmd).confirm("Send %s?", quantity(r.total(), "webhook"))
}

// replayResult is what replay --json prints.
type replayResult struct {
	Sent  int            `json:"sent"`
	Files []replayedFile `json:"files"`
}

type replayedFile struct {
	File   string `json:"file"`
	Sent   int    `json:"sent"`
	Before int    `json:"before"` // sent by an earlier run
	Bad    int    `json:"bad"`    // left out
	Line   int    `json:"line"`   // the last that is done
}

// report prints what became of the files, and gives the error that the run ends with.
func (r *replay) report(err error) error {
	result := replayResult{Files: []replayedFile{}}
	var b strings.Builder
	for _, s := range r.sources {
		sent := s.checkpoint.Sent - s.before
		result.Sent += sent
		result.Files = append(result.Files, replayedFile{s.path, sent, s.before, s.checkpoint.Bad, s.checkpoint.Line})
		fmt.Fprintf(&b, "%s: %s sent", s.path, quantity(sent, "webhook"))
		if s.before > 0 {
			fmt.Fprintf(&b, ", %d were before (--restart sends them again)", s.before)
		}
		if s.checkpoint.Bad > 0 {
			fmt.Fprintf(&b, ", %d left out", s.checkpoint.Bad)
		}
		b.WriteString("\n")
	}
	if e := printResult(r.cmd, r.asJSON, result, b.String()); e != nil {
		return e
	}
	if err == nil {
		return nil
	}
	hint := "the same command goes on where it stopped"
	if r.sources[0].checkpoint.path == "" {
		hint = "what was sent is not noted anywhere: standard input needs --checkpoint for that"
	}
	return hinted(err, hint)
}
