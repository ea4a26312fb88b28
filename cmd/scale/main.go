// Command scale simulates how a stack with the settings of template.yaml copes with a burst of renewals: how many
// webhooks wait, how old the oldest gets, and when all are delivered. It makes the tables of docs/design/scale.md.
//
// Time is virtual, and the same flags always give the same result. It calls nobody and runs none of the bridge's code,
// whose processor time it takes from docs/design/benchmarks.md. Failures and retries are left to `make soak`.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/template"
)

// CleverTap calls a second or more for a call normal (developer.clevertap.com, upload-events-api, November 2026).
const usualLatency = time.Second

// usualLoad is what a yearly campaign makes of its anniversary.
var usualLoad = load{rate: 10, quiet: time.Minute, burst: 1_000_000, over: 10 * time.Minute}

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "scale:", err)
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) error {
	l, flags := usualLoad, flag.NewFlagSet("scale", flag.ContinueOnError)
	queue := flags.String("queue", "", "fifo or standard; the template's QueueType if empty")
	latency := flags.Duration("latency", usualLatency, "what CleverTap takes for an upload")
	svg := flags.String("svg", "", "write a chart to this file")
	flags.IntVar(&l.rate, "rate", l.rate, "webhooks a second all the time")
	flags.IntVar(&l.burst, "burst", l.burst, "renewals")
	flags.DurationVar(&l.over, "over", l.over, "in which they come")
	if err := flags.Parse(args); err != nil {
		return err
	}
	stack, err := template.Read("template.yaml", *queue)
	if err != nil {
		return err
	}
	m := model{stack, *latency, sqsCall}
	if m.latency <= 0 || l.burst < 0 || l.rate < 0 || l.over <= 0 {
		return errors.New("burst and rate are at least 0, latency and over are more")
	}
	if float64(l.rate) >= m.capacity() {
		return fmt.Errorf("rate %d is not below the capacity of %.0f: the queue would grow forever", l.rate, m.capacity())
	}
	s := simulate(m, l)
	waiting, oldest := s.mostWaiting(), s.greatestAge()
	fmt.Fprintf(out, `QueueType=%s: %d forwarders × %d uploads, batches of %d, CleverTap answers in %s
by the formula  %s a second
most waiting    %s, at %s
oldest message  %s, at %s
all delivered   %s after the burst
`, m.QueueType, m.Forwarders, m.Uploads, m.Batch, span(m.latency), whole(m.capacity()),
		grouped(waiting.waiting), span(waiting.at), span(oldest.age), span(oldest.at), span(s.caughtUp))
	if *svg == "" {
		return nil
	}
	chart, err := s.chart()
	if err != nil {
		return err
	}
	return os.WriteFile(*svg, chart, 0o600)
}
