// Package templatetest reads functions' configurations, writes integration files for them, and checks that
// template.yaml sets the environment variables that a function reads, for the functions' tests.
//
// It reads the template as YAML, so that comments and indentation decide nothing, and names what differs. It
// checks neither values nor anything else in the template.
package templatetest

import (
	"maps"
	"os"
	"path/filepath"
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

// WantsFaults checks that each of these values is a fault of its variable, in one line: variable, value, fault.
func WantsFaults[C any](t *testing.T, read func(changes map[string]string) (C, error), rows [][3]string) {
	t.Helper()
	for _, row := range rows {
		variable, value, fault := row[0], row[1], row[2]
		_, err := read(map[string]string{variable: value})
		if err == nil || !strings.HasPrefix(err.Error(), variable+": ") || !strings.Contains(err.Error(), fault) ||
			strings.Contains(err.Error(), "\n") {
			t.Errorf("%s=%s: error %v, want %s", variable, value, err, fault)
		}
	}
}

// Agrees checks that the template sets exactly the variables that a function looks up when it reads its
// configuration, except for INTEGRATIONS_FILE, which only tests and emulators set.
func Agrees[C any](t *testing.T, function string, read func(*env.Reader) C) {
	t.Helper()
	var wanted []string
	read(env.New(func(name string) (string, bool) {
		if name != "INTEGRATIONS_FILE" {
			wanted = append(wanted, name)
		}
		return "", false
	}))
	slices.Sort(wanted)
	var template struct {
		Resources map[string]struct {
			Properties struct {
				Environment struct {
					Variables map[string]any `yaml:"Variables"`
				} `yaml:"Environment"`
			} `yaml:"Properties"`
		} `yaml:"Resources"`
	}
	if err := yaml.Unmarshal([]byte(Text(t)), &template); err != nil {
		t.Fatal(err)
	}
	set := slices.Sorted(maps.Keys(template.Resources[function].Properties.Environment.Variables))
	if !slices.Equal(set, wanted) {
		t.Errorf("template.yaml sets %v, the function reads %v", set, wanted)
	}
}

// File writes an integration file and returns its path, for INTEGRATIONS_FILE.
func File(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "integrations.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// AllowsSecrets checks that the template lets somebody read secrets of a name, whose end Secrets Manager makes up.
func AllowsSecrets(t *testing.T, name string) {
	t.Helper()
	if !strings.Contains(Text(t), ":secret:"+name+"-??????") {
		t.Errorf("template.yaml allows no secret of the form %s", name)
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
