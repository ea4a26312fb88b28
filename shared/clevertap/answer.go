package clevertap

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/network"
)

const (
	maxAnswer  = 16<<20 + 64<<10 // of which more is not read; a total failure echoes every record
	maxEntries = 3 * MaxRecords  // unprocessed entries that are read, far more than any upload has records
)

// answer is the body of CleverTap's answer to an upload.
type answer struct {
	Status      scalar                     `json:"status"`
	Processed   scalar                     `json:"processed"`
	Code        scalar                     `json:"code"`
	Unprocessed []object[unprocessedEntry] `json:"unprocessed"`
}

// unprocessedEntry is an element of unprocessed.
type unprocessedEntry struct {
	Code   scalar            `json:"code"`
	Error  scalar            `json:"error"`
	Record object[recordKey] `json:"record"` // as CleverTap echoes it, perhaps changed
}

// recordKey is what tells records apart: read from a record itself, or from CleverTap's echo of it.
type recordKey struct {
	Type     scalar `json:"type"`
	Identity scalar `json:"identity"`
	ObjectID scalar `json:"objectId"`
	Event    scalar `json:"evtName"`
	Data     object[struct {
		EventID scalar `json:"event_id"`
	}] `json:"evtData"`
}

// What is wrong with an answer. The texts are fixed, because a decoder's own words quote what it read.
var (
	errForm     = errors.New("not of CleverTap's form")
	errTooLarge = fmt.Errorf("larger than %d MiB", maxAnswer>>20)
	errCutOff   = errors.New("ends too early")
)

// lenient is how answers are read: what a proxy or a careless encoder does to them is no reason to doubt them.
var lenient = json.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))

// readAnswer reads an answer and makes sure that nothing else is in its body. It keeps no echoes, so that a failure
// which echoes every record takes hardly more memory than a success.
func readAnswer(body io.Reader) (*answer, error) {
	a := new(answer)
	limited := &io.LimitedReader{N: maxAnswer + 1}
	var err error
	if limited.R, err = decompress(io.LimitReader(body, maxAnswer+1)); err == nil {
		err = readAlone(limited, a)
	}
	_, syntax := errors.AsType[*jsontext.SyntacticError](err)
	_, semantic := errors.AsType[*json.SemanticError](err)
	switch {
	case limited.N == 0:
		return nil, errTooLarge
	case err == nil:
		return a, nil
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return nil, errCutOff
	case syntax, semantic, errors.Is(err, errForm), errors.Is(err, gzip.ErrHeader), errors.Is(err, gzip.ErrChecksum):
		return nil, errForm
	}
	return nil, network.Cause(err)
}

// readAlone reads an answer that is the only value of a text. Once it is complete, a connection that breaks or stalls
// before its end takes nothing back.
func readAlone(text io.Reader, a *answer) error {
	d := jsontext.NewDecoder(text, lenient)
	if err := json.UnmarshalDecode(d, a); err != nil {
		return err
	}
	_, err := d.ReadToken()
	if _, syntax := errors.AsType[*jsontext.SyntacticError](err); err == nil || syntax {
		return errForm
	}
	return nil
}

// decompress returns the text of a body: without gzip, which nobody asked for, and without a byte order mark. What the
// body begins with counts and not its headers, for a proxy may have changed one and not the other.
func decompress(body io.Reader) (io.Reader, error) {
	text := bufio.NewReader(body)
	if begin, _ := text.Peek(2); string(begin) == "\x1f\x8b" {
		inflated, err := gzip.NewReader(text)
		if err != nil {
			return nil, err
		}
		text = bufio.NewReader(inflated)
	}
	if begin, _ := text.Peek(3); string(begin) == "\ufeff" {
		_, _ = text.Discard(3)
	}
	return text, nil
}

// status returns the HTTP status that an answer with 200 stands for: credentials can be refused that way too.
func (a *answer) status() int {
	code := a.Code.code()
	if !a.success() && len(a.Unprocessed) == 0 && (code == http.StatusUnauthorized || code == http.StatusForbidden) {
		return code
	}
	return http.StatusOK
}

func (a *answer) success() bool {
	return strings.EqualFold(strings.TrimSpace(a.Status.text), "success")
}

// result is what an answer says about one record.
type result struct {
	class class
	code  int // of a refused record; 0 if there is none
}

// fault is the outcome of a record that was refused, if nothing more can be done.
func (r result) fault() *fault.Fault {
	if r.class == permanent {
		return codeFault(r.code, fault.Reject)
	}
	return codeFault(r.code, fault.Retry)
}

// results returns one result for each record of the upload, and the outcome of those that are uncertain. A record is
// accepted only if the answer accounts for it: either the answer reports success, refuses none and counts none; or the
// refused records, each found for certain, and the processed ones make up all, whatever the status says. Otherwise the
// refused ones that were found are refused, and the others uncertain.
func (a *answer) results(records []*pending) (results []result, unmatched *fault.Fault) {
	results = make([]result, len(records))
	m := matcher{records: records}
	refused, complete := 0, true
	for i := range a.Unprocessed {
		e := &a.Unprocessed[i].value
		at := m.find(e)
		if at < 0 {
			complete = false
			continue
		}
		r := &results[at]
		if r.class == accepted {
			refused++
		}
		if code := e.code(); classify(code) > r.class {
			*r = result{classify(code), code}
		}
	}
	uncounted := a.success() && len(a.Unprocessed) == 0 && a.Processed.text == ""
	if uncounted || complete && a.Processed.integer() == len(records)-refused {
		return results, nil
	}
	for i := range results {
		if results[i].class == accepted {
			results[i].class = uncertain
		}
	}
	return results, a.unmatched(len(records), refused)
}

// unmatched is the outcome of the records for which the answer does not account.
func (a *answer) unmatched(sent, found int) *fault.Fault {
	processed := "not given"
	if n := a.Processed.integer(); n >= 0 {
		processed = strconv.Itoa(n)
	}
	return fault.New(fault.Retry, fault.Unmatched, fmt.Errorf(
		"upload: answer does not account for the record: success %t, sent %d, processed %s, unprocessed %d, "+
			"of these found %d",
		a.success(), sent, processed, len(a.Unprocessed), found))
}

// matcher finds the record that an unprocessed entry is about. It reads the records only when it has to.
type matcher struct {
	records []*pending
	keys    []*recordKey
}

// find returns the index of an entry's record, or -1 if it is not certain. The number in the entry's text counts,
// unless the echo clearly shows another record: by another event_id, or by fitting one of the others. An echo that
// fits none was changed on its way, and decides nothing. Without a number, the echo has to fit exactly one record.
func (m *matcher) find(e *unprocessedEntry) int {
	echo := &e.Record.value
	number := digitsAfter(e.Error.text, "skipped record number").integer()
	switch {
	case number < 0 && len(m.records) != 1:
		if i, count := m.fitting(echo); count == 1 {
			return i
		}
		return -1
	case number < 0:
		number = 1 // there is no other
	case number == 0, number > len(m.records):
		return -1
	}
	if key := m.key(number - 1); echo.contradicts(key) {
		if _, count := m.fitting(echo); count > 0 || echo.eventID().differs(key.eventID()) {
			return -1
		}
	}
	return number - 1
}

// fitting returns the last record that an echo fits, and how many there are.
func (m *matcher) fitting(echo *recordKey) (last, count int) {
	for i := range m.records {
		if echo.fits(m.key(i)) {
			last, count = i, count+1
		}
	}
	return last, count
}

// key returns the key of a record; an empty one, which fits nothing, if the record cannot be read.
func (m *matcher) key(i int) *recordKey {
	if m.keys == nil {
		m.keys = make([]*recordKey, len(m.records))
	}
	if m.keys[i] == nil {
		m.keys[i] = new(recordKey)
		if err := json.Unmarshal(m.records[i].JSON, m.keys[i], lenient); err != nil {
			*m.keys[i] = recordKey{}
		}
	}
	return m.keys[i]
}

func (k *recordKey) eventID() *scalar { return &k.Data.value.EventID }

// contradicts reports whether an echo differs from a record in what should be the same.
func (k *recordKey) contradicts(record *recordKey) bool {
	return k.eventID().differs(record.eventID()) || k.Event.differs(&record.Event) ||
		k.Identity.differs(&record.Identity) || k.ObjectID.differs(&record.ObjectID) || k.Type.differs(&record.Type)
}

// fits reports whether an echo can be of a record: nothing differs, and they share an id of the event or the user.
func (k *recordKey) fits(record *recordKey) bool {
	return !k.contradicts(record) && (k.eventID().known(record.eventID()) ||
		k.Identity.known(&record.Identity) || k.ObjectID.known(&record.ObjectID))
}

// code returns an entry's code, from its text if it has none of its own; 0 if there is none at all.
func (e *unprocessedEntry) code() int {
	if code := e.Code.code(); code != 0 {
		return code
	}
	return digitsAfter(e.Error.text, "errorcode").code()
}

// digitsAfter returns the digits behind the last occurrence of a phrase and a colon, in whatever letter case. The
// last one counts because the text may quote the record, and CleverTap's own words end it.
func digitsAfter(text, phrase string) *scalar {
	const blanks = " \t\r\n"
	text = strings.ToLower(text)
	at := strings.LastIndex(text, phrase)
	if at < 0 {
		return &scalar{}
	}
	text, colon := strings.CutPrefix(strings.TrimLeft(text[at+len(phrase):], blanks), ":")
	if !colon {
		return &scalar{}
	}
	text = strings.TrimLeft(text, blanks)
	return &scalar{text: text[:len(text)-len(strings.TrimLeft(text, "0123456789"))]}
}

// object is a JSON object that is read as a T. Any other value is skipped and leaves T empty. Objects in a list are
// bounded, for the shortest takes far more memory than space in the answer.
type object[T any] struct{ value T }

func (o *object[T]) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	if _, before := d.StackIndex(d.StackDepth()); before > maxEntries {
		return errForm
	}
	if d.PeekKind() != '{' {
		return d.SkipValue()
	}
	return json.UnmarshalDecode(d, &o.value)
}

// scalar is a string or a number, for CleverTap returns either as the other. It is empty if the value is absent or
// neither.
type scalar struct {
	text   string
	number bool
}

func (s *scalar) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	*s = scalar{}
	kind := d.PeekKind()
	if kind != '"' && kind != '0' {
		return d.SkipValue()
	}
	token, err := d.ReadToken()
	if err == nil {
		*s = scalar{token.String(), kind == '0'}
	}
	return err
}

// integer returns the whole number that a scalar is or holds, cut to 32 bits; -1 if there is none or it is negative.
func (s *scalar) integer() int {
	n, err := strconv.ParseFloat(strings.TrimSpace(s.text), 64)
	if err != nil || n < 0 || n != math.Trunc(n) {
		return -1
	}
	return int(min(n, math.MaxInt32))
}

// code returns the code that a scalar is or holds, 0 if it can be none.
func (s *scalar) code() int {
	if n := s.integer(); n > 0 && n <= maxCode {
		return n
	}
	return 0
}

func (s *scalar) known(other *scalar) bool { return s.text != "" && other.text != "" }

// differs reports whether two scalars cannot be the same. Letter case means nothing in an echo, nor does the kind:
// "42" is 42, and a phone number comes back without its plus. What is missing does not differ.
func (s *scalar) differs(other *scalar) bool {
	if !s.known(other) || strings.EqualFold(s.text, other.text) {
		return false
	}
	if !s.number && !other.number {
		return true
	}
	x, errX := strconv.ParseFloat(strings.TrimSpace(s.text), 64)
	y, errY := strconv.ParseFloat(strings.TrimSpace(other.text), 64)
	return errX != nil || errY != nil || x != y
}
