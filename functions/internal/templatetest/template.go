// Package templatetest reads functions' configurations, and checks that template.yaml sets the environment variables
// that a function reads, for the functions' tests.
//
// It reads the template as YAML, so that comments and indentation decide nothing, and names what differs. It
// checks neither values nor anything else in the template.
package templatetest

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/purchasely-clevertap/bridge/shared/env"
)

// Read reads a function's configuration from an environment in which nothing is wrong except for the changes.
func Read[C any](read func(*env.Reader) C, values, changes map[string]string) (C, error) {
	values = maps.Clone(values)
	maps.Copy(values, changes)
	r := env.New(func(name string) (string, bool) {
		value, ok := values[name]
		return value, ok
	})
	return read(r), r.Err()
}

// Change is an edit of the template, after the function's name.
type Change struct{ Old, With string }

// Agrees checks that the template sets exactly the variables that a function looks up when it reads its
// configuration, except for INTEGRATIONS_FILE, which only tests and emulators set; and that it would notice
// each of the changes.
func Agrees(
	t *testing.T, function string, read func(lookup func(name string) (string, bool)), changes map[string]Change,
) {
	t.Helper()
	var wanted []string
	read(func(name string) (string, bool) {
		if name != "INTEGRATIONS_FILE" {
			wanted = append(wanted, name)
		}
		return "", false
	})
	slices.Sort(wanted)
	template := Text(t)
	if set := variables(t, template, function); !slices.Equal(set, wanted) {
		t.Errorf("template.yaml sets %v, the function reads %v", set, wanted)
	}
	for name, c := range changes {
		t.Run(name, func(t *testing.T) {
			start, rest, _ := strings.Cut(template, "\n  "+function+":\n")
			changed := strings.Replace(rest, c.Old, c.With, 1)
			if changed == rest {
				t.Fatalf("template.yaml has no %q after %s", c.Old, function)
			}
			set := variables(t, start+"\n  "+function+":\n"+changed, function)
			if slices.Equal(set, wanted) {
				t.Errorf("a template that sets %v agrees with the function", set)
			}
		})
	}
}

// Text returns template.yaml, for tests that run in a function's folder.
func Text(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile("../../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// variables returns the names of the variables that a template sets for a function, sorted.
func variables(t testing.TB, template, function string) []string {
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
