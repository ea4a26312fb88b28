package integration_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/purchasely-clevertap/bridge/shared/integration"
)

// TestBounds shows files that would cost minutes or the whole process without a limit.
func TestBounds(t *testing.T) {
	var apps strings.Builder
	apps.WriteString("apps:\n  first: &a\n    server_events:\n      events:\n")
	for i := range 500 {
		fmt.Fprintf(&apps, "        E%d: {}\n", i)
	}
	for i := range 300 {
		fmt.Fprintf(&apps, "  a%d: *a\n", i)
	}
	shared := apps.String()
	merged := strings.ReplaceAll(shared, "*a", "{server_events: {events: {<<: *e}}}")
	merged = strings.Replace(merged, "events:\n        E0", "events: &e\n        E0", 1)
	tests := map[string]struct{ text, want string }{
		"a file that is too large":           {"# " + strings.Repeat("x", 1<<20) + "\napps: {demo: {}}\n", "test.yaml:1:1: the file has more than 1048576 bytes; divide it among several deployments"},
		"brackets without end":               {"apps:\n  demo: " + strings.Repeat("[", 500_000), "test.yaml:2:73: values are nested more than 64 deep; close a bracket, or take the list apart"},
		"braces without end":                 {"apps: " + strings.Repeat("{a: ", 100_000), "nested more than 64 deep"},
		"a list of lists of lists":           {"apps:\n  demo:\n    " + strings.Repeat("- ", 100_000), "nested more than 64 deep"},
		"tags without end":                   {"apps: " + strings.Repeat("!x ", 100_000), "nested more than 64 deep"},
		"aliases that make many of one":      {shared, fmt.Sprintf("the file describes more than %d keys", integration.MaxPairs)},
		"merges that make many of one":       {merged, "more is merged than any integration file needs"},
		"an alias within what it stands for": {"apps: &a\n  demo: {<<: *a}\n", "the alias *a stands for nothing"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file, problems := integration.Load("test.yaml", []byte(test.text))
			if file != nil || !strings.Contains(problems.Error(), test.want) {
				t.Errorf("%v, %.300s", file, problems.Error())
			}
		})
	}
}
