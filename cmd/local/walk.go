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
	gone     []time.Time // since when a message is on no queue and has left no trace
}

// sendAll sends every fixture, shows what became of each in their order, and returns how many did not end as they should.
func sendAll(ctx context.Context, s *stack, fixtures []fixture, screen *screen, began time.Time) (failed int, err error) {
	w := &walk{stack: s, fixtures: fixtures, results: make([]result, len(fixtures)), gone: make([]time.Time, len(fixtures))}
	for i := range fixtures {
		if s.options.Live.on {
			fixtures[i].expectNoSandbox()
		}
		if w.results[i].status, w.results[i].answer, err = s.send(ctx, fixtures[i]); err != nil {
			return 0, err
		}
	}
	first := true
	for i, f := range fixtures {
		if err := w.settle(ctx, i); err != nil {
			return 0, err
		}
		lines := differences(f, w.results[i], s.options.Live.on)
		screen.webhook(f, w.results[i], lines)
		if len(lines) > 0 {
			failed++
		} else if first && w.results[i].outcome == "delivered" {
			first = false
			screen.note("first delivery %s after the start", sinceStart(time.Since(began)))
		}
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

// send posts a webhook to the API, as Purchasely does.
func (s *stack) send(ctx context.Context, f fixture) (status int, body []byte, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+f.path, bytes.NewReader(f.body))
	if err != nil {
		return 0, nil, err
	}
	r.Header = f.header.Clone()
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, nil, fmt.Errorf("webhook %s: %w", f.name, err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err = io.ReadAll(response.Body)
	return response.StatusCode, body, err
}

// settle waits for the outcome of a fixture.
func (w *walk) settle(ctx context.Context, i int) error {
	r := &w.results[i]
	if r.status != http.StatusOK {
		// Refused: the queue has never seen it.
		r.outcome = "none"
		return nil
	}
	deadline := time.Now().Add(patienceWithWebhook)
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		seen, err := w.observe(ctx)
		if err != nil {
			return err
		}
		r.outcome, r.reason, r.records = seen.of(w.fixtures[i])
		if r.outcome == "" {
			r.outcome = w.conclude(i, seen)
		}
		if r.outcome != "" {
			return nil
		}
		if time.Now().After(deadline) {
			r.outcome = "waiting"
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

// conclude decides what has become of a message that is on no queue and has left no trace.
func (w *walk) conclude(i int, seen observation) string {
	if slices.ContainsFunc(seen.waiting, func(m message) bool { return w.fixtures[i].carries(m) }) {
		return ""
	}
	if w.gone[i].IsZero() {
		w.gone[i] = time.Now()
	}
	switch {
	case time.Since(w.gone[i]) < traceless:
		return ""
	case w.stack.options.Live.on:
		return "delivered"
	default:
		return "lost"
	}
}

// observe looks at everything once. What was accepted is read after the queues: whatever is on none of them has left its trace by
// then, but for the log, which MiniStack writes a moment later.
func (w *walk) observe(ctx context.Context) (observation, error) {
	var seen observation
	s := w.stack
	queues, err := s.aws.messages(ctx)
	if err != nil {
		return seen, err
	}
	seen.waiting = slices.Concat(queues[s.queue("EventsFifoQueueUrl")], queues[s.queue("EventsStandardQueueUrl")])
	seen.dead = slices.Concat(queues[s.queue("EventsFifoDeadLetterQueueUrl")], queues[s.queue("EventsStandardDeadLetterQueueUrl")])
	seen.rejected = queues[s.queue("RejectedQueueUrl")]
	lines, err := s.aws.logs(ctx, "/aws/lambda/"+stackName+"-forwarder")
	if err != nil {
		return seen, err
	}
	seen.skipped = map[string]string{}
	for _, line := range lines {
		if line.Outcome == "skipped" {
			seen.skipped[line.EventID] = line.Reason
		}
	}
	if s.clevertap != nil {
		seen.records, err = s.clevertap.records(ctx)
	}
	return seen, err
}

// strays returns what CleverTap has got and no fixture wants, and what the stand-in objects to.
func (w *walk) strays(ctx context.Context) ([]string, error) {
	if w.stack.clevertap == nil {
		return nil, nil
	}
	records, err := w.stack.clevertap.records(ctx)
	if err != nil {
		return nil, err
	}
	claimed := map[int]bool{}
	for _, r := range w.results {
		for _, record := range r.records {
			claimed[record.Number] = true
		}
	}
	var strays []string
	for _, r := range records {
		if !claimed[r.Number] {
			strays = append(strays, "CleverTap got a record that no fixture wants: "+r.Raw)
		}
	}
	objections, err := w.stack.clevertap.objections(ctx)
	if err != nil {
		return nil, err
	}
	for _, o := range objections {
		strays = append(strays, fmt.Sprintf("CleverTap would presumably spoil a record: %s %s", o.Rule, o.Key))
	}
	return strays, nil
}
