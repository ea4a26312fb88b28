package webhook

import (
	"math"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
)

// IDs is all that the receiver reads of a body.
type IDs struct {
	EventID    string
	Subscriber Subscriber
}

// peekers read bodies as deep as the decoder goes: whether a body nests too deep for an event is not the queue's business.
var peekers = sync.Pool{New: func() any { return &reader{limit: math.MaxInt} }}

// Peek reads the ids of a body of either version. It never fails: of a body that is not one JSON object it tells nothing. Of
// equal names the last counts, so it goes through the whole top level.
//
// For every body that [Event.Read] accepts, the subscriber is that of [Event.Subscriber].
func Peek(body []byte) IDs {
	r := peekers.Get().(*reader)
	defer peekers.Put(r)
	defer r.forget()
	return r.peek(body)
}

func (r *reader) peek(body []byte) IDs {
	var ids ids
	var eventID, eventName, user, properties jsontext.Value
	for r.open(body); r.next(); {
		switch string(r.name) {
		case "event_id":
			eventID = r.value
		case "event_name":
			eventName = r.value
		case "user":
			user = r.value
		case "properties":
			properties = r.value
		case "user_id":
			ids.user = r.value
		case "anonymous_user_id":
			ids.anonymous = r.value
		case "device_id":
			ids.device = r.value
		case "purchasely_subscription_id":
			ids.subscription = r.value
		case "purchasely_one_time_purchase_id":
			ids.oneTime = r.value
		case "store_original_transaction_id":
			ids.original = r.value
		}
	}
	if r.close() != nil {
		return IDs{}
	}
	if absent(eventName) {
		r.peekNested(&ids, user, properties)
	}
	return IDs{EventID: string(r.text(eventID)), Subscriber: ids.subscriber(&r.arena)}
}

// peekNested reads the ids of version 2. They go before ids that stand at the top beside them, as in [Event.Read].
func (r *reader) peekNested(ids *ids, user, properties jsontext.Value) {
	if id := r.dig(user, "vendor_id"); id != nil {
		ids.user = id
	}
	if id := r.dig(user, "anonymous_id"); id != nil {
		ids.anonymous = id
	}
	if id := r.dig(properties, "purchase_id"); id != nil {
		if r.oneTime(id, properties) {
			ids.oneTime = id
		} else {
			ids.subscription = id
		}
	}
	if id := r.dig(properties, "original_transaction_id"); id != nil {
		ids.original = id
	}
}

// absent tells whether a value is missing, which null is as well.
func absent(v jsontext.Value) bool { return len(v) == 0 || v[0] == 'n' }
