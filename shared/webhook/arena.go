package webhook

import (
	"bytes"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// arena is the memory of texts that are not in the body as they are. What it gave out stays until the arena is emptied, also
// when it has to grow.
type arena []byte

func (a *arena) empty() { *a = (*a)[:0] }

// unquote gives the text of a valid JSON string, in place if nothing in it is escaped.
func (a *arena) unquote(v jsontext.Value) []byte {
	end := len(v) - 1
	if bytes.IndexByte(v, '\\') < 0 {
		return v[1:end:end]
	}
	start := len(*a)
	*a, _ = jsontext.AppendUnquote(*a, v) // it can only fail on an invalid string
	return (*a)[start:len(*a):len(*a)]
}

// text gives the text of a string and the digits of a number; nil: it is of another kind.
func (a *arena) text(v jsontext.Value) []byte {
	switch v.Kind() {
	case jsontext.KindString:
		return a.unquote(v)
	case jsontext.KindNumber:
		return v
	default:
		return nil
	}
}

// maxPath is how much of a path goes into a name. CleverTap takes names of 120 bytes, and a long path above many members must
// not make a body many times its size.
const maxPath = 256

// join gives path_name.
func (a *arena) join(path, name []byte) []byte {
	if len(path) > maxPath {
		end := maxPath
		for !utf8.RuneStart(path[end]) {
			end--
		}
		path = path[:end]
	}
	start := len(*a)
	*a = append(append(append(*a, path...), '_'), name...)
	return (*a)[start:len(*a):len(*a)]
}
