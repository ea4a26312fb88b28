package mapping

// SKELETON: the agreed API of this room. The owner of the room moves each piece into its own file and deletes this one.

import (
	"time"

	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/holder"
	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// Destination says which account a message's records go to: it decides about money and about the sandbox skip.
type Destination uint8

// The destinations.
const (
	Production     Destination = iota
	SandboxAccount             // sandbox: route, and the secret has a sandbox account
	NoAccount                  // sandbox: route without a sandbox account, or sandbox: skip
)

// Identity is the one identity key of a record.
type Identity struct {
	ObjectID bool   // key objectId, else identity
	Value    []byte // unescaped, never empty, never cut
}

// Entry is one key of a profile.
type Entry struct {
	Name   string // the key, unescaped
	Value  []byte // encoded JSON
	UserID bool   // user_id or anonymous_user_id: kept also when another purchase is active
	Active bool   // has_active_subscription
}

// Profile is one state of a user, not yet encoded: states of one user in one upload are merged first.
type Profile struct {
	Identity Identity
	TS       int64 // whole seconds, what goes out
	At       int64 // milliseconds, what states are ordered by
	Purchase []byte
	Rank     holder.Rank
	Entries  []Entry
}

// Result is what one webhook means. It owns its memory and reuses it from one Map to the next, unless Detach was called… (see notes).
type Result struct {
	Skip        fault.Reason // "" unless nothing is sent
	Event       []byte       // the encoded event record; nil: none
	Charged     []byte       // the encoded Charged record; nil: none
	Profile     *Profile     // the holder's own state; nil: none
	Other       *Profile     // SUBSCRIPTION_RECEIVED: the state of the holder it came from; nil: none
	Claim       holder.Claim // what the event says about its purchase, for holder state
	Holder      webhook.Holder
	OtherHolder webhook.Holder // whose entry SUBSCRIPTION_RECEIVED also ends; Kind NoHolder: none
	EventID     []byte
	Created     int64    // milliseconds of event_created_at (or what makes ts); 0: unknown. For the metric EventAge
	Drift       []string // names only, never values: "event FOO", "attribute bar", "value subscription_status"
}

// Note is one thing that explain tells: something was dropped or changed.
type Note struct {
	Subject string             // "event", "property", "user property", "profile", "charged", "message"
	Name    string             // the payload's name
	Sent    string             // the name under which it goes out; "": not sent
	Rule    string             // the rule in words, for example "limit: value longer than 512 bytes, cut at 510"
	Origin  integration.Origin // the line of the file, if it was the file
}

// Route decides where a message goes before it is mapped. sandboxAccount tells whether the app's secret has one; it is called only if the answer matters.
func Route(e *webhook.Event, app *integration.App, sandboxAccount func() (bool, error)) (Destination, error) {
	panic("skeleton")
}

// Mapper holds what is the same for all webhooks. It is safe for concurrent use.
type Mapper struct{}

// New prepares a Mapper.
func New() *Mapper { panic("skeleton") }

// Map turns a webhook into records. note, if not nil, is told everything that is not sent or changed (explain); production passes nil.
// The same event, app, destination and received give the same bytes. r's memory is valid until the next Map with the same r.
func (m *Mapper) Map(r *Result, e *webhook.Event, app *integration.App, to Destination, received time.Time, note func(Note)) {
	panic("skeleton")
}

// Merge joins the states of one user into one record: ordered by At; at the same instant, within one purchase, by rank; then by
// their place in states (the queue's order). Every key has the value of the newest state that has it; keys that CleverTap treats as one are one. The
// record's ts is the newest state's. dst is appended to. All states have the same identity.
func Merge(dst []byte, states []*Profile) []byte { panic("skeleton") }
