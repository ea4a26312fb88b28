package main

import (
	"errors"
	"maps"
	"slices"

	"github.com/purchasely-clevertap/bridge/shared/message"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// empty sends letters back. On a FIFO queue what stands behind them shows only once they are gone, so it looks again.
func (r *redrive) empty(h *holding, letters []*letter) error {
	for len(letters) > 0 {
		if err := r.sendBack(h, letters); err != nil {
			return err
		}
		if !h.queue.fifo() || r.limit > 0 && r.total >= r.limit {
			return nil
		}
		fresh, _, err := h.collect(r.cmd.Context(), 0, never)
		if err != nil {
			return err
		}
		letters = r.choose(fresh)
		r.unseen = max(0, r.unseen-len(fresh))
	}
	return nil
}

// sendBack sends letters page by page and deletes each that was accepted.
func (r *redrive) sendBack(h *holding, letters []*letter) error {
	for page := range slices.Chunk(letters, pageSize) {
		if r.cmd.Context().Err() != nil {
			return errInterrupted
		}
		mine := h.ours(page)
		r.count(errLapsed, len(page)-len(mine))
		page = mine
		out := make([]outgoing, len(page))
		for i, l := range page {
			out[i] = l.again(r.sender.fifo())
		}
		var accepted []*letter
		var cause error
		for i, err := range r.sender.send(r.cmd.Context(), out) {
			if err == nil {
				accepted = append(accepted, page[i])
				continue
			}
			if cause == nil {
				cause = err
			}
			if !errors.Is(err, errInterrupted) {
				r.count(err, 1)
			}
		}
		gone := h.remove(r.cmd.Context(), accepted)
		r.result.Sent += len(accepted)
		r.result.Undeleted += len(accepted) - len(gone)
		r.bar.add(len(page))
		if cause != nil && len(accepted) == 0 {
			return cause // Nothing gets through.
		}
	}
	return nil
}

// errLapsed is the end of a message whose lease could not be renewed.
var errLapsed = errors.New("it came back into the sight of others and was left alone")

func (r *redrive) count(why error, n int) {
	if n > 0 {
		r.reasons[why.Error()] += n
		r.result.Failed += n
	}
}

// again makes of a letter what goes back: the body as it is, the attributes without those of the rejection, which would not be true
// any more. The letter's own id deduplicates: each rejection is a letter of its own, so nothing is swallowed that was rejected once
// more, and what is sent twice because its deletion failed is swallowed for five minutes.
func (l *letter) again(fifo bool) outgoing {
	out := outgoing{body: l.body, attributes: maps.Clone(l.attributes)}
	for _, name := range []string{message.AttrReason, message.AttrCode, message.AttrError} {
		delete(out.attributes, name)
	}
	if fifo {
		m := l.webhook()
		subscriber := webhook.Peek(m.Body).Subscriber
		out.group, out.unique = message.Encode(m, subscriber.Kind.String(), subscriber.ID, "", true).GroupID, "redrive-"+l.id
	}
	return out
}
