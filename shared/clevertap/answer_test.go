package clevertap_test

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
)

// Records that answers are about: two events of one webhook, its profile, and twins.
var (
	started  = []byte(`{"type":"event","identity":"reader-7731","ts":1793620800,"evtName":"SUBSCRIPTION_STARTED","evtData":{"event_id":"e-1","plan":"gold"}}`)
	charged  = []byte(`{"type":"event","identity":"reader-7731","ts":1793620800,"evtName":"Charged","evtData":{"Amount":49.99,"event_id":"e-1"}}`)
	profile  = []byte(`{"type":"profile","identity":"reader-7731","ts":1793620800,"profileData":{"has_active_subscription":true}}`)
	digits   = []byte(`{"type":"event","identity":"0042","ts":1793620800,"evtName":"RENEWED","evtData":{"event_id":"77"}}`)
	phone    = []byte(`{"type":"profile","identity":"+49301234567","ts":1793620800,"profileData":{"plan":"gold"}}`)
	device   = []byte(`{"type":"event","objectId":"__hA1","ts":1793620800,"evtName":"RENEWED","evtData":{"event_id":"e-9"}}`)
	stranger = `{"type":"event","identity":"nobody","ts":1,"evtName":"OTHER","evtData":{"event_id":"e-100"}}`
)

// entry makes an entry of unprocessed.
func entry(code int, place int, echo any) string {
	return fmt.Sprintf(`{"status":"fail","code":%d,"error":"Some words.Skipped record number : %d","record":%s}`, code, place, echo)
}

// unnumbered makes one whose text says no place.
func unnumbered(code int, echo any) string {
	return fmt.Sprintf(`{"status":"fail","code":%d,"error":"Some words","record":%s}`, code, echo)
}

// partial makes an answer with entries.
func partial(processed any, entries ...string) string {
	return fmt.Sprintf(`{"status":"partial","processed":%v,"unprocessed":[%s]}`, processed, strings.Join(entries, ","))
}

func TestAnswer(t *testing.T) {
	t.Parallel()
	type results = []clevertap.Result
	ok, lost := clevertap.Result{Class: "accepted"}, clevertap.Result{Class: "uncertain"}
	bad := func(code int) clevertap.Result { return clevertap.Result{Class: "permanent", Code: code} }
	sick := func(code int) clevertap.Result { return clevertap.Result{Class: "transient", Code: code} }
	odd := func(code int) clevertap.Result { return clevertap.Result{Class: "unlisted", Code: code} }
	three := [][]byte{started, charged, profile}
	tests := map[string]struct {
		records [][]byte
		answer  string
		want    results
	}{
		"all accepted":                          {three, `{"status":"success","processed":3,"unprocessed":[]}`, results{ok, ok, ok}},
		"all accepted, without a list":          {three, `{"status":"success","processed":3}`, results{ok, ok, ok}},
		"all accepted, with a null":             {three, `{"status":"success","processed":3,"unprocessed":null}`, results{ok, ok, ok}},
		"all accepted, by a number in a string": {three, ` { "processed" : "3" , "status" : "success" } `, results{ok, ok, ok}},
		"the first is refused":                  {three, partial(2, entry(513, 1, started)), results{bad(513), ok, ok}},
		"the middle one is refused":             {three, partial(2, entry(513, 2, charged)), results{ok, bad(513), ok}},
		"the last is refused":                   {three, partial(2, entry(513, 3, profile)), results{ok, ok, bad(513)}},
		"two are refused, in another order":     {three, partial(1, entry(555, 3, profile), entry(513, 1, started)), results{bad(513), ok, sick(555)}},
		"all are refused":                       {three, partial(0, entry(513, 1, started), entry(599, 2, charged), entry(555, 3, profile)), results{bad(513), odd(599), sick(555)}},
		"refused under whatever status":         {three, strings.Replace(partial(2, entry(513, 1, started)), "partial", "success", 1), results{bad(513), ok, ok}},
		"members that nobody knows":             {three, `{"x":{"status":"fail","a":[1]},"status":"success","processed":3,"y":[]}`, results{ok, ok, ok}},
		"a member twice: the last one counts":   {three, `{"status":"fail","status":"success","processed":1,"processed":3,"unprocessed":[{}],"unprocessed":[]}`, results{ok, ok, ok}},
		"a name with an escape":                 {three, `{"st\u0061tus":"success","processed":3}`, results{ok, ok, ok}},

		"too few processed":                    {three, `{"status":"success","processed":2,"unprocessed":[]}`, results{lost, lost, lost}},
		"too many processed":                   {three, `{"status":"success","processed":4,"unprocessed":[]}`, results{lost, lost, lost}},
		"success without a number":             {three, `{"status":"success"}`, results{lost, lost, lost}},
		"success with a number that is none":   {three, `{"status":"success","processed":"all"}`, results{lost, lost, lost}},
		"success with a broken number":         {three, `{"status":"success","processed":2.5}`, results{lost, lost, lost}},
		"partial without a list":               {three, `{"status":"partial","processed":3}`, results{lost, lost, lost}},
		"no status at all":                     {three, `{"processed":3}`, results{lost, lost, lost}},
		"an empty object":                      {three, `{}`, results{lost, lost, lost}},
		"failure with an empty list":           {three, `{"status":"fail","processed":0,"unprocessed":[]}`, results{lost, lost, lost}},
		"failure, bare":                        {three, `{"status":"fail","error":"account unknown"}`, results{lost, lost, lost}},
		"an entry, and too few processed":      {three, partial(1, entry(513, 1, started)), results{bad(513), lost, lost}},
		"an entry, and too many processed":     {three, partial(3, entry(513, 1, started)), results{bad(513), lost, lost}},
		"an entry, and nothing processed said": {three, `{"status":"partial","unprocessed":[` + entry(513, 1, started) + `]}`, results{bad(513), lost, lost}},
		"entries for all, and nothing said":    {[][]byte{started}, `{"unprocessed":[` + entry(513, 1, started) + `]}`, results{bad(513)}},

		"a place before the first":                        {three, partial(2, entry(513, 0, started)), results{lost, lost, lost}},
		"a place behind the last":                         {three, partial(2, entry(513, 4, started)), results{lost, lost, lost}},
		"a place that is no number of ours":               {three, partial(2, strings.Replace(entry(513, 7, started), ": 7", ": 99999999999999999999", 1)), results{lost, lost, lost}},
		"a good entry beside a stray one":                 {three, partial(1, entry(513, 1, started), entry(513, 9, charged)), results{bad(513), lost, lost}},
		"another's place: neither is trusted":             {three, partial(2, entry(513, 1, profile)), results{lost, lost, lost}},
		"another's place by the event's name":             {three, partial(2, entry(513, 1, charged)), results{lost, lost, lost}},
		"another event_id names nobody of ours":           {three, partial(2, entry(513, 1, stranger)), results{lost, lost, lost}},
		"an echo that fits nobody, without an event_id":   {three, partial(2, entry(513, 1, `{"type":"event","identity":"someone","evtName":"OTHER"}`)), results{bad(513), ok, ok}},
		"an echo that is empty":                           {three, partial(2, entry(513, 2, `{}`)), results{ok, bad(513), ok}},
		"an echo that is no object":                       {three, partial(2, entry(513, 2, `1`)), results{ok, bad(513), ok}},
		"no echo":                                         {three, partial(2, `{"code":513,"error":"Skipped record number : 2"}`), results{ok, bad(513), ok}},
		"an echo in capitals":                             {three, partial(2, entry(513, 1, `{"type":"EVENT","identity":"READER-7731","evtName":"subscription_started"}`)), results{bad(513), ok, ok}},
		"an echo with its digits as a number":             {[][]byte{started, digits}, partial(1, entry(522, 2, `{"evtData":{"event_id":77},"ts":"1793620800","identity":42,"type":"event","evtName":"RENEWED"}`)), results{ok, bad(522)}},
		"an echoed phone number without its plus":         {[][]byte{phone, started}, partial(1, entry(516, 1, `{"type":"profile","identity":49301234567}`)), results{bad(516), ok}},
		"a CleverTap ID is an identity too":               {[][]byte{started, device}, partial(1, unnumbered(526, device)), results{ok, bad(526)}},
		"a place in capitals, tight":                      {three, partial(2, `{"code":513,"error":"x.SKIPPED RECORD NUMBER:2."}`), results{ok, bad(513), ok}},
		"a place and many spaces":                         {three, partial(2, `{"code":513,"error":"x..Skipped record number \t:  2"}`), results{ok, bad(513), ok}},
		"the text quotes a record: the last place counts": {three, partial(2, `{"code":513,"error":"'Skipped record number : 1' is wrong. Skipped record number : 3"}`), results{ok, ok, bad(513)}},
		"a phrase without a number":                       {three, partial(2, `{"code":513,"error":"Skipped record number : 3. Skipped record number : none"}`), results{ok, ok, bad(513)}},

		"no place, one fits":                      {three, partial(2, unnumbered(513, charged)), results{ok, bad(513), ok}},
		"no place, the profile fits":              {three, partial(2, unnumbered(516, profile)), results{ok, ok, bad(516)}},
		"no place, nobody fits":                   {three, partial(2, unnumbered(513, stranger)), results{lost, lost, lost}},
		"no place, two fit":                       {three, partial(2, unnumbered(513, `{"type":"event","identity":"reader-7731"}`)), results{lost, lost, lost}},
		"no place and no echo":                    {three, partial(2, `{"code":513}`), results{lost, lost, lost}},
		"no place, and an echo that names nobody": {three, partial(2, unnumbered(513, `{"type":"profile"}`)), results{lost, lost, lost}},
		"an entry that is no object":              {three, partial(2, `"513"`), results{lost, lost, lost}},
		"twins with places":                       {[][]byte{started, started}, partial(1, entry(513, 2, started)), results{ok, bad(513)}},
		"twins without places":                    {[][]byte{started, started}, partial(1, unnumbered(513, started)), results{lost, lost}},
		"one record needs no place":               {[][]byte{started}, partial(0, `{"code":513}`), results{bad(513)}},
		"one record, and another's echo":          {[][]byte{started}, partial(0, unnumbered(513, stranger)), results{lost}},
		"one record, and a place that it has not": {[][]byte{started}, partial(0, entry(513, 2, started)), results{lost}},
		"a record that is no JSON fits nothing":   {[][]byte{started, []byte(`{"type":`)}, partial(1, unnumbered(513, started)), results{bad(513), ok}},

		"two entries for one: the worse counts":    {three, partial(2, entry(555, 1, started), entry(513, 1, started)), results{bad(513), ok, ok}},
		"in whatever order":                        {three, partial(2, entry(513, 1, started), entry(555, 1, started)), results{bad(513), ok, ok}},
		"a code as a string":                       {three, partial(2, strings.Replace(entry(7, 1, started), `"code":7`, `"code":" 513 "`, 1)), results{bad(513), ok, ok}},
		"a code with a fraction of nothing":        {three, partial(2, strings.Replace(entry(7, 1, started), `"code":7`, `"code":513.0`, 1)), results{bad(513), ok, ok}},
		"a code in the text only":                  {three, partial(2, `{"error":"Wrong. ErrorCode: 513 - restricted. Skipped record number : 1"}`), results{bad(513), ok, ok}},
		"a code that is none, and one in the text": {three, partial(2, `{"code":"x","error":"ERRORCODE:513 Skipped record number : 1"}`), results{bad(513), ok, ok}},
		"no code":                                           {three, partial(2, `{"error":"Skipped record number : 1"}`), results{sick(0), ok, ok}},
		"a code that is null":                               {three, partial(2, `{"code":null,"error":"Skipped record number : 1"}`), results{sick(0), ok, ok}},
		"a code that is too large for one":                  {three, partial(2, strings.Replace(entry(7, 1, started), `"code":7`, `"code":513513`, 1)), results{sick(0), ok, ok}},
		"a code below zero":                                 {three, partial(2, strings.Replace(entry(7, 1, started), `"code":7`, `"code":-5`, 1)), results{sick(0), ok, ok}},
		"what is not UTF-8 in an echo":                      {three, partial(2, entry(513, 1, "{\"identity\":\"reader-7731\",\"x\":\"\xff\"}")), results{bad(513), ok, ok}},
		"an echo with members of other kinds than expected": {three, partial(2, entry(513, 1, `{"type":null,"identity":{},"evtName":[],"ts":true,"evtData":"x"}`)), results{bad(513), ok, ok}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, reader := range []io.Reader{strings.NewReader(test.answer), iotest.OneByteReader(strings.NewReader(test.answer))} {
				got, status, err := clevertap.Answer(reader, test.records)
				if err != nil || status != 200 {
					t.Fatalf("status %d, error %v", status, err)
				}
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
}

func TestAnswerUnreadable(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"nothing":                        ``,
		"blanks":                         "  \n ",
		"HTML":                           `<html><body>bad gateway</body></html>`,
		"a byte order mark":              "\xef\xbb\xbf{\"status\":\"success\",\"processed\":1}",
		"an array":                       `[{"status":"success","processed":1}]`,
		"a string":                       `"success"`,
		"null":                           `null`,
		"cut off":                        `{"status":"success","processed":1`,
		"cut off in the list":            `{"status":"success","processed":1,"unprocessed":[`,
		"cut off in an entry":            `{"status":"partial","processed":0,"unprocessed":[{"code":513`,
		"something behind it":            `{"status":"success","processed":1}{}`,
		"text behind it":                 `{"status":"success","processed":1} ok`,
		"a list that is an object":       `{"status":"success","processed":1,"unprocessed":{}}`,
		"a list that is a string":        `{"status":"success","processed":1,"unprocessed":"none"}`,
		"a comma too many":               `{"status":"success","processed":1,}`,
		"far more refusals than records": `{"status":"partial","processed":0,"unprocessed":[` + strings.Repeat(`{},`, 5000) + `{}]}`,
	}
	for name, answer := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			results, status, err := clevertap.Answer(strings.NewReader(answer), [][]byte{started})
			if err == nil {
				t.Fatalf("status %d, results %v, want an error", status, results)
			}
			if strings.Contains(err.Error(), "success") {
				t.Errorf("the error quotes the answer: %v", err)
			}
		})
	}
}

func TestAnswerStatus(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		answer string
		want   int
	}{
		"credentials refused":                  {`{"status":"fail","error":"credentials refused","code":401}`, 401},
		"with the code as a string":            {`{ "status" : "fail" , "code" : "403" , "unprocessed" : [] }`, 403},
		"another code at the top says nothing": {`{"status":"fail","code":400}`, 200},
		"a success is a success":               {`{"status":"success","processed":1,"code":401}`, 200},
		"entries say more than the code":       {partial(0, entry(513, 1, started)[:1]+`"code":401,`+entry(513, 1, started)[1:]), 200},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, got, err := clevertap.Answer(strings.NewReader(test.answer), [][]byte{started}); got != test.want || err != nil {
				t.Errorf("status %d, %v, want %d", got, err, test.want)
			}
		})
	}
}

func FuzzAnswer(f *testing.F) {
	for _, seed := range []string{
		`{"status":"success","processed":3,"unprocessed":[]}`,
		partial(2, entry(513, 1, started)),
		partial("2", unnumbered(555, charged)),
		partial(0, entry(513, 0, profile), entry(555, 9, stranger), `7`),
		`{"status":"fail","code":"401"}`,
		`<html>`, ``, `{`,
	} {
		f.Add(seed, uint8(3))
	}
	f.Fuzz(func(t *testing.T, answer string, n uint8) {
		var records [][]byte
		for i := range int(n) {
			records = append(records, [][]byte{started, charged, profile, digits, []byte(answer)}[i%5])
		}
		results, status, err := clevertap.Answer(strings.NewReader(answer), records)
		if err != nil {
			return
		}
		if len(results) != len(records) {
			t.Fatalf("%d results for %d records", len(results), len(records))
		}
		if status != 200 && status != 401 && status != 403 {
			t.Fatalf("status %d", status)
		}
		for _, r := range results {
			if r.Class == "accepted" && !strings.Contains(answer, "processed") && !strings.Contains(answer, `\u`) {
				t.Fatal("accepted by an answer that does not say how many were processed")
			}
			if r.Code < 0 || r.Code > 99_999 {
				t.Fatalf("code %d", r.Code)
			}
		}
	})
}
