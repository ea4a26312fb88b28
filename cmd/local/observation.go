package main

import (
	"context"
	"slices"
)

// observation is what can be seen of all webhooks at one moment.
type observation struct {
	waiting, rejected, dead []message
	skipped                 map[string]string // reason by event id
	records                 []record
}

// of says what an observation shows of one fixture that was queued: its outcome, or nothing while there is none yet. Where the real
// CleverTap is asked, no records can be seen, and what has left the queue unmarked was delivered.
func (o observation) of(f fixture) (outcome, reason string, records []record) {
	carries := func(m message) bool { return f.carries(m) }
	for _, m := range o.rejected {
		if f.carries(m) {
			return "rejected", m.Attributes["reason"].Value, o.recordsOf(f)
		}
	}
	if slices.ContainsFunc(o.dead, carries) {
		return "dead", "", nil
	}
	if slices.ContainsFunc(o.waiting, carries) {
		return "", "", nil
	}
	if reason, ok := o.skipped[f.eventID]; ok && f.eventID != "" {
		return "skipped", reason, nil
	}
	if records := o.recordsOf(f); len(records) > 0 {
		return "delivered", "", records
	}
	return "", "", nil
}

// recordsOf returns the accepted records that were made from a fixture: those of its event, and those of its subscribers, who appear in no
// other fixture, unless it is in a series: then those of its subscribers since it was sent.
func (o observation) recordsOf(f fixture) []record {
	var made []record
	for _, r := range o.records {
		if (r.EventID != "" && r.EventID == f.eventID) || (r.Number > f.since && r.EventID == "" && slices.Contains(f.subscribers, r.ID)) {
			made = append(made, r)
		}
	}
	return made
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
