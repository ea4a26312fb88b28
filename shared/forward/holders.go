package forward

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/holder"
	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/mapping"
	"github.com/purchasely-clevertap/bridge/shared/message"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// Stored is a holder's state as the table has it.
type Stored struct {
	State   holder.State
	Version int64 // changes with every write; 0: there is no entry yet
}

// ErrConflict says that somebody else has written an entry since it was read.
var ErrConflict = errors.New("holder entry was written by another forwarder")

// Holders keeps what is known of holders. Its errors are passing faults.
type Holders interface {
	// Read gives the entries of keys; a key without an entry gives the zero Stored. One error speaks for all keys.
	Read(ctx context.Context, keys []string) (map[string]Stored, error)
	// Write replaces an entry, if it still is the one that was read; else it gives [ErrConflict].
	Write(ctx context.Context, key string, s Stored) error
}

// writeAttempts is how often an entry is read, merged and written while others write it at the same time.
const writeAttempts = 5

// statement is what one message says about a holder's purchase.
type statement struct {
	message int
	draft   int  // -1: the message sends nothing
	other   bool // about the holder that a subscription came from
	claim   holder.Claim
	scope   holder.Scope
	older   bool
}

// holding is one holder of the batch: the entry, and what the batch says.
type holding struct {
	key        string
	stored     Stored
	statements []statement
	err        error
	panic      any // what went wrong beyond an error
}

// messages are those that say something about the holder.
func (h *holding) messages() []int {
	all := make([]int, len(h.statements))
	for i, s := range h.statements {
		all[i] = s.message
	}
	return all
}

// state files what a message says about its holders, if it says anything.
func (v *invocation) state(i int, app *integration.App, to mapping.Destination) {
	if v.handler.Holders == nil || (!v.result.Claim.Known && v.result.Profile == nil) {
		return
	}
	s := statement{message: i, draft: -1, claim: v.result.Claim.Until(v.received)}
	s.scope = holder.Scope{Production: to == mapping.Production, Sandbox: to == mapping.SandboxAccount || app.Sandbox == integration.SandboxSend}
	if n := len(v.drafts) - 1; n >= 0 && v.drafts[n].message == i {
		s.draft = n
	}
	v.file(app.Name, v.result.Holder, s)
	s.other = true
	s.claim.Known, s.claim.Active, s.claim.Rank = true, false, holder.Other
	v.file(app.Name, v.result.OtherHolder, s)
}

func (v *invocation) file(app string, whose webhook.Holder, s statement) {
	if whose.Kind == webhook.NoHolder {
		return
	}
	key := message.HolderID(app, whose.Kind.String(), whose.ID)
	h := v.byKey[key]
	if h == nil {
		h = &holding{key: key}
		v.byKey[key] = h
		v.holdings = append(v.holdings, h)
	}
	h.statements = append(h.statements, s)
}

// hold lets the batch change the holders' entries, and tells every profile what it may say. Entries are written before anything is
// uploaded: after a conflict the answer may be another one. A message whose holder cannot be read or written is retried.
func (v *invocation) hold(ctx context.Context) {
	if len(v.holdings) == 0 {
		return
	}
	keys := make([]string, len(v.holdings))
	for i, h := range v.holdings {
		keys[i] = h.key
		// In the order of time, so that statements of one batch do not make one another older.
		slices.SortStableFunc(h.statements, func(a, b statement) int { return a.claim.At.Compare(b.claim.At) })
	}
	entries, err := v.handler.Holders.Read(ctx, keys)
	var all sync.WaitGroup
	for _, h := range v.holdings {
		h.stored, h.err = entries[h.key], err
		all.Go(func() { h.write(ctx, v.handler.Holders) })
	}
	all.Wait()
	for _, h := range v.holdings {
		v.judge(h)
	}
}

// write merges the statements into the entry and writes it if that changes it. After a conflict it begins again with what the other
// has written.
func (h *holding) write(ctx context.Context, holders Holders) {
	defer func() { h.panic = recover() }() // in a goroutine of its own it would end the process
	for attempt := 1; h.err == nil; attempt++ {
		state, changed := h.merge()
		if !changed {
			return
		}
		err := holders.Write(ctx, h.key, Stored{state, h.stored.Version})
		switch {
		case err == nil:
			h.stored.State = state
			return
		case !errors.Is(err, ErrConflict) || attempt == writeAttempts:
			h.err = err
			return
		}
		entries, err := holders.Read(ctx, []string{h.key})
		h.stored, h.err = entries[h.key], err
	}
}

// merge applies the statements to a copy of the entry.
func (h *holding) merge() (state holder.State, changed bool) {
	state = h.stored.State.Clone()
	for i := range h.statements {
		older, news := state.Apply(h.statements[i].claim)
		h.statements[i].older = older
		changed = changed || news
	}
	return state, changed
}

// judge tells the profiles what they may say: all of a batch what the last of them would, given the final state.
func (v *invocation) judge(h *holding) {
	defer v.guard(h.messages()...)
	if h.panic != nil {
		v.blame(h.panic, h.messages()...)
		return
	}
	for _, s := range h.statements {
		if h.err != nil {
			v.ledger.fail(s.message, fault.New(fault.Retry, fault.Holder, h.err))
			continue
		}
		if s.draft < 0 {
			continue
		}
		d, answer := &v.drafts[s.draft], h.stored.State.Answer(s.claim, s.older, s.scope)
		if s.other {
			d.other = answered(d.other, answer)
		} else {
			d.profile = answered(d.profile, answer)
		}
	}
}

// answered gives what is left of a profile.
func answered(p *mapping.Profile, a holder.Answer) *mapping.Profile {
	switch {
	case p == nil || a.Older:
		return nil
	case a.Others:
		p.KeepActive(a.Active)
	case a.Known:
		p.SetActive(a.Active)
	}
	if len(p.Entries) == 0 {
		return nil
	}
	return p
}
