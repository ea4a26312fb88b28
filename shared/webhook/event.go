package webhook

import (
	"errors"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/purchasely-clevertap/bridge/shared/fault"
)

// maxDepth is how deep a body may nest; its own braces are level 1.
const maxDepth = 32

// Field is one attribute of an event.
type Field struct {
	Name  []byte         // unescaped
	Known *Attribute     // nil: not in the catalogue
	Value jsontext.Value // raw, trimmed and exact, also null
}

// Event is a webhook that has been read. Everything in it is valid until the next Read and as long as the body is not changed,
// because it keeps slices of the body and reuses its own memory: from the second webhook of a kind on, Read does not allocate.
// The zero Event is ready. It is not safe for concurrent use.
type Event struct {
	Name       []byte         // unescaped, never empty
	Type       *EventType     // nil: not in the catalogue
	Version    int            // 2 or 3, by shape
	APIVersion jsontext.Value // the version that the body claims, raw; nil: none. It decides nothing
	Fields     []Field        // in the payload's order and under version 3 names, without api_version and event_name

	catalogue *Catalogue
	reader    reader
	places    []int // by catalogue index: the place in Fields, counted from 1; 0: absent. Of a pattern, the first that came
	others    index // places of the fields that this table cannot tell apart: unknown names and patterns
	nested          // version 2 only
}

// Read reads a body. The error is a [fault.Fault] of kind Reject and reason Malformed. Its text says what is wrong and where, and
// never quotes the body. Malformed is what is not one JSON object in valid UTF-8 (so is a byte order mark, a lone surrogate,
// text behind the object), what nests deeper than 32, and what has no event name: missing, null, empty, neither string nor
// number. Of equal names the last value counts, at the place of the first.
func (e *Event) Read(body []byte) error {
	e.reset()
	err := e.read(body)
	if err != nil {
		e.reset()
	}
	return err
}

func (e *Event) reset() {
	if e.catalogue == nil {
		e.catalogue = EmbeddedCatalogue()
		e.places = make([]int, len(e.catalogue.Attributes))
		e.reader.limit = maxDepth
	}
	e.Name, e.Type, e.Version, e.APIVersion = nil, nil, 0, nil
	e.reader.empty()
	e.forgetFields()
}

func (e *Event) forgetFields() {
	e.Fields = e.Fields[:0]
	clear(e.places)
	e.others.reset()
}

func (e *Event) read(body []byte) error {
	var name jsontext.Value
	r := &e.reader
	for r.open(body); r.next(); {
		switch string(r.name) {
		case "event_name":
			name = r.value
		case "api_version":
			e.APIVersion = r.value
		default:
			e.set(r.name, e.catalogue.Attribute(r.name), r.value)
		}
	}
	if err := r.close(); err != nil {
		return err
	}
	e.Version = 3
	if absent(name) {
		if properties := e.unknown("properties"); properties.Kind() == jsontext.KindBeginObject {
			e.Version = 2
			name = e.flatten(properties)
		}
	}
	if e.Name = r.text(name); len(e.Name) == 0 {
		return fault.New(fault.Reject, fault.Malformed, errors.New("event name is missing, empty or no text"))
	}
	e.Type = e.catalogue.Event(e.Name)
	return nil
}

// set appends a field, or gives it a new value if it is there already.
func (e *Event) set(name []byte, known *Attribute, value jsontext.Value) {
	if known != nil && !known.dynamic {
		if place := e.places[known.Index]; place != 0 {
			e.Fields[place-1].Value = value
			return
		}
		e.places[known.Index] = len(e.Fields) + 1
	} else {
		if at := e.others.find(e.Fields, name); at >= 0 {
			e.Fields[at].Value = value
			return
		}
		e.others.add(e.Fields, name)
		if known != nil && e.places[known.Index] == 0 {
			e.places[known.Index] = len(e.Fields) + 1
		}
	}
	e.Fields = append(e.Fields, Field{name, known, value})
}

// unknown gives the value of a field that is not in the catalogue; nil: there is none.
func (e *Event) unknown(name string) jsontext.Value {
	if at := e.others.find(e.Fields, []byte(name)); at >= 0 {
		return e.Fields[at].Value
	}
	return nil
}

// Value gives the raw value of a catalogued attribute; nil if it is absent or null. Of a pattern it gives the first that is
// there.
func (e *Event) Value(index int) jsontext.Value {
	if index >= len(e.places) || e.places[index] == 0 {
		return nil
	}
	for _, f := range e.Fields[e.places[index]-1:] {
		switch {
		case f.Known == nil || f.Known.Index != index:
		case !absent(f.Value):
			return f.Value
		case !f.Known.dynamic:
			return nil
		}
	}
	return nil
}

// Text gives an attribute's text, unescaped; a number gives its digits. It is empty if the attribute is absent, null or of
// another kind.
func (e *Event) Text(index int) []byte { return e.reader.text(e.Value(index)) }

// Subscriber is whose webhook it is: the user's id, else the anonymous user's, else the device's, else the purchase's.
func (e *Event) Subscriber() Subscriber {
	if e.catalogue == nil {
		return Subscriber{}
	}
	own := &e.catalogue.own
	ids := ids{
		user: e.Value(own.user), anonymous: e.Value(own.anonymous), device: e.Value(own.device),
		subscription: e.Value(own.subscription), oneTime: e.Value(own.oneTime), original: e.Value(own.original),
	}
	return ids.subscriber(&e.reader.arena)
}
