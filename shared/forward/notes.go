package forward

import (
	"context"
	"sync"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/message"
)

// Notes remembers what CleverTap accepted of messages that have to come back.
type Notes interface {
	// Recall gives what was noted under keys.
	Recall(ctx context.Context, keys []string) (map[string]Kind, error)
	// Note replaces what was noted under a key.
	Note(ctx context.Context, key string, accepted Kind) error
}

// freshFor is how old a message may be that nobody has tried before. An older one may have been, before it lay in a dead-letter queue.
const freshFor = time.Minute

// recall asks what was accepted of the messages that have been here before. Messages that go through at once cost nothing. Without an
// answer they go on: better a record twice than a user's messages held for a table that most of them need anyway.
func (v *invocation) recall(ctx context.Context) {
	if v.handler.Notes == nil {
		return
	}
	var keys []string
	for i := range v.batch.messages {
		if q := &v.batch.messages[i]; q.Receives > 1 || v.old(q) {
			keys = append(keys, noteKey(q))
		}
	}
	if len(keys) == 0 {
		return
	}
	noted, err := v.handler.Notes.Recall(ctx, keys)
	if err != nil {
		v.handler.Log.WarnContext(ctx, "notes of accepted records not read: "+err.Error())
	}
	v.noted = noted
}

// old tells whether a message was received so long ago that it has hardly been waiting for its first attempt.
func (v *invocation) old(q *Queued) bool {
	received, err := time.Parse(time.RFC3339, string(q.attribute(message.AttrReceived)))
	return err == nil && v.start.Sub(received) > freshFor
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

// noteKey names a message by its app and body: its id changes on the way through a dead-letter queue.
func noteKey(q *Queued) string {
	return message.NoteID(string(q.attribute(message.AttrApp)), q.Body)
}
