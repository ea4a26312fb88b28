package webhook

import (
	_ "embed"
	"encoding/csv"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Purchasely's events and attributes, one per line. A new one is added there and nowhere else.
var (
	//go:embed catalogue/attributes.csv
	attributesCSV string
	//go:embed catalogue/events.csv
	eventsCSV string
)

// Catalogue is what is known of Purchasely's events and attributes. It does not change, and is safe for concurrent
// use.
type Catalogue struct {
	Attributes []Attribute
	Events     []EventType

	events     map[string]*EventType
	attributes map[string]*Attribute // payload attributes with a fixed name
	patterns   []*Attribute          // payload attributes whose name is a pattern
	properties map[string]*Attribute // user properties, from the payload or derived
	ids        [len(idAttributes)]int
}

// embedded is not a [sync.OnceValue], because that would keep the catalogue linked into the receiver, which does not
// use it.
var embedded struct {
	sync.Once
	catalogue *Catalogue
}

// EmbeddedCatalogue returns the catalogue, which is parsed once.
func EmbeddedCatalogue() *Catalogue {
	embedded.Do(func() { embedded.catalogue = parseCatalogue() })
	return embedded.catalogue
}

// parseCatalogue panics if a line makes no sense, since that is a mistake of the build.
func parseCatalogue() *Catalogue {
	c := &Catalogue{
		events:     make(map[string]*EventType),
		attributes: make(map[string]*Attribute),
		properties: make(map[string]*Attribute),
	}
	for _, row := range rows(eventsCSV) {
		c.Events = append(c.Events, parseEventType(row))
	}
	for _, row := range rows(attributesCSV) {
		c.Attributes = append(c.Attributes, parseAttribute(row, len(c.Attributes)))
	}
	for i := range c.Events {
		c.events[c.Events[i].Name] = &c.Events[i]
	}
	for i := range c.Attributes {
		a := &c.Attributes[i]
		switch {
		case a.Derived:
		case a.pattern:
			c.patterns = append(c.patterns, a)
		default:
			c.attributes[a.Name] = a
		}
		if a.Property != NoProperty {
			c.properties[a.Name] = a
		}
		if a.Type == Millis {
			date := c.attributes[strings.TrimSuffix(a.Name, millisSuffix)]
			a.Millis, date.Millis = date.Index, i
		}
	}
	for i, id := range idAttributes {
		c.ids[i] = c.attributes[id.name].Index
	}
	return c
}

// rows returns the lines of a CSV file below its header.
func rows(text string) [][]string {
	all, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		panic(err)
	}
	return all[1:]
}

// list splits a cell at its bars; nil if it is empty.
func list(cell string) []string {
	if cell == "" {
		return nil
	}
	return strings.Split(cell, "|")
}

// value returns the value of an enumeration whose words are in the order of its values.
func value[T ~uint8](words []string, word string) T {
	i := slices.Index(words, word)
	if i < 0 {
		panic(fmt.Sprintf("catalogue: %q is none of %q", word, words))
	}
	return T(i)
}

// Attribute returns the payload attribute of a name, nil if there is none. A fixed name takes precedence over a
// pattern: amount_in_usd has a row of its own, while amount_in_eur belongs to amount_in_xxx. Derived attributes are
// not in payloads; see [Catalogue.UserProperty].
func (c *Catalogue) Attribute(name []byte) *Attribute {
	if a := c.attributes[string(name)]; a != nil {
		return a
	}
	for _, a := range c.patterns {
		if a.matches(name) {
			return a
		}
	}
	return nil
}

// UserProperty returns the user property of a name, from the payload or derived, nil if there is none.
func (c *Catalogue) UserProperty(name string) *Attribute { return c.properties[name] }

// Event returns the event type of a name, known or not yet confirmed, nil if there is none.
func (c *Catalogue) Event(name []byte) *EventType { return c.events[string(name)] }

// NearestEvent returns the known event that a misspelt name probably means, "" if none is near. For another name on
// Purchasely's pages that is the event they mean.
func (c *Catalogue) NearestEvent(name string) string {
	if t := c.events[name]; t != nil && !t.Known() && t.AliasOf != "" {
		return t.AliasOf
	}
	var names []string
	for i := range c.Events {
		if c.Events[i].Known() {
			names = append(names, c.Events[i].Name)
		}
	}
	return Nearest(name, names)
}

// NearestAttribute returns the payload attribute that a misspelt name probably means, "" if none is near.
func (c *Catalogue) NearestAttribute(name string) string {
	return c.nearest(name, func(a *Attribute) bool { return !a.Derived })
}

// NearestProperty returns the user property that a misspelt name probably means, "" if none is near.
func (c *Catalogue) NearestProperty(name string) string {
	return c.nearest(name, func(a *Attribute) bool { return a.Property != NoProperty })
}

func (c *Catalogue) nearest(name string, eligible func(*Attribute) bool) string {
	var names []string
	for i := range c.Attributes {
		if eligible(&c.Attributes[i]) {
			names = append(names, c.Attributes[i].Name)
		}
	}
	return Nearest(name, names)
}

// Nearest returns the candidate that takes the fewest edits to become a misspelt name, whatever their letter case. It
// is "" if all take more than one edit, and one more for every five letters: that is another word. The first of
// equally near ones wins.
func Nearest(name string, candidates []string) string {
	best, limit := "", 2+len(name)/5
	for _, candidate := range candidates {
		if d := distance(strings.ToLower(name), strings.ToLower(candidate)); d < limit {
			best, limit = candidate, d
		}
	}
	return best
}

// distance counts the bytes to insert, delete or replace and the neighbours to swap to turn a into b.
func distance(a, b string) int {
	before, above, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1) // of the edit matrix
	for j := range above {
		above[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			row[j] = min(above[j], row[j-1], above[j-1]) + 1
			if a[i-1] == b[j-1] {
				row[j] = min(row[j], above[j-1])
			}
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, above, row = above, row, before
	}
	return above[len(b)]
}

// After is what an event does to has_active_subscription.
type After uint8

// The effects.
const (
	ByStatus After = iota // subscription_status decides
	Unset                 // the event is not about a subscription
	Grants
	Ends
)

var afterWords = []string{"by_status", "unset", "grants", "ends"}

// Statuses of event types that the code distinguishes.
const (
	current  = "current"
	recent   = "new"
	legacyV2 = "legacy_v2"
)

// The purchase types of one-time purchases.
const (
	consumable    = "CONSUMABLE"
	nonConsumable = "NON_CONSUMABLE"
)

// EventType is one row of the catalogue of events.
type EventType struct {
	Name     string
	Family   string // entitlement, lifecycle, offer, transaction
	Status   string // current, new, legacy_v2, doc_variant, unconfirmed
	Access   string // grant, revoke, none
	After    After
	Money    bool
	Transfer string   // the subscriber's part in a transfer: from (losing), to (gaining), none
	Types    []string // purchase types that it can be about; nil if not known
	AliasOf  string
	OneTime  bool // only ever about one-time purchases
	Meaning  string
}

// parseEventType parses a row: name, family, status, access, after, money, transfer, types, alias_of, meaning.
func parseEventType(row []string) EventType {
	t := EventType{
		Name: row[0], Family: row[1], Status: row[2], Access: row[3], After: value[After](afterWords, row[4]),
		Money: row[5] == "yes", Transfer: row[6], Types: list(row[7]), AliasOf: row[8], Meaning: row[9],
	}
	t.OneTime = t.Types != nil
	for _, purchase := range t.Types {
		t.OneTime = t.OneTime && (purchase == consumable || purchase == nonConsumable)
	}
	return t
}

// Known reports whether webhooks of this type are expected. Other names on Purchasely's pages and unconfirmed ones
// are not.
func (t *EventType) Known() bool {
	return t.Status == current || t.Status == recent || t.Status == legacyV2
}

// Canonical returns the event that an old name stands for, else the event itself. It counts for the subscriber's
// state only, never for switches and names.
func (t *EventType) Canonical() string {
	if t.Status == legacyV2 && t.AliasOf != "" {
		return t.AliasOf
	}
	return t.Name
}
