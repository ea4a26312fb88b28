package main

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// result is what became of one fixture.
type result struct {
	status  int
	answer  []byte
	outcome string // delivered, skipped, rejected, none; or lost, dead, waiting, which no fixture wants
	reason  string
	records []record
}

// differences compares what became of a fixture with what it wants, a line for each.
func differences(f fixture, got result, live bool) []string {
	var lines []string
	differ := func(what string, want, got any) {
		lines = append(lines, fmt.Sprintf("%s: want %v, got %v", what, want, got))
	}
	if got.status != f.want.Status {
		differ("status", f.want.Status, got.status)
	}
	if want := compact(f.want.Answer); !bytes.Equal(want, compact(got.answer)) {
		differ("answer", string(want), string(got.answer))
	}
	if got.outcome != f.want.Outcome {
		differ("outcome", f.want.Outcome, got.outcome)
	}
	if got.reason != f.want.Reason {
		differ("reason", orNone(f.want.Reason), orNone(got.reason))
	}
	if live {
		return lines
	}
	for i := range max(len(f.want.Records), len(got.records)) {
		switch {
		case i >= len(got.records):
			differ("record", string(f.want.Records[i]), "none")
		case i >= len(f.want.Records):
			differ("record", "none", got.records[i].Raw)
		case string(f.want.Records[i]) != got.records[i].Raw:
			differ("record", "\n        "+string(f.want.Records[i]), "\n        "+got.records[i].Raw)
		}
	}
	for _, r := range got.records {
		if want := accountID(f.want.Account); r.Account != want {
			differ("account", orNone(want), r.Account)
		}
	}
	return lines
}

// accountID is the demo account that a fixture means.
func accountID(label string) string {
	switch label {
	case "production":
		return productionAccount
	case "sandbox":
		return sandboxAccount
	default:
		return ""
	}
}

// compact is JSON without white space; what is no JSON stays as it is.
func compact(text []byte) []byte {
	value := jsontext.Value(slices.Clone(text))
	if err := value.Compact(); err != nil {
		return text
	}
	return value
}

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}
