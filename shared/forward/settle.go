package forward

import (
	"context"
	"sync"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/message"
)

// longestDelay is the longest new visibility of a message that is retried.
const longestDelay = 15 * time.Minute

// maxUnaccounted is how often a message is uploaded whose records an answer does not account for. CleverTap may have
// stored them each time.
const maxUnaccounted = 4

// settle moves what is rejected to its queue, writes what has to be remembered, and sets when the retried messages
// come back. A message that the rejected queue does not take is retried. It returns how many entries of the journal
// were lost, by app.
func (h *Handler) settle(ctx context.Context, reserved time.Duration, b *batch, l *ledger) (lost map[string]int) {
	boundCopies(h.Table != nil, b.readings, l)
	rejecting, cancel := message.EndEarlier(ctx, reserved*2/3)
	defer cancel()
	h.reject(rejecting, b.readings, l)
	returning, cancel := message.EndEarlier(ctx, reserved/3)
	defer cancel()
	var all sync.WaitGroup
	all.Go(func() { lost = h.savePeople(returning, b, l) })
	all.Go(func() { h.delayRetried(returning, b.readings, l) })
	all.Wait()
	return lost
}

// boundCopies rejects messages that CleverTap may have stored often enough. Without a table that counts, every receive
// counts.
func boundCopies(counted bool, readings []reading, l *ledger) {
	for i := range readings {
		r := &readings[i]
		uploads := r.message.Receives
		if counted {
			uploads = r.delivery.unaccounted + 1
		}
		if l.unaccounted(i) && uploads >= maxUnaccounted {
			l.rejectUnaccounted(i)
		}
	}
}

func (h *Handler) reject(ctx context.Context, readings []reading, l *ledger) {
	var list []message.Rejection
	var indexes []int
	for i := range readings {
		outcome, f := l.outcome(i)
		if outcome != Rejected {
			continue
		}
		list = append(list, message.Rejection{
			Message: readings[i].message, Reason: f.Reason, Code: f.Code, Error: f.Error(), Accepted: l.accepted(i).String(),
		})
		indexes = append(indexes, i)
	}
	if len(list) == 0 {
		return
	}
	for n, err := range h.Rejecter.Reject(ctx, list) {
		if err != nil { // a refusal by IAM or KMS stays one that needs a person
			l.fail(indexes[n], fault.Of(err).WithReason(fault.RejectedQueue))
		}
	}
}

// delayRetried sets when the retried messages come back.
func (h *Handler) delayRetried(ctx context.Context, readings []reading, l *ledger) {
	var delays []message.Delay
	for i := range readings {
		if r := &readings[i]; l.has(i, Retried) {
			delays = append(delays, message.Delay{Message: r.message, After: h.comeBack(r, l.messages[i].fault)})
		}
	}
	message.DelayAll(ctx, h.Delayer, delays, h.Log)
}

// comeBack is when a retried message comes back: one that waits for a link not later than its wait ends.
func (h *Handler) comeBack(r *reading, f *fault.Fault) time.Duration {
	d := message.Backoff(h.RetryDelay, longestDelay, r.message.Receives, h.Jitter)
	if f == nil || f.Reason != fault.LinkWait {
		return d
	}
	left := r.received.Add(r.app.LinkWait).Sub(h.now())
	return min(d, max(left.Round(time.Second), time.Second))
}
