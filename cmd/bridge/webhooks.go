package main

import (
	"bytes"
	"errors"
	"io"
	"os"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"
)

// lenient reads what webhooks may hold; whether it is well formed is for the mapping to say.
var lenient = []jsontext.Options{jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)}

// readWebhooks reads the bodies in a file, or from standard input if it is "-" or not named.
func readWebhooks(cmd *cobra.Command, path string) ([][]byte, error) {
	var text []byte
	var err error
	if path == "" || path == "-" {
		text, err = io.ReadAll(cmd.InOrStdin())
	} else {
		text, err = os.ReadFile(path)
	}
	if err != nil {
		return nil, usagef("name a file with webhooks, or - for standard input", "webhooks: %w", err)
	}
	bodies := splitWebhooks(text)
	if len(bodies) == 0 {
		return nil, usagef("'bridge sample SUBSCRIPTION_RENEWED' prints a webhook to try", "webhooks: the input is empty")
	}
	return bodies, nil
}

// splitWebhooks finds the bodies in a text: JSON documents one after the other, on lines of their own or spread over several. If not
// all of it is JSON, then it is lines where at least one line is a whole object, else one body, which is malformed. So a
// damaged line among many is reported as itself, and a damaged document as one.
func splitWebhooks(text []byte) [][]byte {
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
		documents, ok := splitDocuments(line)
		whole = whole || ok && len(documents) == 1 && line[0] == '{'
	}
	if !whole {
		return [][]byte{bytes.TrimRight(text, "\r\n")}
	}
	return lines
}

func splitDocuments(text []byte) (documents [][]byte, ok bool) {
	decoder := jsontext.NewDecoder(bytes.NewReader(text), lenient...)
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
