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

// Text is template.yaml as it is, for tests that run in a function's folder.
func Text(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile("../../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Sets are the names of the variables that a template sets for a function, sorted.
func Sets(t testing.TB, template, function string) []string {
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

// Asked are the names that a function looks up when it reads its configuration, sorted, less the one of the integration file, which the
// deployed function carries with it.
func Asked(read func(lookup func(name string) (string, bool))) []string {
	var names []string
	read(func(name string) (string, bool) {
		names = append(names, name)
		return "", false
	})
	slices.Sort(names)
	return slices.DeleteFunc(names, func(name string) bool { return name == "INTEGRATIONS_FILE" })
}

// Change gives the template with one change in what stands behind a function's name.
func Change(t testing.TB, template, function, old, with string) string {
	t.Helper()
	before, behind, _ := strings.Cut(template, "\n  "+function+":\n")
	changed := strings.Replace(behind, old, with, 1)
	if changed == behind {
		t.Fatalf("template.yaml has no %q behind %s", old, function)
	}
	return before + "\n  " + function + ":\n" + changed
}
