package main

import (
	"errors"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/spf13/cobra"

	"github.com/purchasely-clevertap/bridge/shared/message"
)

// choice says which messages of which queues a command is about.
type choice struct {
	stack       string
	deadLetters bool
	reasons     []string
	apps        []string
	older       age
	newer       age
}

// flags adds the flags of a choice to a command.
func (c *choice) flags(cmd *cobra.Command) {
	flags := cmd.Flags()
	stackFlag(cmd, &c.stack)
	flags.BoolVar(&c.deadLetters, "dead-letters", false, "the two dead-letter queues instead of the rejected queue")
	flags.StringSliceVar(&c.reasons, "reason", nil, "only what was rejected for this reason; may be given again")
	flags.StringSliceVar(&c.apps, "app", nil, "only messages of this app; may be given again")
	flags.Var(&c.older, "older", "only what has lain there for longer, such as 12h or 3d")
	flags.Var(&c.newer, "newer", "only what has lain there for less long")
}

// check finds what is wrong with the flags taken together.
func (c *choice) check(cmd *cobra.Command) error {
	switch {
	case c.deadLetters && len(c.reasons) > 0:
		return usageOf(cmd, errors.New("dead letters have no reason: nothing was ever told about them"))
	case c.newer > 0 && c.older >= c.newer:
		return usageOf(cmd, errors.New("nothing is older than --older and newer than --newer"))
	}
	return nil
}

// takes tells whether a letter is meant.
func (c *choice) takes(l *letter, now time.Time) bool {
	since := age(now.Sub(l.sent))
	return (len(c.reasons) == 0 || slices.Contains(c.reasons, l.attribute(message.AttrReason))) &&
		(len(c.apps) == 0 || slices.Contains(c.apps, l.attribute(message.AttrApp))) &&
		(c.older == 0 || since > c.older) && (c.newer == 0 || since < c.newer)
}

// of picks the letters that are meant, oldest first.
func (c *choice) of(letters []*letter, now time.Time) []*letter {
	chosen := slices.DeleteFunc(slices.Clone(letters), func(l *letter) bool { return !c.takes(l, now) })
	slices.SortFunc(chosen, compareLetters)
	return chosen
}

// queues are the queues that are meant.
func (c *choice) queues(s *stack) ([]*queue, error) {
	outputs := []struct{ output, name string }{{outputRejectedQueue, "rejected"}}
	if c.deadLetters {
		outputs = []struct{ output, name string }{
			{outputFIFODeadLetters, "fifo dead letters"}, {outputStandardDeadLetters, "standard dead letters"},
		}
	}
	client := sqs.NewFromConfig(s.cloud)
	queues := make([]*queue, len(outputs))
	for i, o := range outputs {
		url, err := s.output(o.output)
		if err != nil {
			return nil, err
		}
		queues[i] = &queue{client, url, o.name}
	}
	return queues, nil
}

// open checks the flags and looks the queues up.
func (c *choice) open(cmd *cobra.Command) (*stack, []*queue, error) {
	if err := c.check(cmd); err != nil {
		return nil, nil, err
	}
	s, err := openStack(cmd, c.stack)
	if err != nil {
		return nil, nil, err
	}
	queues, err := c.queues(s)
	return s, queues, err
}
