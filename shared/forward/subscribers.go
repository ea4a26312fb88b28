package forward

import (
	"context"
	"errors"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/message"
	"github.com/purchasely-clevertap/bridge/shared/subscriber"
)

// ErrConflict says that somebody else has written an entry since it was read.
var ErrConflict = errors.New("subscriber entry was written by another forwarder")

// Subscribers keeps subscribers' entries, as texts that the subscriber room writes and reads. Its errors are passing faults and quote no key.
type Subscribers interface {
	// Read gives the texts of those keys that have an entry; "" for an entry without a text. Keys are distinct. One error speaks for
	// all of them.
	Read(ctx context.Context, keys []string) (map[string]string, error)
	// Write replaces an entry's text, if it still is the one that was read, "" where there was none; else it gives [ErrConflict].
	Write(ctx context.Context, key, read, text string) error
}

// clockSkew is how far the clock of whoever stored a purchase's time may run ahead of ours.
const clockSkew = time.Hour

// errFuture is what is wrong with an entry that can be read and yet not be true.
var errFuture = errors.New("subscriber entry has purchases from the future")

// statement is what one message says about a subscriber's purchase.
type statement struct {
	subscriber.ScopedUpdate

	message int
	draft   int                 // -1: the message sends nothing
	other   bool                // about the subscriber that a subscription came from
	answer  subscriber.Decision // what its profile may say
	said    subscriber.Decision // what it says; nothing, if there is none
}

// holding is one subscriber of the batch: the entry, and what the batch says.
type holding struct {
	key        string
	text       string           // the entry as it lies in the table
	state      subscriber.State // the same as far as it can be believed
	damaged    bool             // it is to be replaced whatever the batch says
	shared     bool             // another forwarder may be writing it at the same time
	statements []statement
	err        error
	panic      any // what went wrong beyond an error
}

// messages are those that say something about the subscriber.
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
	h.text, h.state = text, subscriber.State{}
	if stored {
		h.state, err = subscriber.Decode(text)
		if h.state.Forget(now.Add(clockSkew)) && err == nil {
			err = errFuture
		}
	}
	h.damaged = err != nil
	return err
}

// merge applies the statements to the entry as it was read, and answers them.
func (h *holding) merge() (state subscriber.State, changed bool) {
	statements := make([]subscriber.ScopedUpdate, len(h.statements))
	for i := range h.statements {
		statements[i] = h.statements[i].ScopedUpdate
	}
	state, answers, changed := h.state.Merge(statements)
	for i := range h.statements {
		h.statements[i].answer = answers[i]
	}
	return state, changed
}

// state files what a message says about its subscribers. A message without a draft sends nothing.
func (v *invocation) state(i, draft int, app string, scope subscriber.Scope) {
	if v.handler.Subscribers == nil {
		return
	}
	for _, said := range v.result.Updates(v.received) {
		s := statement{ScopedUpdate: subscriber.ScopedUpdate{Update: said.Update, Scope: scope}, message: i, draft: draft, other: said.Former}
		v.file(message.SubscriberID(app, said.Subscriber.Kind.String(), said.Subscriber.ID), s)
	}
}

// file files a statement about the subscriber of a key.
func (v *invocation) file(key string, s statement) {
	h := v.byKey[key]
	if h == nil {
		h = &holding{key: key}
		v.byKey[key] = h
		v.holdings = append(v.holdings, h)
	}
	// A FIFO queue hands out one batch of a subscriber's messages at a time, but not of the subscriber from whom a subscription came.
	h.shared = h.shared || s.other || !v.batch.messages[s.message].FIFO()
	h.statements = append(h.statements, s)
}
