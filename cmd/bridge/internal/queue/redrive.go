package queue

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"github.com/spf13/cobra"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/sender"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/stack"
	"github.com/purchasely-clevertap/bridge/shared/message"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

type redriveOptions struct {
	filter
	cli.Output
	cli.Confirmation
	limit int
	rate  cli.Rate
}

func newRedriveCommand(network http.RoundTripper) *cobra.Command {
	o := redriveOptions{filter: filter{network: network}, rate: sender.DefaultRate}
	cmd := &cobra.Command{
		Use:   "redrive --stack <stack> [message id…]",
		Short: "Send messages back to the events queue",
		Long: `Sends messages back to the events queue, or with --relay to the relay queue, the oldest
first: all, or those that the flags and ids are about (see 'bridge rejected list --each'; an
id's first characters will do). It shows what it is going to do and asks.

A message is deleted from its queue only after the other has accepted it, so it may be
stopped at any time, and the same command goes on. Bodies are sent as they are; what
CleverTap has accepted of a message already is not sent again. Events younger than two
hours may set off campaigns.

Fix the cause first: 'bridge rejected show' names it, 'bridge explain' shows what would be
sent now.

Exit codes: 0 all were sent back, 1 some were not, or nobody said yes, 2 wrong usage.`,
		Example: `  bridge rejected redrive --stack purchasely-clevertap
  bridge rejected redrive --stack purchasely-clevertap --event TRIAL_STARTED 00000001 00000002
  bridge rejected redrive --stack purchasely-clevertap --reason clevertap_513 --app demo --limit 10 --yes
  bridge rejected redrive --stack purchasely-clevertap --dead-letters --older 1d --rate 5 --yes --json
  bridge rejected redrive --stack purchasely-clevertap --relay --app demo`,
		RunE: o.run,
	}
	o.flags(cmd)
	o.JSONFlag(cmd, "print the result as one JSON object for programs")
	o.YesFlag(cmd)
	cmd.Flags().IntVar(&o.limit, "limit", 0, "send at most so many messages (default all)")
	cmd.Flags().Var(&o.rate, "rate", "messages per second, 0 for as fast as it goes")
	return cmd
}

type redrive struct {
	*selection
	sender  *sender.Sender
	bar     *cli.Progress
	result  redriveResult
	reasons map[string]int // why messages were not sent
}

// redriveResult is what rejected redrive --json prints.
type redriveResult struct {
	Chosen    int `json:"chosen"`
	Sent      int `json:"sent"`
	Failed    int `json:"failed"`
	Undeleted int `json:"undeleted"` // sent, and still on their queue
	Unseen    int `json:"unseen"`    // about how many more there are
}

func (o *redriveOptions) run(cmd *cobra.Command, ids []string) error {
	if o.limit < 0 {
		return cli.BadUsage(cmd, errors.New("flag --limit: want 0 or more"))
	}
	selected, err := o.selectMessages(cmd, ids, true, o.limit, o.source().back)
	defer selected.close()
	if err != nil {
		return err
	}
	to := selected.source
	sender := sender.New(selected.stack.Queue(to.back, to.queue), o.rate)
	r := &redrive{selection: selected, sender: sender, reasons: make(map[string]int)}
	if r.total > 0 {
		if err := o.ask(selected); err != nil {
			return err
		}
	}
	r.bar = cli.NewProgress(cmd, "sending", r.total)
	for i, f := range r.inFlight {
		if err = r.sendAllBack(f, r.messages[i]); err != nil {
			break
		}
	}
	r.bar.Done()
	return r.report(&o.Output, err)
}

func (o *redriveOptions) ask(s *selection) error {
	s.preview()
	s.cmd.PrintErrf("They go back to the %s queue, the oldest first%s.\n%s\n",
		s.source.queue, o.rate.Pace(s.total), s.source.warning)
	behind := ""
	if s.unseen > 0 && (o.deadLetters || o.relay) {
		behind = " and what stands behind them"
	}
	return o.Confirm(s.cmd, fmt.Sprintf("Send %s back%s?", cli.Quantity(s.total, "message"), behind))
}

// sendAllBack sends messages back. On a FIFO queue those behind them show only once they are gone, so it looks again.
func (r *redrive) sendAllBack(f *inFlight, messages []*stack.Message) error {
	for len(messages) > 0 {
		if err := r.sendBack(f, messages); err != nil {
			return err
		}
		if !f.queue.FIFO() || r.limit > 0 && r.total >= r.limit {
			return nil
		}
		more, err := f.receive(r.cmd.Context(), 0, &cli.Progress{})
		if err != nil {
			return err
		}
		messages = r.add(more)
		r.unseen = max(0, r.unseen-len(more))
	}
	return nil
}

// errLeaseEnded is for a message whose lease could not be renewed.
var errLeaseEnded = errors.New("it came back into the sight of others and was left alone")

// sendBack sends messages page by page and deletes each that was accepted. It ends when nothing of a page is.
func (r *redrive) sendBack(f *inFlight, messages []*stack.Message) error {
	ctx := r.cmd.Context()
	for page := range slices.Chunk(messages, sender.PageSize) {
		if ctx.Err() != nil {
			return cli.ErrInterrupted
		}
		leased := f.leased(page)
		r.addFailed(errLeaseEnded, len(page)-len(leased))
		out := make([]*stack.Outgoing, len(leased))
		for i, m := range leased {
			out[i] = outgoing(m, r.sender.FIFO())
		}
		var accepted []*stack.Message
		var cause error
		for i, err := range r.sender.Send(ctx, out) {
			switch {
			case err == nil:
				accepted = append(accepted, leased[i])
				continue
			case !errors.Is(err, cli.ErrInterrupted):
				r.addFailed(err, 1)
			}
			if cause == nil {
				cause = err
			}
		}
		deleted := f.delete(ctx, accepted)
		r.result.Sent += len(accepted)
		r.result.Undeleted += len(accepted) - len(deleted)
		r.bar.Add(len(leased))
		if cause != nil && len(accepted) == 0 {
			return cause
		}
	}
	return nil
}

func (r *redrive) addFailed(why error, n int) {
	if n > 0 {
		r.reasons[why.Error()] += n
		r.result.Failed += n
	}
}

// outgoing is a message as it goes back: the body as it is, the attributes without those of the rejection, which would
// not be true any more. Its own id deduplicates: every rejection has a new id, so nothing is dropped that was rejected
// once more, and what is sent twice because its deletion failed is dropped for five minutes.
func outgoing(m *stack.Message, fifo bool) *stack.Outgoing {
	out := &stack.Outgoing{Body: m.Body, Attributes: maps.Clone(m.Attributes)}
	for _, name := range []string{message.AttrReason, message.AttrCode, message.AttrError} {
		delete(out.Attributes, name)
	}
	decoded := m.Webhook()
	subscriber := webhook.Peek(decoded.Body).Subscriber
	ids := message.IDs{SubscriberKind: subscriber.Kind.String(), Subscriber: subscriber.ID}
	out.GroupID = message.Encode(decoded, ids, fifo).GroupID
	if fifo {
		out.DeduplicationID = "redrive-" + m.ID
	}
	return out
}

// report prints what became of the messages and returns the error that the run ends with.
func (r *redrive) report(output *cli.Output, err error) error {
	r.result.Chosen, r.result.Unseen = r.total, r.unseen
	for _, reason := range slices.Sorted(maps.Keys(r.reasons)) {
		r.cmd.PrintErrf("%s: %s\n", cli.Quantity(r.reasons[reason], "message"), reason)
	}
	if r.result.Undeleted > 0 {
		r.cmd.PrintErrf("%s sent but not deleted: delete what is left with 'bridge rejected purge', "+
			"or the next redrive sends it again\n", cli.Quantity(r.result.Undeleted, "message"))
	}
	r.cmd.PrintErr(unseenText(r.unseen))
	left := r.result.Chosen - r.result.Sent
	text := fmt.Sprintf("%s sent back, %d not\n", cli.Quantity(r.result.Sent, "message"), left)
	if r.result.Chosen == 0 {
		text = "there is nothing to send back\n"
	}
	if err != nil {
		err = cli.WithHint(err, "what was not sent is where it was: the same command goes on")
	} else {
		err = cli.FindingsIf(left > 0 || r.result.Undeleted > 0)
	}
	return output.Conclude(r.cmd, r.result, text, err)
}
