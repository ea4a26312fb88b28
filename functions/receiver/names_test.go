package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/purchasely-clevertap/bridge/shared/config"
	"github.com/purchasely-clevertap/bridge/shared/integration"
)

// files are texts that plainNames is sure of, and others that it must leave to the YAML library.
var files = map[string]struct {
	text  string
	names []string // nil: not sure
}{
	"one app":                                {"apps:\n  demo: {}\n", []string{"demo"}},
	"no line end at the end":                 {"apps:\n  demo:", []string{"demo"}},
	"two apps with settings and comments":    {"# mine\n\napps: # here\n  # first\n  one:\n    enabled: true # \"on\", isn't it\n\n  two: {} # {\n", []string{"one", "two"}},
	"wrong values and unknown keys":          {"apps:\n  demo: {enabled: perhaps}\n  other: 7\n  third:\n    colour: red\n", []string{"demo", "other", "third"}},
	"a name that stands twice is one":        {"apps:\n  demo: {}\n  demo: {}\n", []string{"demo"}},
	"a deep indentation that is wrong":       {"apps:\n  demo:\n      enabled: true\n    sandbox: skip\n  other:\n", []string{"demo", "other"}},
	"an app called apps":                     {"apps:\n  apps:\n    apps:\n", []string{"apps"}},
	"an app called like a key or a value":    {"apps:\n  events: {}\n  true: {}\n  null: {}\n  2024: {}\n", []string{"events", "true", "null", "2024"}},
	"nothing":                                {"", nil},
	"no app":                                 {"apps:\n", nil},
	"an empty list of apps":                  {"apps: {}\n", nil},
	"all on one line":                        {"apps: {demo: {}}\n", nil},
	"JSON":                                   {`{"apps": {"demo": {}}}`, nil},
	"another key before":                     {"version: 2\napps:\n  demo: {}\n", nil},
	"another key behind":                     {"apps:\n  demo: {}\nversion: 2\n", nil},
	"the start of a document":                {"---\napps:\n  demo: {}\n", nil},
	"the end of a document":                  {"apps:\n  demo: {}\n...\n", nil},
	"a name in quotes":                       {"apps:\n  \"demo\": {}\n", nil},
	"a name that is none":                    {"apps:\n  demo: {}\n  Demo: {}\n", nil},
	"a colon that is missing":                {"apps:\n  demo\n", nil},
	"a space that is missing":                {"apps:\n  demo:{}\n", nil},
	"a smaller indentation":                  {"apps:\n    demo: {}\n  other: {}\n", nil},
	"no indentation":                         {"apps:\ndemo: {}\n", nil},
	"a list":                                 {"apps:\n  - demo\n", nil},
	"a tab":                                  {"apps:\n  demo:\n\tenabled: true\n", nil},
	"carriage returns":                       {"apps:\r\n  demo: {}\r\n", nil},
	"a line end in a comment for some":       {"apps:\n  demo: {} # \u2028  other: {}\n", nil},
	"a byte order mark":                      {"\ufeffapps:\n  demo: {}\n", nil},
	"a brace that goes on":                   {"apps:\n  demo: {enabled: true,\n  other: {}}\n", nil},
	"a brace that ends before it begins":     {"apps:\n  demo:\n    x: }{\n  other: {}\n", nil},
	"a brace in quotes":                      {"apps:\n  demo:\n    x: {a: \"}\"\n  other: {}\n", nil},
	"a quote that goes on":                   {"apps:\n  demo:\n    prefix: \"PLY\n  other: {}\n  third: \"\n", nil},
	"a quote that is escaped":                {"apps:\n  demo:\n    prefix: \"PLY\\\"\n  other: {}\n  third: \"\n", nil},
	"a quote with what looks like a comment": {"apps:\n  demo:\n    prefix: \"PLY #\n  other: {}\"\n", nil},
	"single quotes":                          {"apps:\n  demo:\n    prefix: 'PLY\n  other: {}\n  third: '\n", nil},
	"a block of text":                        {"apps:\n  demo: |\n    enabled: true\n", nil},
	"an anchor and an alias":                 {"apps:\n  demo: &base {}\n  other: *base\n", nil},
	"a merge":                                {"apps:\n  demo: {}\n  <<: {other: {}}\n", nil},
	"a key with a question mark":             {"apps:\n  ? demo\n  : {}\n", nil},
	"a tag":                                  {"apps:\n  demo: !!map {}\n", nil},
	"brackets":                               {"apps:\n  demo: [\n  other: {}\n  third: ]\n", nil},
	"a directive":                            {"%YAML 1.2\n---\napps:\n  demo: {}\n", nil},
}

func TestPlainNamesAreOnlyThoseItIsSureOf(t *testing.T) {
	for name, c := range files {
		t.Run(name, func(t *testing.T) {
			if got := plainNames(c.text); !slices.Equal(got, c.names) {
				t.Errorf("got %q, want %q", got, c.names)
			}
		})
	}
}

func TestTheFunctionsOwnFileIsPlain(t *testing.T) {
	if plainNames(string(config.Integrations)) == nil {
		t.Error("shared/config/integrations.yaml is read as YAML at every start")
	}
}

// FuzzPlainNames: where plainNames is sure, the YAML library reads the same names in the same order.
func FuzzPlainNames(f *testing.F) {
	f.Add(string(config.Integrations))
	for _, c := range files {
		f.Add(c.text)
	}
	f.Add(strings.Repeat("apps:\n  demo: # x\n    y: \"z\" w: {}\n", 2))
	f.Fuzz(func(t *testing.T, text string) {
		names := plainNames(text)
		if names == nil {
			return
		}
		want, err := integration.Names("test.yaml", []byte(text))
		if err != nil || !slices.Equal(names, want) {
			t.Errorf("got %q, want %q, %v", names, want, err)
		}
	})
}
