package subscriber

import (
	"bytes"
	"errors"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// The table's item: three attributes, whatever keeps them. The key is the hash that groups a subscriber's messages on the queue.
const (
	KeyAttribute     = "subscriber"
	StateAttribute   = "state"   // what [State.Encode] made
	ExpiresAttribute = "expires" // when the item may go, in seconds since 1970

	// Lifetime is how long an item is kept after its last change.
	Lifetime = 2 * 365 * 24 * time.Hour
)

// instantStyle is RFC 3339 in UTC, to the millisecond.
const instantStyle = "2006-01-02T15:04:05.000Z"

// Errors of [Decode]: all the same to who replaces an entry, not to who has edited one.
var (
	ErrNoState = errors.New("subscriber entry cannot be read")
	ErrDamaged = errors.New("subscriber entry has purchases that cannot be read")
)

var errSyntax = errors.New("value is no object")

// rankNames are how ranks are stored, by rank.
var rankNames = [...]string{Other: "other", OtherGrants: "other_grants", Deactivate: "deactivate", Activate: "activate"}

// Encode writes the state as text: {"production":{"subs_1":{"active":true,"at":"2026-03-14T12:00:00.000Z","rank":"activate"}}}. Equal
// states give equal texts.
func (s State) Encode() string {
	out := []byte{'{'}
	for _, e := range [...]struct {
		name      string
		purchases map[string]Entry
	}{{"production", s.Production}, {"sandbox", s.Sandbox}} {
		if len(e.purchases) == 0 {
			continue
		}
		out = append(appendName(out, e.name), '{')
		for _, id := range slices.Sorted(maps.Keys(e.purchases)) {
			out = e.purchases[id].append(appendName(out, id))
		}
		out = append(out, '}')
	}
	return string(append(out, '}'))
}

// appendName writes a name, behind a comma if it is not the first of its object.
func appendName(out []byte, name string) []byte {
	if out[len(out)-1] != '{' {
		out = append(out, ',')
	}
	out, _ = jsontext.AppendQuote(out, name) // what is no UTF-8 is replaced; ids come from JSON and are
	return append(out, ':')
}

func (e Entry) append(out []byte) []byte {
	out = strconv.AppendBool(append(out, `{"active":`...), e.Active)
	out = e.At.UTC().AppendFormat(append(out, `,"at":"`...), instantStyle)
	out = append(append(out, `","rank":"`...), rankNames[e.Rank]...)
	return append(out, `"}`...)
}

// Decode reads what Encode wrote, and what another version wrote or a hand has edited. With an error the state holds what can be believed:
// purchases of which it is clear whether they are active. Where their time is not, it is long ago. Names that are not known are passed over.
func Decode(text string) (State, error) {
	var s State
	damaged := false
	decoder := jsontext.NewDecoder(bytes.NewReader([]byte(text)), jsontext.AllowDuplicateNames(true))
	err := members(decoder, func(name string) error {
		switch name {
		case "production", "sandbox":
			purchases, whole, err := decodePurchases(decoder)
			*s.environment(name == "sandbox") = purchases
			damaged = damaged || !whole
			return err
		}
		return decoder.SkipValue()
	})
	switch {
	case err != nil || len(bytes.TrimSpace([]byte(text)[decoder.InputOffset():])) > 0:
		return State{}, ErrNoState
	case damaged:
		return s, ErrDamaged
	}
	return s, nil
}

// members calls member for every name of the next value, which must be an object; member reads the value.
func members(decoder *jsontext.Decoder, member func(name string) error) error {
	if decoder.PeekKind() != '{' {
		return errSyntax
	}
	_, err := decoder.ReadToken()
	for err == nil && decoder.PeekKind() == '"' {
		var name jsontext.Token
		if name, err = decoder.ReadToken(); err == nil {
			err = member(name.String())
		}
	}
	if err == nil {
		_, err = decoder.ReadToken()
	}
	return err
}

func decodePurchases(decoder *jsontext.Decoder) (purchases map[string]Entry, whole bool, err error) {
	if decoder.PeekKind() != '{' {
		return nil, false, decoder.SkipValue()
	}
	whole = true
	err = members(decoder, func(id string) error {
		value, err := decoder.ReadValue()
		if err != nil {
			return err
		}
		e, believed, complete := decodeEntry(value)
		whole = whole && complete && id != ""
		if believed && id != "" {
			if purchases == nil {
				purchases = make(map[string]Entry)
			}
			purchases[id] = e
		}
		return nil
	})
	return purchases, whole, err
}

// decodeEntry reads what is said of one purchase. believed: it is clear whether it is active; complete: so is everything else.
func decodeEntry(value jsontext.Value) (e Entry, believed, complete bool) {
	timed, ranked := false, false
	decoder := jsontext.NewDecoder(bytes.NewReader(value), jsontext.AllowDuplicateNames(true))
	err := members(decoder, func(name string) error {
		value, err := decoder.ReadValue()
		switch {
		case err != nil:
			return err
		case name == "active":
			believed = value.Kind() == 't' || value.Kind() == 'f'
			e.Active = value.Kind() == 't'
		case name == "at" && value.Kind() == '"':
			at, err := time.Parse(time.RFC3339, string(value[1:len(value)-1]))
			e.At, timed = at.UTC().Truncate(time.Millisecond), err == nil
		case name == "rank" && value.Kind() == '"':
			rank := slices.Index(rankNames[:], string(value[1:len(value)-1]))
			e.Rank, ranked = Rank(max(rank, 0)), rank >= 0 //nolint:gosec // an index of four
		}
		return nil
	})
	if !timed || e.At.Before(longAgo) {
		e.At, timed = longAgo, false
	}
	return e, believed && err == nil, believed && timed && ranked
}
