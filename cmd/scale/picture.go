package main

import (
	"fmt"
	"io"
	"strings"
)

// The text picture's size.
const (
	pictureRows  = 30
	pictureWidth = 50 // of the longest bar
)

// draw writes what a simulation showed as text: a row for each part of its time, and what it comes to.
func draw(out io.Writer, m model, l load, c course) {
	fmt.Fprintf(out, "%s\n%s\n\n", m.settings, describe(m, l))
	fmt.Fprintf(out, "%12s  %-*s %9s  %12s  %12s\n", "time", pictureWidth, "waiting", "", "oldest", "delivered")
	moments := c.thinned(pictureRows)
	for i, now := range moments {
		before := moments[max(i-1, 0)]
		bar := strings.Repeat("█", now.Waiting*pictureWidth/max(c.peak.Waiting, 1))
		fmt.Fprintf(out, "%12s  %-*s %9s  %12s  %10s/s\n",
			span(now.At), pictureWidth, bar, grouped(now.Waiting), span(now.Age), whole(rate(before, now)))
	}
	fmt.Fprintf(out, "\nby the formula    %s a second\n", whole(m.capacity()))
	fmt.Fprintf(out, "most waiting      %s, at %s\n", grouped(c.peak.Waiting), span(c.peak.At))
	fmt.Fprintf(out, "oldest message    %s, at %s\n", span(c.oldest.Age), span(c.oldest.At))
	fmt.Fprintf(out, "caught up         %s after the burst\n", span(c.caughtUp))
	fmt.Fprintf(out, "delivered         %s, in %s batches of %.1f\n", grouped(c.delivered), grouped(c.batches), float64(c.delivered)/float64(max(c.batches, 1)))
}

// String names the settings in a line.
func (s settings) String() string {
	text := fmt.Sprintf("%s queue: %d forwarders of %d MB, batches of %s", s.name(), s.concurrency, s.memory, grouped(s.batch))
	if s.window > 0 {
		text += " within " + span(s.window)
	}
	text += fmt.Sprintf(", %d upload", s.uploads)
	if s.uploads > 1 {
		text += "s"
	}
	text += " at once, subscriber state "
	if s.subscriberState {
		return text + "on"
	}
	return text + "off"
}

// name is the queue's name in a sentence.
func (s settings) name() string {
	if s.queue == fifo {
		return "FIFO"
	}
	return "Standard"
}

// describe says in a line what comes and how CleverTap answers.
func describe(m model, l load) string {
	text := fmt.Sprintf("CleverTap answers in %s; %s webhooks a second", span(m.latency), grouped(l.rate))
	if l.burst > 0 {
		text += fmt.Sprintf(", and from %s on %s renewals in %s", span(l.quiet), grouped(l.burst), span(l.over))
	}
	return text
}
