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

const (
	// writersAtOnce is how many entries are written at a time.
	writersAtOnce = 32
	// writeAttempts is how often an entry is read, merged and written while others write it at the same time.
	writeAttempts = 5
	// correctionRounds is how often a batch looks again after it has sent a correction.
	correctionRounds = 3
	// clockSkew is how far the clock of whoever stored a purchase's time may run ahead of ours.
	clockSkew = time.Hour
)

// errFuture says what is wrong with a state that can be read and yet cannot be true.
var errFuture = errors.New("subscriber state has purchases from the future")

// stateUpdate is what one message says about a subscriber's purchase.
type stateUpdate struct {
	subscriber.Update

	key       subscriber.Key
	message   int
	former    bool // about the subscriber from whom a subscription came
	contended bool // another forwarder may write the state at the same time

	decision subscriber.Decision // what the profile may say
	sent     subscriber.Decision // what it says; the zero Decision if it says nothing
}

// stateEntry is one subscriber of the batch at one account: the stored state, and what the batch says about it.
type stateEntry struct {
	key       subscriber.Key
	item      subscriber.Item  // as it lies in the table; nil: none
	state     subscriber.State // the same as far as it can be believed
	unsure    bool             // the item could not be read: nothing false may be said this once
	replace   bool             // the item is written whatever the batch says
	contended bool             // another forwarder may write it at the same time
	updates   []*stateUpdate
	err       error // why it could not be written
}

// messages returns the indexes of the messages that say something about the subscriber.
func (e *stateEntry) messages() []int {
	all := make([]int, len(e.updates))
	for i, u := range e.updates {
		all[i] = u.message
	}
	return all
}

// merge applies the updates to the state as it was read, and notes the decision on each.
func (e *stateEntry) merge() (state subscriber.State, changed bool) {
	updates := make([]subscriber.Update, len(e.updates))
	for i, u := range e.updates {
		updates[i] = u.Update
	}
	state, decisions, changed := e.state.Merge(updates)
	for i, u := range e.updates {
		u.decision = decisions[i]
		u.decision.Unsure = e.unsure && !decisions[i].Active
	}
	return state, changed
}

// updateStates lets the batch change the subscribers' states, and decides what every profile may say. States are
// written before anything is uploaded, because after a conflict the decision may be another one. A message whose state
// cannot be written is retried.
func (h *Handler) updateStates(
	ctx context.Context, all []opened, items map[subscriber.Key]subscriber.Item, l *ledger,
) []*stateEntry {
	entries := entriesOf(all)
	if len(entries) == 0 {
		return nil
	}
	ctx, cancel := withThird(ctx)
	defer cancel()
	for _, e := range entries {
		h.loadEntry(ctx, e, items)
	}
	h.writeEntries(ctx, entries)
	for _, e := range entries {
		if e.err != nil { // usually one cause for all; the messages' own lines tell how many
			fault.Of(e.err).Log(ctx, h.Log, "subscriber states not updated")
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
func entriesOf(all []opened) []*stateEntry {
	var entries []*stateEntry
	byKey := make(map[subscriber.Key]*stateEntry)
	for i := range all {
		for n := range all[i].updates {
			u := &all[i].updates[n]
			e := byKey[u.key]
			if e == nil {
				e = &stateEntry{key: u.key}
				byKey[u.key] = e
				entries = append(entries, e)
			}
			e.contended = e.contended || u.contended
			e.updates = append(e.updates, u)
		}
	}
	return entries
}

// loadEntry takes the state as it was read. What is wrong with one is logged, and it is replaced.
func (h *Handler) loadEntry(ctx context.Context, e *stateEntry, items map[subscriber.Key]subscriber.Item) {
	e.item, e.state, e.replace = items[e.key], nil, false
	if e.item == nil || e.item.Expired(h.now()) {
		return
	}
	state, err := subscriber.DecodeState(e.item.Text(subscriber.StateAttribute))
	e.state, e.unsure = state, e.unsure || err != nil
	if e.state.Forget(h.now().Add(clockSkew)) && err == nil {
		err = errFuture
	}
	if err != nil {
		e.replace = true
		h.Log.WarnContext(ctx, "subscriber state is replaced", "cause", err.Error())
	}
}

// writeEntries writes the states by a fixed pool of workers: each grows the deep stack that such a call needs only
// once.
func (h *Handler) writeEntries(ctx context.Context, entries []*stateEntry) {
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

// writeEntry merges the updates into the state and writes it if that changes it. After a conflict it starts again from
// what the other one has written.
func (h *Handler) writeEntry(ctx context.Context, e *stateEntry) {
	defer fault.Recover(&e.err) // here it would end the process; applyDecisions reports it
	for attempt := 1; ; attempt++ {
		state, changed := e.merge()
		if !changed && !e.replace {
			return
		}
		item := state.Item(h.now())
		err := h.Table.Replace(ctx, e.key, e.item, item, subscriber.StateAttribute)
		switch {
		case err == nil:
			e.state, e.item, e.replace = state, item, false
			return
		case !errors.Is(err, subscriber.ErrConflict) || attempt == writeAttempts:
			e.err = err
			return
		}
		items, err := h.Table.Load(ctx, []subscriber.Key{e.key})
		if err != nil {
			e.err = err
			return
		}
		h.loadEntry(ctx, e, items)
	}
}

// applyDecisions lets the profiles say what the entry allows.
func (h *Handler) applyDecisions(e *stateEntry, all []opened, l *ledger) {
	defer l.recoverPanic(e.messages()...)
	if f := fault.Of(e.err); f != nil && f.Reason == fault.Panic {
		l.failPanic(f, e.messages()...)
		return
	}
	for _, u := range e.updates {
		if e.err != nil {
			u.decision = subscriber.Decision{}
			l.fail(u.message, fault.Mark(fault.Retry, fault.Table, e.err))
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
	ruleUnsure = "subscriber state: it could not be read, so this once nobody is called inactive"
)

// explainDecision explains what the state does to a profile, if it does anything.
func (h *Handler) explainDecision(u *stateUpdate, profile *mapping.Profile) {
	if h.Explain == nil || profile == nil {
		return
	}
	const property, active = "user property", "has_active_subscription"
	switch d := u.decision; {
	case d.Older:
		h.Explain(u.message, mapping.Explanation{Subject: "profile", Rule: ruleOlder})
	case d.Others:
		others := "all but " + active + " and the user's ids"
		h.Explain(u.message, mapping.Explanation{Subject: property, Name: others, Rule: ruleOthers})
	case d.Unsure:
		h.Explain(u.message, mapping.Explanation{Subject: property, Name: active, Rule: ruleUnsure})
	case d.Known && (!u.Known || d.Active != u.Active):
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

// correctStates reads contended states again after the upload. If another forwarder has written one meanwhile, its
// upload may have come before ours, and CleverTap may have the older state. So whoever finds an entry changed sends
// the newer state as well: the last to write a profile has seen the last entry. If the table does not answer now, what
// was sent stays.
func (h *Handler) correctStates(ctx context.Context, entries []*stateEntry, all []opened, u *uploads, l *ledger) {
	for range correctionRounds {
		corrections, err := h.findCorrections(ctx, entries, all, l)
		if err != nil {
			fault.Of(err).Log(ctx, h.Log, "subscriber states not read again")
			return
		}
		if len(corrections) == 0 {
			return
		}
		u.add(corrections, l)
		u.send(ctx, h, l)
	}
}

// findCorrections reads contended states again and returns what has to be sent of those that have changed.
func (h *Handler) findCorrections(
	ctx context.Context, entries []*stateEntry, all []opened, l *ledger,
) (corrections []*pending, err error) {
	defer fault.Recover(&err)
	var contended []*stateEntry
	var keys []subscriber.Key
	for _, e := range entries {
		if e.contended && e.err == nil && e.mayDiffer(l) {
			contended, keys = append(contended, e), append(keys, e.key)
		}
	}
	if len(contended) == 0 {
		return nil, nil
	}
	ctx, cancel := withThird(ctx)
	defer cancel()
	items, err := h.Table.Load(ctx, keys)
	if err != nil {
		return nil, err
	}
	for _, e := range contended {
		if items[e.key].Text(subscriber.StateAttribute) != e.item.Text(subscriber.StateAttribute) {
			h.loadEntry(ctx, e, items)
			corrections = append(corrections, e.corrections(all)...)
		}
	}
	return corrections, nil
}

// mayDiffer reports whether CleverTap may have been told anything about the subscriber that could turn out wrong.
func (e *stateEntry) mayDiffer(l *ledger) bool {
	for _, u := range e.updates {
		if u.sent.Known && l.mayHaveSent(u.message, Profile) {
			return true
		}
	}
	return false
}

// corrections are the profiles that say what is true now, one for each that said something else.
func (e *stateEntry) corrections(all []opened) (list []*pending) {
	for _, u := range e.updates {
		now := e.state.Decide(u.Update, false)
		u.decision.Active = now.Active
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
