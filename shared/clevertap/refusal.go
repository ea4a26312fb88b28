package clevertap

import (
	"bytes"
	"math"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// refusal is one entry of unprocessed.
type refusal struct {
	place int  // what the text says, counted from 1; only if named
	named bool // whether the text says a place
	code  int  // 0: none
	echo  face // the record as CleverTap gives it back, changed perhaps
}

// readRefusal reads one entry. One that is no object refuses something unnamed.
func readRefusal(d *jsontext.Decoder) (refusal, error) {
	var r refusal
	if d.PeekKind() != '{' {
		return r, d.SkipValue()
	}
	spare := 0 // the code in the text, for entries without one of their own
	err := eachMember(d, func(name []byte) error {
		switch string(name) {
		case "code":
			text, err := readText(d)
			r.code = text.code()
			return err
		case "error":
			text, err := readText(d)
			r.place, r.named = numberAfter(text.text, "skipped record number")
			spare, _ = numberAfter(text.text, "errorcode")
			return err
		case "record":
			var err error
			r.echo, err = readFace(d)
			return err
		}
		return d.SkipValue()
	})
	if r.code == 0 && spare <= maxCode {
		r.code = spare
	}
	return r, err
}

// numberAfter finds the number behind the last occurrence of a phrase, in whatever letter case, with a colon between. The
// last one, because the text may quote the record, and CleverTap's own words end it. A number too large for an int counts
// as the largest: it names no record, but it does name one.
func numberAfter(text, phrase string) (int, bool) {
	lower := bytes.ToLower([]byte(text))
	for {
		at := bytes.LastIndex(lower, []byte(phrase))
		if at < 0 {
			return 0, false
		}
		rest := bytes.TrimLeft(lower[at+len(phrase):], blanks)
		if digits, ok := bytes.CutPrefix(rest, []byte(":")); ok {
			digits = bytes.TrimLeft(digits, blanks)
			end := 0
			for end < len(digits) && '0' <= digits[end] && digits[end] <= '9' {
				end++
			}
			if end > 0 {
				n, err := strconv.Atoi(string(digits[:end]))
				if err != nil {
					n = math.MaxInt
				}
				return n, true
			}
		}
		lower = lower[:at]
	}
}
