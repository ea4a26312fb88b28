package main

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"path"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	// A webhook without an outcome for so long gets none any more. The first retry of a message comes after five seconds.
	webhookTimeout = 20 * time.Second
	// A message that has left the queue without a trace for so long was delivered where we cannot look, or is lost.
	traceless = 2 * time.Second
)

// run sends fixtures and watches what becomes of them.
type run struct {
	stack     *stack
	webhooks  []webhook
	recordsOf map[int]bool // numbers of the records that a fixture has made
}

// webhook is a fixture that is sent.
type webhook struct {
	fixture
	got   outcome
	sent  bool
	since int       // how many records there were when it was sent
	gone  time.Time // since when its message is on no queue and has left no trace
}

// text is a webhook and what became of it.
func (w webhook) text() string {
	return fmt.Sprintf("%-27s → %s", cmp.Or(w.event, "no event"), became(w.event, w.got))
}

// sendAll sends every fixture, and shows the outcome of each in their order.
func (s *stack) sendAll(ctx context.Context, fixtures []fixture) error {
	r := &run{stack: s, recordsOf: map[int]bool{}}
	for _, f := range fixtures {
		if s.options.Live && f.want.Account == "sandbox" { // The account has no sandbox beside it.
			f.want.Outcome, f.want.Reason = "skipped", "sandbox"
		}
		r.webhooks = append(r.webhooks, webhook{fixture: f})
	}
	var first errgroup.Group
	first.SetLimit(s.options.atOnce())
	for i := range r.webhooks {
		if i == 0 || !r.webhooks[i].follows(fixtures[i-1]) { // The others wait until the step before has its outcome.
			first.Go(func() error { return r.send(ctx, &r.webhooks[i]) })
		}
	}
	if err := first.Wait(); err != nil {
		return err
	}
	if err := r.watch(ctx); err != nil || s.clevertap == nil {
		return err
	}
	return r.showUnexpected(ctx)
}

// send posts a webhook. One that the receiver refuses has its outcome at once.
func (r *run) send(ctx context.Context, w *webhook) error {
	w.sent = true
	if w.series != "" && r.stack.clevertap != nil {
		records, err := r.stack.clevertap.records(ctx)
		if err != nil {
			return err
		}
		w.since = len(records)
	}
	if w.redriven() && r.stack.options.mode != modeInvoke {
		w.got = outcome{Status: w.want.Status, Answer: w.want.Answer} // Nobody answers.
		return r.stack.enqueue(ctx, path.Base(w.path), w.body, w.series, time.Now().Add(-time.Hour))
	}
	status, answer, err := r.stack.post(ctx, w.fixture)
	w.got.Status, w.got.Answer = status, compact(answer)
	if status != http.StatusOK {
		w.got.Outcome = "none"
	}
	return err
}

// enqueue puts a webhook on the events queue as the receiver does, or `bridge rejected redrive`: with the time of its
// first reception, and with a deduplication id that the queue has not seen.
func (s *stack) enqueue(ctx context.Context, app string, body []byte, group string, received time.Time) error {
	attributes := map[string]attribute{}
	for name, value := range map[string]string{
		"schema": "1", "app": app, "encoding": "raw",
		"received_at": received.UTC().Format("2006-01-02T15:04:05.000Z"),
	} {
		attributes[name] = attribute{"String", value}
	}
	request := map[string]any{
		"QueueUrl": s.outputs["EventsQueueUrl"], "MessageBody": string(body), "MessageAttributes": attributes,
	}
	if s.options.Queue == "fifo" {
		request["MessageGroupId"] = group
		request["MessageDeduplicationId"] = "redriven-" + strconv.FormatInt(time.Now().UnixNano(), 10)
	}
	return s.aws.call(ctx, "sqs", "AmazonSQS.SendMessage", request, nil)
}

// watch looks until every webhook has an outcome, and shows each as soon as those before it are shown.
func (r *run) watch(ctx context.Context) error {
	progress, shown := time.Now(), 0
	return poll(ctx, time.Hour, func() (bool, error) {
		now, err := r.snapshot(ctx)
		if err != nil {
			return false, err
		}
		late := time.Since(progress) > webhookTimeout
		for i := range r.webhooks {
			if w := &r.webhooks[i]; w.sent && w.got.Outcome == "" {
				r.settle(w, now, late)
			}
		}
		for i := 1; i < len(r.webhooks); i++ {
			if r.webhooks[i-1].got.Outcome != "" && !r.webhooks[i].sent {
				if err := r.send(ctx, &r.webhooks[i]); err != nil {
					return false, err
				}
				progress = time.Now()
			}
		}
		for ; shown < len(r.webhooks) && r.webhooks[shown].got.Outcome != ""; shown++ {
			progress = time.Now()
			w := r.webhooks[shown]
			r.stack.screen.compare(w.name, w.text(), w.want, w.got)
		}
		return shown == len(r.webhooks), nil
	})
}

// settle sets the outcome of a webhook if there is one.
func (r *run) settle(w *webhook, now snapshot, late bool) {
	var records []record
	w.got.Outcome, w.got.Reason, records = now.outcome(w)
	waiting := slices.ContainsFunc(now.waiting, w.isCarriedBy)
	if w.got.Outcome == "" && !waiting && w.gone.IsZero() {
		w.gone = time.Now()
	}
	switch {
	case w.got.Outcome != "":
	case waiting && late:
		w.got.Outcome = "waiting"
	case waiting || time.Since(w.gone) < traceless:
	case r.stack.options.Live:
		w.got.Outcome = "delivered"
	default:
		w.got.Outcome = "lost"
	}
	if r.stack.options.Live { // Records of the real CleverTap cannot be seen.
		w.got.Account, w.got.Records = w.want.Account, w.want.Records
		return
	}
	for _, record := range records {
		r.recordsOf[record.Number] = true
		w.got.Account = record.account()
		w.got.Records = append(w.got.Records, record.Raw)
	}
}

// snapshot is what can be seen of all webhooks at one time.
type snapshot struct {
	waiting, rejected, dead []message
	skipped                 map[string]string // reason by event id
	records                 []record
}

// snapshot looks at everything once. Accepted records are read after the queues: what is on no queue has left its
// trace by then, except in the log, which MiniStack writes a moment later.
func (r *run) snapshot(ctx context.Context) (now snapshot, err error) {
	s := r.stack
	queues, err := s.aws.messages(ctx)
	if err != nil {
		return now, err
	}
	for _, kind := range []string{"EventsFifo", "EventsStandard"} {
		now.waiting = append(now.waiting, queues[s.queue(kind+"QueueUrl")]...)
		now.dead = append(now.dead, queues[s.queue(kind+"DeadLetterQueueUrl")]...)
	}
	now.rejected = queues[s.queue("RejectedQueueUrl")]
	lines, err := s.aws.forwarderLog(ctx)
	if err != nil {
		return now, err
	}
	now.skipped = map[string]string{}
	for _, line := range lines {
		if line.Outcome == "skipped" {
			now.skipped[line.EventID] = line.Reason
		}
	}
	if s.clevertap != nil {
		now.records, err = s.clevertap.records(ctx)
	}
	return now, err
}

// outcome is what a snapshot shows of a webhook that was queued, empty if nothing yet.
func (s snapshot) outcome(w *webhook) (outcome, reason string, records []record) {
	for _, r := range s.records {
		// Its subscribers appear in no other fixture, unless it is in a series: then their records since it was sent count.
		ofSubscriber := r.EventID == "" && r.Number > w.since && slices.Contains(w.subscribers, r.ID)
		if ofSubscriber || r.EventID != "" && r.EventID == w.eventID {
			records = append(records, r)
		}
	}
	if i := slices.IndexFunc(s.rejected, w.isCarriedBy); i >= 0 {
		return "rejected", s.rejected[i].Attributes["reason"].Value, records
	}
	reason, skipped := s.skipped[w.eventID]
	switch {
	case slices.ContainsFunc(s.dead, w.isCarriedBy):
		return "dead", "", nil
	case slices.ContainsFunc(s.waiting, w.isCarriedBy):
		return "", "", nil
	case skipped && w.eventID != "":
		return "skipped", reason, nil
	case len(records) > 0:
		return "delivered", "", records
	}
	return "", "", nil
}

// showUnexpected shows the records that no fixture has made, and the fake's warnings.
func (r *run) showUnexpected(ctx context.Context) error {
	records, err := r.stack.clevertap.records(ctx)
	if err != nil {
		return err
	}
	wrong := func(what, which string) { r.stack.screen.result("CleverTap", what+": "+which, false) }
	for _, record := range records {
		if !r.recordsOf[record.Number] {
			wrong("CleverTap got a record that no fixture wants", string(record.Raw))
		}
	}
	warnings, err := r.stack.clevertap.warnings(ctx)
	for _, w := range warnings {
		if w.Rule != "no_event_id" { // Webhooks of version 2 have none, and the records of others are as wanted.
			wrong("CleverTap would presumably change a record", w.Rule+" "+w.Key)
		}
	}
	return err
}
