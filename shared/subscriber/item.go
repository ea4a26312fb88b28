package subscriber

import (
	"errors"
	"fmt"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/message"
)

// Names of the table's keys and of the attribute by which DynamoDB deletes old items.
const (
	PartitionAttribute = "subscriber"
	SortAttribute      = "item"
	ExpiresAttribute   = "expires" // seconds since 1970
)

// What the sort keys of the table's items begin with.
const (
	StatePrefix     = "state#"     // and the account's id
	PersonPrefix    = "person#"    // and the app
	EventPrefix     = "event#"     // and app, time of reception and event
	DeliveredPrefix = "delivered#" // and the message
	BreakerPrefix   = "breaker#"   // and app and account
)

// ErrConflict says that somebody else has written an item since it was read.
var ErrConflict = errors.New("item was written by somebody else")

// Key names one item of the table.
type Key struct{ Partition, Sort string }

// Partition is the partition key of a person: a hash of the id and of its kind ("user" or "anonymous"), the same for
// all apps. It is a pseudonym and no anonymity: whoever knows or guesses an id can compute it.
func Partition(kind, id string) string { return message.Hash("person", kind, []byte(id)) }

// StateKey is the key of a subscriber's purchases at an account.
func StateKey(partition, accountID string) Key { return Key{partition, StatePrefix + accountID} }

// PersonKey is the key of what the company's back end has said about a person of an app.
func PersonKey(partition, app string) Key { return Key{partition, PersonPrefix + app} }

// EventKey is the key of a journal entry. id is the event's id, or a hash of the body where there is none.
func EventKey(partition, app string, received time.Time, id string) Key {
	return Key{partition, EventPrefix + app + "#" + message.FormatTime(received) + "#" + id}
}

// DeliveredKey is the key of what was accepted of a message that has to come back.
func DeliveredKey(partition, message string) Key { return Key{partition, DeliveredPrefix + message} }

// Item holds the attributes of an item but its keys: texts (string), numbers (int64) and bytes ([]byte).
type Item map[string]any

// Text returns a text, empty if there is none of that name.
func (i Item) Text(name string) string {
	text, _ := i[name].(string)
	return text
}

// Number returns a number, 0 if there is none of that name.
func (i Item) Number(name string) int64 {
	n, _ := i[name].(int64)
	return n
}

// milliseconds returns a time in milliseconds since 1970, zero if there is none of that name.
func (i Item) milliseconds(name string) time.Time {
	if ms := i.Number(name); ms != 0 {
		return time.UnixMilli(ms).UTC()
	}
	return time.Time{}
}

// Expired reports whether the item counts as absent: DynamoDB deletes expired items up to days late.
func (i Item) Expired(now time.Time) bool {
	expires := i.Number(ExpiresAttribute)
	return expires != 0 && expires <= now.Unix()
}

// expireAfter makes the item expire.
func (i Item) expireAfter(now time.Time, lifetime time.Duration) {
	i[ExpiresAttribute] = now.Add(lifetime).Unix()
}

// instant reads a time, as a text or in milliseconds. It is zero if the attribute is missing.
func (i Item) instant(name string) (time.Time, error) {
	switch v := i[name].(type) {
	case nil:
		return time.Time{}, nil
	case int64:
		return time.UnixMilli(v).UTC(), nil
	case string:
		t, err := time.Parse(time.RFC3339, v)
		if err != nil {
			return time.Time{}, fmt.Errorf("attribute %s is not a time", name)
		}
		return t.UTC().Truncate(time.Millisecond), nil
	}
	return time.Time{}, fmt.Errorf("attribute %s is not a time", name)
}
