package integration

import "github.com/go-json-experiment/json/jsontext"

// Origin is where in the file a decision stands. Line 0 means that no line says so and that Rule is the default in words.
type Origin struct {
	Line, Column int
	Rule         string // for example "server_events.events.ACTIVATE.send", or "the bridge's default: purchase_token is off unless named"
}

// EventRule is the decision on one event name.
type EventRule struct {
	Send       bool
	Renamed    bool   // the file gives the name
	Name       string // the name in CleverTap: renamed, or prefix + name; not yet cleaned where neither file nor catalogue knows the event
	Origin     Origin // of the decision to send or not
	NameOrigin Origin
}

// PropertyRule is the decision on one attribute or user property.
type PropertyRule struct {
	Send       bool
	Named      bool   // the file has an entry for it
	Name       string // the name in CleverTap
	Key        []byte // Name as a JSON string with its colon: `"plan":`
	Origin     Origin // of the decision to send or not
	NameOrigin Origin
}

// NamedProperty is an entry for a name outside the catalogue.
type NamedProperty struct {
	Source string
	PropertyRule
}

// encode makes the key of a decided name.
func (p *PropertyRule) encode() {
	// The name is valid UTF-8, as is the whole file, and then quoting cannot fail.
	key, _ := jsontext.AppendQuote(make([]byte, 0, len(p.Name)+3), p.Name)
	p.Key = append(key, ':')
}

// by makes the origin of a decision from its place and the rule in words.
func by(at place, rule string) Origin {
	return Origin{Line: at.line, Column: at.column, Rule: rule}
}

// ours makes the origin of a decision that no file can change, or that holds unless one does.
func ours(rule string) Origin { return Origin{Rule: "the bridge's " + rule} }
