package mapping

import (
	"time"

	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/subscriber"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// The events that decide on access by their names, whatever the status says.
const (
	eventActivate    = "ACTIVATE"
	eventDeactivate  = "DEACTIVATE"
	eventReceived    = "SUBSCRIPTION_RECEIVED"
	eventTransferred = "SUBSCRIPTION_TRANSFERRED"
)

// canonical is the event that the name stands for, as far as the state goes; empty for events that are not expected.
func (run *mapperRun) canonical() string {
	if !run.isKnown() {
		return ""
	}
	return run.payload.Type.Canonical()
}

// isOneTime reports whether the purchase is no subscription. Without a type the id of a one-time purchase decides.
func (run *mapperRun) isOneTime() bool {
	switch kind := run.text(run.col.purchaseType); string(kind) {
	case "CONSUMABLE", "NON_CONSUMABLE":
		return true
	case "":
		return len(run.text(run.col.oneTimeID)) > 0
	}
	return false
}

// isActive reports whether the subscription gives access after the event, and whether that is known at all: by the
// event, else by the status, never by a date.
func (run *mapperRun) isActive() (active, known bool) {
	switch run.canonical() {
	case eventActivate, eventReceived:
		return true, true
	case eventDeactivate:
		return false, true
	case "":
	default:
		switch run.payload.Type.After {
		case webhook.Ends:
			return false, true
		case webhook.Unset:
			return false, false
		}
	}
	switch string(run.text(run.col.status)) {
	case "AUTO_RENEWING", "AUTO_RENEWING_CANCELED", "IN_GRACE_PERIOD":
		return true, true
	case "ON_HOLD", "DEACTIVATED", "REVOKED", "PAUSED", "UNPAID", "CANCELED":
		return false, true
	}
	return false, false
}

// updatePurchase finds out what the event says about its purchase, and whose that is, for subscriber state. What the
// file switches off counts all the same.
func (run *mapperRun) updatePurchase() {
	var u subscriber.Update
	if run.subscription {
		u.Active, u.Known = run.isActive()
	}
	if run.Created != 0 {
		u.At = time.UnixMilli(run.Created).UTC()
	}
	switch name := run.canonical(); {
	case name == eventActivate:
		u.Rank = subscriber.Activate
	case name == eventDeactivate:
		u.Rank = subscriber.Deactivate
	case u.Active:
		u.Rank = subscriber.OtherGrants
	}
	id := run.id(run.col.subscriptionID)
	if id == nil {
		id = run.id(run.col.chainID)
	}
	// Neighbours in the queue are often about one purchase of one user; new strings are made only for others.
	if run.lastPurchase != string(id) {
		run.lastPurchase = string(id)
	}
	if run.lastSubscriber.Kind != webhook.ByUser || run.lastSubscriber.ID != string(run.text(run.col.userID)) {
		run.lastSubscriber = run.payload.Subscriber()
	}
	u.Purchase = run.lastPurchase
	run.Update, run.Subscriber = u, run.lastSubscriber
}

// isTransfer reports whether the subscription came from another subscriber.
func (run *mapperRun) isTransfer() bool { return run.subscription && run.canonical() == eventReceived }

// transfer makes the state of the subscriber from whom a subscription came: it is not active any more, and nothing
// else is known.
func (run *mapperRun) transfer() {
	if !run.isTransfer() || run.known.FormerSuppressed {
		return
	}
	former := subscribers(run.payload, run.col.fromUser, run.col.fromAnonymous)
	if len(former) > 0 && former[0] != run.Subscriber {
		run.OtherSubscriber = former[0]
	}
	id, linked, skip := run.identityOf(run.col.fromUser, run.col.fromAnonymous, run.known.FormerLink)
	unknown := run.addressed && !linked // the CleverTap ID of the payload is not theirs
	if unknown || skip != "" || id.equal(run.identity) || run.policies.active == nil {
		return
	}
	p := &run.other
	p.Identity, p.TS, p.At, p.Purchase = id, seconds(run.times.sent), run.times.order, run.Update.Purchase
	p.active = run.policies.active
	p.SetActive(false)
	run.Other = p
}

// SubscriberUpdate is what a webhook says about a purchase of one subscriber.
type SubscriberUpdate struct {
	Subscriber webhook.Subscriber
	Update     subscriber.Update
	Former     bool // of the subscriber from whom a subscription came
}

// Updates lists what a webhook says about its subscribers. It is empty if subscriber state has nothing to learn from
// the webhook and nothing to decide on. A skipped webhook says nothing, unless only its event is switched off; and
// nothing is said about a suppressed subscriber.
func (r *Result) Updates(received time.Time) (updates []SubscriberUpdate) {
	switch {
	case r.Reject != "" || !r.Update.Known && r.Profile == nil:
		return nil
	case r.Skip != "" && r.Skip != fault.EventOff && r.Skip != fault.Suppressed:
		return nil
	}
	update := r.Update.Until(received)
	if r.Subscriber.Kind != webhook.NoSubscriber && !r.suppressed {
		updates = append(updates, SubscriberUpdate{Subscriber: r.Subscriber, Update: update})
	}
	if r.OtherSubscriber.Kind != webhook.NoSubscriber {
		update.Known, update.Active, update.Rank = true, false, subscriber.Other
		updates = append(updates, SubscriberUpdate{Subscriber: r.OtherSubscriber, Update: update, Former: true})
	}
	return updates
}
