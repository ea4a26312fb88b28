package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"
)

// A webhook that shows no outcome for so long will show none any more. The first retry of a message comes after five seconds.
const patienceWithWebhook = 20 * time.Second

// A message that has left the queue without a trace for so long was delivered to somebody we cannot see, or is lost.
const traceless = 2 * time.Second

// walk sends fixtures and watches what becomes of them.
type walk struct {
	stack    *stack
	fixtures []fixture
	results  []result
	sent     []bool
	gone     []time.Time // since when a message is on no queue and has left no trace
}

// sendAll sends every fixture, shows what became of each in their order, and returns how many did not end as they should.
func sendAll(ctx context.Context, s *stack, fixtures []fixture, screen *screen, began time.Time) (failed int, err error) {
	n := len(fixtures)
	w := &walk{stack: s, fixtures: fixtures, results: make([]result, n), sent: make([]bool, n), gone: make([]time.Time, n)}
	for i := range fixtures {
		if s.options.Live.on {
			fixtures[i].expectNoSandbox()
		}
		if i > 0 && fixtures[i].follows(fixtures[i-1]) {
			continue // It is sent when the step before has arrived.
		}
		if err := w.send(ctx, i); err != nil {
			return 0, err
		}
	}
	first := true
	show := func(i int) {
		r := w.results[i]
		lines := differences(fixtures[i], r, s.options.Live.on)
		screen.webhook(fixtures[i], r, lines)
		if len(lines) > 0 {
			failed++
		} else if first && r.outcome == "delivered" {
			first = false
			screen.note("first delivery %s after the start", sinceStart(time.Since(began)))
		}
	}
	if err := w.watch(ctx, show); err != nil {
		return 0, err
	}
	strays, err := w.strays(ctx)
	if err != nil {
		return 0, err
	}
	screen.strays(strays)
	return failed + len(strays), nil
}

// expectNoSandbox changes what is wanted where the account has no sandbox beside it.
func (f *fixture) expectNoSandbox() {
	if f.want.Account == "sandbox" {
		f.want.Outcome, f.want.Reason = "skipped", "sandbox"
	}
}

// send posts a webhook to the API, as Purchasely does. What the receiver refuses ends here: no queue ever sees it.
func (w *walk) send(ctx context.Context, i int) error {
	f, r := &w.fixtures[i], &w.results[i]
	w.sent[i] = true
	if f.series != "" && w.stack.clevertap != nil {
		records, err := w.stack.clevertap.records(ctx)
		if err != nil {
			return err
		}
		f.since = len(records)
	}
	if f.redriven() {
		r.status, r.answer = f.want.Status, f.want.Answer // nobody answers
		return w.stack.aws.redrive(ctx, w.stack.outputs["EventsQueueUrl"], w.stack.options.Queue == "fifo", *f)
	}
	post, err := http.NewRequestWithContext(ctx, http.MethodPost, w.stack.url+f.path, bytes.NewReader(f.body))
	if err != nil {
		return err
	}
	post.Header = f.header.Clone()
	response, err := w.stack.aws.client.Do(post)
	if err != nil {
		return fmt.Errorf("webhook %s: %w", f.name, err)
	}
	defer func() { _ = response.Body.Close() }()
	r.status = response.StatusCode
	if r.status != http.StatusOK {
		r.outcome = "none"
	}
	r.answer, err = io.ReadAll(response.Body)
	return err
}

// watch looks until every fixture has an outcome, and shows each as soon as those before it are shown.
func (w *walk) watch(ctx context.Context, show func(i int)) error {
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	progress := time.Now()
	for shown := 0; ; {
		seen, err := w.observe(ctx)
		if err != nil {
			return err
		}
		late := time.Since(progress) > patienceWithWebhook
		for i := shown; i < len(w.results); i++ {
			if w.sent[i] && w.results[i].outcome == "" {
				w.settle(i, seen, late)
			}
			if next := i + 1; next < len(w.results) && w.results[i].outcome != "" && !w.sent[next] {
				if err := w.send(ctx, next); err != nil {
					return err
				}
			}
		}
		for ; shown < len(w.results) && w.results[shown].outcome != ""; shown++ {
			progress = time.Now()
			show(shown)
		}
		if shown == len(w.results) {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

// settle notes the outcome of a fixture if there is one to be seen.
func (w *walk) settle(i int, seen observation, late bool) {
	f, r := w.fixtures[i], &w.results[i]
	r.outcome, r.reason, r.records = seen.of(f)
	if r.outcome != "" {
		return
	}
	waiting := slices.ContainsFunc(seen.waiting, func(m message) bool { return f.carries(m) })
	if !waiting && w.gone[i].IsZero() {
		w.gone[i] = time.Now()
	}
	switch {
	case waiting && late:
		r.outcome = "waiting"
	case waiting || time.Since(w.gone[i]) < traceless:
	case w.stack.options.Live.on:
		r.outcome = "delivered"
	default:
		r.outcome = "lost"
	}
}
