package main

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestLint(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		code int
	}{
		"a complete file":                        {[]string{"testdata/lint/complete.yaml"}, fine},
		"a complete file, for programs":          {[]string{"--json", "testdata/lint/complete.yaml"}, fine},
		"a faulty file":                          {[]string{"testdata/lint/faulty.yaml"}, finding},
		"a faulty file, for programs":            {[]string{"--json", "testdata/lint/faulty.yaml"}, finding},
		"a file with an unknown event":           {[]string{"testdata/lint/unknown.yaml"}, fine},
		"a file with an unknown event, strictly": {[]string{"--strict", "testdata/lint/unknown.yaml"}, finding},
		"a file that is no YAML":                 {[]string{"testdata/lint/broken.yaml"}, finding},
	} {
		t.Run(name, func(t *testing.T) {
			got := execute(t, "", append([]string{"lint"}, c.args...)...)
			if got.code != c.code || got.errs != "" {
				t.Errorf("got code %d and %q, want %d and nothing", got.code, got.errs, c.code)
			}
			golden(t, filepath.Join("testdata/lint", fileName(name)+".want"), got.out)
		})
	}
}

// fileName makes a file's name of a test's.
func fileName(name string) string {
	return strings.NewReplacer(" ", "-", ",", "").Replace(name)
}

func TestTheEmbeddedFileIsFine(t *testing.T) {
	if got := execute(t, "", "lint"); got.code != fine {
		t.Errorf("got code %d and\n%s", got.code, got.out)
	}
}
