package receive

import (
	"bytes"
	"errors"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

var errEvent = errors.New("event is not an object")

// event reads the JSON that Lambda hands over, member by member.
type event struct {
	*jsontext.Decoder
	payload []byte
}

// newEvent makes a reader that is as lax as it can be: what stands in an event is API Gateway's to judge.
func newEvent(payload []byte) *event {
	return &event{payload: payload, Decoder: jsontext.NewDecoder(bytes.NewBuffer(payload),
		jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))}
}

// members calls read for each member of an object, after its name. What read leaves alone is skipped; null has no members.
func (e *event) members(read func(name []byte) error) error {
	switch e.PeekKind() {
	case 'n':
		return e.SkipValue()
	case '{':
	default:
		return errEvent
	}
	if _, err := e.ReadToken(); err != nil {
		return err
	}
	for e.PeekKind() != '}' {
		name, err := e.value()
		if err != nil {
			return err
		}
		before := e.InputOffset()
		if err := read(unquote(name)); err != nil {
			return err
		}
		if e.InputOffset() == before {
			if err := e.SkipValue(); err != nil {
				return err
			}
		}
	}
	_, err := e.ReadToken()
	return err
}

// text reads a string; any other value gives "".
func (e *event) text() (string, error) {
	value, err := e.value()
	return string(unquote(value)), err
}

// value reads a value and gives the bytes that it has in the payload, which stay as long as the payload does; the decoder's
// own are good until its next read only.
func (e *event) value() ([]byte, error) {
	value, err := e.ReadValue()
	if err != nil {
		return nil, err
	}
	end := int(e.InputOffset())
	return e.payload[end-len(value) : end], nil
}

// unquote gives the text of a JSON string and nothing for any other value. Unlike the JSON package's own it keeps bytes that are no UTF-8
// as they are, because a signature covers what was sent. Without an escape it gives the bytes in place.
func unquote(value []byte) []byte {
	if len(value) < 2 || value[0] != '"' {
		return nil
	}
	rest := value[1 : len(value)-1]
	if bytes.IndexByte(rest, '\\') < 0 {
		return rest
	}
	text := make([]byte, 0, len(rest))
	for len(rest) > 0 {
		// Every quote of a body is escaped here, so the next escape is nearer than a search by more than one byte at a time pays.
		n := 0
		for n < len(rest) && rest[n] != '\\' {
			n++
		}
		text = append(text, rest[:n]...)
		if rest = rest[n:]; len(rest) > 0 {
			text, rest = unescape(text, rest[1:])
		}
	}
	return text
}

// unescape appends what the escape at the front of rest stands for; the backslash has been taken already, and the decoder has
// seen to it that the escape is complete. Half a surrogate pair stands for U+FFFD, as in every JSON reader.
func unescape(text, rest []byte) (_, after []byte) {
	switch c := rest[0]; c {
	case 'b':
		return append(text, '\b'), rest[1:]
	case 'f':
		return append(text, '\f'), rest[1:]
	case 'n':
		return append(text, '\n'), rest[1:]
	case 'r':
		return append(text, '\r'), rest[1:]
	case 't':
		return append(text, '\t'), rest[1:]
	case 'u':
		r := hex(rest[1:5])
		rest = rest[5:]
		if utf16.IsSurrogate(r) && len(rest) >= 6 && rest[0] == '\\' && rest[1] == 'u' {
			if pair := utf16.DecodeRune(r, hex(rest[2:6])); pair != utf8.RuneError {
				r, rest = pair, rest[6:]
			}
		}
		return utf8.AppendRune(text, r), rest
	default:
		return append(text, c), rest[1:]
	}
}

// hex reads four hexadecimal digits.
func hex(digits []byte) rune {
	var r rune
	for _, c := range digits {
		switch {
		case c <= '9':
			c -= '0'
		case c <= 'F':
			c -= 'A' - 10
		default:
			c -= 'a' - 10
		}
		r = r<<4 | rune(c)
	}
	return r
}
