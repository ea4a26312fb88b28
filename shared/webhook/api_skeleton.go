package webhook

// SKELETON: the agreed API of this room. The owner of the room moves each piece into its own file and deletes this one.

import (
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/purchasely-clevertap/bridge/shared/secret"
)

// ---- key.go / verify.go

// Keys are an app's shared secret and, during a rotation, its predecessor.
type Keys struct{ current, previous secret.Value }

// ParseKeys reads {"shared_secret":"…","previous_shared_secret":"…"}. An empty or missing shared_secret is an error; unknown
// keys are ignored; errors never quote the text.
func ParseKeys(text []byte) (Keys, error) { panic("skeleton") }

// Verify returns nil if digest is the lower-case hex HMAC-SHA256 of timestamp+body under one of the keys and, if tolerance is
// above zero, timestamp is within it of now in both directions. Otherwise a *fault.Fault of kind Reject with reason
// BadSignature, Stale or Future.
func (k Keys) Verify(timestamp, digest string, body []byte, tolerance time.Duration, now time.Time) error {
	panic("skeleton")
}

// Sign makes the digest, for tests and `bridge send`.
func Sign(key secret.Value, timestamp string, body []byte) string { panic("skeleton") }

// ---- holder of a webhook, used by peek.go (receiver) and by the mapping (holder state): same value, same hash.

// HolderKind says which id names the holder.
type HolderKind uint8

// In the order in which they are tried.
const (
	NoHolder HolderKind = iota
	ByUser
	ByAnonymous
	ByDevice
	ByPurchase
)

// Holder is whose webhook it is.
type Holder struct {
	Kind HolderKind
	ID   string
}

// Absent tells whether an id counts as not given: empty, or a word that broken apps send for nothing (null, (null), nil,
// none, undefined, nan; in any letter case).
func Absent[T ~string | ~[]byte](id T) bool { panic("skeleton") }

// Glance is all that the receiver reads of a body.
type Glance struct {
	EventID string
	Holder  Holder
}

// Peek reads the ids of a body of either version. What it cannot read is empty; it never fails, and it stops reading as soon
// as nothing more can change the answer (duplicate keys: last wins, so it reads the object's level through, but skips values).
func Peek(body []byte) Glance { panic("skeleton") }

// ---- catalogue.go

// Type is an attribute's documented JSON type.
type Type uint8

// The types.
const (
	Unspecified Type = iota
	String           // a text
	Integer          // a whole number
	Number           // any number, also "number_or_string"
	Boolean          //
	Object           //
	Date             // ISO 8601 text; its twin is the attribute with the same name and _ms
	Twin             // milliseconds since 1970, beside a Date
)

// Status of a user property.
type Property uint8

// The statuses, from the vendor's lists.
const (
	NoProperty  Property = iota
	Published            // the 12 documented ones
	Draft                // 7 more
	DraftHidden          // 23 more
	Planned              // 7 more, not built by the vendor either
)

// Attribute is one row of the catalogue.
type Attribute struct {
	Index    int    // position in the catalogue, dense from 0: mapping and integration keep tables by it
	Name     string // the name, or the pattern's documented name (amount_in_xxx)
	Type     Type
	Enum     []string // nil: any value
	Presence string
	Property Property
	Derived  bool // never in the payload: made by the mapping
	Twin     int  // index of the _ms twin of a Date, or of the Date of a twin; -1
	Note     string
}

// After is what an event does to has_active_subscription.
type After uint8

// The effects.
const (
	ByStatus After = iota
	Unset
	Grants
	Ends
)

// EventType is one row of the catalogue of events.
type EventType struct {
	Name     string
	Family   string
	Access   string // grant, revoke, none
	After    After
	Money    bool
	Transfer string // none, from, to
	Types    []string
	Status   string // current, new, legacy_v2, doc_variant, unconfirmed
	AliasOf  string
	OneTime  bool // only ever about one-time purchases
	Note     string
}

// Known tells whether webhooks of this type are expected: current, new or legacy_v2.
func (t *EventType) Known() bool { panic("skeleton") }

// Canonical is the event that an old name stands for, for the state only; else the name itself.
func (t *EventType) Canonical() string { panic("skeleton") }

// Catalogue is what is known of the vendor's events and attributes.
type Catalogue struct {
	Attributes []Attribute
	Events     []EventType
	// lookup tables, unexported
}

// TheCatalogue parses the embedded data once.
func TheCatalogue() *Catalogue { panic("skeleton") }

// Attribute finds a payload attribute by name, dynamic names (amount_in_usd, commitment_*) by their pattern; nil: unknown. Derived
// rows are not payload attributes and are found by Property only. No allocation.
func (c *Catalogue) Attribute(name []byte) *Attribute { panic("skeleton") }

// UserProperty finds a row that is a user property, payload or derived; nil: none.
func (c *Catalogue) UserProperty(name string) *Attribute { panic("skeleton") }

// Event finds an event type, known or not yet confirmed; nil: nobody has heard of it. No allocation.
func (c *Catalogue) Event(name []byte) *EventType { panic("skeleton") }

// Nearest suggests the known name nearest to a misspelt one, "" if none is near. For advice in errors.
func (c *Catalogue) NearestEvent(name string) string     { panic("skeleton") }
func (c *Catalogue) NearestAttribute(name string) string { panic("skeleton") }
func (c *Catalogue) NearestProperty(name string) string  { panic("skeleton") }

// ---- event.go / v2.go

// Field is one attribute of an event in the payload's order, top level only (after v2 was turned into v3).
type Field struct {
	Name  []byte         // unescaped
	Known *Attribute     // nil: not in the catalogue
	Value jsontext.Value // raw, trimmed, exact; valid as long as the body is not changed; duplicate keys: the last value at the first position
}

// Event is a webhook that has been read. It keeps slices of the body and reuses its own memory from one Read to the next; the zero
// Event is ready. Steady state: no allocation.
type Event struct {
	Name    []byte     // unescaped, never empty
	Type    *EventType // nil: not in the catalogue
	Version int        // 2 or 3, by shape
	Fields  []Field    // without api_version and event_name
	// table by catalogue index, arena: unexported
}

// Read reads a body. The error is a *fault.Fault{Reject, Malformed} whose text says what is wrong and at which byte, and never
// quotes the body. Malformed: not one JSON object in valid UTF-8 (also a byte order mark, a lone surrogate, trailing data), nesting deeper than
// 32 (the body's own braces are level 1), no event name (missing, null, empty, neither string nor number).
func (e *Event) Read(body []byte) error { panic("skeleton") }

// Value gives the raw value of a catalogued attribute; nil if it is absent or null. For dynamic names: the first that came.
func (e *Event) Value(index int) jsontext.Value { panic("skeleton") }

// Text gives an attribute's text, unescaped; a number gives its digits; "" if absent, null, or of another kind.
func (e *Event) Text(index int) []byte { panic("skeleton") }

// Holder is the holder by the same rules as Peek's.
func (e *Event) Holder() Holder { panic("skeleton") }

// ---- time.go

// ParseTime reads ISO 8601 text (date-time with T or blank, optional fraction with any number of digits, Z, ±hh:mm, ±hhmm, ±hh or no
// zone = UTC; or a date alone) → milliseconds since 1970. No allocation.
func ParseTime(text []byte) (ms int64, ok bool) { panic("skeleton") }

// ParseDate reads a date attribute's JSON value: ISO 8601 text by ParseTime, or a number: milliseconds above 10^11, else seconds.
func ParseDate(v jsontext.Value) (ms int64, ok bool) { panic("skeleton") }

// ParseTwin reads a twin: a number of milliseconds, or a string of its digits.
func ParseTwin(v jsontext.Value) (ms int64, ok bool) { panic("skeleton") }
