package forward

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/purchasely-clevertap/bridge/shared/fault"
)

const (
	// longestDelay is the longest new visibility of a message that is retried.
	longestDelay = 15 * time.Minute
	// enoughDoublings make it of a millisecond, and do not make an overflow of fifteen minutes.
	enoughDoublings = 20
)

// Rejection is a message for the rejected queue: the message as it came, and why.
type Rejection struct {
	Message  *Queued
	Reason   fault.Reason
	Code     string // empty where the vendor gave none
	Error    string // our own sentence
	Accepted string // kinds of records that CleverTap has already taken; empty: none
}

// Delay is when a message comes back.
type Delay struct {
	Message *Queued
	After   time.Duration // whole seconds
}

// settle sends what is rejected to its queue, notes what was accepted of the rest, and tells the queue when the retried come back. A
// message that the rejected queue does not take is retried.
func (v *invocation) settle(ctx context.Context) {
	rejecting, cancel := before(ctx, v.settling*2/3)
	defer cancel()
	v.reject(rejecting)
	returning, cancel := before(ctx, v.settling/3)
	defer cancel()
	var all sync.WaitGroup
	all.Go(func() { v.note(returning) })
	all.Go(func() { v.delay(returning) })
	all.Wait()
}

// delay tells each queue when its retried messages come back.
func (v *invocation) delay(ctx context.Context) {
	delays := make(map[string][]Delay)
	for i := range v.batch.messages {
		if outcome, _ := v.ledger.outcome(i); outcome == Retried {
			q := &v.batch.messages[i]
			delays[string(q.Source)] = append(delays[string(q.Source)], Delay{q, v.handler.delay(q.Receives)})
		}
	}
	var all sync.WaitGroup
	for source, list := range delays {
		all.Go(func() {
			if err := v.handler.Delayer.Delay(ctx, source, list); err != nil {
				// Nothing is lost: the queue's own visibility holds.
				v.handler.Log.WarnContext(ctx, "new visibility refused", "retried", len(list))
			}
		})
	}
	all.Wait()
}

func (v *invocation) reject(ctx context.Context) {
	var list []Rejection
	var indexes []int
	for i := range v.batch.messages {
		outcome, f := v.ledger.outcome(i)
		if outcome != Rejected {
			continue
		}
		list = append(list, Rejection{
			Message:  &v.batch.messages[i],
			Reason:   f.Reason,
			Code:     f.Code,
			Error:    f.Error(),
			Accepted: v.ledger.taken(i).String(),
		})
		indexes = append(indexes, i)
	}
	if len(list) == 0 {
		return
	}
	for n, err := range v.handler.Rejecter.Reject(ctx, list) {
		if err != nil {
			v.ledger.fail(indexes[n], fault.New(fault.Retry, fault.RejectedQueue, err))
		}
	}
}

// delay is the new visibility of a message by how often it was received: doubling, give or take a fifth, so that a hiccup costs seconds, an
// outage few receives, and messages that failed together do not come back together.
func (h *Handler) delay(receives int) time.Duration {
	jitter := h.Jitter
	if jitter == nil {
		jitter = rand.Float64
	}
	d := longestDelay
	if doublings := receives - 1; doublings < enoughDoublings {
		d = min(d, h.RetryDelay<<doublings)
	}
	d = time.Duration(float64(d) * (0.8 + 0.4*jitter()))
	return min(d.Round(time.Second), longestDelay)
}

// answer lists the messages that come back. It is never null; an id that is empty would make Lambda fail the whole batch.
func (v *invocation) answer() []byte {
	out := []byte(`{"batchItemFailures":[`)
	first := true
	for i := range v.batch.messages {
		id := v.batch.messages[i].ID
		if outcome, _ := v.ledger.outcome(i); outcome != Retried || len(id) == 0 {
			continue
		}
		if !first {
			out = append(out, ',')
		}
		first = false
		out = append(out, `{"itemIdentifier":`...)
		out, _ = jsontext.AppendQuote(out, id) // the id was read from JSON, so it can be written
		out = append(out, '}')
	}
	return append(out, "]}"...)
}
