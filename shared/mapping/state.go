package mapping

import (
	"time"

	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/subscriber"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// The events that decide on access by their names, whatever the status says.
const (
	eventActivate   = "ACTIVATE"
	eventDeactivate = "DEACTIVATE"
	eventReceived   = "SUBSCRIPTION_RECEIVED"
	eventRetry      = "ENTERED_BILLING_RETRY"
)

// canonical is the event that the name stands for, as far as the state goes; "" for names that are not expected.
func (w *work) canonical() string {
	if !w.isKnown() {
		return ""
	}
	return w.e.Type.Canonical()
}

// isOneTime tells whether the purchase is no subscription. Without a type only the id of a one-time purchase says so.
func (w *work) isOneTime() bool {
	switch kind := w.e.Text(w.at.purchaseType); string(kind) {
	case "CONSUMABLE", "NON_CONSUMABLE":
		return true
	case "":
		return len(w.e.Text(w.at.oneTime)) > 0
	}
	return false
}

// isActive tells whether the subscription gives access after the event, and whether that can be said at all: by the event, else by
// the status, never by a date.
func (w *work) isActive() (active, known bool) {
	switch w.canonical() {
	case eventActivate, eventReceived:
		return true, true
	case eventDeactivate:
		return false, true
	case "":
	default:
		switch w.e.Type.After {
		case webhook.Ends:
			return false, true
		case webhook.Unset:
			return false, false
		}
	}
	switch string(w.e.Text(w.at.status)) {
	case "AUTO_RENEWING", "AUTO_RENEWING_CANCELED", "IN_GRACE_PERIOD":
		return true, true
	case "ON_HOLD", "DEACTIVATED", "REVOKED", "PAUSED", "UNPAID", "CANCELED":
		return false, true
	}
	return false, false
}

// claim says what the event tells about its purchase, for subscriber state. What the file switches off counts all the same.
func (w *work) claim() {
	c := subscriber.Update{Sandbox: string(w.e.Text(w.at.environment)) == sandboxEnvironment}
	if !w.isOneTime() {
		c.Active, c.Known = w.isActive()
	}
	if w.ms != 0 {
		c.At = time.UnixMilli(w.ms).UTC()
	}
	switch name := w.canonical(); {
	case name == eventActivate:
		c.Rank = subscriber.Activate
	case name == eventDeactivate:
		c.Rank = subscriber.Deactivate
	case c.Active:
		c.Rank = subscriber.OtherGrants
	}
	id := w.e.Text(w.at.subscription)
	if webhook.Absent(id) {
		id = w.e.Text(w.at.chain)
	}
	if webhook.Absent(id) {
		id = nil
	}
	w.purchase = w.keep(id)
	// Neighbours in the queue are often about the same purchase of the same user; the texts are made only when they are others.
	if w.lastPurchase != string(id) {
		w.lastPurchase = string(id)
	}
	if w.lastSubscriber.Kind != webhook.ByUser || w.lastSubscriber.ID != string(w.e.Text(w.at.userID)) {
		w.lastSubscriber = w.e.Subscriber()
	}
	c.Purchase = w.lastPurchase
	w.Update, w.Subscriber = c, w.lastSubscriber
}

// transfer makes the state of the subscriber from whom a subscription came: it is not active any more, and nothing else is known.
func (w *work) transfer() {
	if w.canonical() != eventReceived || w.isOneTime() {
		return
	}
	w.OtherSubscriber = w.losing()
	if w.addressed {
		w.tell(aboutProfile, nil, nil, ruleOtherID, integration.Origin{})
		return
	}
	p := &w.other
	id, reason := w.subscriber(w.at.fromUser, w.at.fromAnonymous)
	if reason != "" || id.equal(w.identity) || w.profile.active.Name == "" {
		return
	}
	p.Identity, p.TS, p.At, p.Purchase = id, w.ts, w.order, w.purchase
	p.active = w.profile.active
	p.SetActive(false)
	w.Other = p
}

// losing is the subscriber from whom a subscription came, as subscriber state knows them.
func (w *work) losing() webhook.Subscriber {
	h := webhook.Subscriber{Kind: webhook.ByUser, ID: string(w.e.Text(w.at.fromUser))}
	if webhook.Absent(h.ID) {
		h = webhook.Subscriber{Kind: webhook.ByAnonymous, ID: string(w.e.Text(w.at.fromAnonymous))}
	}
	if webhook.Absent(h.ID) || h == w.Subscriber {
		return webhook.Subscriber{}
	}
	return h
}

// SubscriberUpdate is what a webhook says about a purchase of one subscriber.
type SubscriberUpdate struct {
	Subscriber webhook.Subscriber
	Update     subscriber.Update
	Former     bool // of the subscriber from whom a subscription came
}

// Updates lists what a webhook says about its subscribers, nothing if it says nothing that subscriber state has to know or can answer. A skipped
// webhook says nothing, but for one whose event is merely switched off.
func (r *Result) Updates(received time.Time) (list []SubscriberUpdate) {
	if r.Reject != "" || r.Skip != "" && r.Skip != fault.EventOff || !r.Update.Known && r.Profile == nil {
		return nil
	}
	claim := r.Update.Until(received)
	if r.Subscriber.Kind != webhook.NoSubscriber {
		list = append(list, SubscriberUpdate{Subscriber: r.Subscriber, Update: claim})
	}
	if r.OtherSubscriber.Kind != webhook.NoSubscriber {
		claim.Known, claim.Active, claim.Rank = true, false, subscriber.Other
		list = append(list, SubscriberUpdate{Subscriber: r.OtherSubscriber, Update: claim, Former: true})
	}
	return list
}

// Scope says which environments' purchases go to an account: those that the file sends there, and all where both accounts of an app's
// secret are one.
func Scope(app *integration.App, to Destination, oneAccount bool) subscriber.Scope {
	both := app.Sandbox == integration.SandboxSend || app.Sandbox == integration.SandboxRoute && oneAccount
	return subscriber.Scope{Production: both || to == Production, Sandbox: both || to == SandboxAccount}
}
