package clevertap

import (
	"math"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// scalar is a value whose kind CleverTap does not keep: a number may come back as a string and the other way round.
type scalar struct {
	text   string
	number bool
	known  bool // whether it is a string or a number at all
}

// readText reads any value, and keeps strings and numbers.
func readText(d *jsontext.Decoder) (scalar, error) {
	kind := d.PeekKind()
	if kind != '"' && kind != '0' {
		return scalar{}, d.SkipValue()
	}
	token, err := d.ReadToken()
	if err != nil {
		return scalar{}, err
	}
	return scalar{text: token.String(), number: kind == '0', known: true}, nil
}

// integer gives the number that a scalar is or holds.
func (s scalar) integer() (int, bool) {
	text := strings.TrimSpace(s.text)
	if n, err := strconv.Atoi(text); err == nil {
		return n, true
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || f != math.Trunc(f) || math.Abs(f) > math.MaxInt32 {
		return 0, false
	}
	return int(f), true
}

// code gives the code that a scalar is or holds, 0 if that can be none.
func (s scalar) code() int {
	n, ok := s.integer()
	if !ok || n < 0 || n > maxCode {
		return 0
	}
	return n
}

// denies tells whether two scalars cannot be the same. Letter case means nothing in an echo, nor does the kind: "42" is 42,
// and a phone number comes back without its plus. What is missing denies nothing.
func (s scalar) denies(t scalar) bool {
	if !s.known || !t.known || strings.EqualFold(s.text, t.text) {
		return false
	}
	if s.number || t.number {
		x, errX := strconv.ParseFloat(strings.TrimSpace(s.text), 64)
		y, errY := strconv.ParseFloat(strings.TrimSpace(t.text), 64)
		return errX != nil || errY != nil || x != y
	}
	return true
}
