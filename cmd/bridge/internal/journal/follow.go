package journal

import (
	"context"
	"time"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/shared/aws/dynamo"
	"github.com/purchasely-clevertap/bridge/shared/forward"
	"github.com/purchasely-clevertap/bridge/shared/message"
	"github.com/purchasely-clevertap/bridge/shared/subscriber"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

const (
	// lookAgain is the pause between two looks at the journal.
	lookAgain = time.Second
	// sentBefore is how much earlier an entry may be than the webhook that was sent: the queue swallows an event that it
	// has had within five minutes, and clocks differ.
	sentBefore = 10 * time.Minute
)

// CanFollow reports whether a webhook has an id of a person: only those are in the journal.
func CanFollow(body []byte) bool {
	_, _, ok := find(body)
	return ok
}

// Follow waits for the final outcome of an app's webhook that was sent at a time. When ctx ends it returns the entry
// as it is then, nil if there is none. retried is told of every new attempt that was not the last.
func Follow(
	ctx context.Context, table *dynamo.Table, app string, body []byte, sent time.Time, retried func(Entry),
) (last *Entry, err error) {
	partition, id, _ := find(body)
	for {
		found, err := newest(ctx, table, partition, app, id, sent.Add(-sentBefore))
		switch {
		case ctx.Err() != nil:
			return last, nil
		case err != nil:
			return nil, err
		case found != nil && found.Outcome != forward.Retried.String():
			return found, nil
		case found != nil && (last == nil || found.Attempt != last.Attempt):
			retried(*found)
			last = found
		}
		_ = cli.Pause(ctx, lookAgain)
	}
}

// newest returns the newest entry of a webhook that arrived after a time, nil if there is none.
func newest(
	ctx context.Context, table *dynamo.Table, partition, app, id string, after time.Time,
) (found *Entry, err error) {
	for e, err := range table.Partition(ctx, partition, subscriber.EventPrefix+app+"#") {
		if err != nil {
			return nil, err
		}
		if entry := ReadEntry(e); subscriber.EventID(e.Key.Sort) == id && entry.Received.After(after) {
			found = &entry
		}
	}
	return found, nil
}

// find returns where the journal has a webhook.
func find(body []byte) (partition, id string, ok bool) {
	ids := webhook.Peek(body)
	s := ids.Subscriber
	if s.Kind != webhook.ByUser && s.Kind != webhook.ByAnonymous {
		return "", "", false
	}
	if !message.LegalID(ids.EventID) {
		ids.EventID = ""
	}
	return subscriber.Partition(s.Kind.String(), s.ID), subscriber.JournalID(ids.EventID, body), true
}
