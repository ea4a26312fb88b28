package forward

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/fault"
)

// Shares of the time that is left, as fractions of it: secrets or a table that hang must leave time for the messages that do not need
// them.
const (
	secretShare = 3
	holdShare   = 3
	recallShare = 6
)

// writersAtOnce is how many entries are written side by side.
const writersAtOnce = 32

// writeAttempts is how often an entry is read, merged and written while others write it at the same time.
const writeAttempts = 5

// within ends a context when a share of its time is used.
func within(ctx context.Context, share time.Duration) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, time.Until(deadline)/share)
}

// hold lets the batch change the subscribers' entries, and tells every profile what it may say. Entries are written before anything is
// uploaded: after a conflict the answer may be another one. A message whose subscriber cannot be read or written is retried.
func (v *invocation) hold(ctx context.Context) {
	if len(v.holdings) == 0 {
		return
	}
	ctx, cancel := within(ctx, holdShare)
	defer cancel()
	entries, err := v.handler.Subscribers.Read(ctx, keysOf(v.holdings))
	for _, h := range v.holdings {
		if h.err = err; err == nil {
			v.learn(ctx, h, entries)
		}
	}
	if err == nil {
		v.writeAll(ctx)
	}
	for _, h := range v.holdings {
		if h.err != nil {
			// One cause for all of them, as a rule; the messages' own lines tell how many.
			v.handler.Log.WarnContext(ctx, "subscriber entries not kept: "+h.err.Error())
			break
		}
	}
	for _, h := range v.holdings {
		v.judge(h)
	}
	v.forgo()
}

func keysOf(holdings []*holding) []string {
	keys := make([]string, len(holdings))
	for i, h := range holdings {
		keys[i] = h.key
	}
	return keys
}

// learn takes an entry and says what is wrong with it.
func (v *invocation) learn(ctx context.Context, h *holding, entries map[string]string) {
	if err := h.learn(entries, v.handler.now()); err != nil {
		v.handler.Log.WarnContext(ctx, err.Error()+": it is replaced")
	}
}

// writeAll writes the entries, so many at a time. Each writer takes one after the other, and so grows the deep stack of such a call once.
func (v *invocation) writeAll(ctx context.Context) {
	var all sync.WaitGroup
	var next atomic.Int64
	for range min(len(v.holdings), writersAtOnce) {
		all.Go(func() {
			for i := next.Add(1); i <= int64(len(v.holdings)); i = next.Add(1) {
				v.write(ctx, v.holdings[i-1])
			}
		})
	}
	all.Wait()
}

// write merges the statements into the entry and writes it if that changes it. After a conflict it begins again with what the other
// has written.
func (v *invocation) write(ctx context.Context, h *holding) {
	defer func() { h.panic = recover() }() // in a goroutine of its own it would end the process
	for attempt := 1; ; attempt++ {
		state, changed := h.merge()
		if !changed && !h.damaged {
			return
		}
		text := state.Encode()
		err := v.handler.Subscribers.Write(ctx, h.key, h.text, text)
		switch {
		case err == nil:
			h.state, h.text, h.damaged = state, text, false
			return
		case !errors.Is(err, ErrConflict) || attempt == writeAttempts:
			h.err = err
			return
		}
		entries, err := v.handler.Subscribers.Read(ctx, []string{h.key})
		if err != nil {
			h.err = err
			return
		}
		v.learn(ctx, h, entries)
	}
}

// judge tells the profiles what they may say.
func (v *invocation) judge(h *holding) {
	defer v.guard(h.messages()...)
	if h.panic != nil {
		v.blame(h.panic, h.messages()...)
		return
	}
	for i := range h.statements {
		s := &h.statements[i]
		if h.err != nil {
			v.ledger.fail(s.message, fault.New(fault.Retry, fault.Table, h.err))
			continue
		}
		if s.draft < 0 {
			continue
		}
		p := &v.drafts[s.draft].profile
		if s.other {
			p = &v.drafts[s.draft].other
		}
		if *p = (*p).Apply(s.answer); *p != nil && (*p).HasActive() {
			s.said = s.answer
		}
	}
}

// forgo skips the messages of which nothing is left: their event is switched off, and their profile would have told old news.
func (v *invocation) forgo() {
	for i := range v.drafts {
		d := &v.drafts[i]
		if d.event == nil && d.charged == nil && d.profile == nil && d.other == nil && v.ledger.untouched(d.message) {
			v.ledger.skip(d.message, fault.EventOff)
		}
	}
}
