package cli_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/clitest"
)

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
		"UTF-16":                          {"\xff\xfe{\x00}\x00", "", utf16},
		"UTF-16, big-endian":              {"\xfe\xff\x00{\x00}", "", utf16},
		"UTF-16 without a mark":           {"{\x00}\x00", "", utf16},
		"UTF-16, neither":                 {"\x00{\x00}", "", utf16},
	} {
		t.Run(name, func(t *testing.T) {
			cmd, _ := command("")
			for _, source := range []string{clitest.File(t, "in", c.text), "-", ""} {
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
