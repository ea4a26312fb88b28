package webhook

import "strings"

// Type is an attribute's documented JSON type.
type Type uint8

// The types.
const (
	Unspecified Type = iota
	String
	Integer
	Number // also where Purchasely documents a number or its text
	Boolean
	Object
	Date   // ISO 8601 text; the attribute with the same name and _ms has it in milliseconds
	Millis // milliseconds since 1970, beside a Date
)

var typeWords = []string{"unspecified", "string", "integer", "number", "boolean", "object", "date", "milliseconds"}

// String returns the type's word in the catalogue.
func (t Type) String() string { return typeWords[t] }

// Property is the status of a user property in Purchasely's lists.
type Property uint8

// The statuses.
const (
	NoProperty  Property = iota
	Published            // documented
	Draft                // not yet published
	DraftHidden          // a draft that Purchasely wants to keep from its customers
	Planned              // not built by Purchasely either
)

var propertyWords = []string{"", "published", "draft", "draft_hidden", "planned"}

// Attribute is one row of the catalogue.
type Attribute struct {
	Index    int    // in the catalogue, for tables of attributes
	Name     string // a name, or a pattern: amount_in_xxx for any currency, commitment_* for any end
	Type     Type
	Enum     []string // nil if any value is possible
	Presence string   // the conditions under which it is in a payload, separated by bars
	Property Property
	Derived  bool // never in the payload: made by the mapping
	Millis   int  // of a Date, the index of its Millis; of a Millis, that of its Date; else -1
	Note     string

	pattern bool
}

// The ends of names that are patterns.
const (
	anyCurrency = "xxx" // three lower-case letters
	anyEnd      = "*"   // anything, even nothing
)

// millisSuffix is what the name of a Millis adds to that of its Date.
const millisSuffix = "_ms"

// parseAttribute parses a row: name, type, enum, presence, property, origin, note.
func parseAttribute(row []string, index int) Attribute {
	return Attribute{
		Index: index, Name: row[0], Type: value[Type](typeWords, row[1]), Enum: list(row[2]), Presence: row[3],
		Property: value[Property](propertyWords, row[4]), Derived: row[5] == "derived",
		Millis: -1, Note: row[6],
		pattern: strings.HasSuffix(row[0], "_"+anyCurrency) || strings.HasSuffix(row[0], anyEnd),
	}
}

// Dynamic reports whether the name is a pattern.
func (a *Attribute) Dynamic() bool { return a.pattern }

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
