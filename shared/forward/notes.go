package forward

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/message"
)

// Notes remembers what CleverTap accepted of messages that have to come back.
type Notes interface {
	// Recall gives what was noted under keys, which are distinct.
	Recall(ctx context.Context, keys []string) (map[string]Kind, error)
	// Note replaces what was noted under a key.
	Note(ctx context.Context, key string, accepted Kind) error
}

// sentLate is how long after its reception a message may have come to the queue. The receiver itself takes less, also when SQS is slow; what
// comes later has been here before and was sent again, out of a dead-letter queue or the rejected queue.
const sentLate = time.Second

// recall asks what was accepted of the messages that have been here before. Messages that go through at once cost nothing. Without an
// answer they go on: better a record twice than a user's messages held for a table that most of them need anyway.
func (v *invocation) recall(ctx context.Context) {
	if v.handler.Notes == nil {
		return
	}
	wanted := make(map[string]bool)
	for i := range v.batch.messages {
		if q := &v.batch.messages[i]; q.Receives > 1 || sentAgain(q) {
			wanted[noteKey(q)] = true // once, also for two messages of the same bytes
		}
	}
	if len(wanted) == 0 {
		return
	}
	ctx, cancel := within(ctx, recallShare)
	defer cancel()
	noted, err := v.handler.Notes.Recall(ctx, slices.Collect(maps.Keys(wanted)))
	if err != nil {
		v.handler.Log.WarnContext(ctx, "notes of accepted records not read: "+err.Error())
	}
	v.noted = noted
}

// sentAgain tells whether a message came to the queue long after the receiver had it.
func sentAgain(q *Queued) bool {
	received := message.ParseTime(q.attribute(message.AttrReceived))
	return !received.IsZero() && time.UnixMilli(q.Sent).Sub(received) > sentLate
}

// note writes down what was accepted of the messages that are retried.
func (v *invocation) note(ctx context.Context) {
	if v.handler.Notes == nil {
		return
	}
	var all sync.WaitGroup
	for i := range v.batch.messages {
		taken := v.ledger.taken(i)
		if outcome, _ := v.ledger.outcome(i); outcome != Retried || taken == 0 {
			continue
		}
		key := noteKey(&v.batch.messages[i])
		if v.noted[key] == taken {
			continue
		}
		all.Go(func() {
			if err := v.handler.Notes.Note(ctx, key, taken); err != nil {
				v.handler.Log.WarnContext(ctx, "note of accepted records not written: "+err.Error())
			}
		})
	}
	all.Wait()
}

// noteKey names a message by its app, reception and body: its id changes on the way through a dead-letter queue.
func noteKey(q *Queued) string {
	return message.NoteID(string(q.attribute(message.AttrApp)), string(q.attribute(message.AttrReceived)), q.Body)
}
