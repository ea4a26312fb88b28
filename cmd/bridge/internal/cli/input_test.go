package cli_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf16"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
)

// encode16 is a text in UTF-16, the low byte first unless it is big-endian.
func encode16(text string, bigEndian bool) string {
	var b []byte
	for _, unit := range utf16.Encode([]rune(text)) {
		if bigEndian {
			b = append(b, byte(unit>>8), byte(unit))
		} else {
			b = append(b, byte(unit), byte(unit>>8))
		}
	}
	return string(b)
}

// TestText reads text as editors and shells write it, from a file, from standard input, and byte by byte.
func TestText(t *testing.T) {
	const utf16 = "it is UTF-16, not UTF-8: save it as UTF-8, or convert it: iconv -f UTF-16 -t UTF-8"
	for name, c := range map[string]struct{ text, want, err string }{
		"plain":                           {"{\"a\": \"é\"}\n", "{\"a\": \"é\"}\n", ""},
		"a byte order mark":               {"\ufeff{}\r\n", "{}\r\n", ""},
		"a mark and nothing else":         {"\ufeff", "", ""},
		"only the first mark":             {"\ufeff\ufeff{}", "\ufeff{}", ""},
		"nothing":                         {"", "", ""},
		"one byte":                        {"x", "x", ""},
		"neighbours in the alphabet":      {"ba", "ba", ""},
		"zeros are no text, but no error": {"\x00\x00", "\x00\x00", ""},
		"UTF-16":                          {encode16("\ufeff{}", false), "", utf16},
		"UTF-16, big-endian":              {encode16("\ufeff{}", true), "", utf16},
		"UTF-16 without a mark":           {encode16("{}", false), "", utf16},
		"UTF-16, neither":                 {encode16("{}", true), "", utf16},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "in")
			if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			cmd, _ := command("")
			for _, source := range []string{path, "-", ""} {
				cmd.SetIn(iotest.OneByteReader(strings.NewReader(c.text)))
				got, err := cli.ReadText(cmd, source)
				if string(got) != c.want || (err == nil) != (c.err == "") || err != nil && err.Error() != c.err {
					t.Errorf("%q: got %q, %v", source, got, err)
				}
			}
		})
	}
	if _, err := io.ReadAll(cli.NewTextReader(iotest.ErrReader(io.ErrClosedPipe))); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("got %v", err)
	}
}
