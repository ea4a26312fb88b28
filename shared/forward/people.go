package forward

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/mapping"
	"github.com/purchasely-clevertap/bridge/shared/message"
	"github.com/purchasely-clevertap/bridge/shared/subscriber"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// Table stores what is known of people; package subscriber knows its keys and items. Its errors are marked faults and
// quote no key.
type Table interface {
	// Load returns the items of keys, which are distinct. A key without an item is not in the result. One error stands
	// for all of them.
	Load(ctx context.Context, keys []subscriber.Key) (map[subscriber.Key]subscriber.Item, error)
	// Replace writes an item if these attributes of the stored one are still those that were read; nil: there was none.
	// Else it returns [subscriber.ErrConflict].
	Replace(ctx context.Context, key subscriber.Key, read, item subscriber.Item, attributes ...string) error
	// Put writes items, whatever is there. It returns the keys of those that were not written, and why not.
	Put(ctx context.Context, items map[subscriber.Key]subscriber.Item) (failed []subscriber.Key, err error)
}

// sentLate is how long after its reception a message may have come to the queue. The receiver takes less than that
// even when SQS is slow; what comes later was sent again, out of a dead-letter queue or the rejected queue.
const sentLate = time.Second

// deliveredLifetime is a little more than a message can be on its way.
const deliveredLifetime = 21 * 24 * time.Hour

// person is one id of a person in a webhook.
type person struct {
	webhook.Subscriber
	partition string
}

// people are those whom a webhook concerns, by the ids that it has.
type people struct {
	subscriber []person // the user id before the anonymous one; empty: the webhook has no id of a person
	former     []person // of the subscriber from whom a subscription came
	next       []person // of the subscriber to whom a subscription went
}

// findPartitions finds out where the table has the people of a webhook.
func (p *people) findPartitions() {
	for _, side := range [...][]person{p.subscriber, p.former, p.next} {
		for i := range side {
			side[i].partition = subscriber.Partition(side[i].Kind.String(), side[i].ID)
		}
	}
}

// peopleOf finds the ids of a webhook.
func peopleOf(e *webhook.Event) people {
	found := mapping.FindPeople(e)
	return people{persons(found.Subscriber), persons(found.Former), persons(found.Next)}
}

func persons(list []webhook.Subscriber) []person {
	all := make([]person, len(list))
	for i, s := range list {
		all[i].Subscriber = s
	}
	return all
}

// keys are the table's keys that a message needs.
func (r *reading) keys() []subscriber.Key {
	if r.app == nil || r.heartbeat {
		return nil
	}
	var keys []subscriber.Key
	for _, side := range [][]person{r.people.subscriber, r.people.former} {
		for i, p := range side {
			keys = append(keys, subscriber.PersonKey(p.partition, r.app.Name))
			if i == 0 && r.account != nil {
				keys = append(keys, subscriber.StateKey(p.partition, r.account.ID))
			}
		}
	}
	if r.repeated {
		keys = append(keys, r.deliveredKey())
	}
	return keys
}

// deliveredKey names what was accepted of the message, by its app, reception and body: its id changes on the way
// through a dead-letter queue.
func (r *reading) deliveredKey() subscriber.Key {
	m := r.message
	id := message.Fingerprint(m.Attribute(message.AttrApp), m.Attribute(message.AttrReceived), []byte(m.Body))
	if len(r.people.subscriber) > 0 {
		return subscriber.DeliveredKey(r.people.subscriber[0].partition, id)
	}
	return subscriber.DeliveredKey(id, id)
}

// sentAgain reports whether a message came to the queue long after the receiver had it.
func sentAgain(m *Message) bool {
	received := message.ParseTime(m.Attribute(message.AttrReceived))
	return !received.IsZero() && m.Sent.Sub(received) > sentLate
}

// loadPeople reads all that the table knows about the people of a batch, at once. Without it their messages are
// retried.
func (h *Handler) loadPeople(ctx context.Context, readings []reading, l *ledger) map[subscriber.Key]subscriber.Item {
	if h.Table == nil {
		return nil
	}
	keys := make(map[subscriber.Key]bool)
	for i := range readings {
		readings[i].people.findPartitions()
		for _, key := range readings[i].keys() {
			keys[key] = true
		}
	}
	if len(keys) == 0 {
		return nil
	}
	ctx, cancel := withThird(ctx)
	defer cancel()
	items, err := h.Table.Load(ctx, slices.Collect(maps.Keys(keys)))
	if err == nil {
		return items
	}
	for i := range readings {
		if !l.skipped(i) && len(readings[i].keys()) > 0 {
			l.fail(i, fault.Mark(fault.Retry, fault.Table, err))
		}
	}
	return nil
}

// known is what the table says about the people of a message.
func (r *reading) known(items map[subscriber.Key]subscriber.Item, now time.Time) (k mapping.Known, err error) {
	sides := [...]struct {
		people     []person
		link       *string
		suppressed *bool
	}{{r.people.subscriber, &k.Link, &k.Suppressed}, {r.people.former, &k.FormerLink, &k.FormerSuppressed}}
	for _, side := range sides {
		for i, p := range side.people {
			known, err := subscriber.ReadPerson(items[subscriber.PersonKey(p.partition, r.app.Name)], now)
			if err != nil {
				return k, fault.New(fault.Operator, fault.Table, err)
			}
			*side.suppressed = *side.suppressed || known.Suppressed()
			if i == 0 {
				*side.link = known.CleverTapID
			}
		}
	}
	return k, nil
}

// delivery is what is kept of a message that has to come back.
type delivery struct {
	accepted    Kinds // what CleverTap has accepted
	unaccounted int   // how often an answer did not account for its records
}

func deliveryOf(i subscriber.Item, now time.Time) delivery {
	if i.Expired(now) {
		return delivery{}
	}
	return delivery{ParseKinds(i.Text("accepted")), int(i.Number("unaccounted"))}
}

func (d delivery) item(now time.Time) subscriber.Item {
	return subscriber.Item{
		"accepted": d.accepted.String(), "unaccounted": int64(d.unaccounted),
		subscriber.ExpiresAttribute: now.Add(deliveredLifetime).Unix(),
	}
}

// savePeople writes what has to be remembered of a batch: what was accepted of the messages that come back, links that
// are in use and would expire, which accounts are left alone, and the journal, of which it returns the lost entries.
// Nothing of it changes an outcome.
func (h *Handler) savePeople(ctx context.Context, b *batch, l *ledger) (lost map[string]int) {
	if h.Table == nil {
		return nil
	}
	var all sync.WaitGroup
	all.Go(func() { h.saveDeliveries(ctx, b, l) })
	all.Go(func() { h.renewPeople(ctx, b) })
	all.Go(func() { h.saveBreakers(ctx, b.uploads.reports) })
	all.Go(func() { lost = h.writeJournal(ctx, b, l) })
	all.Wait()
	return lost
}

// saveDeliveries writes what was accepted of the messages that are retried.
func (h *Handler) saveDeliveries(ctx context.Context, b *batch, l *ledger) {
	items := make(map[subscriber.Key]subscriber.Item)
	for i := range b.readings {
		r := &b.readings[i]
		if !l.has(i, Retried) || r.app == nil {
			continue
		}
		d := delivery{l.accepted(i), r.delivery.unaccounted}
		if l.unaccounted(i) {
			d.unaccounted++
		}
		if d != r.delivery {
			items[r.deliveredKey()] = d.item(h.now())
		}
	}
	if len(items) == 0 {
		return
	}
	if _, err := h.Table.Put(ctx, items); err != nil {
		fault.Of(err).Log(ctx, h.Log, "accepted records not saved")
	}
}

// renewPeople writes items of people anew that are in use and would expire.
func (h *Handler) renewPeople(ctx context.Context, b *batch) {
	now := h.now()
	renewed := make(map[subscriber.Key]bool)
	for i := range b.readings {
		r := &b.readings[i]
		for _, p := range slices.Concat(r.people.subscriber, r.people.former) {
			key := subscriber.PersonKey(p.partition, r.app.Name)
			item := b.items[key]
			if item == nil || !subscriber.NeedsRenewal(item, now) || renewed[key] {
				continue
			}
			renewed[key] = true
			known, err := subscriber.ReadPerson(item, now)
			if err != nil || known == (subscriber.Person{}) {
				continue
			}
			err = h.Table.Replace(ctx, key, item, known.Item(now), subscriber.PersonAttributes...)
			if err != nil && !errors.Is(err, subscriber.ErrConflict) {
				fault.Of(err).Log(ctx, h.Log, "link not renewed")
			}
		}
	}
}
