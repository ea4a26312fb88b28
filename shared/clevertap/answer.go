package clevertap

import (
	"bufio"
	"bytes"
	"errors"
	"io"
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

// errForm says that an answer is no answer. Its text is fixed: a decoder's own words quote what it read.
var errForm = errors.New("answer: not of CleverTap's form")

// blanks may stand anywhere between two tokens of JSON.
const blanks = " \t\r\n"

// answerBuffer is how much of an answer is read at once; nearly all are shorter.
const answerBuffer = 4 << 10

// lenient is how answers are read: what a proxy or a careless encoder does to them is no reason to doubt them.
var lenient = json.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))

// readAnswer reads an answer for an upload of so many records, to the end of its body. It does not keep what it reads: a
// failure that echoes every record takes hardly more memory than a success, and megabytes of blanks around it take none. An
// answer with far more refusals than records is none.
func readAnswer(body io.Reader, records int) (answer, error) {
	a := answer{processed: -1}
	r := bufio.NewReaderSize(body, answerBuffer)
	if err := skipBlanks(r); err != nil {
		return answer{}, errForm
	}
	d := jsontext.NewDecoder(r, lenient)
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
	if len(bytes.TrimLeft(d.UnreadBuffer(), blanks)) > 0 || !errors.Is(skipBlanks(r), io.EOF) {
		return answer{}, errForm
	}
	return a, nil
}

// skipBlanks reads up to what is no blank. The decoder would keep them all.
func skipBlanks(r *bufio.Reader) error {
	for {
		if _, err := r.Peek(1); err != nil {
			return err
		}
		buffered, _ := r.Peek(r.Buffered())
		rest := bytes.TrimLeft(buffered, blanks)
		_, _ = r.Discard(len(buffered) - len(rest))
		if len(rest) > 0 {
			return nil
		}
	}
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
