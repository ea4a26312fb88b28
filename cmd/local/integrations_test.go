package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestWhetherYourFileDiffers(t *testing.T) {
	const fixtures = "# theirs\napps:\n  demo: # an app\n    enabled: true\n    prefix: \"\"\n"
	for name, c := range map[string]struct {
		own  string
		want bool
	}{
		"the same":               {fixtures, false},
		"other comments":         {"apps:\n\n  demo:   # mine\n    # on\n    enabled: true # yes\n    prefix: \"\"\n", false},
		"line ends of Windows":   {"apps:\r\n  demo:\r\n    enabled: true\r\n    prefix: \"\"\r\n", false},
		"another value":          {"apps:\n  demo:\n    enabled: false\n    prefix: \"\"\n", true},
		"one more app":           {fixtures + "  shop: {}\n", true},
		"a # that is no comment": {"apps:\n  demo:\n    enabled: true\n    prefix: \"#\"\n", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			for path, text := range map[string]string{ownFile: c.own, fixturesFile: fixtures} {
				if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if got, err := ownFileDiffers(); got != c.want || err != nil {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
}
