package webhook

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/purchasely-clevertap/bridge/shared/fault"
)

// readOptions leave it to the callers to choose among equal names. Invalid UTF-8 and lone surrogates are refused by default.
var readOptions = jsontext.AllowDuplicateNames(true)

// reader walks the members of a JSON object in place:
//
//	for r.open(text); r.next(); {
//		use(r.name, r.value)
//	}
//	err := r.close()
//
// Values are slices of the text, names too unless they had to be unescaped. It keeps its memory from one text to the next.
type reader struct {
	name  []byte // unescaped
	value jsontext.Value

	source  []byte
	input   bytes.Buffer // holds source, so that the decoder reads it without copying
	decoder jsontext.Decoder
	limit   int // of the depth
	err     error
	arena
}

// open starts with a text that ought to be one object.
func (r *reader) open(text []byte) {
	r.source, r.err = text, nil
	r.input = *bytes.NewBuffer(text)
	r.decoder.Reset(&r.input, readOptions)
	switch kind := r.decoder.PeekKind(); kind {
	case jsontext.KindBeginObject, jsontext.KindInvalid:
		_, r.err = r.decoder.ReadToken()
	default:
		r.err = malformed("body is not an object", 0)
	}
}

// next goes on to the next member; false: there is none, or the text is faulty.
func (r *reader) next() bool {
	if r.err != nil || r.decoder.PeekKind() == jsontext.KindEndObject {
		return false
	}
	var name jsontext.Value
	if name, r.err = r.decoder.ReadValue(); r.err != nil {
		return false
	}
	r.name = r.unquote(name)
	switch r.decoder.PeekKind() {
	case jsontext.KindBeginObject, jsontext.KindBeginArray:
		r.value, r.err = r.nested()
	default:
		r.value, r.err = r.decoder.ReadValue()
	}
	return r.err == nil
}

// nested reads an object or an array token by token, because only so its depth shows before it is too late.
func (r *reader) nested() (jsontext.Value, error) {
	start := int64(-1)
	for {
		if _, err := r.decoder.ReadToken(); err != nil {
			return nil, err
		}
		end := r.decoder.InputOffset()
		if start < 0 {
			start = end - 1
		}
		switch depth := r.decoder.StackDepth(); {
		case depth > r.limit:
			return nil, malformed(fmt.Sprintf("nesting is deeper than %d", r.limit), end-1)
		case depth == 1:
			return r.source[start:end:end], nil
		}
	}
}

// close tells whether the text was one object and nothing more. The error is a fault and does not quote the text.
func (r *reader) close() error {
	if r.err == nil {
		_, r.err = r.decoder.ReadToken() // the closing brace
	}
	if r.err != nil {
		return r.fault()
	}
	end := r.decoder.InputOffset()
	if rest := bytes.TrimLeft(r.source[end:], " \t\r\n"); len(rest) > 0 {
		return malformed("text goes on behind the object", int64(len(r.source)-len(rest)))
	}
	return nil
}

// fault says in our own words what the decoder met, because its words quote the text.
func (r *reader) fault() error {
	if marked, ok := errors.AsType[*fault.Fault](r.err); ok {
		return marked
	}
	at := r.decoder.InputOffset()
	if syntax, ok := errors.AsType[*jsontext.SyntacticError](r.err); ok {
		at = syntax.ByteOffset
	}
	switch {
	case bytes.HasPrefix(r.source, []byte("\xef\xbb\xbf")):
		return malformed("body starts with a byte order mark", 0)
	case errors.Is(r.err, io.EOF), errors.Is(r.err, io.ErrUnexpectedEOF):
		return malformed("body ends too early", int64(len(r.source)))
	default:
		return malformed("body is not JSON in UTF-8", at)
	}
}

// forget lets go of the text, so that a reader that lies in wait keeps no one's data alive.
func (r *reader) forget() {
	r.name, r.value, r.source, r.err = nil, nil, nil, nil
	r.input = bytes.Buffer{}
	r.decoder.Reset(&r.input, readOptions)
	r.empty()
}

func malformed(what string, at int64) *fault.Fault {
	return fault.New(fault.Reject, fault.Malformed, fmt.Errorf("%s at byte %d", what, at))
}

// dig follows names down into an object; nil: there is no such member. Of equal names the last counts.
func (r *reader) dig(value jsontext.Value, path ...string) jsontext.Value {
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
