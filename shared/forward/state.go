package forward

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/mapping"
	"github.com/purchasely-clevertap/bridge/shared/subscriber"
)

// ErrConflict means that another forwarder has written an entry since it was read.
var ErrConflict = errors.New("subscriber entry was written by another forwarder")

// Subscribers stores subscribers' entries, as texts that package subscriber encodes and decodes. Its errors are
// retried and quote no key.
type Subscribers interface {
	// Read returns the texts of those keys that have an entry; "" for an entry without a text. Keys are distinct. One
	// error stands for all of them.
	Read(ctx context.Context, keys []string) (map[string]string, error)
	// Write replaces an entry's text if it still is the one that was read, "" where there was none; else it returns
	// [ErrConflict].
	Write(ctx context.Context, key, read, text string) error
}

const (
	// writersAtOnce is how many entries are written at a time.
	writersAtOnce = 32
	// writeAttempts is how often an entry is read, merged and written while others write it at the same time.
	writeAttempts = 5
	// correctionRounds is how often a batch looks again after it has sent a correction.
	correctionRounds = 3
	// clockSkew is how far ahead of ours the clock may run that a stored time is from.
	clockSkew = time.Hour
)

// errFuture means that an entry can be read and yet cannot be true.
var errFuture = errors.New("subscriber entry has purchases from the future")

// stateUpdate is what one message says about a subscriber's purchase.
type stateUpdate struct {
	subscriber.ScopedUpdate

	key       string // of the subscriber's entry
	message   int
	former    bool // about the subscriber from whom a subscription came
	contended bool // another forwarder may write the entry at the same time

	decision subscriber.Decision // what the profile may say
	sent     subscriber.Decision // what it says; the zero Decision if it says nothing
}

// tableEntry is one subscriber of the batch: the entry, and what the batch says about it.
type tableEntry struct {
	key       string
	text      string           // as it lies in the table
	state     subscriber.State // the same as far as it can be believed
	damaged   bool             // it is replaced whatever the batch says
	contended bool             // another forwarder may write it at the same time
	updates   []*stateUpdate
	err       error
	panic     any
}

// messages returns the indexes of the messages that say something about the subscriber.
func (e *tableEntry) messages() []int {
	all := make([]int, len(e.updates))
	for i, u := range e.updates {
		all[i] = u.message
	}
	return all
}

// load takes the entry as it was read. The error says what is wrong with it; the entry is then replaced.
func (e *tableEntry) load(texts map[string]string, now time.Time) (err error) {
	text, stored := texts[e.key]
	e.text, e.state = text, subscriber.State{}
	if stored {
		e.state, err = subscriber.Decode(text)
		if e.state.Forget(now.Add(clockSkew)) && err == nil {
			err = errFuture
		}
	}
	e.damaged = err != nil
	return err
}

// merge applies the updates to the entry as it was read, and notes the decision on each.
func (e *tableEntry) merge() (state subscriber.State, changed bool) {
	updates := make([]subscriber.ScopedUpdate, len(e.updates))
	for i, u := range e.updates {
		updates[i] = u.ScopedUpdate
	}
	state, decisions, changed := e.state.Merge(updates)
	for i, u := range e.updates {
		u.decision = decisions[i]
	}
	return state, changed
}

// updateStates lets the batch change the subscribers' entries, and decides what every profile may say. Entries are
// written before anything is uploaded, because a conflict may change the decision. A message whose subscriber cannot
// be read or written is retried.
func (h *Handler) updateStates(ctx context.Context, all []opened, l *ledger) []*tableEntry {
	entries := entriesOf(all)
	if len(entries) == 0 {
		return nil
	}
	ctx, cancel := endAfterShare(ctx, stateShare)
	defer cancel()
	texts, err := h.Subscribers.Read(ctx, keysOf(entries))
	for _, e := range entries {
		if e.err = err; err == nil {
			h.loadEntry(ctx, e, texts)
		}
	}
	if err == nil {
		h.writeEntries(ctx, entries)
	}
	for _, e := range entries {
		if e.err != nil { // usually one cause for all; each message has a line of its own
			h.Log.WarnContext(ctx, "subscriber entries not updated: "+e.err.Error())
			break
		}
	}
	for _, e := range entries {
		h.applyDecisions(e, all, l)
	}
	skipEmpty(all, l)
	return entries
}

// entriesOf collects the updates of all messages by subscriber, in the order in which the subscribers come.
func entriesOf(all []opened) []*tableEntry {
	var entries []*tableEntry
	byKey := make(map[string]*tableEntry)
	for i := range all {
		for n := range all[i].updates {
			u := &all[i].updates[n]
			e := byKey[u.key]
			if e == nil {
				e = &tableEntry{key: u.key}
				byKey[u.key] = e
				entries = append(entries, e)
			}
			e.contended = e.contended || u.contended
			e.updates = append(e.updates, u)
		}
	}
	return entries
}

func keysOf(entries []*tableEntry) []string {
	keys := make([]string, len(entries))
	for i, e := range entries {
		keys[i] = e.key
	}
	return keys
}

func (h *Handler) loadEntry(ctx context.Context, e *tableEntry, texts map[string]string) {
	if err := e.load(texts, h.now()); err != nil {
		h.Log.WarnContext(ctx, err.Error()+": it is replaced")
	}
}

// writeEntries writes the entries by a fixed pool of workers: each grows only once the deep stack that a call needs.
func (h *Handler) writeEntries(ctx context.Context, entries []*tableEntry) {
	var all sync.WaitGroup
	var next atomic.Int64
	for range min(len(entries), writersAtOnce) {
		all.Go(func() {
			for i := next.Add(1); i <= int64(len(entries)); i = next.Add(1) {
				h.writeEntry(ctx, entries[i-1])
			}
		})
	}
	all.Wait()
}

// writeEntry merges the updates into the entry and writes it if that changes it. After a conflict it starts again from
// what the other forwarder has written.
func (h *Handler) writeEntry(ctx context.Context, e *tableEntry) {
	defer func() { e.panic = recover() }() // here it would end the process; applyDecisions reports it
	for attempt := 1; ; attempt++ {
		state, changed := e.merge()
		if !changed && !e.damaged {
			return
		}
		text := state.Encode()
		err := h.Subscribers.Write(ctx, e.key, e.text, text)
		switch {
		case err == nil:
			e.state, e.text, e.damaged = state, text, false
			return
		case !errors.Is(err, ErrConflict) || attempt == writeAttempts:
			e.err = err
			return
		}
		texts, err := h.Subscribers.Read(ctx, []string{e.key})
		if err != nil {
			e.err = err
			return
		}
		h.loadEntry(ctx, e, texts)
	}
}

// applyDecisions lets the profiles say what the entry allows.
func (h *Handler) applyDecisions(e *tableEntry, all []opened, l *ledger) {
	defer l.recoverPanic(e.messages()...)
	if e.panic != nil {
		l.failPanic(e.panic, e.messages()...)
		return
	}
	for _, u := range e.updates {
		if e.err != nil {
			l.fail(u.message, fault.New(fault.Retry, fault.Table, e.err))
			continue
		}
		p := all[u.message].pending
		if p == nil { // the event is switched off: nothing is sent
			continue
		}
		profile := &p.profile
		if u.former {
			profile = &p.former
		}
		h.explainDecision(u, *profile)
		if *profile = (*profile).Apply(u.decision); *profile != nil && (*profile).HasActive() {
			u.sent = u.decision
		}
	}
}

// The rules of subscriber state in the words of an explanation.
const (
	ruleOlder  = "subscriber state: something newer is known about this purchase"
	ruleOthers = "subscriber state: while another purchase is active, an ended one sends nothing else"
	ruleActive = "subscriber state: has_active_subscription is true while any of the user's purchases is active"
)

// explainDecision explains what the state does to a profile, if it does anything.
func (h *Handler) explainDecision(u *stateUpdate, profile *mapping.Profile) {
	if h.Explain == nil || profile == nil {
		return
	}
	const (
		property = "user property"
		active   = "has_active_subscription"
		others   = "all but " + active + " and the user's ids"
	)
	switch d := u.decision; {
	case d.Older:
		h.Explain(u.message, mapping.Explanation{Subject: "profile", Rule: ruleOlder})
	case d.Others:
		h.Explain(u.message, mapping.Explanation{Subject: property, Name: others, Rule: ruleOthers})
	case d.Known && (!u.Update.Known || d.Active != u.Update.Active):
		h.Explain(u.message, mapping.Explanation{Subject: property, Name: active, Sent: active, Rule: ruleActive})
	}
}

// skipEmpty skips the messages of which nothing is left: their event is switched off, and their profile would have
// been out of date.
func skipEmpty(all []opened, l *ledger) {
	for i := range all {
		if p := all[i].pending; p != nil && p.empty() && l.untouched(i) {
			l.skip(i, fault.EventOff)
		}
	}
}

// correctStates reads contended entries again after the upload. If another forwarder has written one meanwhile, its
// upload may have come before ours, and CleverTap may have the older state. A forwarder that finds an entry changed
// sends the newer state as well, so that the last to upload a profile has seen the last entry. If the table does not
// answer now, what was sent stays.
func (h *Handler) correctStates(ctx context.Context, entries []*tableEntry, all []opened, u *uploads, l *ledger) {
	defer func() {
		if p := recover(); p != nil {
			h.Log.ErrorContext(ctx, "subscriber entries not read again: panic")
		}
	}()
	for range correctionRounds {
		var contended []*tableEntry
		for _, e := range entries {
			if e.contended && e.err == nil && e.mayDiffer(l) {
				contended = append(contended, e)
			}
		}
		if len(contended) == 0 {
			return
		}
		reading, cancel := endAfterShare(ctx, stateShare)
		texts, err := h.Subscribers.Read(reading, keysOf(contended))
		cancel()
		if err != nil {
			h.Log.WarnContext(ctx, "subscriber entries not read again: "+err.Error())
			return
		}
		var corrections []*pending
		for _, e := range contended {
			if texts[e.key] != e.text {
				h.loadEntry(ctx, e, texts)
				corrections = append(corrections, e.corrections(all)...)
			}
		}
		if len(corrections) == 0 {
			return
		}
		u.add(corrections, l)
		u.send(ctx, h.Uploader, l)
	}
}

// mayDiffer reports whether CleverTap may have received a state of the subscriber that another forwarder can change.
func (e *tableEntry) mayDiffer(l *ledger) bool {
	for _, u := range e.updates {
		if u.sent.Known && l.mayHaveSent(u.message, Profile) {
			return true
		}
	}
	return false
}

// corrections are the profiles that say what is true now, one for each that said something else.
func (e *tableEntry) corrections(all []opened) (list []*pending) {
	for _, u := range e.updates {
		now := e.state.Decide(u.Update, false, u.Scope)
		if !u.sent.Known || !now.Known || now.Active == u.sent.Active {
			continue
		}
		u.sent.Active = now.Active
		p := *all[u.message].pending
		p.event, p.charged = nil, nil
		if u.former {
			p.profile, p.former = nil, corrected(p.former, now.Active)
		} else {
			p.profile, p.former = corrected(p.profile, now.Active), nil
		}
		list = append(list, &p)
	}
	return list
}

// corrected is a profile that says nothing but whether its user is active, nil if the file leaves that out.
func corrected(p *mapping.Profile, active bool) *mapping.Profile {
	p.KeepOnlyActive(active)
	if !p.HasActive() {
		return nil
	}
	return p
}
