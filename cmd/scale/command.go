package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// options are what the command line says.
type options struct {
	template, queue, svg string
	json                 bool
	concurrency, uploads int // 0: the template's
	memory               int // 0: the template's
	noSubscribers        bool
	world                world
	load                 load
}

func newRootCommand() *cobra.Command {
	o := options{}
	cmd := &cobra.Command{
		Use:   "scale",
		Short: "Simulate a burst of renewals with the template's settings",
		Long: `scale simulates what a stack with the settings of template.yaml makes of a burst of renewals,
and shows how many wait, how old the oldest is, and when all of them are delivered.

docs/design/scale.md says what it knows, what it assumes, and what follows.`,
		Example: `  scale
  scale --queue standard --latency 300ms
  scale --queue fifo --concurrency 13 --burst 100000 --over 1h --json`,
		Args:              cobra.NoArgs,
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
		RunE:              func(cmd *cobra.Command, _ []string) error { return o.simulate(cmd.OutOrStdout()) },
	}
	cmd.PersistentFlags().StringVar(&o.template, "template", "template.yaml", "the template")
	f := cmd.Flags()
	f.StringVar(&o.queue, "queue", "", "fifo or standard; empty for the template's QueueType")
	f.DurationVar(&o.world.latency, "latency", usualWorld.latency, "what CleverTap takes for an upload")
	f.DurationVar(&o.world.sqs, "sqs", usualWorld.sqs, "what SQS takes for a call")
	f.IntVar(&o.concurrency, "concurrency", 0, "forwarders at once; 0 for the template's")
	f.IntVar(&o.uploads, "uploads", 0, "uploads at once of a forwarder; 0 for the template's")
	f.IntVar(&o.memory, "memory", 0, "megabytes of a forwarder; 0 for the template's")
	f.BoolVar(&o.noSubscribers, "no-subscriber-state", false, "Subscribers=off")
	f.IntVar(&o.load.burst, "burst", usualLoad.burst, "renewals, each of another subscriber")
	f.DurationVar(&o.load.over, "over", usualLoad.over, "in which they come")
	f.DurationVar(&o.load.quiet, "quiet", usualLoad.quiet, "before they come")
	f.IntVar(&o.load.rate, "rate", usualLoad.rate, "webhooks a second all the time")
	f.IntVar(&o.load.subscribers, "subscribers", usualLoad.subscribers, "from whom those come")
	f.Uint64Var(&o.load.seed, "seed", usualLoad.seed, "of what is left to chance")
	f.BoolVar(&o.json, "json", false, "print JSON")
	f.StringVar(&o.svg, "svg", "", "write a picture into this file as well")
	cmd.AddCommand(newTablesCommand(&o.template))
	return cmd
}

func newTablesCommand(template *string) *cobra.Command {
	var names []string
	for _, t := range tables {
		names = append(names, t.name)
	}
	return &cobra.Command{
		Use:       "tables [name…]",
		Short:     "Print the tables of docs/design/scale.md",
		Long:      "Print the tables of docs/design/scale.md, or those named: " + strings.Join(names, ", ") + ".",
		ValidArgs: names,
		Args:      cobra.OnlyValidArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, t := range tables {
				if len(args) > 0 && !slices.Contains(args, t.name) {
					continue
				}
				text, err := t.make(*template)
				if err != nil {
					return err
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%s\n\n%s\n", t.name, text)
			}
			return nil
		},
	}
}

// simulate runs one simulation and shows it.
func (o options) simulate(out io.Writer) error {
	m, err := o.model()
	if err != nil {
		return err
	}
	if err := check(m, o.load); err != nil {
		return err
	}
	c, err := newSimulation(m, o.load).run()
	if err != nil {
		return err
	}
	if o.svg != "" {
		if err := os.WriteFile(o.svg, []byte(svg(m, o.load, c)), 0o600); err != nil {
			return fmt.Errorf("picture: %w", err)
		}
	}
	if o.json {
		return writeJSON(out, m, o.load, c)
	}
	draw(out, m, o.load, c)
	return nil
}

// model is the template's, with what the command line changes.
func (o options) model() (model, error) {
	s, err := readSettings(o.template, o.queue)
	if err != nil {
		return model{}, err
	}
	for _, change := range []struct{ to, of *int }{{&o.concurrency, &s.concurrency}, {&o.uploads, &s.uploads}, {&o.memory, &s.memory}} {
		if *change.to != 0 {
			*change.of = *change.to
		}
	}
	s.subscriberState = s.subscriberState && !o.noSubscribers
	return model{s, o.world}, nil
}

// check refuses what cannot be simulated, or makes no sense.
func check(m model, l load) error {
	switch {
	case m.concurrency < fewest || m.concurrency > most:
		return fmt.Errorf("concurrency is %d to %d, as Lambda wants it, not %d", fewest, most, m.concurrency)
	case m.uploads < 1 || m.memory < 128:
		return fmt.Errorf("uploads are at least 1 and memory is at least 128, not %d and %d", m.uploads, m.memory)
	case m.latency <= 0 || m.latency > m.uploadTimeout:
		return fmt.Errorf("latency is more than 0 and at most the template's UploadTimeout of %s, not %s", m.uploadTimeout, m.latency)
	case m.sqs < time.Millisecond:
		return fmt.Errorf("sqs is at least 1ms, not %s", m.sqs)
	case m.work(m.full()) > m.timeout:
		return fmt.Errorf("forwarder needs %s for a batch, and has %s", span(m.work(m.full())), span(m.timeout))
	case l.burst < 0 || l.burst > 10_000_000 || l.over <= 0 || l.quiet < 0:
		return fmt.Errorf("burst is 0 to 10,000,000, over more than 0 and quiet not less, not %d, %s and %s", l.burst, l.over, l.quiet)
	case l.rate < 0 || l.subscribers < 1:
		return fmt.Errorf("rate is at least 0 and subscribers at least 1, not %d and %d", l.rate, l.subscribers)
	case float64(l.rate) >= m.capacity():
		return fmt.Errorf("rate %d is not less than the %.0f a second that are delivered: the queue would grow for ever", l.rate, m.capacity())
	}
	return nil
}
