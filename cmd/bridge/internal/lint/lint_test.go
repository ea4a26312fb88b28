package lint_test

import (
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/clitest"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/lint"
)

func TestLint(t *testing.T) {
	const refused = "the integration file has 1 warning, which a strict check refuses\n"
	for name, c := range map[string]struct {
		args string
		code int
		errs string
	}{
		"a complete file":                        {"testdata/complete.yaml", cli.OK, ""},
		"a complete file, for programs":          {"--json testdata/complete.yaml", cli.OK, ""},
		"a faulty file":                          {"testdata/faulty.yaml", cli.Finding, ""},
		"a faulty file, for programs":            {"--json testdata/faulty.yaml", cli.Finding, ""},
		"a file with an unknown event":           {"testdata/unknown.yaml", cli.OK, ""},
		"a file with an unknown event, strictly": {"--strict testdata/unknown.yaml", cli.Finding, refused},
		"a file with a confirmed event":          {"--strict testdata/confirmed.yaml", cli.OK, ""},
		"a file that is no YAML":                 {"testdata/broken.yaml", cli.Finding, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := clitest.Run(t.Context(), lint.NewCommand(), "", strings.Fields("lint "+c.args)...)
			if !got.Has(c.code, "", c.errs) || c.errs == "" && got.Errs != "" {
				t.Errorf("got %+v, want %d and %q", got, c.code, c.errs)
			}
			file := strings.NewReplacer(" ", "-", ",", "").Replace(name)
			clitest.Golden(t, filepath.Join("testdata", file+".want"), got.Out)
		})
	}
}

func TestLintReadsFilesAsEditorsWriteThem(t *testing.T) {
	const text = "apps:\n  demo:\n    anonymous: skip\n    enabled: perhaps\n"
	utf16le := []byte("\xff\xfe")
	for _, unit := range utf16.Encode([]rune(text)) {
		utf16le = append(utf16le, byte(unit), byte(unit>>8))
	}
	const found = "standard input:4:14: error: apps.demo.enabled: enabled is \"perhaps\"\n"
	const wide = "standard input:1:1: error: the file is UTF-16, not UTF-8\n    save the file in the encoding UTF-8\n"
	for name, c := range map[string]struct{ in, want string }{
		"plain":                 {text, found},
		"with a byte mark":      {"\ufeff" + text, found},
		"with CRLF":             {strings.ReplaceAll(text, "\n", "\r\n"), found},
		"with both":             {"\ufeff" + strings.ReplaceAll(text, "\n", "\r\n"), found},
		"UTF-16":                {string(utf16le), wide},
		"UTF-16 without a mark": {string(utf16le[2:]), wide},
		"empty":                 {"", "standard input:1:1: error: the file is empty\n"},
	} {
		t.Run(name, func(t *testing.T) {
			got := clitest.Run(t.Context(), lint.NewCommand(), c.in, "lint", "-")
			if !strings.HasPrefix(got.Out, c.want) || got.Code != cli.Finding || got.Errs != "" {
				t.Errorf("got %+v, want %q", got, c.want)
			}
		})
	}
}
