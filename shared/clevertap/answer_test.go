package clevertap_test

import (
	"compress/gzip"
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
)

// Records that answers are about: two events of one webhook and its profile, and others.
const (
	reader   = `"identity":"reader-7731","ts":1793620800`
	started  = `{"type":"event",` + reader + `,"evtName":"STARTED","evtData":{"event_id":"e-1","plan":"gold"}}`
	charged  = `{"type":"event",` + reader + `,"evtName":"Charged","evtData":{"Amount":49.99,"event_id":"e-1"}}`
	profile  = `{"type":"profile",` + reader + `,"profileData":{"has_active_subscription":true}}`
	digits   = `{"type":"event","identity":"0042","ts":1,"evtName":"RENEWED","evtData":{"event_id":"77"}}`
	phone    = `{"type":"profile","identity":"+49301234567","ts":1,"profileData":{"plan":"gold"}}`
	device   = `{"type":"event","objectId":"__hA1","ts":1,"evtName":"RENEWED","evtData":{"event_id":"e-9"}}`
	stranger = `{"type":"event","identity":"nobody","ts":1,"evtName":"OTHER","evtData":{"event_id":"e-100"}}`
)

// numbered is an entry of unprocessed.
func numbered(code any, number any, echo any) string {
	const form = `{"status":"fail","code":%v,"error":"Some words.Skipped record number : %v","record":%s}`
	return fmt.Sprintf(form, code, number, echo)
}

// unnumbered is one without a number in its text.
func unnumbered(code int, echo string) string {
	return fmt.Sprintf(`{"status":"fail","code":%d,"error":"Some words","record":%s}`, code, echo)
}

// says513 is one without an echo.
func says513(text string) string { return `{"code":513,"error":"` + text + `"}` }

// partial is an answer with entries.
func partial(processed any, entries ...string) string {
	return fmt.Sprintf(`{"status":"partial","processed":%v,"unprocessed":[%s]}`, processed, strings.Join(entries, ","))
}

// gzipped compresses an answer.
func gzipped(text string) string {
	var b strings.Builder
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(text))
	_ = w.Close()
	return b.String()
}

// What an answer says about each record: "ok", "lost" if it does not account for it, or the code and, if that is not
// permanent, "later" or "unknown".
func inWords(results []string) string {
	return strings.NewReplacer("accepted", "ok", "uncertain", "lost", "permanent ", "", "transient", "later",
		"unlisted", "unknown").Replace(strings.Join(results, ", "))
}

func TestAnswer(t *testing.T) {
	t.Parallel()
	const (
		ok, lost             = "ok, ok, ok", "lost, lost, lost"
		first, second, third = "513, ok, ok", "ok, 513, ok", "ok, ok, 513"
		firstOnly            = "513, lost, lost"
	)
	p, e, u := partial, numbered, unnumbered
	all := p(0, e(513, 1, started), e(599, 2, charged), e(555, 3, profile))
	for name, test := range map[string]struct{ answer, want string }{ // to an upload of started, charged and profile
		"all accepted":                        {`{"status":"success","processed":3,"unprocessed":[]}`, ok},
		"all accepted, without a list":        {`{"status":"success","processed":3}`, ok},
		"all accepted, with a null":           {`{"status":"success","processed":3,"unprocessed":null}`, ok},
		"a number in a string":                {` { "processed" : "3" , "status" : "success" } `, ok},
		"the first is refused":                {p(2, e(513, 1, started)), first},
		"the middle one is refused":           {p(2, e(513, 2, charged)), second},
		"the last is refused":                 {p(2, e(513, 3, profile)), third},
		"two are, in another order":           {p(1, e(555, 3, profile), e(513, 1, started)), "513, ok, later 555"},
		"all are refused":                     {all, "513, unknown 599, later 555"},
		"refused under whatever status":       {strings.Replace(p(2, e(513, 1, started)), "partial", "success", 1), first},
		"members that nobody knows":           {`{"x":{"status":"fail"},"status":"success","processed":3,"y":[]}`, ok},
		"a member twice: the last one counts": {`{"status":"fail","status":"success","processed":1,"processed":3}`, ok},

		"success without a count":            {`{"status":"success"}`, ok},
		"success in capitals, likewise":      {`{"status":" SUCCESS ","processed":null,"unprocessed":[]}`, ok},
		"partial that counts all":            {`{"status":"partial","processed":3}`, ok},
		"a count of all and no status":       {`{"processed":3}`, ok},
		"behind a byte order mark":           {"\ufeff" + `{"status":"success","processed":3}`, ok},
		"compressed":                         {gzipped(`{"status":"success","processed":3}`), ok},
		"compressed, with a byte order mark": {gzipped("\ufeff" + p(2, e(513, 2, charged))), second},

		"too few processed":           {`{"status":"success","processed":2,"unprocessed":[]}`, lost},
		"too many processed":          {`{"status":"success","processed":4,"unprocessed":[]}`, lost},
		"failure that counts too few": {`{"status":"fail","processed":2,"unprocessed":[]}`, lost},
		"success with a word":         {`{"status":"success","processed":"all"}`, lost},
		"partial without a count":     {`{"status":"partial"}`, lost},
		"nothing at all":              {`{}`, lost},
		"failure with an empty list":  {`{"status":"fail","processed":0,"unprocessed":[]}`, lost},
		"an entry, and too few":       {p(1, e(513, 1, started)), firstOnly},
		"an entry, and too many":      {p(3, e(513, 1, started)), firstOnly},
		"an entry, and no count":      {`{"status":"partial","unprocessed":[` + e(513, 1, started) + `]}`, firstOnly},

		"a number before the first":    {p(2, e(513, 0, started)), lost},
		"a number behind the last":     {p(2, e(513, 4, started)), lost},
		"a number beyond all":          {p(2, e(513, "99999999999999999999", started)), lost},
		"one of two is unknown":        {p(1, e(513, 1, started), e(513, 9, charged)), firstOnly},
		"another's number":             {p(2, e(513, 1, profile)), lost},
		"another's, by the name":       {p(2, e(513, 1, charged)), lost},
		"another event_id":             {p(2, e(513, 1, stranger)), lost},
		"an echo that fits nobody":     {p(2, e(513, 1, `{"type":"event","identity":"someone"}`)), first},
		"an echo that is no object":    {p(2, e(513, 2, `1`)), second},
		"an echo in capitals":          {p(2, e(513, 1, `{"type":"EVENT","identity":"READER-7731"}`)), first},
		"an echo of other kinds":       {p(2, e(513, 1, `{"type":null,"identity":{},"evtName":[],"evtData":"x"}`)), first},
		"what is not UTF-8 in an echo": {p(2, e(513, 1, "{\"identity\":\"reader-7731\",\"x\":\"\xff\"}")), first},
		"no echo":                      {p(2, says513(`Skipped record number : 2`)), second},
		"a number in capitals, tight":  {p(2, says513(`x.SKIPPED RECORD NUMBER:2.`)), second},
		"the last number counts":       {p(2, says513(`Skipped record number : 1. Skipped record number : 3`)), third},

		"no number, one fits":         {p(2, u(513, charged)), second},
		"no number, the profile fits": {p(2, u(513, profile)), third},
		"no number, nobody fits":      {p(2, u(513, stranger)), lost},
		"no number, two fit":          {p(2, u(513, `{"type":"event","identity":"reader-7731"}`)), lost},
		"no number and no echo":       {p(2, `{"code":513}`), lost},
		"a phrase without a number":   {p(2, says513(`Skipped record number : none`)), lost},
		"an entry that is no object":  {p(2, `"513"`), lost},

		"two entries for one: the worse counts": {p(2, e(555, 1, started), e(513, 1, started)), first},
		"a code as a string":                    {p(2, e(`" 513 "`, 1, started)), first},
		"a code in the text only":               {p(2, `{"error":"ErrorCode: 513 - so. Skipped record number : 1"}`), first},
		"no code":                               {p(2, `{"error":"Skipped record number : 1"}`), "later 0, ok, ok"},
		"a code that is null":                   {p(2, e(`null`, 1, started)), "later 0, ok, ok"},
		"a code that is too large for one":      {p(2, e(513513, 1, started)), "later 0, ok, ok"},
	} {
		checkAnswer(t, name, test.answer, test.want, started, charged, profile)
	}
	with := func(more ...string) []string { return append([]string{started}, more...) }
	digitsEcho := `{"evtData":{"event_id":77},"ts":"1","identity":42,"type":"event","evtName":"RENEWED"}`
	for name, test := range map[string]struct {
		answer, want string
		records      []string
	}{
		"digits as a number":             {p(1, e(522, 2, digitsEcho)), "ok, 522", with(digits)},
		"a phone without its plus":       {p(1, e(516, 2, `{"identity":49301234567}`)), "ok, 516", with(phone)},
		"a CleverTap ID":                 {p(1, u(526, device)), "ok, 526", with(device)},
		"equal records with numbers":     {p(1, e(513, 2, started)), "ok, 513", with(started)},
		"equal records without numbers":  {p(1, u(513, started)), "lost, lost", with(started)},
		"one record needs no number":     {p(0, `{"code":513}`), "513", with()},
		"one record, and no count":       {`{"unprocessed":[` + e(513, 1, started) + `]}`, "513", with()},
		"one record, and another's echo": {p(0, u(513, stranger)), "lost", with()},
		"one record, another number":     {p(0, e(513, 2, started)), "lost", with()},
		"an unreadable record":           {p(1, u(513, started)), "513, ok", with(`{"type":`)},
	} {
		checkAnswer(t, name, test.answer, test.want, test.records...)
	}
}

func checkAnswer(t *testing.T, name, answer, want string, records ...string) {
	t.Helper()
	for _, r := range []io.Reader{strings.NewReader(answer), iotest.OneByteReader(strings.NewReader(answer))} {
		results, status, err := clevertap.Answer(r, asBytes(records))
		if got := inWords(results); err != nil || status != 200 || got != want {
			t.Errorf("%s: %s, status %d, error %v, want %s", name, got, status, err, want)
		}
	}
}

func asBytes(texts []string) (list [][]byte) {
	for _, text := range texts {
		list = append(list, []byte(text))
	}
	return list
}

func TestAnswerUnreadable(t *testing.T) {
	t.Parallel()
	for cause, answers := range map[string]map[string]string{
		"ends too early": {
			"nothing":                ``,
			"a byte order mark":      "\ufeff",
			"compressed and cut off": gzipped(`{"status":"success","processed":1}`)[:30],
			"the beginning of gzip":  "\x1f\x8b",
			"cut off":                `{"status":"success","processed":1`,
			"cut off in an entry":    `{"status":"partial","processed":0,"unprocessed":[{"code":513`,
		},
		"not of CleverTap's form": {
			"HTML":                          `<html><body>bad gateway</body></html>`,
			"two byte order marks":          "\ufeff\ufeff" + `{"status":"success","processed":1}`,
			"compressed and damaged":        gzipped(`{"status":"success","processed":1}`)[:40] + "success!",
			"compressed twice":              gzipped(gzipped(`{"status":"success","processed":1}`)),
			"an array":                      `[{"status":"success","processed":1}]`,
			"something behind it":           `{"status":"success","processed":1}{}`,
			"a list that is an object":      `{"status":"success","processed":1,"unprocessed":{}}`,
			"a comma too many":              `{"status":"success","processed":1,}`,
			"far more entries than records": partial(0, strings.Repeat(`{},`, 5000)+`{}`),
		},
	} {
		for name, answer := range answers {
			results, status, err := clevertap.Answer(strings.NewReader(answer), asBytes([]string{started}))
			if fmt.Sprint(err) != cause {
				t.Errorf("%s: status %d, results %v, error %v, want that it %s", name, status, results, err, cause)
			}
		}
	}
}

func TestAnswerStatus(t *testing.T) {
	t.Parallel()
	for answer, want := range map[string]int{
		`{"status":"fail","error":"credentials refused","code":401}`:                   401,
		`{ "status" : "fail" , "code" : "403" , "unprocessed" : [] }`:                  403,
		`{"status":"fail","code":400}`:                                                 200, // says nothing
		`{"status":"success","processed":1,"code":401}`:                                200, // a success is a success
		`{"code":401,"processed":0,"unprocessed":[` + numbered(513, 1, started) + `]}`: 200, // entries say more
	} {
		_, got, err := clevertap.Answer(strings.NewReader(answer), asBytes([]string{started}))
		if got != want || err != nil {
			t.Errorf("%s: status %d, %v, want %d", answer, got, err, want)
		}
	}
}

// saysEnough are the words without which no answer accepts a record; they may be escaped.
var saysEnough = regexp.MustCompile(`(?i)success|processed|\\u`)

func FuzzAnswer(f *testing.F) {
	for _, seed := range []string{
		`{"status":"success","processed":3,"unprocessed":[]}`,
		partial(2, numbered(513, 1, started)),
		partial("2", unnumbered(555, charged)),
		partial(0, numbered(513, 0, profile), numbered(555, 9, stranger), `7`),
		`{"status":"fail","code":"401"}`,
		`<html>`, ``, `{`,
	} {
		f.Add(seed, uint8(3))
	}
	f.Fuzz(func(t *testing.T, answer string, n uint8) {
		var records []string
		for i := range int(n) {
			records = append(records, []string{started, charged, profile, digits, answer}[i%5])
		}
		results, status, err := clevertap.Answer(strings.NewReader(answer), asBytes(records))
		if err != nil {
			return
		}
		if len(results) != len(records) || status != 200 && status != 401 && status != 403 {
			t.Fatalf("status %d, %d results for %d records", status, len(results), len(records))
		}
		for _, r := range results {
			if r == "accepted" && !saysEnough.MatchString(answer) {
				t.Fatal("accepted by an answer that neither succeeds nor says how many were processed")
			}
			if len(r) > len("transient 99999") {
				t.Fatalf("result %s", r)
			}
		}
	})
}
