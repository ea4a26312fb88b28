package mapping

import (
	"bytes"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// value is one value as it goes out.
type value struct {
	json    []byte // often the webhook's own bytes; empty: null and empty texts are left out
	fits    bool   // whether it is of the documented type, or could be made so
	changed string // the rule that changed it, "" if none did
}

// scalar encodes a value that is no object, of an attribute of a type. Texts and arrays are cut, numbers keep their text.
func (r *Result) scalar(raw jsontext.Value, want webhook.Type) value {
	anything := want == webhook.Unspecified
	switch raw[0] {
	case 'n':
		return value{fits: true}
	case '"':
		return r.text(raw, want)
	case '[':
		r.arrays = r.appendCompact(r.arrays[:0], raw)
		return value{r.quoted(clevertap.Cut(r.arrays, clevertap.MaxValueBytes)), anything, ruleText}
	case 't', 'f':
		return value{raw, anything || want == webhook.Boolean, ""}
	}
	if want == webhook.String {
		return value{r.quoted(clevertap.Cut(raw, clevertap.MaxValueBytes)), true, ruleType}
	}
	return value{raw, anything || want == webhook.Number || want == webhook.Integer, ""}
}

// text encodes a string: as the number or boolean that it spells where one is documented, else as a string.
func (r *Result) text(raw jsontext.Value, want webhook.Type) value {
	text := []byte(raw[1 : len(raw)-1])
	escaped := bytes.IndexByte(text, '\\') >= 0
	free := want == webhook.String || want == webhook.Unspecified
	switch {
	case len(text) == 0:
		return value{fits: true}
	case free && !escaped && len(text) <= clevertap.MaxValueBytes: // nearly all of them
		return value{raw, true, ""}
	case escaped:
		text = r.unquoted(raw)
	}
	switch numeric := want == webhook.Number || want == webhook.Integer; {
	case numeric && isNumber(text), want == webhook.Boolean && (string(text) == "true" || string(text) == "false"):
		return value{text, true, ruleType}
	case len(text) > clevertap.MaxValueBytes:
		return value{r.quoted(clevertap.Cut(text, clevertap.MaxValueBytes)), free, ruleValue}
	case escaped:
		return value{r.quoted(text), free, ""}
	}
	return value{raw, free, ""}
}

// quoted gives a text as a JSON string.
func (r *Result) quoted(text []byte) []byte {
	start := len(r.values)
	r.values = appendQuoted(r.values, text)
	return r.values[start:len(r.values):len(r.values)]
}

// appendCompact writes an array or what is in it without white space, with texts escaped no more than they must be.
func (r *Result) appendCompact(dst []byte, raw jsontext.Value) []byte {
	switch raw[0] {
	case '"':
		if bytes.IndexByte(raw, '\\') < 0 {
			return append(dst, raw...)
		}
		r.scratch = appendUnquoted(r.scratch[:0], raw)
		return appendQuoted(dst, r.scratch)
	case '[':
		dst = append(dst, '[')
		for i, first := skipSpace(raw, 1), true; raw[i] != ']'; first = false {
			if !first {
				dst = append(dst, ',')
			}
			end := valueEnd(raw, i)
			dst = r.appendCompact(dst, raw[i:end])
			i = skipComma(raw, end)
		}
		return append(dst, ']')
	case '{':
		dst = append(dst, '{')
		from, to := r.openObject(raw)
		for i := from; i < to; i++ {
			if i > from {
				dst = append(dst, ',')
			}
			dst = append(appendQuoted(dst, r.members[i].name), ':')
			dst = r.appendCompact(dst, r.members[i].value)
		}
		r.closeObject(from)
		return append(dst, '}')
	}
	return append(dst, raw...)
}

// dateValue encodes a time as CleverTap stores dates: whole seconds, never rounded up.
func (r *Result) dateValue(ms int64) []byte {
	start := len(r.values)
	r.values = append(r.values, `"$D_`...)
	r.values = strconv.AppendInt(r.values, seconds(ms), 10)
	r.values = append(r.values, '"')
	return r.values[start:len(r.values):len(r.values)]
}

// seconds are whole seconds, the fraction cut off towards the past.
func seconds(ms int64) int64 {
	s := ms / 1000
	if ms%1000 < 0 {
		s--
	}
	return s
}

// isEmpty tells whether a value counts as not given: absent, null or an empty text.
func isEmpty(raw jsontext.Value) bool { return len(raw) == 0 || raw[0] == 'n' || string(raw) == `""` }

// isNumber tells whether a text is a JSON number, to the letter.
func isNumber(text []byte) bool {
	digits := func(i int) int {
		for i < len(text) && '0' <= text[i] && text[i] <= '9' {
			i++
		}
		return i
	}
	i := 0
	if i < len(text) && text[i] == '-' {
		i++
	}
	end := digits(i)
	if end == i || text[i] == '0' && end > i+1 {
		return false
	}
	if i = end; i < len(text) && text[i] == '.' {
		if end = digits(i + 1); end == i+1 {
			return false
		}
		i = end
	}
	if i < len(text) && (text[i] == 'e' || text[i] == 'E') {
		i++
		if i < len(text) && (text[i] == '+' || text[i] == '-') {
			i++
		}
		if end = digits(i); end == i {
			return false
		}
		i = end
	}
	return i == len(text)
}

// inEnum tells whether an encoded text is one of the values that the vendor lists. Those need no escapes.
func inEnum(text []byte, enum []string) bool {
	return slices.Contains(enum, string(text[1:len(text)-1]))
}
