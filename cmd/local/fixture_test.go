package main

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
)

func TestLoadFixtures(t *testing.T) {
	fixtures, err := loadFixtures("../../events")
	if err != nil {
		t.Fatal(err)
	}
	outcomes := map[string]int{}
	for _, f := range fixtures {
		outcomes[f.want.Outcome]++
		if !strings.HasPrefix(f.path, "/purchasely/") {
			t.Errorf("%s: path %q", f.name, f.path)
		}
		if f.header.Get("X-Purchasely-Timestamp") == "" {
			t.Errorf("%s: no timestamp", f.name)
		}
		for name := range f.header {
			if setByTransport(name) {
				t.Errorf("%s: header %s belongs to the way that the request took", f.name, name)
			}
		}
		if f.want.Outcome == "delivered" && len(f.want.Records) == 0 {
			t.Errorf("%s: delivered without records", f.name)
		}
	}
	for _, outcome := range []string{"delivered", "skipped", "rejected", "none"} {
		if outcomes[outcome] == 0 {
			t.Errorf("no fixture is %s", outcome)
		}
	}
	if len(outcomes) != 4 {
		t.Errorf("outcomes %v", outcomes)
	}
}

// The steps of a series stand one behind the other, in the order of their numbers: each is sent when the one before has arrived.
func TestSeriesAreInOrder(t *testing.T) {
	fixtures, err := loadFixtures("../../events")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for i, f := range fixtures {
		if f.series == "" {
			continue
		}
		seen[f.series]++
		if !strings.HasPrefix(f.name, fmt.Sprintf("%s-%d-", f.series, seen[f.series])) {
			t.Errorf("%s is step %d of its series", f.name, seen[f.series])
		}
		if first := seen[f.series] == 1; first == f.follows(fixtures[i-1]) {
			t.Errorf("%s follows %s: %t", f.name, fixtures[i-1].name, !first)
		}
		if f.redriven() && f.eventID == "" {
			t.Errorf("%s: nothing tells whether it arrives", f.name)
		}
	}
	if len(seen) < 7 {
		t.Errorf("series %v", seen)
	}
}

func TestLoadFixturesSaysWhereToRun(t *testing.T) {
	_, err := loadFixtures(t.TempDir())
	if err == nil || !strings.Contains(err.Error(), "in the project's folder") {
		t.Errorf("got %v", err)
	}
}

func TestCarries(t *testing.T) {
	encoded := func(text string) message {
		return message{Body: text, Attributes: map[string]attribute{"encoding": {Value: "base64"}}}
	}
	raw := func(text string) message {
		return message{Body: text, Attributes: map[string]attribute{"encoding": {Value: "raw"}}}
	}
	tests := map[string]struct {
		body    string
		message message
		want    bool
	}{
		"the same bytes":               {body: `{"a":1}`, message: raw(`{"a":1}`), want: true},
		"other bytes":                  {body: `{"a":1}`, message: raw(`{"a": 1}`)},
		"the same bytes in base64":     {body: "\x00", message: encoded(base64.StdEncoding.EncodeToString([]byte("\x00"))), want: true},
		"base64 that nobody marked":    {body: "\x00", message: raw(base64.StdEncoding.EncodeToString([]byte("\x00")))},
		"no bytes, as a lone newline":  {body: "", message: encoded("\n"), want: true},
		"what is marked and no base64": {body: "*", message: encoded("*")},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := (fixture{body: []byte(test.body)}).carries(test.message); got != test.want {
				t.Errorf("want %v, got %v", test.want, got)
			}
		})
	}
}
