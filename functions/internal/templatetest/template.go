// Package templatetest answers whether template.yaml and a function agree about the function's environment, for the tests of both functions.
//
// It reads the template as YAML, so that comments and indentation decide nothing, and promises to say which names differ. Values are not its
// business, nor is anything else in the template.
package templatetest

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// Change is a drift of the template: what stands behind a function's name, and what stands there instead.
type Change struct{ Old, With string }

// Agrees checks that the template sets for a function exactly the variables that it looks up when it reads its configuration, less the one
// of the integration file, which the deployed function carries with it; and that each of the changes, by what it is, would be noticed.
func Agrees(t *testing.T, function string, read func(lookup func(name string) (string, bool)), changes map[string]Change) {
	t.Helper()
	template, names := Text(t), asked(read)
	if set := sets(t, template, function); !slices.Equal(set, names) {
		t.Errorf("template.yaml sets %v, the function reads %v", set, names)
	}
	for name, c := range changes {
		t.Run(name, func(t *testing.T) {
			if set := sets(t, c.in(t, template, function), function); slices.Equal(set, names) {
				t.Errorf("a template that sets %v agrees with the function", set)
			}
		})
	}
}

// Text is template.yaml as it is, for tests that run in a function's folder.
func Text(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile("../../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// sets are the names of the variables that a template sets for a function, sorted.
func sets(t testing.TB, template, function string) []string {
	t.Helper()
	var read struct {
		Resources map[string]struct {
			Properties struct {
				Environment struct {
					Variables map[string]any `yaml:"Variables"`
				} `yaml:"Environment"`
			} `yaml:"Properties"`
		} `yaml:"Resources"`
	}
	if err := yaml.Unmarshal([]byte(template), &read); err != nil {
		t.Fatal(err)
	}
	return slices.Sorted(maps.Keys(read.Resources[function].Properties.Environment.Variables))
}

// asked are the names that a function looks up, sorted, less the one of the integration file.
func asked(read func(lookup func(name string) (string, bool))) []string {
	var names []string
	read(func(name string) (string, bool) {
		names = append(names, name)
		return "", false
	})
	slices.Sort(names)
	return slices.DeleteFunc(names, func(name string) bool { return name == "INTEGRATIONS_FILE" })
}

// in gives the template with the change.
func (c Change) in(t testing.TB, template, function string) string {
	t.Helper()
	before, behind, _ := strings.Cut(template, "\n  "+function+":\n")
	changed := strings.Replace(behind, c.Old, c.With, 1)
	if changed == behind {
		t.Fatalf("template.yaml has no %q behind %s", c.Old, function)
	}
	return before + "\n  " + function + ":\n" + changed
}
