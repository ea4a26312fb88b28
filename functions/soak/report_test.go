//go:build soak

package soak_test

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// tally counts things by name.
type tally map[string]int

func (t *tally) add(name string) {
	if *t == nil {
		*t = tally{}
	}
	(*t)[name]++
}

// lines lists the things, the most frequent first.
func (t tally) lines(w io.Writer) {
	names := slices.SortedFunc(maps.Keys(t), func(a, b string) int {
		if t[a] != t[b] {
			return t[b] - t[a]
		}
		return strings.Compare(a, b)
	})
	for _, name := range names {
		fmt.Fprintf(w, "  %7d  %s\n", t[name], name)
	}
}

// report is what a run amounts to.
type report struct {
	counts      counts // of the invocations that answered
	invocations int
	unanswered  int
	outcomes    tally // of the webhooks
	retries     tally // of the messages, by reason
	copies      tally
	receives    int // the most of one message
	ordered     int // events whose order was checked
	overtaken   int
	outdated    int // messages whose only record would have been older news
	exact       int // profiles foreseen to the last property
	loose       int
	busiest     int
	printed     int
}

func (v *verdict) count(call *invocation) {
	v.invocations++
	if !call.answered() {
		v.unanswered++
	}
}

// print tells people what the run was like.
func (v *verdict) print() {
	w := v.Output()
	answers, faults := tally{}, tally{}
	repeated, posted := 0, 0
	for _, s := range v.senders {
		for status, n := range s.answers {
			posted += n
			if status != 200 {
				answers[fmt.Sprintf("answered %d", status)] += n
			}
		}
		repeated += s.repeated
	}
	for _, u := range v.uploads {
		if u.request != nil {
			for _, kind := range u.request.Faults {
				faults.add(string(kind))
			}
		}
	}
	fmt.Fprintf(w, "seed %d: %s of webhooks, queue %s\n", v.settings.seed, v.settings.lasts, v.settings.queue)
	fmt.Fprintf(w, "webhooks: %d, posted %d times (%d of them on purpose although taken), %d messages\n", len(v.webhooks), posted, repeated, len(v.histories))
	answers.lines(w)
	fmt.Fprintln(w, "outcomes of the webhooks:")
	v.outcomes.lines(w)
	fmt.Fprintf(w, "invocations: %d, %d of them without an answer; kills: %d forwarders, %d receivers\n", v.invocations, v.unanswered, v.fleet.kills, v.weather.deaths)
	c := v.counts
	fmt.Fprintf(w, "balance: %d received = %d delivered + %d skipped + %d rejected + %d retried; a message came at most %d times\n",
		c.Received, c.Delivered, c.Skipped, c.Rejected, c.Retried, v.receives)
	fmt.Fprintln(w, "retries by reason:")
	v.retries.lines(w)
	fmt.Fprintf(w, "uploads: %d, at most %d of one account at once; records stored: %d\n", len(v.uploads), v.busiest, len(v.records))
	fmt.Fprintln(w, "uploads that something befell:")
	faults.lines(w)
	fmt.Fprintln(w, "copies and their causes:")
	v.copies.lines(w)
	fmt.Fprintf(w, "order: %d events in the order of their subscribers, %d overtaken after a refusal\n", v.ordered, v.overtaken)
	fmt.Fprintf(w, "profiles: %d as foreseen, %d of users whose order nobody promised\n", v.exact, v.loose)
	fmt.Fprintf(w, "drained %s after everything was well again\n", v.drained.Sub(v.calmed).Round(100*time.Millisecond))
}
