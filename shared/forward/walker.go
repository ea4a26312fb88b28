package forward

import (
	"bytes"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// walker walks a JSON text in place, without reflection and without copying what needs no unescaping:
//
//	for w.enter('{'); w.member(); {
//		switch string(w.name) {
//		case "body":
//			body = w.text()
//		default:
//			w.skip()
//		}
//	}
//
// After an error every loop ends at once. It keeps its memory from one text to the next.
type walker struct {
	name    []byte // of the present member
	err     error
	absent  bool   // what was entered is null
	arena   []byte // unescaped texts
	input   bytes.Buffer
	decoder jsontext.Decoder
}

// open starts with a text, which has to stay as it is for as long as what was read of it is in use.
func (w *walker) open(text []byte) {
	w.err, w.absent = nil, false
	// Texts never grow when they are unescaped, so the arena never moves while slices of it are handed out.
	if cap(w.arena) < len(text) {
		w.arena = make([]byte, 0, len(text))
	}
	w.arena = w.arena[:0]
	w.input = *bytes.NewBuffer(text) // out of which the decoder reads without copying
	w.decoder.Reset(&w.input, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
}

// enter begins with the next value, which must be of the kind, or null, in which there is nothing.
func (w *walker) enter(kind jsontext.Kind) {
	if w.err != nil {
		return
	}
	if w.decoder.PeekKind() == 'n' {
		w.absent = true
		w.skip()
		return
	}
	token, err := w.decoder.ReadToken()
	if err == nil && token.Kind() != kind {
		err = errEvent
	}
	w.err = err
}

// more goes on to the next element of an array, and leaves the array where there is none.
func (w *walker) more() bool {
	if w.err != nil || w.absent {
		w.absent = false
		return false
	}
	if kind := w.decoder.PeekKind(); kind != '}' && kind != ']' {
		return true
	}
	_, w.err = w.decoder.ReadToken()
	return false
}

// member does the same in an object, and reads the member's name.
func (w *walker) member() bool {
	if !w.more() {
		return false
	}
	name, err := w.decoder.ReadValue()
	if err == nil && bytes.IndexByte(name, '\\') >= 0 {
		err = errEvent // AWS writes no such names
	}
	if w.err = err; err != nil {
		return false
	}
	w.name = name[1 : len(name)-1 : len(name)-1]
	return true
}

// skip passes over the next value.
func (w *walker) skip() {
	if w.err == nil {
		w.err = w.decoder.SkipValue()
	}
}

// text reads a string, unescaped; nil for null and for what is not a string.
func (w *walker) text() []byte {
	if w.err != nil {
		return nil
	}
	value, err := w.decoder.ReadValue()
	if w.err = err; err != nil || value.Kind() != '"' {
		return nil
	}
	text := value[1 : len(value)-1 : len(value)-1]
	escaped, valid := bytes.IndexByte(text, '\\'), utf8.Valid(text)
	if escaped < 0 && valid {
		return text
	}
	from := len(w.arena)
	if !valid || !w.unescape(text, escaped) {
		// Invalid UTF-8 cannot come from SQS; if it does, it is replaced, and the webhook's reader judges.
		w.arena, _ = jsontext.AppendUnquote(w.arena[:from], value)
	}
	return w.arena[from:len(w.arena):len(w.arena)]
}
