package mapping

import (
	"bytes"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/subscriber"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// Result is what one webhook means. The zero Result is ready. It owns its memory and reuses it: whatever it holds is
// valid until the next Map with the same Result, even when the webhook's bytes are gone by then.
type Result struct {
	Skip            fault.Reason      // why nothing is sent: the file says so, or there is nobody to address
	Reject          fault.Reason      // why the webhook can never be sent: malformed
	Event           []byte            // the encoded event record; nil if there is none
	Name            []byte            // the event's name in that record
	Charged         []byte            // the encoded Charged record; nil if there is none
	Profile         *Profile          // the subscriber's own state; nil if there is none
	Other           *Profile          // SUBSCRIPTION_RECEIVED: the state of who had it before; nil if there is none
	Update          subscriber.Update // what the event says about its purchase; also set when Skip is event_off
	Subscriber      webhook.Subscriber
	OtherSubscriber webhook.Subscriber // whose purchase SUBSCRIPTION_RECEIVED ends; of kind NoSubscriber if nobody's
	Unlinked        bool               // anonymous and without a linked CleverTap ID, though the file uses links
	EventID         []byte
	Created         int64    // milliseconds of the time that makes ts; 0 if the webhook has none
	Drift           []string // names only, never values: "event FOO", "attribute bar", "value subscription_status"

	reused
}

// reused is what a Result keeps from one webhook to the next.
type reused struct {
	decisions  []decision // in the payload's order, then those on derived user properties
	own        []policy   // of attributes that go out under their own names
	values     arena      // encoded values, and texts that outlive the webhook
	records    arena      // the records
	profile    Profile    // what Profile points to
	other      Profile    // what Other points to
	suppressed bool       // nothing may be said about the subscriber
	names      names      // the names in the event record

	path    []byte   // the name of an attribute, behind those of the objects around it
	members []member // of the objects around an attribute
	decoder jsontext.Decoder
	input   bytes.Buffer // the decoder's
	array   []byte       // the text of one array
	scratch []byte       // one text

	drifts         map[string]string  // words for drift met before, which then cost nothing
	lastPurchase   string             // of the last Update
	lastSubscriber webhook.Subscriber // the last Subscriber
}

// maxTexts bounds what a Result remembers of names from outside, which could be endless.
const maxTexts = 1024

// reset forgets the last webhook and keeps the memory.
func (r *Result) reset() {
	r.Skip, r.Reject = "", ""
	r.Event, r.Name, r.Charged, r.Profile, r.Other = nil, nil, nil, nil, nil
	r.Update, r.Subscriber, r.OtherSubscriber = subscriber.Update{}, webhook.Subscriber{}, webhook.Subscriber{}
	r.Unlinked, r.suppressed = false, false
	r.EventID, r.Created, r.Drift = nil, 0, r.Drift[:0]
	r.decisions, r.own, r.values, r.records = r.decisions[:0], r.own[:0], r.values[:0], r.records[:0]
	r.path, r.members = r.path[:0], r.members[:0]
	r.profile.reset()
	r.other.reset()
	r.names.reset()
}

// arena holds texts one behind the other. They stay where they are when it grows.
type arena []byte

// since is what was appended since the arena had a length.
func (a *arena) since(start int) []byte { return (*a)[start:len(*a):len(*a)] }

// keep copies a text.
func (a *arena) keep(text []byte) []byte {
	start := len(*a)
	*a = append(*a, text...)
	return a.since(start)
}

// The kinds of drift.
const (
	driftEvent     = "event"
	driftAttribute = "attribute"
	driftValue     = "value"
)

// countDrift lists the attributes and values that are not as the catalogue says, whatever the file says about them.
func (r *Result) countDrift() {
	for i := range r.decisions {
		if d := &r.decisions[i]; d.drift != "" {
			r.addDrift(d.drift, d.source)
		}
	}
}

// addDrift lists one thing that the catalogue does not know. Names are cut: from outside they have no bounds.
func (r *Result) addDrift(kind string, name []byte) {
	r.scratch = append(append(append(r.scratch[:0], kind...), ' '), clevertap.Cut(name, clevertap.MaxKeyBytes)...)
	text, met := r.drifts[string(r.scratch)]
	if !met {
		text = string(r.scratch)
		if r.drifts == nil || len(r.drifts) >= maxTexts {
			r.drifts = make(map[string]string)
		}
		r.drifts[text] = text
	}
	r.Drift = append(r.Drift, text)
}

// Copies keeps copies of profiles beyond the next Map. The zero Copies is ready. Forget frees its memory for others.
type Copies struct {
	profiles []Profile
	entries  []entry
	texts    arena
}

// Forget ends the life of all copies.
func (c *Copies) Forget() {
	c.profiles, c.entries, c.texts = c.profiles[:0], c.entries[:0], c.texts[:0]
}

// Of copies a profile out of its Result's memory; nil stays nil.
func (c *Copies) Of(p *Profile) *Profile {
	if p == nil {
		return nil
	}
	c.profiles = append(c.profiles, *p)
	copied := &c.profiles[len(c.profiles)-1]
	copied.Identity.Value = c.texts.keep(p.Identity.Value)
	from := len(c.entries)
	for _, e := range p.entries {
		e.value = c.texts.keep(e.value)
		c.entries = append(c.entries, e)
	}
	copied.entries = slices.Clip(c.entries[from:])
	return copied
}
