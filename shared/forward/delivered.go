package forward

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/message"
)

// DeliveredRecords remembers what CleverTap accepted of messages that come back.
type DeliveredRecords interface {
	// LoadDelivered returns what was saved under keys, which are distinct.
	LoadDelivered(ctx context.Context, keys []string) (map[string]Kinds, error)
	// SaveDelivered replaces what was saved under a key.
	SaveDelivered(ctx context.Context, key string, accepted Kinds) error
}

// sentLate is how long after its reception a message may have come to the queue. The receiver takes less than that
// even when SQS is slow; what comes later was sent again, out of a dead-letter queue or the rejected queue.
const sentLate = time.Second

// loadDelivered loads what was accepted of the messages that have been here before. Messages that come for the first
// time cost nothing. If the table fails they go on: better a record twice than messages that wait for a table that
// most do not need.
func (h *Handler) loadDelivered(ctx context.Context, messages []Message) map[string]Kinds {
	if h.Delivered == nil {
		return nil
	}
	keys := make(map[string]bool) // two messages of the same bytes have one key
	for i := range messages {
		if m := &messages[i]; m.Receives > 1 || sentAgain(m) {
			keys[deliveredKey(m)] = true
		}
	}
	if len(keys) == 0 {
		return nil
	}
	ctx, cancel := endAfterShare(ctx, deliveredShare)
	defer cancel()
	delivered, err := h.Delivered.LoadDelivered(ctx, slices.Collect(maps.Keys(keys)))
	if err != nil {
		h.Log.WarnContext(ctx, "delivered records not loaded: "+err.Error())
	}
	return delivered
}

// sentAgain reports whether a message came to the queue long after the receiver had it.
func sentAgain(m *Message) bool {
	received := message.ParseTime(m.attribute(message.AttrReceived))
	return !received.IsZero() && m.Sent.Sub(received) > sentLate
}

// saveDelivered saves what was accepted of the messages that are retried.
func (h *Handler) saveDelivered(ctx context.Context, messages []Message, delivered map[string]Kinds, l *ledger) {
	if h.Delivered == nil {
		return
	}
	var all sync.WaitGroup
	for i := range messages {
		accepted := l.accepted(i)
		if accepted == 0 || !l.has(i, Retried) {
			continue
		}
		key := deliveredKey(&messages[i])
		if delivered[key] == accepted {
			continue
		}
		all.Go(func() {
			if err := h.Delivered.SaveDelivered(ctx, key, accepted); err != nil {
				h.Log.WarnContext(ctx, "delivered records not saved: "+err.Error())
			}
		})
	}
	all.Wait()
}

// deliveredKey names a message by its app, reception and body: its id changes on the way through a dead-letter queue.
func deliveredKey(m *Message) string {
	return message.NoteID(m.attribute(message.AttrApp), m.attribute(message.AttrReceived), []byte(m.Body))
}
