package stored_test

import (
	"crypto/sha256"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/stored"
	"github.com/purchasely-clevertap/bridge/shared/message"
)

// readAll reads everything, and checks the account that is kept of it.
func readAll(t *testing.T, text string) (bodies []string, lines []int) {
	t.Helper()
	r := stored.NewReader(strings.NewReader(text))
	last := int64(0)
	for {
		w, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if w.End <= last || w.Digest != sha256.Sum256([]byte(text[:w.End])) {
			t.Errorf("the account of what ends at %d is wrong", w.End)
		}
		begin := w.End - int64(len(strings.TrimLeft(text[last:w.End], " \t\r\n\ufeff")))
		if line := strings.Count(text[:begin], "\n") + 1; w.Line != line {
			t.Errorf("line %d is named, want %d", w.Line, line)
		}
		last = w.End
		bodies, lines = append(bodies, string(w.Body)), append(lines, w.Line)
	}
	if r.Offset() != int64(len(text)) {
		t.Errorf("%d of %d bytes were read", r.Offset(), len(text))
	}
	var split []string
	for _, body := range stored.Split([]byte(text)) {
		split = append(split, string(body))
	}
	if diff := cmp.Diff(bodies, split); diff != "" {
		t.Errorf("Split differs from the reader:\n%s", diff)
	}
	return bodies, lines
}

func TestReader(t *testing.T) {
	for name, c := range map[string]struct {
		text  string
		want  []string
		lines []int
	}{
		"nothing":                           {"", nil, nil},
		"nothing but white space":           {" \n\t\r\n", nil, nil},
		"one line":                          {`{"a":1}`, []string{`{"a":1}`}, []int{1}},
		"lines":                             {"{\"a\":1}\n\n{\"a\": 2 }\r\n", []string{`{"a":1}`, `{"a": 2 }`}, []int{1, 3}},
		"two on one line":                   {"{\"a\":1} {\"a\":2}\n", []string{`{"a":1}`, `{"a":2}`}, []int{1, 1}},
		"a document":                        {"{\n \"a\": 1\n}\n", []string{"{\n \"a\": 1\n}"}, []int{1}},
		"a document that does not end":      {"{\n \"a\": {\n}\n", []string{"{\n \"a\": {\n}"}, []int{1}},
		"a list is one document":            {"[\n{},\n{}\n]\n", []string{"[\n{},\n{}\n]"}, []int{1}},
		"what is JSON but no object":        {"[]\n", []string{"[]"}, []int{1}},
		"a byte order mark":                 {"\uFEFF{\r\n}\r\n", []string{"{\r\n}"}, []int{1}},
		"joined files with marks":           {"\uFEFF{}\r\n\uFEFF{}\n", []string{"{}", "{}"}, []int{1, 2}},
		"joined documents with marks":       {"\uFEFF{\n}\n\uFEFF{\n}", []string{"{\n}", "{\n}"}, []int{1, 3}},
		"nothing but a byte order mark":     {"\uFEFF", nil, nil},
		"half a byte order mark":            {"\xef\xbb{}", []string{"\xef\xbb{}"}, []int{1}},
		"a mark inside of a webhook":        {"{\"a\":\"\uFEFF\"}", []string{"{\"a\":\"\uFEFF\"}"}, []int{1}},
		"equal keys and invalid UTF-8":      {"{\"a\":1,\"a\":\"\xff\"}\n", []string{"{\"a\":1,\"a\":\"\xff\"}"}, []int{1}},
		"bytes that are no text":            {"{\"a\":\"\xff\"}\n\x00\n", []string{"{\"a\":\"\xff\"}", "\x00"}, []int{1, 2}},
		"what is between documents is read": {"{\n}\nhello\n{\n}", []string{"{\n}", "hello", "{\n}"}, []int{1, 3, 4}},
		"a damaged line": {"{\"a\":1}\n{\"a\":\n{\"a\":3}\n",
			[]string{`{"a":1}`, `{"a":`, `{"a":3}`}, []int{1, 2, 3}},
		"a damaged first line": {"{\"a\":\n{\"a\":2}\n{\"a\":3}\n",
			[]string{`{"a":`, `{"a":2}`, `{"a":3}`}, []int{1, 2, 3}},
		"documents": {"\n{\n\"a\":1}\n\n{\n\"a\":{}}{\n\"a\":3}",
			[]string{"{\n\"a\":1}", "{\n\"a\":{}}", "{\n\"a\":3}"}, []int{2, 5, 6}},
		"brackets in strings do not count": {"{\n\"a}\\\"}\":\"{\"}\n{\n}",
			[]string{"{\n\"a}\\\"}\":\"{\"}", "{\n}"}, []int{1, 3}},
		"a damaged document among others": {"{\n \"a\": 1,\n \"b\" 2\n}\n{\n}",
			[]string{"{\n \"a\": 1,\n \"b\" 2\n}", "{\n}"}, []int{1, 5}},
	} {
		t.Run(name, func(t *testing.T) {
			bodies, lines := readAll(t, c.text)
			if diff := cmp.Diff(c.want, bodies) + cmp.Diff(c.lines, lines); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestAReaderKeepsNoMoreThanAWebhook(t *testing.T) {
	long := `{"a":"` + strings.Repeat("x", 3*message.MaxBody) + "\"}\n"
	r := stored.NewReader(strings.NewReader(long + "{}\n" + long))
	for _, want := range []bool{true, false, true} {
		w, err := r.Next()
		if err != nil || w.TooLong != want || len(w.Body) > message.MaxBody+1 {
			t.Errorf("too long: %v, %d bytes, %v", w.TooLong, len(w.Body), err)
		}
	}
}

func TestAnErrorWhileReadingIsNotTheEnd(t *testing.T) {
	r := stored.NewReader(io.MultiReader(strings.NewReader("{}\n{\"a\""), iotest.ErrReader(io.ErrClosedPipe)))
	if _, err := r.Next(); err != nil {
		t.Error(err)
	}
	if _, err := r.Next(); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("got %v", err)
	}
}

// FuzzReader: nothing but white space and byte order marks is lost, bodies keep their order, and the account is right.
func FuzzReader(f *testing.F) {
	f.Add("{\"a\":1}\n{\"a\":2}\n")
	f.Add("{\n\"a\" 1\n}\n{\n}")
	f.Add("[1]\xff\n\n{}")
	f.Add("{\n\"a}\\\"}\":\"{\"}x")
	f.Add("\ufeff{}\n\ufeff{\n}\xef")
	squeeze := func(text string) string {
		return strings.Join(strings.Fields(strings.ReplaceAll(text, "\ufeff", " ")), "")
	}
	f.Fuzz(func(t *testing.T, text string) {
		bodies, _ := readAll(t, text)
		if got, want := squeeze(strings.Join(bodies, "\n")), squeeze(text); got != want {
			t.Errorf("%q became %q", want, got)
		}
	})
}
