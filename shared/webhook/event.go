package webhook

import (
	"bytes"
	"errors"
	"slices"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/purchasely-clevertap/bridge/shared/fault"
)

// maxDepth is how deep a body may nest; the body itself is level 1.
const maxDepth = 32

// Heartbeat is the name of the event that the bridge sends to itself, to see that the whole way works.
const Heartbeat = "BRIDGE_HEARTBEAT"

// Field is one attribute of an event.
type Field struct {
	Name     []byte         // unescaped
	Known    *Attribute     // nil if the catalogue does not have it
	Value    jsontext.Value // as in the body, without white space around it; may be null
	Repaired bool           // name or value had what is no character in it, and U+FFFD stands there now
}

// Event is a webhook that has been read. Its names and values are slices of the body unless they were repaired, and
// Read reuses its memory: all of it is valid until the next Read and as long as the body does not change. The zero
// Event is ready to use. It is not safe for concurrent use.
type Event struct {
	Name    []byte     // unescaped, never empty
	Type    *EventType // nil if the catalogue does not have it
	Version int        // 2 or 3, by the body's shape, whatever it claims
	Fields  []Field    // in the body's order, under version 3 names, without api_version and event_name

	catalogue *Catalogue
	reader    reader
	next      []*Attribute   // what came after each attribute the last time, by its index plus one; 0 is the start
	positions []int          // in Fields, plus one, by index of the attribute; for a pattern, of its first field
	others    map[string]int // positions in Fields of names that are not the fixed name of an attribute
}

// Read reads a body. The error is a [fault.Fault] of kind Reject and reason Malformed, and does not quote the body.
// Malformed is what is not exactly one JSON object, nests deeper than 32, or has no event name: none, null, empty, or
// neither string nor number. Of equal names the last value counts, at the position of the first.
//
// Invalid UTF-8 and lone surrogates inside of strings become U+FFFD: a label cut in the middle of a character must not
// lose what the event says. In the event's name or in an id of a person they make the body malformed, or two people
// could become one.
func (e *Event) Read(body []byte) error {
	e.reader.lenient = false
	err := e.read(body)
	if err != nil { // rare enough to try once more
		e.reader.lenient = true
		if err = e.read(body); err == nil {
			err = e.repair()
		}
	}
	if err != nil {
		e.clear()
	}
	return err
}

func (e *Event) read(body []byte) error {
	if e.catalogue == nil {
		e.catalogue = EmbeddedCatalogue()
		e.next = make([]*Attribute, len(e.catalogue.Attributes)+1)
		e.positions = make([]int, len(e.catalogue.Attributes))
		e.others = make(map[string]int)
		e.reader.maxDepth = maxDepth
	}
	e.clear()
	var name jsontext.Value
	last := 0 // the latest attribute, as in next
	r := &e.reader
	for r.open(body); r.next(); {
		switch string(r.name) {
		case "event_name":
			name = r.value
		case "api_version":
		default:
			if r.lenient {
				r.name = validName(r.name)
			}
			// Most bodies have their names in the same order, and a guess is cheaper than a look-up.
			known := e.next[last]
			if known == nil || known.Name != string(r.name) {
				known = e.catalogue.Attribute(r.name)
				e.next[last] = known
			}
			if known != nil {
				last = known.Index + 1
			}
			e.set(r.name, known, r.value)
		}
	}
	if err := r.close(); err != nil {
		return err
	}
	e.Version = 3
	if properties := e.other("properties"); absent(name) && properties.Kind() == jsontext.KindBeginObject {
		e.Version = 2
		name = e.convertVersion2(properties)
	}
	if e.Name = textOf(name); len(e.Name) == 0 {
		return fault.New(fault.Reject, fault.Malformed, errors.New("event name is missing, empty or no text"))
	}
	if e.reader.lenient && damaged(name) {
		return fault.New(fault.Reject, fault.Malformed, errors.New("event name is not UTF-8"))
	}
	e.Type = e.catalogue.Event(e.Name)
	return nil
}

// personIDs are the attributes that are an id of a person, and idObjects those that may hold one.
var (
	personIDs = []string{
		"user_id", "anonymous_user_id", "transferred_from_user_id", "transferred_from_anonymous_user_id",
		"transferred_to_user_id", "transferred_to_anonymous_user_id",
		"clevertap_id", "clever_tap_id", "integration_clevertap_id",
	}
	idObjects = []string{"user_attributes", "attributes", "integrations"}
)

// repair replaces what is no character in all fields, unless it is in an id of a person.
func (e *Event) repair() error {
	for i := range e.Fields {
		f := &e.Fields[i]
		f.Repaired = bytes.ContainsRune(f.Name, utf8.RuneError)
		if !damaged(f.Value) {
			continue
		}
		broken := slices.Contains(personIDs, string(f.Name))
		for _, id := range personIDs {
			broken = broken || slices.Contains(idObjects, string(f.Name)) && damaged(find(f.Value, id))
		}
		if broken {
			return fault.New(fault.Reject, fault.Malformed, errors.New("id of a person is not UTF-8"))
		}
		f.Value, f.Repaired = repair(f.Value), true
	}
	return nil
}

func (e *Event) clear() {
	e.Name, e.Type, e.Version = nil, nil, 0
	e.clearFields()
}

func (e *Event) clearFields() {
	e.Fields = e.Fields[:0]
	clear(e.positions)
	clear(e.others)
}

// set sets a field's value, and adds the field if it is new.
func (e *Event) set(name []byte, known *Attribute, value jsontext.Value) {
	if known != nil && !known.pattern {
		if position := e.positions[known.Index]; position > 0 {
			e.Fields[position-1].Value = value
			return
		}
	} else {
		if i, ok := e.others[string(name)]; ok {
			e.Fields[i].Value = value
			return
		}
		e.others[string(name)] = len(e.Fields)
	}
	e.Fields = append(e.Fields, Field{Name: name, Known: known, Value: value})
	if known != nil && e.positions[known.Index] == 0 {
		e.positions[known.Index] = len(e.Fields)
	}
}

// other returns the value of a field that the catalogue does not have, nil if there is none.
func (e *Event) other(name string) jsontext.Value {
	if i, ok := e.others[name]; ok {
		return e.Fields[i].Value
	}
	return nil
}

// Value returns the value of an attribute by its index in the catalogue, nil if it is absent or null. For a pattern
// it is the first that is neither.
func (e *Event) Value(index int) jsontext.Value {
	if index >= len(e.positions) || e.positions[index] == 0 {
		return nil
	}
	first := e.positions[index] - 1
	known := e.Fields[first].Known
	for _, f := range e.Fields[first:] {
		if f.Known == known && !absent(f.Value) {
			return f.Value
		}
		if !known.pattern {
			return nil
		}
	}
	return nil
}

// Text returns an attribute's text, unescaped, or the digits of a number. It is empty if the attribute is absent,
// null or of another kind.
func (e *Event) Text(index int) []byte { return textOf(e.Value(index)) }

// Subscriber returns whom the webhook is about: by the user's id, else the anonymous user's, else the device's, else
// the purchase's.
func (e *Event) Subscriber() Subscriber {
	var ids idValues
	if e.catalogue != nil {
		for i, index := range e.catalogue.ids {
			ids[i] = e.Value(index)
		}
	}
	return ids.subscriber()
}
