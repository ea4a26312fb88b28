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
	// enoughDoublings reach longestDelay from a millisecond without an overflow.
	enoughDoublings = 20
)

// Rejection is a message for the rejected queue: the message as it came, and why.
type Rejection struct {
	Message  *Message
	Reason   fault.Reason
	Code     string // empty where CleverTap sent none
	Error    string // our own sentence
	Accepted string // kinds of records that CleverTap has already taken; empty: none
}

// Delay is when a message comes back.
type Delay struct {
	Message *Message
	After   time.Duration // whole seconds
}

// settle moves what is rejected to its queue, saves what was accepted of the rest, and sets when the retried messages
// come back. A message that the rejected queue does not take is retried.
func (h *Handler) settle(
	ctx context.Context, reserved time.Duration, messages []Message, delivered map[string]Kinds, l *ledger,
) {
	rejecting, cancel := endEarlier(ctx, reserved*2/3)
	defer cancel()
	h.reject(rejecting, messages, l)
	returning, cancel := endEarlier(ctx, reserved/3)
	defer cancel()
	var all sync.WaitGroup
	all.Go(func() { h.saveDelivered(returning, messages, delivered, l) })
	all.Go(func() { h.delayRetried(returning, messages, l) })
	all.Wait()
}

func (h *Handler) reject(ctx context.Context, messages []Message, l *ledger) {
	var list []Rejection
	var indexes []int
	for i := range messages {
		outcome, f := l.outcome(i)
		if outcome != Rejected {
			continue
		}
		list = append(list, Rejection{
			Message: &messages[i], Reason: f.Reason, Code: f.Code, Error: f.Error(), Accepted: l.accepted(i).String(),
		})
		indexes = append(indexes, i)
	}
	if len(list) == 0 {
		return
	}
	for n, err := range h.Rejecter.Reject(ctx, list) {
		if err != nil {
			l.fail(indexes[n], fault.New(fault.Retry, fault.RejectedQueue, err))
		}
	}
}

// delayRetried sets for each queue when its retried messages come back.
func (h *Handler) delayRetried(ctx context.Context, messages []Message, l *ledger) {
	delays := make(map[string][]Delay)
	for i := range messages {
		if m := &messages[i]; l.has(i, Retried) {
			delays[m.Source] = append(delays[m.Source], Delay{m, h.delay(m.Receives)})
		}
	}
	var all sync.WaitGroup
	for source, list := range delays {
		all.Go(func() {
			if err := h.Delayer.Delay(ctx, source, list); err != nil { // nothing is lost: the queue's own visibility holds
				h.Log.WarnContext(ctx, "new visibility refused", "retried", len(list))
			}
		})
	}
	all.Wait()
}

// delay is the new visibility of a message: doubled with each receive, give or take a fifth, so that a hiccup costs
// seconds, an outage few receives, and messages that failed together do not come back together.
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

// failures lists the messages that come back. The list is never null; an empty id in it would make Lambda fail the
// whole batch.
func failures(messages []Message, l *ledger) []byte {
	out := []byte(`{"batchItemFailures":[`)
	first := true
	for i := range messages {
		if messages[i].ID == "" || !l.has(i, Retried) {
			continue
		}
		if !first {
			out = append(out, ',')
		}
		first = false
		out = append(out, `{"itemIdentifier":`...)
		out, _ = jsontext.AppendQuote(out, messages[i].ID) // it was read from JSON, so it can be written
		out = append(out, '}')
	}
	return append(out, "]}"...)
}
