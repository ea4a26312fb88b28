// Package queue holds the commands on what was not delivered: the rejected queue and the dead-letter queues.
//
// It promises that a message leaves its queue only after the events queue has accepted it, or because somebody said so
// after seeing how many there are, and that everything else that a command has received is returned, also after an
// interrupt.
package queue

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/stack"
	"github.com/purchasely-clevertap/bridge/shared/message"
)

// NewCommand returns "rejected". network makes the calls to AWS; nil is the real one.
func NewCommand(network http.RoundTripper) *cobra.Command {
	return cli.Group("rejected", "See, send back or delete what was not delivered",
		`Works on the rejected queue, which keeps messages that were refused for good, each with the
reason, and with --dead-letters on the two dead-letter queues, which keep messages that
failed a thousand times.

SQS shows messages only to those who receive them. So every command hides what it looks
at from others and returns it at the end, also after Ctrl-C. Whatever happens to the
command, it is back within five minutes. Messages are kept for 14 days.`,
		newListCommand(network), newShowCommand(network), newRedriveCommand(network), newPurgeCommand(network))
}

// filter says which messages of which queues a command is about.
type filter struct {
	network     http.RoundTripper
	stack       string
	deadLetters bool
	reasons     []string
	apps        []string
	older       cli.Age
	newer       cli.Age
}

func (f *filter) flags(cmd *cobra.Command) {
	flags := cmd.Flags()
	stack.Flag(cmd, &f.stack)
	flags.BoolVar(&f.deadLetters, "dead-letters", false, "the two dead-letter queues instead of the rejected queue")
	flags.StringSliceVar(&f.reasons, "reason", nil, "only what was rejected for this reason; may be repeated")
	flags.StringSliceVar(&f.apps, "app", nil, "only messages of this app; may be repeated")
	flags.Var(&f.older, "older", "only what has been there for longer, such as 12h or 3d")
	flags.Var(&f.newer, "newer", "only what has been there for less long")
}

// open checks the flags and finds the queues.
func (f *filter) open(cmd *cobra.Command) (*stack.Stack, []*stack.Queue, error) {
	switch {
	case f.deadLetters && len(f.reasons) > 0:
		return nil, nil, cli.BadUsage(cmd, errors.New("dead letters have no reason: nothing was ever told about them"))
	case f.newer > 0 && f.older >= f.newer:
		return nil, nil, cli.BadUsage(cmd, errors.New("nothing is older than --older and newer than --newer"))
	}
	s, err := stack.Open(cmd, f.network, f.stack)
	if err != nil {
		return nil, nil, err
	}
	outputs := [][2]string{{stack.RejectedQueue, "rejected"}}
	if f.deadLetters {
		outputs = [][2]string{
			{stack.FIFODeadLetters, "fifo dead letters"}, {stack.StandardDeadLetters, "standard dead letters"},
		}
	}
	var queues []*stack.Queue
	for _, o := range outputs {
		q, err := s.Queue(o[0], o[1])
		if err != nil {
			return nil, nil, err
		}
		queues = append(queues, q)
	}
	return s, queues, nil
}

func (f *filter) matches(m *stack.Message, now time.Time) bool {
	age := cli.Age(now.Sub(m.Sent))
	return (len(f.reasons) == 0 || slices.Contains(f.reasons, reasonOf(m))) &&
		(len(f.apps) == 0 || slices.Contains(f.apps, appOf(m))) &&
		(f.older == 0 || age > f.older) && (f.newer == 0 || age < f.newer)
}

// apply returns the messages that match, the oldest first.
func (f *filter) apply(messages []*stack.Message, now time.Time) []*stack.Message {
	matching := slices.DeleteFunc(slices.Clone(messages), func(m *stack.Message) bool { return !f.matches(m, now) })
	slices.SortFunc(matching, (*stack.Message).Compare)
	return matching
}

func reasonOf(m *stack.Message) string { return m.Attributes.Text(message.AttrReason) }

func appOf(m *stack.Message) string { return m.Attributes.Text(message.AttrApp) }

// unseenText says that a count is partial.
func unseenText(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("about %d more did not show: others look at them, "+
		"or they stand behind messages of the same user, or are too many at once\n", n)
}
