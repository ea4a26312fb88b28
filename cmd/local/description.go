package main

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// describe is a record in one line: an event with its name and how much it carries, a profile with its keys.
func describe(raw string) string {
	var r struct {
		Type        string         `json:"type"`
		Identity    string         `json:"identity"`
		ObjectID    string         `json:"objectId"`
		EventName   string         `json:"evtName"`
		EventData   jsontext.Value `json:"evtData"`
		ProfileData jsontext.Value `json:"profileData"`
	}
	if err := json.Unmarshal([]byte(raw), &r); err != nil {
		return raw
	}
	who := "identity " + r.Identity
	if r.ObjectID != "" {
		who = "objectId " + r.ObjectID
	}
	if r.Type == "profile" {
		return fmt.Sprintf("profile %s: %s", who, strings.Join(names(r.ProfileData), ", "))
	}
	return fmt.Sprintf("%s %s: %s with %d properties", r.Type, who, r.EventName, len(names(r.EventData)))
}

// wrap breaks a long line between words and indents what follows.
func wrap(line string, indent int) string {
	const width = 100
	var out strings.Builder
	column := 0
	for i, word := range strings.Fields(line) {
		switch length := utf8.RuneCountInString(word); {
		case i == 0:
			column = length
		case column+1+length > width:
			out.WriteString("\n" + strings.Repeat(" ", indent))
			column = length
		default:
			out.WriteByte(' ')
			column += 1 + length
		}
		out.WriteString(word)
	}
	return out.String()
}

// names returns the keys of an object in their order.
func names(object jsontext.Value) []string {
	var keys []string
	decoder := jsontext.NewDecoder(bytes.NewReader(object))
	if _, err := decoder.ReadToken(); err != nil {
		return nil
	}
	for decoder.PeekKind() == '"' {
		key, err := decoder.ReadToken()
		if err != nil {
			return keys
		}
		keys = append(keys, key.String())
		if err := decoder.SkipValue(); err != nil {
			return keys
		}
	}
	return keys
}
