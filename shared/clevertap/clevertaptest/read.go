package clevertaptest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// The paths that tell what an account has.
const (
	trendsPath  = "/1/counts/trends.json" // how often an event happened, or the sum of a property, by day
	rowsPath    = "/1/events.json"        // the events themselves, page by page
	profilePath = "/1/profile.json"       // one user
)

// maxPage is the most events of a page (page get-events-api, November 2026).
const maxPage = 5000

// storedEvent is an event that the account has.
type storedEvent struct {
	profile      *Profile
	name, folded string
	at           time.Time
	data         []byte // evtData as it was sent
}

func (a *account) addEvent(r *record, profile *Profile) {
	if r.typ != "event" {
		return
	}
	at := time.Now() // the server's clock counts where there is no ts
	if ts := r.find("ts"); ts != nil {
		seconds, _ := strconv.ParseInt(string(ts.raw), 10, 64)
		at = time.Unix(seconds, 0)
	}
	a.events = append(a.events, storedEvent{profile, r.name, fold(r.name), at, bytes.Clone(r.data.raw)})
}

// dayOf is the day of a time in its zone, as 20261128.
func dayOf(t time.Time) int {
	year, month, day := t.Date()
	return year*10000 + int(month)*100 + day
}

// question is what is asked about an event.
type question struct {
	Name   string `json:"event_name"`
	From   int    `json:"from"`   // a day
	To     int    `json:"to"`     // the last day
	Unique bool   `json:"unique"` // nobody asks for that
	Sum    string `json:"sum_event_prop"`
	Groups map[string]struct {
		Type string `json:"trend_type"`
	} `json:"groups"`
}

// later is an answer that is not ready yet.
type later struct {
	answer string
	asks   int // that it takes until it is
}

// cursor is a position in the events that were asked for.
type cursor struct {
	events []storedEvent
	size   int // of a page
}

// read answers what the account has.
func (e *exchange) read(body []byte) *reply {
	if f := e.frontFault(len(body)); f != nil {
		return e.pause(f.reply())
	}
	query, err := url.ParseQuery(e.kept.Query)
	if err != nil {
		return malformed()
	}
	answer := ""
	switch {
	case e.kept.Path == profilePath:
		answer = e.profile(query)
	case e.http.Method == http.MethodPost:
		answer = e.ask(body, query)
	case e.kept.Path == rowsPath:
		answer = e.nextPage(query.Get("cursor"))
	default:
		answer = e.fetch(query.Get("req_id"))
	}
	if answer == "" {
		return malformed()
	}
	return e.spoil(jsonReply(http.StatusOK, answer))
}

// ask takes a question. Counting answers most of the time that it takes longer, and under which id to ask again.
func (e *exchange) ask(body []byte, query url.Values) string {
	var q question
	err := json.Unmarshal(body, &q, json.RejectUnknownMembers(true))
	if err != nil || q.Name == "" || !isDay(q.From) || !isDay(q.To) || q.From > q.To || q.Unique {
		return ""
	}
	known := slices.ContainsFunc(e.account.events, func(r storedEvent) bool { return r.folded == fold(q.Name) })
	switch {
	case !known && e.chance.IntN(2) == 0: // nobody knows whether that is a count of zero
		return `{"status":"fail","error":"no such event"}`
	case e.kept.Path == rowsPath:
		return e.newCursor(q, query)
	}
	answer := e.trends(q)
	if answer == "" || e.chance.IntN(4) == 0 {
		return answer
	}
	id := strconv.FormatUint(e.chance.Uint64()>>12, 10)
	e.account.answers[id] = &later{answer, e.chance.IntN(3)}
	return e.partial(id)
}

// partial is the answer that there is none yet. The id is a number or a text.
func (e *exchange) partial(id string) string {
	if e.chance.IntN(2) == 0 {
		id = `"` + id + `"`
	}
	return `{"status":"partial","req_id":` + id + `}`
}

// fetch answers a question that was asked before.
func (e *exchange) fetch(id string) string {
	l := e.account.answers[id]
	switch {
	case l == nil:
		return ""
	case l.asks > 0:
		l.asks--
		return e.partial(id)
	}
	delete(e.account.answers, id)
	return l.answer
}

func isDay(day int) bool {
	_, err := time.Parse(dayForm, strconv.Itoa(day))
	return err == nil
}

// find returns the events that a question is about, in order of time.
func (e *exchange) find(q question) (found []storedEvent) {
	name := fold(q.Name)
	for _, r := range e.account.events {
		if day := dayOf(r.at.In(e.account.zone)); r.folded == name && q.From <= day && day <= q.To {
			found = append(found, r)
		}
	}
	slices.SortStableFunc(found, func(a, b storedEvent) int { return a.at.Compare(b.at) })
	return found
}

// trends counts by day, the only way that anybody asks for. A day on which nothing happened is missing or zero. Sums
// are of whole numbers: the vendor says that a property has to have them (page trends-api, November 2026).
func (e *exchange) trends(q question) string {
	if len(q.Groups) == 0 {
		return ""
	}
	answer := map[string]any{"status": "success"}
	for group, trend := range q.Groups {
		if trend.Type != "daily" {
			return ""
		}
		answer[group] = e.daily(q)
	}
	text, _ := json.Marshal(answer, json.Deterministic(true)) // all of it is valid
	return string(text)
}

const dayForm = "20060102"

func (e *exchange) daily(q question) map[int]int64 {
	values := map[int]int64{}
	if e.chance.IntN(2) == 0 {
		first, _ := time.Parse(dayForm, strconv.Itoa(q.From)) // it was checked
		last, _ := time.Parse(dayForm, strconv.Itoa(q.To))
		for day := first; !day.After(last); day = day.AddDate(0, 0, 1) {
			values[dayOf(day)] = 0
		}
	}
	for _, r := range e.find(q) {
		day := dayOf(r.at.In(e.account.zone))
		if q.Sum != "" {
			values[day] += int64(math.Trunc(number(r.data, q.Sum)))
		} else {
			values[day]++
		}
	}
	return values
}

// number is a property as a number, zero if it is none.
func number(data []byte, property string) float64 {
	properties, _ := parse(data) // they were accepted
	if p := properties.find(property); p != nil && p.kind == '0' {
		n, _ := strconv.ParseFloat(string(p.raw), 64)
		return n
	}
	return 0
}

// newCursor answers with a cursor to the events that were asked for.
func (e *exchange) newCursor(q question, query url.Values) string {
	size := 500
	if given := query.Get("batch_size"); given != "" {
		size, _ = strconv.Atoi(given)
	}
	if size < 1 || size > maxPage {
		return ""
	}
	return `{"status":"success","cursor":"` + e.remember(cursor{e.find(q), size}) + `"}`
}

func (e *exchange) remember(c cursor) string {
	text := "ZZ" + strconv.FormatUint(e.chance.Uint64(), 36)
	e.account.cursors[text] = c
	return text
}

// nextPage answers with the next events, which may be fewer than were asked for. There is a next cursor as long as
// there may be more.
func (e *exchange) nextPage(text string) string {
	c, ok := e.account.cursors[text]
	if !ok {
		return ""
	}
	n := min(c.size, len(c.events))
	if n > 1 && e.chance.IntN(4) == 0 {
		n--
	}
	answer := map[string]any{"status": "success"}
	records := make([]map[string]any, n)
	for i, r := range c.events[:n] {
		ts := any(r.at.In(e.account.zone).Format("20060102150405"))
		if e.chance.IntN(2) == 0 {
			ts = jsontext.Value(ts.(string))
		}
		records[i] = map[string]any{
			"profile": e.user(r.profile), "ts": ts, "event_props": withSource(r.data), "session_props": jsontext.Value("{}"),
		}
	}
	answer["records"] = records
	if n < len(c.events) {
		answer["next_cursor"] = e.remember(cursor{c.events[n:], c.size})
	}
	written, _ := json.Marshal(answer, json.Deterministic(true)) // all of it is valid
	return string(written)
}

// withSource adds the property by which CleverTap says where an event came from.
func withSource(data []byte) jsontext.Value {
	end := bytes.LastIndexByte(data, '}')
	comma := ","
	if len(bytes.TrimSpace(data[1:end])) == 0 {
		comma = ""
	}
	return slices.Concat(data[:end], []byte(comma+`"CT Source":"API"}`))
}

// user is how a user is named in answers: by an identity, which is a number if it looks like one, and by a CleverTap
// ID.
func (e *exchange) user(p *Profile) map[string]any {
	if p.Key == "objectId" {
		return map[string]any{"objectId": p.ID}
	}
	identity := any(p.ID)
	if digits.MatchString(p.ID) && e.chance.IntN(2) == 0 {
		identity = jsontext.Value(p.ID)
	}
	return map[string]any{strings.ToLower(p.Key): identity, "objectId": cleverTapID(p)}
}

// cleverTapID is the id that CleverTap gives a user that it makes.
func cleverTapID(p *Profile) string {
	sum := sha256.Sum256([]byte(p.Key + " " + p.ID))
	return "__" + hex.EncodeToString(sum[:10])
}

// profile answers with the user of an identity, or that there is none, of which two ways are known.
func (e *exchange) profile(query url.Values) string {
	id := query.Get("identity")
	if id == "" || len(query) != 1 {
		return ""
	}
	i := slices.IndexFunc(e.account.profiles, func(p *Profile) bool { return p.Key == "identity" && p.ID == id })
	if i < 0 {
		return []string{`{"status":"success"}`, `{"status":"fail","error":"no such profile"}`}[e.chance.IntN(2)]
	}
	p := e.account.profiles[i]
	type seen struct {
		Count int   `json:"count"`
		First int64 `json:"first_seen"`
		Last  int64 `json:"last_seen"`
	}
	events := map[string]*seen{}
	for _, r := range e.account.events {
		if r.profile != p {
			continue
		}
		s := events[r.name]
		if s == nil {
			s = &seen{First: r.at.Unix()}
			events[r.name] = s
		}
		s.Count++
		s.First, s.Last = min(s.First, r.at.Unix()), max(s.Last, r.at.Unix())
	}
	record := e.user(p)
	record["platformInfo"] = []map[string]any{{"platform": "Web", "objectId": record["objectId"]}}
	delete(record, "objectId")
	record["profileData"], record["events"] = maps.Clone(p.Data), events
	answer := map[string]any{"status": "success", "record": record}
	text, _ := json.Marshal(answer, json.Deterministic(true)) // all of it is valid
	return string(text)
}
