package mapping

import (
	"bytes"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// The values of an Event are JSON that has been read before, so taking them apart needs no errors.

// value is one value as it goes out.
type value struct {
	json    []byte // often the webhook's own bytes; empty for null and empty texts, which are left out
	fits    bool   // it is of the documented type, or could be made so
	changed rule   // what changed it; none if nothing did
}

// encode encodes a value that is no object, of a documented type. Texts and arrays are cut, numbers keep their text.
func (r *Result) encode(raw jsontext.Value, want webhook.Type) value {
	anything := want == webhook.Unspecified
	switch raw[0] {
	case 'n':
		return value{}
	case '"':
		return r.encodeText(raw, want)
	case '[':
		r.array = r.appendCompact(r.array[:0], raw)
		return value{r.quoted(clevertap.Cut(r.array, clevertap.MaxValueBytes)), anything, ruleText}
	case 't', 'f':
		return value{raw, anything || want == webhook.Boolean, none}
	}
	if want == webhook.String {
		return value{r.quoted(clevertap.Cut(raw, clevertap.MaxValueBytes)), true, ruleType}
	}
	return value{raw, anything || want == webhook.Number || want == webhook.Integer, none}
}

// encodeText encodes a string: as the number or boolean that it spells if one is documented, else as a string.
func (r *Result) encodeText(raw jsontext.Value, want webhook.Type) value {
	free := want == webhook.String || want == webhook.Unspecified
	text := r.unquoted(raw)
	switch numeric := want == webhook.Number || want == webhook.Integer; {
	case len(text) == 0:
		return value{}
	case numeric && webhook.IsNumber(text), want == webhook.Boolean && (string(text) == "true" || string(text) == "false"):
		return value{text, true, ruleType}
	case len(text) > clevertap.MaxValueBytes:
		return value{r.quoted(clevertap.Cut(text, clevertap.MaxValueBytes)), free, ruleValue}
	case len(text) != len(raw)-2: // it is escaped, perhaps more than it must be
		return value{r.quoted(text), free, none}
	}
	return value{raw, free, none}
}

// unquoted returns the text of a JSON string: the webhook's own bytes, or a copy if anything in it is escaped.
func (r *Result) unquoted(raw jsontext.Value) []byte {
	if bytes.IndexByte(raw, '\\') < 0 {
		return raw[1 : len(raw)-1]
	}
	start := len(r.values)
	r.values, _ = jsontext.AppendUnquote(r.values, raw)
	return r.values.since(start)
}

// textOf is the text of a string, or the digits of a number; nil of any other value.
func (r *Result) textOf(raw jsontext.Value) []byte {
	switch raw.Kind() {
	case jsontext.KindString:
		return r.unquoted(raw)
	case jsontext.KindNumber:
		return raw
	}
	return nil
}

func (r *Result) quoted(text []byte) []byte {
	start := len(r.values)
	r.values = appendQuoted(r.values, text)
	return r.values.since(start)
}

// appendQuoted escapes only what must be. It cannot fail on a text that has been read, or written by us.
func appendQuoted[T ~string | ~[]byte](dst []byte, text T) []byte {
	dst, _ = jsontext.AppendQuote(dst, text)
	return dst
}

// appendCompact writes an array, or what is in it, without white space and needless escapes.
func (r *Result) appendCompact(dst []byte, raw jsontext.Value) []byte {
	switch raw.Kind() {
	case jsontext.KindString:
		r.scratch, _ = jsontext.AppendUnquote(r.scratch[:0], raw)
		return appendQuoted(dst, r.scratch)
	case jsontext.KindBeginArray, jsontext.KindBeginObject:
		dst = append(dst, raw[0])
		members := r.open(raw)
		for i, m := range members {
			if i > 0 {
				dst = append(dst, ',')
			}
			if m.name != nil {
				dst = append(appendQuoted(dst, m.name), ':')
			}
			dst = r.appendCompact(dst, m.value)
		}
		r.close(members)
		return append(dst, raw[len(raw)-1])
	}
	return append(dst, raw...)
}

// member is a member of an object, its name unescaped, or an element of an array, which has none.
type member struct {
	name  []byte
	value jsontext.Value
}

// open appends what is in an object or array to members, until close. Of equal names the last value counts, at the
// place of the first.
func (r *Result) open(raw jsontext.Value) []member {
	start := len(r.members)
	if !r.readMembers(raw, nil) {
		r.members = r.members[:start]
		r.readMembers(raw, make(map[string]int))
	}
	return r.members[start:len(r.members):len(r.members)]
}

// find returns the value of a member; nil if there is none of the name.
func find(members []member, name []byte) jsontext.Value {
	for _, m := range members {
		if bytes.Equal(m.name, name) {
			return m.value
		}
	}
	return nil
}

// close forgets the members that were opened last.
func (r *Result) close(members []member) { r.members = r.members[:len(r.members)-len(members)] }

// readMembers reports whether it could read everything. It stops at a name that comes twice, also one deeper inside,
// unless it is given a map to remember the names' places.
func (r *Result) readMembers(raw jsontext.Value, places map[string]int) bool {
	r.input = *bytes.NewBuffer(raw)
	r.decoder.Reset(&r.input, jsontext.AllowDuplicateNames(places != nil))
	next := func() jsontext.Value {
		v, err := r.decoder.ReadValue()
		if err != nil {
			return nil
		}
		end := r.decoder.InputOffset()
		return raw[end-int64(len(v)) : end] // v is only valid until the decoder reads on
	}
	_, _ = r.decoder.ReadToken()
	for r.decoder.PeekKind() != jsontext.Kind(raw[len(raw)-1]) {
		var m member
		if raw[0] == '{' {
			name := next()
			if name == nil {
				return false
			}
			m.name = r.unquoted(name)
		}
		if m.value = next(); m.value == nil {
			return false
		}
		if place, twice := places[string(m.name)]; twice && m.name != nil {
			r.members[place].value = m.value
			continue
		}
		if places != nil {
			places[string(m.name)] = len(r.members)
		}
		r.members = append(r.members, m)
	}
	return true
}

// dateValue encodes a time as CleverTap stores dates: whole seconds, never rounded up.
func (r *Result) dateValue(ms int64) []byte {
	start := len(r.values)
	r.values = append(r.values, `"$D_`...)
	r.values = append(strconv.AppendInt(r.values, seconds(ms), 10), '"')
	return r.values.since(start)
}

// seconds are whole seconds, the fraction cut off towards the past.
func seconds(ms int64) int64 { return time.UnixMilli(ms).Unix() }

// isEmpty reports whether a value counts as not given: absent, null or an empty text.
func isEmpty(raw jsontext.Value) bool { return len(raw) == 0 || raw[0] == 'n' || string(raw) == `""` }

// number returns a number's text, of a number or of a text that is one; nil if it is neither.
func (r *Result) number(raw jsontext.Value) []byte {
	if text := r.textOf(raw); webhook.IsNumber(text) {
		return r.values.keep(text)
	}
	return nil
}
