package main

import (
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

// renewal is a fixture that wants an event and a profile record.
var renewal = fixture{
	body:        []byte(`{"event_id":"e-1"}`),
	eventID:     "e-1",
	subscribers: []string{"learner-1"},
	want: want{
		Status: 200, Answer: jsontext.Value(`{"status":"queued"}`), Outcome: "delivered", Account: "production",
		Records: []jsontext.Value{jsontext.Value(`{"type":"event"}`), jsontext.Value(`{"type":"profile"}`)},
	},
}

func TestDifferences(t *testing.T) {
	right := func() result {
		return result{
			status: 200, answer: []byte(`{ "status": "queued" }`), outcome: "delivered",
			records: []record{{Account: productionAccount, Raw: `{"type":"event"}`}, {Account: productionAccount, Raw: `{"type":"profile"}`}},
		}
	}
	tests := map[string]struct {
		edit func(*result)
		live bool
		want []string
	}{
		"as wanted, white space in the answer apart": {edit: func(*result) {}},
		"another status": {edit: func(r *result) { r.status = 503 }, want: []string{"status: want 200, got 503"}},
		"another answer": {edit: func(r *result) { r.answer = []byte(`{}`) }, want: []string{"answer"}},
		"another outcome and its reason": {
			edit: func(r *result) { r.outcome, r.reason = "skipped", "sandbox" },
			want: []string{"outcome: want delivered, got skipped", "reason: want none, got sandbox"},
		},
		"another record":   {edit: func(r *result) { r.records[1].Raw = `{"type":"event","x":1}` }, want: []string{"record"}},
		"another order":    {edit: func(r *result) { r.records[0], r.records[1] = r.records[1], r.records[0] }, want: []string{"record", "record"}},
		"a record missing": {edit: func(r *result) { r.records = r.records[:1] }, want: []string{"got none"}},
		"a record twice":   {edit: func(r *result) { r.records = append(r.records, r.records[0]) }, want: []string{"want none"}},
		"another account":  {edit: func(r *result) { r.records[0].Account = sandboxAccount }, want: []string{"account: want DEMO-PRODUCTION"}},
		"records of the real CleverTap cannot be seen": {edit: func(r *result) { r.records = nil }, live: true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := right()
			test.edit(&got)
			lines := differences(renewal, got, test.live)
			if len(lines) != len(test.want) {
				t.Fatalf("want %d lines, got %q", len(test.want), lines)
			}
			for i, want := range test.want {
				if !strings.Contains(lines[i], want) {
					t.Errorf("want %q in %q", want, lines[i])
				}
			}
		})
	}
}
