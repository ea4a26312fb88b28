package clevertaptest

import (
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// entry is one record that the answer calls unprocessed.
type entry struct {
	position int
	code     int
	record   *node
}

// answer is what CleverTap says about an upload that it could read.
type answer struct {
	visit   *visit
	sent    int
	entries []entry
	fault   *rule // of the answer stage, or nil
}

// bareFail is a failure without any account of the records.
const bareFail = `{"status":"fail","error":"something went wrong"}`

func (a *answer) has(kind Kind) bool { return a.fault != nil && a.fault.Kind == kind }

// body writes the answer, its entries in shuffled order.
func (a *answer) body() []byte {
	if a.has(BareFail) {
		return []byte(bareFail)
	}
	processed := a.sent - len(a.entries)
	status := "partial"
	switch {
	case len(a.entries) == 0:
		status = "success"
	case processed == 0:
		status = "fail"
	}
	if a.has(EmptyFail) {
		status, processed, a.entries = "fail", 0, nil
	}
	b := append([]byte(`{"status":"`), status...)
	b = append(b, '"')
	if !a.has(NoCount) {
		b = append(b, `,"processed":`...)
		b = strconv.AppendInt(b, int64(processed+a.miscount(processed)), 10)
	}
	b = append(b, `,"unprocessed":[`...)
	chance := a.visit.chance
	chance.Shuffle(len(a.entries), func(i, k int) { a.entries[i], a.entries[k] = a.entries[k], a.entries[i] })
	for i := range a.entries {
		if i > 0 {
			b = append(b, ',')
		}
		b = a.entry(b, a.entries[i])
	}
	return append(b, "]}"...)
}

// miscount gives by how much the count is to be wrong. It never makes it negative.
func (a *answer) miscount(processed int) int {
	if !a.has(BadCount) {
		return 0
	}
	by := a.fault.By
	if by == 0 {
		by = 1 - 2*a.visit.chance.IntN(2)
	}
	if processed+by < 0 {
		return -by
	}
	return by
}

// entry writes one record's refusal, with the code by turns as a number and as a string.
func (a *answer) entry(b []byte, e entry) []byte {
	b = append(b, `{"status":"fail",`...)
	code := strconv.Itoa(e.code)
	if !a.has(NoCode) {
		if next(&a.visit.server.turns.code, 2) == 1 {
			code = `"` + code + `"`
		}
		b = append(append(append(b, `"code":`...), code...), ',')
	}
	b = append(b, `"error":`...)
	b, _ = jsontext.AppendQuote(b, a.text(e)) // Only invalid UTF-8 could fail, and the words are ours.
	if !a.has(NoEcho) {
		b = append(b, `,"record":`...)
		b = echo(b, e.record, a.visit.chance)
	}
	return append(b, '}')
}

// text words an entry: what is wrong, now and then with the code, and run into it the record's number.
func (a *answer) text(e entry) string {
	turns := &a.visit.server.turns
	text := wordsOf(e.code)
	if next(&turns.mark, 3) == 2 {
		text += ". ErrorCode: " + strconv.Itoa(e.code) + " - see the manual"
	}
	if a.has(NoIndex) {
		return text + "."
	}
	ends := [...]string{".", ". ", ".."}
	return text + ends[next(&turns.text, uint64(len(ends)))] + "Skipped record number : " + strconv.Itoa(a.number(e.position))
}

// number gives the number that the text names, wrong if a fault wants it so.
func (a *answer) number(position int) int {
	if !a.has(WrongIndex) {
		return position
	}
	index := a.fault.Index
	if index == "" {
		index = [...]string{"zero", "beyond", "other"}[a.visit.chance.IntN(3)]
	}
	switch {
	case index == "zero":
		return 0
	case index == "beyond" || a.sent == 1:
		return a.sent + 1
	default:
		return position%a.sent + 1
	}
}

// words say what a code means, in our own way.
var words = map[int]string{
	509: "The event has no name", 512: "The structure of the record is not right", 513: "This event belongs to the system",
	514: "Gender cannot be used", 515: "Email cannot be used", 516: "Phone cannot be used", 517: "Employed cannot be used",
	518: "Education cannot be used", 519: "Married cannot be used", 520: "Age cannot be used", 522: "There are too many properties",
	523: "No identity was given", 524: "The type is unknown", 525: "The time is not in seconds", 526: "The objectId cannot be used",
	528: "This event was discarded", 530: "The objectId cannot be used", 531: "There is no token data", 532: "The token has no id",
	533: "The token has no type", 534: "The token's type is unknown", 535: "The token data is not right", 555: "Something went wrong here",
}

func wordsOf(code int) string {
	if text := words[code]; text != "" {
		return text
	}
	return "The record was not taken"
}
