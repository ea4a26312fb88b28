package clevertap

import (
	"bytes"
	"errors"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// answer is the body of a status 200, as it was read: the verdict is for [answer.results] to find.
type answer struct {
	success   bool
	processed int // -1: absent, or no number
	code      int // at the top; 0: none
	refusals  []refusal
}

// refusal is one entry of unprocessed.
type refusal struct {
	place int  // what the text says, counted from 1; only if named
	named bool // whether the text says a place
	code  int  // 0: none
	echo  face // the record as CleverTap gives it back, changed perhaps
}

// errForm says that an answer is no answer. Its text is fixed: a decoder's own words quote what it read.
var errForm = errors.New("answer: not of CleverTap's form")

// lenient is how answers are read: what a proxy or a careless encoder does to them is no reason to doubt them.
var lenient = json.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))

// readAnswer reads an answer for an upload of so many records. It does not keep what it reads: a failure that echoes every
// record takes hardly more memory than a success. An answer with far more refusals than records is none.
func readAnswer(body io.Reader, records int) (answer, error) {
	a := answer{processed: -1}
	d := jsontext.NewDecoder(body, lenient)
	err := eachMember(d, func(name []byte) error {
		switch string(name) {
		case "status":
			text, err := readText(d)
			a.success = strings.EqualFold(strings.TrimSpace(text.text), "success")
			return err
		case "processed":
			text, err := readText(d)
			a.processed = -1
			if n, ok := text.integer(); ok && text.known {
				a.processed = n
			}
			return err
		case "code":
			text, err := readText(d)
			a.code = text.code()
			return err
		case "unprocessed":
			a.refusals = a.refusals[:0] // should it come twice, the last one counts
			return a.readRefusals(d, 2*records+MaxRecords)
		}
		return d.SkipValue()
	})
	if err != nil {
		return answer{}, err
	}
	if _, err := d.ReadToken(); err != io.EOF {
		return answer{}, errForm
	}
	return a, nil
}

func (a *answer) readRefusals(d *jsontext.Decoder, most int) error {
	switch d.PeekKind() {
	case 'n':
		return d.SkipValue()
	case '[':
	default:
		return errForm
	}
	if _, err := d.ReadToken(); err != nil {
		return errForm
	}
	for d.PeekKind() != ']' {
		if len(a.refusals) == most {
			return errForm
		}
		r, err := readRefusal(d)
		if err != nil {
			return err
		}
		a.refusals = append(a.refusals, r)
	}
	_, err := d.ReadToken()
	return err
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

// eachMember reads an object. The function is called with each member's name, which is valid until it reads the value.
func eachMember(d *jsontext.Decoder, member func(name []byte) error) error {
	if token, err := d.ReadToken(); err != nil || token.Kind() != '{' {
		return errForm
	}
	for d.PeekKind() != '}' {
		quoted, err := d.ReadValue()
		if err != nil || quoted.Kind() != '"' {
			return errForm
		}
		name := quoted[1 : len(quoted)-1]
		if bytes.IndexByte(name, '\\') >= 0 {
			if plain, err := jsontext.AppendUnquote(nil, quoted); err == nil {
				name = plain
			}
		}
		if err := member(name); err != nil {
			return errForm
		}
	}
	_, err := d.ReadToken()
	return err
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
		rest := bytes.TrimLeft(lower[at+len(phrase):], " \t\r\n")
		if digits, ok := bytes.CutPrefix(rest, []byte(":")); ok {
			digits = bytes.TrimLeft(digits, " \t\r\n")
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
