package clevertaptest

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// bareFail is a failure without any account of the records.
const bareFail = `{"status":"fail","error":"something went wrong"}`

// answer is what CleverTap says about an upload that it could read.
type answer struct {
	Status      string             `json:"status"`
	Processed   *int               `json:"processed,omitzero"`
	Unprocessed []unprocessedEntry `json:"unprocessed"`
}

// unprocessedEntry is one of the unprocessed records.
type unprocessedEntry struct {
	Status string         `json:"status"`
	Code   jsontext.Value `json:"code,omitzero"`
	Error  string         `json:"error"`
	Record jsontext.Value `json:"record,omitzero"`
}

// answer writes the answer to an upload, perhaps spoilt by a fault.
func (e *exchange) answer(records []*record) string {
	f := e.use(nil, NoIndex, NoEcho, NoCode, WrongIndex, BadCount, NoCount, BareFail, EmptyFail)
	if f == nil {
		f = &activeFault{}
	}
	refused := slices.DeleteFunc(slices.Clone(records), func(r *record) bool { return r.answered == 0 })
	processed := len(records) - len(refused)
	a := answer{"partial", &processed, []unprocessedEntry{}}
	switch {
	case len(refused) == 0:
		a.Status = "success"
	case processed == 0:
		a.Status = "fail"
	}
	e.chance.Shuffle(len(refused), func(i, k int) { refused[i], refused[k] = refused[k], refused[i] })
	for _, r := range refused {
		a.Unprocessed = append(a.Unprocessed, e.entry(f, r, len(records)))
	}
	switch f.Kind {
	case BareFail:
		return bareFail
	case EmptyFail:
		processed, a = 0, answer{"fail", &processed, []unprocessedEntry{}}
	case NoCount:
		a.Processed = nil
	case BadCount:
		by := cmp.Or(f.By, 1-2*e.chance.IntN(2))
		if processed+by < 0 {
			by = -by
		}
		processed += by
	}
	text, _ := json.Marshal(a) // all of it is valid
	return string(text)
}

// entry is one record's refusal. Its code is a number or a string, and its text does or does not repeat the code.
func (e *exchange) entry(f *activeFault, r *record, sent int) unprocessedEntry {
	code := strconv.Itoa(r.answered)
	entry := unprocessedEntry{"fail", jsontext.Value(code), "It was not accepted", e.echo(r.value)}
	if e.chance.IntN(2) == 0 {
		entry.Code = jsontext.Value(`"` + code + `"`)
	}
	if e.chance.IntN(3) == 0 {
		entry.Error += ". ErrorCode: " + code + " - see the manual"
	}
	number := r.position
	switch f.Kind {
	case NoEcho:
		entry.Record = nil
	case NoCode:
		entry.Code = nil
	case NoIndex:
		entry.Error += "."
		return entry
	case WrongIndex:
		wrong := map[string]int{"zero": 0, "beyond": sent + 1, "other": r.position%sent + 1}
		if sent == 1 {
			wrong["other"] = 2
		}
		number = wrong[cmp.Or(f.Index, []string{"zero", "beyond", "other"}[e.chance.IntN(3)])]
	}
	entry.Error += []string{".", ". ", ".."}[e.chance.IntN(3)] + "Skipped record number : " + strconv.Itoa(number)
	return entry
}

var (
	digits = regexp.MustCompile(`^(0|[1-9][0-9]{0,14})$`) // what comes back exact from floating point
	phone  = regexp.MustCompile(`^\+[1-9][0-9]{7,14}$`)
)

// echo writes a refused record as CleverTap returns it: keys in another order, a phone and an identity of digits as
// numbers, and numbers now and then as strings.
func (e *exchange) echo(v *value) jsontext.Value {
	quoteNumbers := e.chance.IntN(2) == 0
	var object func(v *value, top bool) []byte
	object = func(v *value, top bool) []byte {
		b := []byte{'{'}
		for i, m := range slices.Backward(v.members) {
			b, _ = jsontext.AppendQuote(b, m.key)
			b = append(b, ':')
			switch {
			case top && m.kind == '{':
				b = append(b, object(&m, false)...)
			case top && m.key == "identity" && digits.MatchString(m.text):
				b = append(b, m.text...)
			case !top && m.key == "Phone" && phone.MatchString(m.text):
				b = append(b, m.text[1:]...)
			case m.kind == '0' && quoteNumbers:
				b = append(append(append(b, '"'), m.raw...), '"')
			default:
				b = append(b, m.raw...)
			}
			if i > 0 {
				b = append(b, ',')
			}
		}
		return append(b, '}')
	}
	if v.kind != '{' {
		return v.raw
	}
	return object(v, true)
}
