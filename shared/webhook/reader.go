package webhook

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/purchasely-clevertap/bridge/shared/fault"
)

// Both leave the choice among equal names to the caller. Only lenientOptions let through what is no character: invalid
// UTF-8 and lone surrogates.
var (
	readOptions    = jsontext.AllowDuplicateNames(true)
	lenientOptions = json.JoinOptions(readOptions, jsontext.AllowInvalidUTF8(true))
)

// reader reads the members of a JSON object one by one:
//
//	for r.open(text); r.next(); {
//		use(r.name, r.value)
//	}
//	err := r.close()
//
// Names and values are slices of the text, except for names with escapes. A reader may be used again.
type reader struct {
	name  []byte // unescaped
	value jsontext.Value

	text     []byte
	input    bytes.Buffer // of text: the decoder reads a buffer without copying it
	decoder  jsontext.Decoder
	maxDepth int
	lenient  bool // what is no character is let through
	err      error
}

// open starts reading text, which should be one object.
func (r *reader) open(text []byte) {
	r.text, r.err = text, nil
	r.input = *bytes.NewBuffer(text)
	options := readOptions
	if r.lenient {
		options = lenientOptions
	}
	r.decoder.Reset(&r.input, options)
	switch r.decoder.PeekKind() {
	case jsontext.KindBeginObject, jsontext.KindInvalid:
		_, r.err = r.decoder.ReadToken()
	default:
		r.err = malformed("body is not an object", 0)
	}
}

// next reads the next member, and reports whether there was one. After a fault there is none.
func (r *reader) next() bool {
	if r.err != nil || r.decoder.PeekKind() == jsontext.KindEndObject {
		return false
	}
	var name jsontext.Value
	if name, r.err = r.scalar(); r.err != nil {
		return false
	}
	r.name = unquote(name)
	switch r.decoder.PeekKind() {
	case jsontext.KindBeginObject, jsontext.KindBeginArray:
		r.value, r.err = r.nested()
	default:
		r.value, r.err = r.scalar()
	}
	return r.err == nil
}

// scalar reads a value. The decoder's own slice is valid until its next call only, so the value is cut out of the
// text.
func (r *reader) scalar() (jsontext.Value, error) {
	value, err := r.decoder.ReadValue()
	end := int(r.decoder.InputOffset())
	return r.text[end-len(value) : end : end], err
}

// nested reads an object or a list token by token, to refuse what is too deep before reading all of it.
func (r *reader) nested() (jsontext.Value, error) {
	start := -1
	for {
		if _, err := r.decoder.ReadToken(); err != nil {
			return nil, err
		}
		end := int(r.decoder.InputOffset())
		if start < 0 {
			start = end - 1
		}
		switch depth := r.decoder.StackDepth(); {
		case depth > r.maxDepth:
			return nil, malformed(fmt.Sprintf("nesting is deeper than %d", r.maxDepth), end-1)
		case depth == 1:
			return r.text[start:end:end], nil
		}
	}
}

// close returns an error unless the text was one object and nothing else. The error does not quote the text.
func (r *reader) close() error {
	if r.err == nil {
		_, r.err = r.decoder.ReadToken() // the closing brace
	}
	if r.err != nil {
		return r.fault()
	}
	end := r.decoder.InputOffset()
	if rest := bytes.TrimLeft(r.text[end:], " \t\r\n"); len(rest) > 0 {
		return malformed("body has more text after the object", len(r.text)-len(rest))
	}
	return nil
}

// fault replaces the decoder's words, because they quote the text.
func (r *reader) fault() error {
	if marked, ok := errors.AsType[*fault.Fault](r.err); ok {
		return marked
	}
	at := r.decoder.InputOffset()
	if syntax, ok := errors.AsType[*jsontext.SyntacticError](r.err); ok {
		at = syntax.ByteOffset
	}
	switch {
	case bytes.HasPrefix(r.text, []byte("\xef\xbb\xbf")):
		return malformed("body starts with a byte order mark", 0)
	case errors.Is(r.err, io.EOF), errors.Is(r.err, io.ErrUnexpectedEOF):
		return malformed("body ends too early", len(r.text))
	default:
		return malformed("body is not JSON", int(at))
	}
}

func malformed(what string, offset int) *fault.Fault {
	return fault.New(fault.Reject, fault.Malformed, fmt.Errorf("%s at byte %d", what, offset))
}

// find returns the value at a path of names inside a value, nil if there is none. Of equal names the last counts.
func find(value jsontext.Value, path ...string) jsontext.Value {
	r := reader{maxDepth: math.MaxInt, lenient: true}
	for _, name := range path {
		if value.Kind() != jsontext.KindBeginObject {
			return nil
		}
		var found jsontext.Value
		for r.open(value); r.next(); {
			if string(r.name) == name {
				found = r.value
			}
		}
		value = found
	}
	return value
}

// unquote returns the text of a JSON string: a slice of it unless there are escapes, in which lone surrogates become
// U+FFFD.
func unquote(value jsontext.Value) []byte {
	if bytes.IndexByte(value, '\\') < 0 {
		return value[1 : len(value)-1 : len(value)-1]
	}
	text, _ := jsontext.AppendUnquote(nil, value) // fails for what is no character only
	return text
}

// textOf returns the text of a string, in valid UTF-8, or the digits of a number, nil for values of other kinds.
func textOf(value jsontext.Value) []byte {
	switch value.Kind() {
	case jsontext.KindString:
		text := unquote(value)
		if !utf8.Valid(text) {
			text, _ = jsontext.AppendUnquote(nil, value)
		}
		return text
	case jsontext.KindNumber:
		return value
	default:
		return nil
	}
}

// validName is a name in valid UTF-8.
func validName(name []byte) []byte { return bytes.ToValidUTF8(name, []byte("\ufffd")) }

// damaged reports whether a value that was read leniently holds what is no character.
func damaged(value jsontext.Value) bool { return len(value) > 0 && !value.IsValid(readOptions) }

// repair returns a copy of such a value with U+FFFD in the place of each.
func repair(value jsontext.Value) jsontext.Value {
	value = value.Clone()
	_ = value.Format(lenientOptions, jsontext.PreserveRawStrings(false)) // it has been read
	return value
}

// absent reports whether a value is missing or null.
func absent(value jsontext.Value) bool { return len(value) == 0 || value[0] == 'n' }
