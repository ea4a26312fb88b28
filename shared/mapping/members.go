package mapping

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"
)

// The values of an Event are JSON that the webhook room has already checked, so walking through one needs no errors, only ends.

// member is one member of an object: its name, unescaped, and its value as it is written.
type member struct {
	name  []byte
	value jsontext.Value
}

// manyMembers is from where on an object's names are looked up in a map: an object of a hundred thousand members must not take
// a hundred thousand squared.
const manyMembers = 32

// openObject appends an object's members to those along the path. Of equal names the last value counts, at the place of the first.
func (r *Result) openObject(object jsontext.Value) (from, to int) {
	from = len(r.members)
	var known map[string]int
	for i := skipSpace(object, 1); object[i] != '}'; {
		nameEnd := valueEnd(object, i)
		name := r.unquoted(object[i:nameEnd])
		start := skipSpace(object, skipSpace(object, nameEnd)+1) // behind the colon
		end := valueEnd(object, start)
		value := object[start:end]

		if at := r.find(from, name, known); at >= 0 {
			r.members[at].value = value
		} else {
			r.members = append(r.members, member{name, value})
			known = r.learn(known, from)
		}
		i = skipComma(object, end)
	}
	return from, len(r.members)
}

// find gives the place of a name among the members from a place on, -1 if it is not there.
func (r *Result) find(from int, name []byte, known map[string]int) int {
	if known != nil {
		if at, ok := known[string(name)]; ok {
			return at
		}
		return -1
	}
	for i := from; i < len(r.members); i++ {
		if bytes.Equal(r.members[i].name, name) {
			return i
		}
	}
	return -1
}

// learn keeps the map of an object with many members up to date.
func (r *Result) learn(known map[string]int, from int) map[string]int {
	count := len(r.members) - from
	if count < manyMembers {
		return nil
	}
	if known == nil {
		known = make(map[string]int, 2*manyMembers)
		for i := from; i < len(r.members); i++ {
			known[string(r.members[i].name)] = i
		}
	} else {
		last := len(r.members) - 1
		known[string(r.members[last].name)] = last
	}
	return known
}

// closeObject forgets the members from a place on.
func (r *Result) closeObject(from int) { r.members = r.members[:from] }

// unquoted gives the text of a JSON string: of the webhook's own bytes, or a copy where it is escaped.
func (r *Result) unquoted(text jsontext.Value) []byte {
	if bytes.IndexByte(text, '\\') < 0 {
		return text[1 : len(text)-1]
	}
	start := len(r.values)
	r.values = appendUnquoted(r.values, text)
	return r.values[start:len(r.values):len(r.values)]
}

// appendUnquoted cannot fail on a string that has been read before.
func appendUnquoted(dst []byte, text jsontext.Value) []byte {
	dst, _ = jsontext.AppendUnquote(dst, text)
	return dst
}

// appendQuoted cannot fail on a text that has been read, or written by us. Only what must be escaped is.
func appendQuoted[T ~string | ~[]byte](dst []byte, text T) []byte {
	dst, _ = jsontext.AppendQuote(dst, text)
	return dst
}

// skipSpace gives the place of the next byte that is not white space.
func skipSpace(text []byte, i int) int {
	for text[i] == ' ' || text[i] == '\n' || text[i] == '\t' || text[i] == '\r' {
		i++
	}
	return i
}

// skipComma gives the place of the next member or element, or of the bracket that ends them.
func skipComma(text []byte, i int) int {
	i = skipSpace(text, i)
	if text[i] == ',' {
		i = skipSpace(text, i+1)
	}
	return i
}

// valueEnd gives the place behind the value that begins at i.
func valueEnd(text []byte, i int) int {
	switch text[i] {
	case '"':
		return stringEnd(text, i)
	case '{', '[':
		return bracketEnd(text, i)
	}
	for i < len(text) && text[i] > ' ' && text[i] != ',' && text[i] != '}' && text[i] != ']' {
		i++
	}
	return i
}

func stringEnd(text []byte, i int) int {
	for i++; text[i] != '"'; i++ {
		if text[i] == '\\' {
			i++
		}
	}
	return i + 1
}

func bracketEnd(text []byte, i int) int {
	for depth := 0; ; {
		switch text[i] {
		case '"':
			i = stringEnd(text, i)
			continue
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		i++
		if depth == 0 {
			return i
		}
	}
}
