package forward

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/holder"
	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/mapping"
	"github.com/purchasely-clevertap/bridge/shared/message"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// ErrConflict says that somebody else has written an entry since it was read.
var ErrConflict = errors.New("holder entry was written by another forwarder")

// Holders keeps holders' entries, as texts that the holder room writes and reads. Its errors are passing faults and quote no key.
type Holders interface {
	// Read gives the texts of those keys that have an entry; "" for an entry without a text. Keys are distinct. One error speaks for
	// all of them.
	Read(ctx context.Context, keys []string) (map[string]string, error)
	// Write replaces an entry's text, if it still is the one that was read, "" where there was none; else it gives [ErrConflict].
	Write(ctx context.Context, key, read, text string) error
}

// clockSkew is how far the clock of whoever stored a purchase's time may run ahead of ours.
const clockSkew = time.Hour

// errFuture is what is wrong with an entry that can be read and yet not be true.
var errFuture = errors.New("holder entry has purchases from the future")

// statement is what one message says about a holder's purchase.
type statement struct {
	message int
	draft   int  // -1: the message sends nothing
	other   bool // about the holder that a subscription came from
	claim   holder.Claim
	scope   holder.Scope
	answer  holder.Answer // what its profile may say
	said    holder.Answer // what it says; nothing, if there is none
}

// holding is one holder of the batch: the entry, and what the batch says.
type holding struct {
	key        string
	text       string       // the entry as it lies in the table
	state      holder.State // the same as far as it can be believed
	damaged    bool         // it is to be replaced whatever the batch says
	shared     bool         // another forwarder may be writing it at the same time
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

// learn takes the entry as it was read. The error says what is wrong with it; it never stops anybody.
func (h *holding) learn(entries map[string]string, now time.Time) (err error) {
	text, stored := entries[h.key]
	h.text, h.state = text, holder.State{}
	if stored {
		h.state, err = holder.Decode(text)
		if h.state.Forget(now.Add(clockSkew)) && err == nil {
			err = errFuture
		}
	}
	h.damaged = err != nil
	return err
}

// merge applies the statements to a copy of the entry, and answers each as if it were the only one of its batch: what they leave is what
// they would leave one after the other. But all of them say the same of the user: what is true in the end.
func (h *holding) merge() (state holder.State, changed bool) {
	state = h.state.Clone()
	for i := range h.statements {
		s := &h.statements[i]
		older, news := state.Apply(s.claim)
		s.answer = state.Answer(s.claim, older, s.scope)
		changed = changed || news
	}
	for i := range h.statements {
		s := &h.statements[i]
		s.answer.Active = state.Answer(s.claim, false, s.scope).Active
	}
	return state, changed
}

// scope says which environments' purchases go to an account: those that the file sends there, and all where both accounts of the secret
// are one.
func scope(app *integration.App, accounts clevertap.Accounts, to mapping.Destination) holder.Scope {
	both := app.Sandbox == integration.SandboxSend ||
		app.Sandbox == integration.SandboxRoute && accounts.Sandbox != nil && accounts.Sandbox.Key() == accounts.Production.Key()
	return holder.Scope{Production: both || to == mapping.Production, Sandbox: both || to == mapping.SandboxAccount}
}

// state files what a message says about its holders, if it says anything. A message without a draft sends nothing.
func (v *invocation) state(i, draft int, app string, scope holder.Scope) {
	if v.handler.Holders == nil || (!v.result.Claim.Known && v.result.Profile == nil) {
		return
	}
	s := statement{message: i, draft: draft, claim: v.result.Claim.Until(v.received), scope: scope}
	v.file(app, v.result.Holder, s)
	s.other = true
	s.claim.Known, s.claim.Active, s.claim.Rank = true, false, holder.Other
	v.file(app, v.result.OtherHolder, s)
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
	// A FIFO queue hands out one batch of a holder's messages at a time, but not of the holder from whom a subscription came.
	h.shared = h.shared || s.other || !v.batch.messages[s.message].FIFO()
	h.statements = append(h.statements, s)
}

// inOrder sorts statements by time, so that those of one batch do not make one another older.
func (h *holding) inOrder() {
	slices.SortStableFunc(h.statements, func(a, b statement) int { return a.claim.At.Compare(b.claim.At) })
}
