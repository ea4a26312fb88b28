package stored_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/stored"
)

func TestSplit(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"one webhook on a line":                       {"{\"a\":1}\n", []string{`{"a":1}`}},
		"one webhook over several lines":              {"{\n \"a\": 1\n}\n", []string{"{\n \"a\": 1\n}"}},
		"JSON lines":                                  {"{\"a\":1}\n\n{\"a\":2}\r\n", []string{`{"a":1}`, `{"a":2}`}},
		"documents one after the other":               {"{\n\"a\":1}\n{\n\"a\":2}", []string{"{\n\"a\":1}", "{\n\"a\":2}"}},
		"what is JSON but no object is a webhook too": {"[]\n", []string{"[]"}},
		"a damaged line among others stands alone":    {"{\"a\":1}\n{\"a\":\n{\"a\":3}\n", []string{`{"a":1}`, `{"a":`, `{"a":3}`}},
		"a damaged document is one webhook":           {"{\n \"a\": 1,\n \"b\" 2\n}\n", []string{"{\n \"a\": 1,\n \"b\" 2\n}"}},
		"a byte order mark is part of the webhook":    {"\uFEFF{}\n", []string{"\uFEFF{}"}},
		"equal keys and invalid UTF-8 are not judged": {"{\"a\":1,\"a\":\"\xff\"}\n", []string{"{\"a\":1,\"a\":\"\xff\"}"}},
		"nothing but white space is no webhook":       {" \n\t\n", nil},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, body := range stored.Split([]byte(c.text)) {
				got = append(got, string(body))
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// FuzzSplit: nothing but white space is ever lost, and bodies stay in their order.
func FuzzSplit(f *testing.F) {
	f.Add("{\"a\":1}\n{\"a\":2}\n")
	f.Add("{\n\"a\" 1\n}")
	f.Add("[1]\xff\n{}")
	f.Fuzz(func(t *testing.T, text string) {
		var joined strings.Builder
		for _, body := range stored.Split([]byte(text)) {
			joined.Write(body)
		}
		if got, want := squeeze(joined.String()), squeeze(text); got != want {
			t.Errorf("%q became %q", want, got)
		}
	})
}

func squeeze(text string) string { return strings.Join(strings.Fields(text), "") }
