package users

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/subscriber"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// Action is what is said of a person.
type Action uint8

// The actions.
const (
	Link     Action = iota // the person has a CleverTap ID
	Suppress               // nothing may be sent about the person
	Restore                // everything may be sent again
)

// Update is one thing that is said of one person.
type Update struct {
	Action      Action
	Person      webhook.Subscriber
	CleverTapID string    // of a link
	At          time.Time // when it was observed; zero: now, unless it is so already
}

// apply enters the update, unless something newer is known.
func (u Update) apply(p *subscriber.Person, now time.Time) (changed bool) {
	if u.At.IsZero() {
		if u.holds(*p) {
			return false
		}
		u.At = now
	}
	switch u.Action {
	case Suppress:
		return p.Suppress(u.At)
	case Restore:
		return p.Restore(u.At)
	default:
		return p.Link(u.CleverTapID, u.At)
	}
}

// holds reports whether a person is already what the update says.
func (u Update) holds(p subscriber.Person) bool {
	switch u.Action {
	case Suppress:
		return p.Suppressed()
	case Restore:
		return !p.Suppressed()
	default:
		return p.CleverTapID == u.CleverTapID
	}
}

// key is where the table keeps what is said of the person.
func (u Update) key(app string) subscriber.Key {
	return subscriber.PersonKey(subscriber.Partition(u.Person.Kind.String(), u.Person.ID), app)
}

// IsCleverTapID reports whether a text can be a CleverTap ID, its prefix included. Words that broken apps send for
// nothing are none: they would make one profile of many people.
func IsCleverTapID(id string) bool {
	return clevertap.IsCustomID(id) && !webhook.Absent(id)
}

// Table stores what is known of people; package subscriber knows its keys and items. Its errors are marked faults
// and quote no key.
type Table interface {
	// Load returns the items of keys, which are distinct. A key without an item is not in the result.
	Load(ctx context.Context, keys []subscriber.Key) (map[subscriber.Key]subscriber.Item, error)
	// Replace writes an item if these attributes of the stored one are still those that were read; nil: there was
	// none. Else it returns [subscriber.ErrConflict].
	Replace(ctx context.Context, key subscriber.Key, read, item subscriber.Item, attributes ...string) error
}

const (
	// attempts is how often a person is read, changed and written while others write it at the same time.
	attempts = 5
	// writesAtOnce is how many people are written at a time.
	writesAtOnce = 32
)

var errContended = errors.New("person is being written by others all the time")

// Apply enters updates in their order. It returns how many people have changed; those of whom nothing new is said
// are not written. After an error some may be: it may be repeated.
func Apply(ctx context.Context, table Table, app string, updates []Update, now time.Time) (changed int, err error) {
	byKey := make(map[subscriber.Key][]Update)
	var keys []subscriber.Key
	for _, u := range updates {
		key := u.key(app)
		if byKey[key] == nil {
			keys = append(keys, key)
		}
		byKey[key] = append(byKey[key], u)
	}
	for attempt := 0; len(keys) > 0; attempt++ {
		if attempt == attempts {
			return changed, fault.New(fault.Retry, fault.Table, errContended)
		}
		items, err := table.Load(ctx, keys)
		if err != nil {
			return changed, err
		}
		var changes []change
		for _, key := range keys {
			c := change{key: key, read: items[key]}
			if different, err := c.merge(byKey[key], now); err != nil {
				return changed, err
			} else if different {
				changes = append(changes, c)
			}
		}
		written, conflicts, err := writeAll(ctx, table, changes)
		changed += written
		if err != nil {
			return changed, err
		}
		keys = conflicts
	}
	return changed, nil
}

// change is a person before and after updates.
type change struct {
	key        subscriber.Key
	read, item subscriber.Item
}

// merge enters updates, and reports whether they say anything new.
func (c *change) merge(updates []Update, now time.Time) (different bool, err error) {
	p, err := subscriber.ReadPerson(c.read, now)
	if err != nil {
		return false, fault.New(fault.Operator, fault.Table, err)
	}
	for _, u := range updates {
		different = u.apply(&p, now) || different
	}
	c.item = p.Item(now)
	return different, nil
}

// writeAll returns how many people were written, and the keys of those whom somebody else has written since they
// were read.
func writeAll(
	ctx context.Context, table Table, changes []change,
) (written int, conflicts []subscriber.Key, err error) {
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(writesAtOnce)
	for _, c := range changes {
		group.Go(func() error {
			err := table.Replace(ctx, c.key, c.read, c.item, subscriber.PersonAttributes...)
			mu.Lock()
			defer mu.Unlock()
			if errors.Is(err, subscriber.ErrConflict) {
				conflicts = append(conflicts, c.key)
				return nil
			}
			if err == nil {
				written++
			}
			return err
		})
	}
	err = group.Wait()
	return written, conflicts, err
}
