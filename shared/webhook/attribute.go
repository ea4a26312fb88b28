package webhook

import (
	"fmt"
	"slices"
	"strings"
)

// Type is an attribute's documented JSON type.
type Type uint8

// The types.
const (
	Unspecified Type = iota
	String           // a text
	Integer          // a whole number
	Number           // any number, also where the vendor documents a number or its text
	Boolean
	Object
	Date   // ISO 8601 text; its twin is the attribute with the same name and _ms
	Millis // milliseconds since 1970, beside a Date
)

var typeWords = []string{"unspecified", "string", "integer", "number", "boolean", "object", "date", "twin"}

// String is the type's word in the catalogue.
func (t Type) String() string { return typeWords[t] }

// Property is the status of a user property in the vendor's lists.
type Property uint8

// The statuses.
const (
	NoProperty  Property = iota
	Published            // documented
	Draft                // not yet published by the vendor
	DraftHidden          // a draft that the vendor wants to keep from its customers
	Planned              // not built by the vendor either
)

var propertyWords = []string{"", "published", "draft", "draft_hidden", "planned"}

// String is the status's word in the catalogue.
func (p Property) String() string { return propertyWords[p] }

// Origin says how much stands behind an attribute.
type Origin uint8

// The origins.
const (
	FromTable     Origin = iota // the vendor's table of attributes
	FromNewerPage               // newer pages of the vendor only
	FromMention                 // mentioned, never seen
	FromMapping                 // not in the payload: derived by the mapping
)

var originWords = []string{"table", "newer_page", "mention_only", "derived"}

// String is the origin's word in the catalogue.
func (o Origin) String() string { return originWords[o] }

// presenceWords say when an attribute is in a payload; several of them must all hold.
var presenceWords = []string{
	"always", "usually", "optional", "new", "unproven", "never",
	"subscriber_anonymous", "subscriber_connected", "device", "price", "subscription", "one_time", "transaction",
	"transfer", "plan_change", "offer", "acquisition", "google", "web", "commitment",
}

// Attribute is one row of the catalogue.
type Attribute struct {
	Index    int    // position in the catalogue, dense from 0: mapping and integration keep tables by it
	Name     string // the name, or a pattern: amount_in_xxx for any currency, commitment_* for any end
	Type     Type
	Enum     []string // nil: any value
	Presence string   // when it is in a payload, words joined by bars
	Property Property
	Origin   Origin
	Derived  bool // never in the payload: made by the mapping
	Millis   int  // index of the _ms twin of a Date, or of the Date of a Twin; -1: none
	Note     string

	text    []byte // Name
	dynamic bool   // Name is a pattern
}

// anyCurrency and anyEnd are the two kinds of pattern that a name can be.
const (
	anyCurrency = "xxx" // three lower-case letters
	anyEnd      = "*"   // anything, also nothing
)

// Dynamic tells whether the name is a pattern.
func (a *Attribute) Dynamic() bool { return a.dynamic }

// matches tells whether a pattern covers a name.
func (a *Attribute) matches(name []byte) bool {
	if prefix, ok := strings.CutSuffix(a.Name, anyEnd); ok {
		return len(name) >= len(prefix) && string(name[:len(prefix)]) == prefix
	}
	prefix := strings.TrimSuffix(a.Name, anyCurrency)
	if len(name) != len(a.Name) || string(name[:len(prefix)]) != prefix {
		return false
	}
	for _, c := range name[len(prefix):] {
		if c < 'a' || c > 'z' {
			return false
		}
	}
	return true
}

// twinSuffix is what the name of a Twin has in addition to that of its Date.
const twinSuffix = "_ms"

const attributeLetters = "abcdefghijklmnopqrstuvwxyz0123456789_"

var attributeColumns = []string{"name", "type", "enum", "presence", "property", "origin", "note"}

// readAttributes reads the catalogue's attributes and refuses rows that contradict themselves or each other.
func readAttributes(text string) ([]Attribute, error) {
	var attributes []Attribute
	places := make(map[string]int)
	t := openTable("attributes.csv", text, attributeColumns)
	for t.next() {
		a := readAttribute(t)
		a.Index = len(attributes)
		_, twice := places[a.Name]
		t.require(!twice, "name", "come before")
		places[a.Name] = a.Index
		if a.Type == Millis {
			date, ok := places[strings.TrimSuffix(a.Name, twinSuffix)]
			ok = ok && date != a.Index && attributes[date].Type == Date
			t.require(ok, "type", "no date of the same name before it")
			if ok {
				a.Millis, attributes[date].Millis = date, a.Index
			}
		}
		attributes = append(attributes, a)
	}
	for _, a := range attributes {
		if a.Type == Date && !a.Derived && a.Millis < 0 {
			t.faults = append(t.faults, fmt.Errorf("%s: %s has no twin", t.file, a.Name))
		}
	}
	return attributes, t.err()
}

func readAttribute(t *table) Attribute {
	a := Attribute{
		Name: t.cell("name"), Enum: t.list("enum", nil), Presence: t.cell("presence"), Note: t.cell("note"), Millis: -1,
		Property: choice[Property](t, "property", propertyWords),
		Origin:   choice[Origin](t, "origin", originWords),
	}
	if t.cell("type") == "number_or_string" {
		a.Type = Number
	} else {
		a.Type = choice[Type](t, "type", typeWords)
	}
	a.Derived = a.Origin == FromMapping
	a.text = []byte(a.Name)
	a.dynamic = strings.HasSuffix(a.Name, "_"+anyCurrency) || strings.HasSuffix(a.Name, anyEnd)
	words := t.list("presence", presenceWords)
	t.require(words != nil, "presence", "nothing")
	t.require(a.Derived == slices.Contains(words, "never"), "presence", "never without derived, or derived without never")
	t.require(!a.Derived || a.Property != NoProperty, "property", "nothing, yet only user properties are derived")
	t.require(!a.Derived || !a.Dynamic(), "name", "a pattern, yet it is derived")
	t.require(a.Note != "", "note", "nothing")
	name := strings.TrimSuffix(a.Name, anyEnd)
	t.require(name != "" && strings.Trim(name, attributeLetters) == "", "name", "other characters than "+attributeLetters)
	return a
}
