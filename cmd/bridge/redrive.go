package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/spf13/cobra"
)

// redriveOptions are the flags of rejected redrive.
type redriveOptions struct {
	choice
	limit       int
	rate        float64
	yes, asJSON bool
}

func newRedriveCommand() *cobra.Command {
	var o redriveOptions
	cmd := &cobra.Command{
		Use:   "redrive --stack <stack>",
		Short: "Send messages back to the events queue",
		Long: `Sends messages back to the events queue, the oldest first: all, or those that the flags
are about. It shows what it is going to do and asks.

A message is deleted from its queue only after the events queue has accepted it, so it
may be stopped at any time, and the same command goes on. Bodies are sent as they are;
what CleverTap has accepted of a message already is not sent again. Events younger than
two hours may set off campaigns.

Mend the cause first: 'bridge rejected show' tells it, 'bridge explain' what would be
sent now.

Exit codes: 0 all were sent back, 1 some were not, or nobody said yes, 2 wrong usage.`,
		Example: `  bridge rejected redrive --stack purchasely-clevertap
  bridge rejected redrive --stack purchasely-clevertap --reason clevertap_513 --app demo --limit 10 --yes
  bridge rejected redrive --stack purchasely-clevertap --dead-letters --older 1d --rate 5 --yes --json`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	o.flags(cmd)
	flags := cmd.Flags()
	flags.IntVar(&o.limit, "limit", 0, "send at most so many messages (default all)")
	flags.Float64Var(&o.rate, "rate", defaultRate, "messages per second, 0 for as fast as it goes")
	flags.BoolVar(&o.yes, "yes", false, "do not ask")
	flags.BoolVar(&o.asJSON, "json", false, "print the result as one JSON object for programs")
	return cmd
}

// defaultRate leaves the forwarder most of its throughput for what arrives meanwhile.
const defaultRate = 50

// redrive is one run.
type redrive struct {
	*haul
	sender  *sender
	bar     *progress
	result  redriveResult
	reasons map[string]int // why messages were not sent
}

// redriveResult is what rejected redrive --json prints.
type redriveResult struct {
	Chosen    int `json:"chosen"`
	Sent      int `json:"sent"`
	Failed    int `json:"failed"`
	Undeleted int `json:"undeleted"` // sent, and still in their queue
	Unseen    int `json:"unseen"`    // about how many more there are
}

func (o *redriveOptions) run(cmd *cobra.Command) error {
	if o.limit < 0 || o.rate < 0 {
		return usageOf(cmd, errors.New("flags --limit and --rate: want 0 or more"))
	}
	s, queues, err := o.open(cmd)
	if err != nil {
		return err
	}
	sender, err := newSender(s, o.rate)
	if err != nil {
		return err
	}
	h, err := o.haul(cmd, queues, true, o.limit)
	defer h.close()
	if err != nil {
		return err
	}
	r := &redrive{haul: h, sender: sender, reasons: make(map[string]int)}
	if h.total > 0 {
		if err := o.ask(h); err != nil {
			return err
		}
	}
	r.bar = newProgress(cmd, "sending", h.total)
	for i, holding := range h.holdings {
		if err = r.empty(holding, h.chosen[i]); err != nil {
			break
		}
	}
	r.bar.done()
	return r.report(o.asJSON, err)
}

func (o *redriveOptions) ask(h *haul) error {
	h.preview()
	h.cmd.PrintErrln("They go back to the events queue, the oldest first" + pace(h.total, o.rate) + ".\n" +
		"CleverTap does not deduplicate, and events younger than two hours may set off campaigns.")
	if o.yes {
		return nil
	}
	behind := ""
	if h.unseen > 0 && o.deadLetters {
		behind = " and what stands behind them"
	}
	return newQuestions(h.cmd).confirm("Send %s back%s?", quantity(h.total, "message"), behind)
}

// report prints what became of the messages, and gives the error that the run ends with.
func (r *redrive) report(asJSON bool, err error) error {
	r.result.Chosen, r.result.Unseen = r.total, r.unseen
	for _, reason := range slices.Sorted(maps.Keys(r.reasons)) {
		r.cmd.PrintErrf("%s: %s\n", quantity(r.reasons[reason], "message"), reason)
	}
	if r.result.Undeleted > 0 {
		r.cmd.PrintErrf("%s sent but not deleted: delete what is left with 'bridge rejected purge', or the next redrive sends it again\n",
			quantity(r.result.Undeleted, "message"))
	}
	left := r.result.Chosen - r.result.Sent
	if r.unseen > 0 {
		r.cmd.PrintErr(unseenText(r.unseen))
	}
	text := fmt.Sprintf("%s sent back, %d not\n", quantity(r.result.Sent, "message"), left)
	if r.result.Chosen == 0 {
		text = "there is nothing to send back\n"
	}
	if e := printResult(r.cmd, asJSON, r.result, text); e != nil {
		return e
	}
	switch {
	case err != nil:
		return hinted(err, "what was not sent is where it was: the same command goes on")
	case left > 0 || r.result.Undeleted > 0:
		return errFindings
	default:
		return nil
	}
}
