package mapping

import (
	"slices"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/subscriber"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// Result is what one webhook means. The zero Result is ready. It owns its memory and reuses it: whatever it holds is valid until
// the next Map with the same Result, also when the webhook's bytes are gone by then.
type Result struct {
	Skip            fault.Reason      // "" unless nothing is sent because the file says so, or because there is nobody to address
	Reject          fault.Reason      // "" unless the webhook can never be sent: malformed
	Event           []byte            // the encoded event record; nil: none
	Charged         []byte            // the encoded Charged record; nil: none
	Profile         *Profile          // the subscriber's own state; nil: none
	Other           *Profile          // SUBSCRIPTION_RECEIVED: the state of the subscriber it came from; nil: none
	Update          subscriber.Update // what the event says about its purchase, for subscriber state; also when Skip is event_off
	Subscriber      webhook.Subscriber
	OtherSubscriber webhook.Subscriber // whose entry SUBSCRIPTION_RECEIVED also ends; Kind NoSubscriber: none
	EventID         []byte
	Created         int64    // milliseconds of the time that makes ts; 0: the webhook has none
	Drift           []string // names only, never values: "event FOO", "attribute bar", "value subscription_status"

	memory
}

// memory is what a Result keeps from one webhook to the next.
type memory struct {
	event   []byte            // the event record while it grows
	charged []byte            // the Charged record
	values  []byte            // encoded values, and texts that outlive the webhook
	flat    []byte            // names of parts, one behind the other along the path that is being walked
	scratch []byte            // one unescaped text
	arrays  []byte            // the text of one array
	spans   []span            // the properties written so far
	members []member          // the objects along the path that is being walked
	names   names             // the names written so far
	profile Profile           // what Profile points to
	other   Profile           // what Other points to
	drifts  map[string]string // names of drift met before, so that the same drift costs nothing the next time
	drift   []string          // what Drift is cut from

	lastPurchase   string             // of the last Claim
	lastSubscriber webhook.Subscriber // the last Subscriber
}

// maxDrifts bounds what a Result remembers of drift; names come from outside and could be endless.
const maxDrifts = 1024

// reset forgets the last webhook and keeps the memory.
func (r *Result) reset() {
	r.Skip, r.Reject = "", ""
	r.Event, r.Charged, r.Profile, r.Other = nil, nil, nil, nil
	r.Update, r.Subscriber, r.OtherSubscriber = subscriber.Update{}, webhook.Subscriber{}, webhook.Subscriber{}
	r.EventID, r.Created, r.Drift = nil, 0, nil
	r.event, r.charged, r.values = r.event[:0], r.charged[:0], r.values[:0]
	r.flat, r.spans, r.members, r.drift = r.flat[:0], r.spans[:0], r.members[:0], r.drift[:0]
	r.names.reset()
	r.profile.reset()
	r.other.reset()
}

// keep copies a text so that it lives as long as the Result's content.
func (r *Result) keep(text []byte) []byte {
	start := len(r.values)
	r.values = append(r.values, text...)
	return r.values[start:len(r.values):len(r.values)]
}

// addDrift counts one thing that the catalogue does not know, under its kind and name.
func (r *Result) addDrift(kind string, name []byte) {
	r.drift = append(r.drift, r.driftText(kind, name))
	r.Drift = r.drift
}

// addDriftOnce does the same for what may have been counted before.
func (r *Result) addDriftOnce(kind string, name []byte) {
	if !slices.Contains(r.drift, r.driftText(kind, name)) {
		r.addDrift(kind, name)
	}
}

// driftText gives the words for a drift, the same string again for one that was met before. Names have no bounds; these words do.
func (r *Result) driftText(kind string, name []byte) string {
	r.scratch = append(append(append(r.scratch[:0], kind...), ' '), clevertap.Cut(name, clevertap.MaxKeyBytes)...)
	text, met := r.drifts[string(r.scratch)]
	if !met {
		text = string(r.scratch)
		if r.drifts == nil || len(r.drifts) >= maxDrifts {
			r.drifts = make(map[string]string)
		}
		r.drifts[text] = text
	}
	return text
}
