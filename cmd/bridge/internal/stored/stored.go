// Package stored reads the webhooks that a file holds.
//
// It promises that nothing but white space between them is lost, that they keep their order, and, with a [Reader], a
// memory that does not grow with the file. It does not judge them. It is apart from the commands so that fuzzing it
// does not instrument everything that these are made of.
package stored

import (
	"bytes"
	"errors"
	"io"

	"github.com/go-json-experiment/json/jsontext"
)

// Lenient are the options for what webhooks may hold; whether it is well formed is for the mapping to say.
var Lenient = []jsontext.Options{jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)}

// Split finds the bodies in a text: JSON documents one after the other, on lines of their own or spread over several.
// If not all of it is JSON, it is lines where at least one line is a whole object, else one body, which is malformed.
// So a damaged line among many is reported by itself, and a damaged document as one.
func Split(text []byte) [][]byte {
	if documents, ok := splitDocuments(text); ok {
		return documents
	}
	var lines [][]byte
	whole := false
	for line := range bytes.Lines(text) {
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			continue
		}
		lines = append(lines, line)
		whole = whole || isObject(line)
	}
	if !whole {
		return [][]byte{bytes.TrimRight(text, "\r\n")}
	}
	return lines
}

func splitDocuments(text []byte) (documents [][]byte, ok bool) {
	decoder := jsontext.NewDecoder(bytes.NewReader(text), Lenient...)
	for {
		value, err := decoder.ReadValue()
		if errors.Is(err, io.EOF) {
			return documents, true
		}
		if err != nil {
			return nil, false
		}
		documents = append(documents, bytes.Clone(value))
	}
}

// isObject reports whether a line is one whole JSON object.
func isObject(line []byte) bool {
	documents, ok := splitDocuments(line)
	return ok && len(documents) == 1 && line[0] == '{'
}
