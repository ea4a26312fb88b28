package integration_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/purchasely-clevertap/bridge/shared/integration"
)

func TestAppNames(t *testing.T) {
	tests := map[string]struct {
		text string
		want []string
	}{
		"a good file":                             {"apps:\n  demo: {}\n  other:\n    enabled: false\n", []string{"demo", "other"}},
		"unknown keys and wrong values":           {"version: 2\napps:\n  demo: {enabeld: 1}\n  other: [1, 2]\n  third: off\n", []string{"demo", "other", "third"}},
		"faulty names are left out":               {"apps:\n  Demo: {}\n  demo: {}\n  my_app: {}\n  -x: {}\n", []string{"demo"}},
		"a name that stands twice is one":         {"apps:\n  demo: {}\n  demo: {}\n", []string{"demo"}},
		"apps that stands twice":                  {"apps:\n  demo: {}\napps:\n  other: {}\n", []string{"demo", "other"}},
		"an alias that stands for nothing":        {"apps:\n  demo: *base\n", []string{"demo"}},
		"merged apps":                             {"apps:\n  <<: {base: {}}\n  demo: {}\n", []string{"demo", "base"}},
		"names that YAML takes for numbers":       {"apps:\n  2024: {}\n  007: {}\n  true: {}\n", []string{"2024", "007", "true"}},
		"JSON":                                    {`{"apps":{"demo":{}}}`, []string{"demo"}},
		"a tab below the app, one name too many":  {"apps:\n  demo:\n\tenabled: true\n  other: {}\n", []string{"demo", "enabled", "other"}},
		"tabs all through":                        {"apps:\n\tdemo:\n\t\tenabled: true\n\tother:\n", []string{"demo", "other"}},
		"a brace that is not closed":              {"apps:\n  demo: {enabled: true\n  other: {}\n", []string{"demo", "other"}},
		"a quote that is not closed":              {"apps:\n  demo:\n    server_events:\n      prefix: \"PLY\n  other: {}\n", []string{"demo", "other"}},
		"a colon that is missing":                 {"apps:\n  demo\n    enabled: true\n  other: {}\n", []string{"demo", "other"}},
		"a space that is missing":                 {"apps:\n  demo:{}\n  other: {}\n", []string{"demo", "other"}},
		"indentation that goes back and forth":    {"apps:\n    demo:\n      enabled: true\n  other: {}\n", []string{"demo", "other"}},
		"a key that slipped to the margin":        {"apps:\n  demo:\nenabled: true\n    sandbox: skip\n  other: {}\n", []string{"demo", "other"}},
		"keys that slipped to the apps' level":    {"apps:\n    demo: {\n  revenue:\n    other: {}\n", []string{"demo", "revenue", "other"}},
		"quotes, comments and blank lines":        {"# apps:\n\n\"apps\" : # here\n  # first: {}\n\n  'demo' : {]\n  \"other\": {}\n", []string{"demo", "other"}},
		"carriage returns in a faulty file":       {"apps:\r\n  demo: {]\r\n  other: {}\r\n", []string{"demo", "other"}},
		"a byte order mark in a faulty file":      {"\ufeffapps:\n  demo: {]\n", []string{"demo"}},
		"bytes that are no UTF-8":                 {"apps:\n  demo: {name: \xe9}\n", []string{"demo"}},
		"several documents":                       {"x: 1\n---\napps:\n  demo: {}\n", []string{"demo"}},
		"an empty document before":                {"---\n# nothing\n---\napps:\n  demo: {}\n", []string{"demo"}},
		"a file that is too large":                {"apps:\n  demo: {}\n# " + strings.Repeat("x", 1<<20) + "\n", []string{"demo"}},
		"nesting without end":                     {"apps:\n  demo: " + strings.Repeat("[", 100_000) + "\n  other: {}\n", []string{"demo", "other"}},
		"an app called like a key in a good file": {"apps:\n  events: {}\n", []string{"events"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := integration.AppNames("test.yaml", []byte(test.text))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAppNamesSaysWhyThereIsNone(t *testing.T) {
	tests := map[string]struct{ text, want string }{
		"an empty file":        {"", "no app name: shop.yaml:1:1: the file is empty; begin with apps: and the name of an app below it"},
		"another file":         {"enabled: true\n", `no app name: shop.yaml:1:1: enabled: unknown key "enabled"; the only key here is apps / shop.yaml:1:1: the key apps is missing; begin with apps: and the name of an app below it`},
		"a text":               {"hello", "no app name: shop.yaml:1:1: the file is a text, not a mapping; begin with apps: and the name of an app below it"},
		"apps without an app":  {"apps: {}\n", "no app name: shop.yaml:1:7: apps: there is no app; write an app's name below apps, such as demo: {}"},
		"a list of apps":       {"apps: [demo]\n", "no app name: shop.yaml:1:7: apps: apps holds a list, not a mapping; write an app's name below apps, such as demo: {}"},
		"only faulty names":    {"apps:\n  Demo: {anonymous: nobody}\n", `no app name: shop.yaml:2:3: apps.Demo: "Demo" cannot be an app's name; take 1 to 63 of a-z, 0-9 and -, the first not a hyphen`},
		"no YAML and no names": {"apps: {demo: {}\n", "no app name: shop.yaml:1:7: not YAML: "},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			names, err := integration.AppNames("shop.yaml", []byte(test.text))
			if err == nil || len(names) > 0 || !strings.HasPrefix(err.Error(), test.want) {
				t.Errorf("%v, %v", names, err)
			}
			if err != nil && strings.Contains(err.Error(), "\n") {
				t.Errorf("more than one line: %v", err)
			}
		})
	}
}

func TestValidName(t *testing.T) {
	tests := map[string]bool{
		"demo": true, "0": true, "a-": true, "2024-app": true, strings.Repeat("a", 63): true,
		"": false, "-a": false, "A": false, "a_b": false, "a.b": false, "a b": false, "é": false, "a\n": false, strings.Repeat("a", 64): false,
	}
	for name, want := range tests {
		if got := integration.ValidName(name); got != want {
			t.Errorf("%q: %v", name, got)
		}
	}
}
