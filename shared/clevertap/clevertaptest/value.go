package clevertaptest

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"
)

// value is a JSON value as it was sent.
type value struct {
	kind    jsontext.Kind
	key     string // its name in the object around it
	raw     []byte // its bytes
	text    string // of a string, decoded
	members []value
}

// find returns the member of that exact name; nil if there is none.
func (v *value) find(key string) *value {
	for i := range v.members {
		if v.members[i].key == key {
			return &v.members[i]
		}
	}
	return nil
}

// textOf returns the text of the string that a member is, "" if it is none.
func (v *value) textOf(key string) string {
	if m := v.find(key); m != nil {
		return m.text
	}
	return ""
}

// has reports whether a condition holds for any member.
func (v *value) has(condition func(*value) bool) bool {
	for i := range v.members {
		if condition(&v.members[i]) {
			return true
		}
	}
	return false
}

// parse reads a body, if it is what a strict reader takes: no duplicate names at any depth, no invalid UTF-8, unpaired
// surrogates, byte order mark, comments, trailing commas or trailing data.
func parse(body []byte) (v value, ok bool) {
	if !jsontext.Value(body).IsValid() {
		return value{}, false
	}
	return read(jsontext.NewDecoder(bytes.NewBuffer(body)), body), true
}

// read reads the next value of a valid body: no error can occur.
func read(d *jsontext.Decoder, body []byte) value {
	v := value{kind: d.PeekKind()}
	if v.kind != '{' && v.kind != '[' {
		raw, _ := d.ReadValue()
		end := d.InputOffset()
		v.raw = body[end-int64(len(raw)) : end : end] // they outlive the decoder's own
		if v.kind == '"' {
			text, _ := jsontext.AppendUnquote(nil, v.raw)
			v.text = string(text)
		}
		return v
	}
	_, _ = d.ReadToken()
	start := d.InputOffset() - 1
	for next := d.PeekKind(); next != '}' && next != ']'; next = d.PeekKind() {
		key := ""
		if v.kind == '{' {
			name, _ := d.ReadToken()
			key = name.String()
		}
		member := read(d, body)
		member.key = key
		v.members = append(v.members, member)
	}
	_, _ = d.ReadToken()
	v.raw = body[start:d.InputOffset():d.InputOffset()]
	return v
}
