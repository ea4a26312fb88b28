package forward

import (
	"errors"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/mapping"
	"github.com/purchasely-clevertap/bridge/shared/message"
	"github.com/purchasely-clevertap/bridge/shared/subscriber"
)

// Errors of a message that was read, and yet cannot be sent.
var (
	errNothing = errors.New("event has no name")
	errUnknown = errors.New("subscriber has no linked CleverTap ID yet")
	errChanged = errors.New("webhook could be read once and not twice")
)

// opened is what one message comes to.
type opened struct {
	created int64  // milliseconds since 1970; 0: unknown
	name    string // of the event at CleverTap, where it is another one than the webhook's
	drift   []string
	pending *pending
	updates []stateUpdate
}

// pending is what one message wants to send.
type pending struct {
	message         int
	app             string
	to              mapping.Destination
	account         clevertap.Account
	event, charged  []byte           // encoded records; nil: none
	profile, former *mapping.Profile // of the subscriber, and of the one a subscription came from; nil: none
}

// empty reports whether nothing is left to send.
func (p *pending) empty() bool {
	return p.event == nil && p.charged == nil && p.profile == nil && p.former == nil
}

// opener decides about the messages of one batch, one after the other.
type opener struct {
	*Handler
	*workspace
	apps  map[string]*integration.App
	items map[subscriber.Key]subscriber.Item // what the table knows
	now   time.Time
}

// openAll decides what is to be sent for every message, and enters skips and faults into the ledger.
func (o *opener) openAll(readings []reading, l *ledger) []opened {
	all := make([]opened, len(readings))
	for i := range readings {
		if !l.failed(i) && !l.skipped(i) && !readings[i].heartbeat {
			o.open(i, &readings[i], &all[i], l)
		}
	}
	return all
}

// open decides about one message. A panic ends this message only.
func (o *opener) open(i int, r *reading, out *opened, l *ledger) {
	defer l.recoverPanic(i)
	r.accepted = ParseKinds(r.message.Attribute(message.AttrAccepted))
	if r.repeated {
		r.delivery = deliveryOf(o.items[r.deliveredKey()], o.now)
		r.accepted |= r.delivery.accepted
	}
	l.acceptEarlier(i, r.accepted) // also if it fails now: what is saved of it afterwards replaces what was read here
	skip, err := o.decide(i, r, out)
	if err != nil {
		out.pending, out.updates = nil, nil
		l.fail(i, fault.Of(err))
		return
	}
	l.skip(i, skip)
}

// decide maps a webhook, and keeps what is to be sent until all messages are open.
func (o *opener) decide(i int, r *reading, out *opened) (skip fault.Reason, err error) {
	known, err := r.known(o.items, o.now)
	if err != nil {
		return "", err
	}
	var note func(mapping.Explanation)
	if o.Explain != nil {
		note = func(n mapping.Explanation) { o.Explain(i, n) }
	}
	e := r.webhook
	if e == nil {
		if e = &o.webhook; e.Read(r.body) != nil {
			return "", errChanged
		}
	}
	result := &o.result
	o.Mapper.Map(result, e, r.app, r.to, r.received, known, note)
	r.eventID = legalID(result.EventID)
	out.created, out.drift = result.Created, append(out.drift, result.Drift...)
	updates := result.Updates(r.received)
	switch {
	case result.Reject != "":
		return "", fault.New(fault.Reject, result.Reject, errNothing)
	case o.waitsForLink(r, result):
		return "", fault.New(fault.Retry, fault.LinkWait, errUnknown)
	case result.Skip != "" && len(updates) == 0:
		return result.Skip, nil
	case r.account == nil:
		return "", r.accountErr
	}
	if o.Table != nil { // also if nothing is sent: the state has to know what was switched off
		out.updates = o.stateUpdates(i, r, updates)
	}
	if result.Skip == "" {
		out.pending = o.pend(i, r, result)
		if string(result.Name) != r.name {
			out.name = string(result.Name)
		}
	}
	return result.Skip, nil
}

// waitsForLink reports whether the message comes back until its subscriber has a linked CleverTap ID.
func (o *opener) waitsForLink(r *reading, result *mapping.Result) bool {
	wouldSend := result.Skip == "" || result.Skip == fault.Anonymous
	return o.Table != nil && result.Unlinked && wouldSend && o.now.Before(r.received.Add(r.app.LinkWait))
}

// pend keeps a message's records, less those that CleverTap accepted at an earlier attempt.
func (o *opener) pend(i int, r *reading, result *mapping.Result) *pending {
	p := &pending{message: i, app: r.app.Name, to: r.to, account: *r.account}
	if r.accepted&Event == 0 {
		p.event = o.keep(result.Event)
	}
	if r.accepted&Charged == 0 {
		p.charged = o.keep(result.Charged)
	}
	if r.accepted&Profile == 0 {
		p.profile, p.former = o.profiles.Of(result.Profile), o.profiles.Of(result.Other)
	}
	return p
}

// stateUpdates are what a webhook says about its subscribers' purchases, by the states that they change.
func (o *opener) stateUpdates(i int, r *reading, updates []mapping.SubscriberUpdate) []stateUpdate {
	// A FIFO queue hands out a subscriber's messages of one app in one batch at a time, but not those of another app, nor
	// those of the subscriber from whom a subscription came.
	contended := !r.message.FIFO() || o.accounts.mayShare(o.apps, r.app.Name, r.account.ID)
	all := make([]stateUpdate, len(updates))
	for n, u := range updates {
		partition := subscriber.Partition(u.Subscriber.Kind.String(), u.Subscriber.ID)
		all[n] = stateUpdate{
			Update:    u.Update,
			key:       subscriber.StateKey(partition, r.account.ID),
			message:   i,
			former:    u.Former,
			contended: contended || u.Former,
		}
	}
	return all
}

// pendingOf returns what is to be sent for the messages that have no fault so far.
func pendingOf(all []opened, l *ledger) []*pending {
	list := make([]*pending, 0, len(all))
	for i := range all {
		if p := all[i].pending; p != nil && !l.failed(i) {
			list = append(list, p)
		}
	}
	return list
}
