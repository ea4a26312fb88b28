package forward

import (
	"context"
	"errors"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/holder"
	"github.com/purchasely-clevertap/bridge/shared/message"
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
	holder.Statement

	message int
	draft   int           // -1: the message sends nothing
	other   bool          // about the holder that a subscription came from
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

// merge applies the statements to the entry as it was read, and answers them.
func (h *holding) merge() (state holder.State, changed bool) {
	statements := make([]holder.Statement, len(h.statements))
	for i := range h.statements {
		statements[i] = h.statements[i].Statement
	}
	state, answers, changed := h.state.Merge(statements)
	for i := range h.statements {
		h.statements[i].answer = answers[i]
	}
	return state, changed
}

// state files what a message says about its holders. A message without a draft sends nothing.
func (v *invocation) state(i, draft int, app string, scope holder.Scope) {
	if v.handler.Holders == nil {
		return
	}
	for _, said := range v.result.Says(v.received) {
		s := statement{Statement: holder.Statement{Claim: said.Claim, Scope: scope}, message: i, draft: draft, other: said.Other}
		v.file(message.HolderID(app, said.Holder.Kind.String(), said.Holder.ID), s)
	}
}

// file files a statement about the holder of a key.
func (v *invocation) file(key string, s statement) {
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
