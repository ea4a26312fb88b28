package main

import (
	"encoding/base64"
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
