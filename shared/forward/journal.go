package forward

import (
	"context"
	"log/slog"
	"math/bits"
	"strconv"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/mapping"
	"github.com/purchasely-clevertap/bridge/shared/subscriber"
)

// Journal says what is kept of a webhook once its outcome is known.
type Journal uint8

// The journal's modes.
const (
	JournalOff Journal = iota
	JournalOutcomes
	JournalBodies // the webhook itself, too
)

// writeJournal writes what became of the messages of a person. It decides nothing: what cannot be written is counted.
func (h *Handler) writeJournal(ctx context.Context, b *batch, l *ledger) (lost map[string]int) {
	if h.Journal == JournalOff {
		return nil
	}
	items := make(map[subscriber.Key]subscriber.Item)
	apps := make(map[subscriber.Key]string)
	lost = make(map[string]int)
	for i := range b.readings {
		r := &b.readings[i]
		retriedBetween := l.has(i, Retried) && bits.OnesCount(uint(r.message.Receives)) > 1
		if r.unwritten() || retriedBetween {
			continue
		}
		if b.items == nil { // the table could not be read, so nobody knows who is suppressed
			lost[r.app.Name]++
			continue
		}
		known, err := r.known(b.items, h.now())
		if err != nil || known.Suppressed {
			continue
		}
		id := subscriber.JournalID(r.eventID, r.body)
		key := subscriber.EventKey(r.people.subscriber[0].partition, r.app.Name, r.received, id)
		apps[key] = r.app.Name
		items[key] = h.journalEntry(i, b, known, l).Item(h.JournalLifetime)
	}
	if len(items) == 0 {
		return lost
	}
	failed, err := h.Table.Put(ctx, items)
	if err == nil {
		return lost
	}
	fault.Of(err).Log(ctx, h.Log, "journal not written", slog.Int("records", len(failed)))
	for _, key := range failed {
		lost[apps[key]]++
	}
	return lost
}

// journalEntry is what became of one message.
func (h *Handler) journalEntry(i int, b *batch, known mapping.Known, l *ledger) subscriber.Event {
	r, o := &b.readings[i], &b.opened[i]
	outcome, f := l.outcome(i)
	e := subscriber.Event{
		App: r.app.Name, Event: r.name, EventID: r.eventID, Name: o.name, Received: r.received, Settled: h.now(),
		Outcome: outcome.String(), Records: l.accepted(i).String(), Active: o.active(), Attempt: r.message.Receives,
		Settings: b.settings,
	}
	if o.created > 0 {
		e.Created = time.UnixMilli(o.created).UTC()
	}
	if f != nil {
		e.Reason, e.Code = string(f.Reason), f.Code
	}
	if r.account != nil {
		e.Account = r.account.ID
	}
	switch {
	case len(r.people.former) > 0 && !known.FormerSuppressed:
		e.Other = r.people.former[0].partition
	case len(r.people.next) > 0:
		e.Other = r.people.next[0].partition
	}
	if h.Journal == JournalBodies {
		e.Body = r.body
	}
	return e
}

// active is whether the subscriber had an active purchase when the message was known, empty if its state does not say.
func (o *opened) active() string {
	for _, u := range o.updates {
		if d := u.decision; !u.former && (d.Known || d.Older) && !d.Unsure {
			return strconv.FormatBool(d.Active)
		}
	}
	return ""
}

// unwritten reports whether a message has no place in the journal: it has no id of a person, or nothing could be read
// of it. Those are on the rejected queue.
func (r *reading) unwritten() bool { return r.app == nil || len(r.people.subscriber) == 0 }
