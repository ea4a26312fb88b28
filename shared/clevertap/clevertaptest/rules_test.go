package clevertaptest_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	ct "github.com/purchasely-clevertap/bridge/shared/clevertap/clevertaptest"
)

// records has for each rule a record on either side of it, by the code; 0 is accepted.
func recordCases() map[string]int {
	top := func(fields string) string { return `{"type":"event",` + fields + `}` }
	named := func(name string) string {
		return top(`"identity":"a","ts":946684800,"evtName":` + name + `,"evtData":{"event_id":"1"}`)
	}
	data := func(data string) string {
		return top(`"identity":"a","ts":946684800,"evtName":"X","evtData":{"event_id":"1"` + data + `}`)
	}
	at := func(ts string) string {
		return top(`"identity":"a","ts":` + ts + `,"evtName":"X","evtData":{"event_id":"1"}`)
	}
	by := func(keys string) string { return top(keys + `"ts":946684800,"evtName":"X","evtData":{"event_id":"1"}`) }
	charged := func(items string) string {
		return top(`"identity":"a","ts":1,"evtName":"Charged","evtData":{"event_id":"1","Amount":9.90,"Items":` + items + `}`)
	}
	profile := func(data string) string { return profile("a", data) }
	properties := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `,"p%d":1`, i)
		}
		return b.String()
	}
	text := func(n int) string { return `"` + strings.Repeat("é", n/2) + strings.Repeat("x", n%2) + `"` } // n bytes
	cases := map[string]int{}
	for code, records := range map[int][]string{
		0: {
			by(`"FBID":"7",`), by(`"GPID":"7",`), by(`"identity":` + text(600) + `,`),
			by(`"objectId":"__h` + strings.Repeat("a", 64) + `",`), by(`"objectId":"-hAZaz09()!:@$_-",`),
			at(`1`), at(`99999999999`), named(text(512)), named(`"App_Launched"`),
			top(`"identity":"a","ts":1,"evtName":"Charged","evtData":{"event_id":"1","Amount":1}`),
			top(`"identity":"a","ts":1,"evtName":"X","evtData":{}`),
			data(`,` + text(120) + `:1`), data(`,"a#b":1`), data(`,"a":` + text(512)),
			data(`,"a":"` + strings.Repeat(`\u0041`, 512) + `"`), data(`,"a":""`), data(`,"a":true,"b":1.5e3`),
			data(properties(99)), charged(`[{"a":"b"}]`), charged(`[{}` + strings.Repeat(`,{}`, 49) + `]`),
			profile(`"plan":"gold"`), profile(``), profile(`"a":1` + properties(99)), profile(`"Gender":"M"`),
			profile(`"Email":"a.b+c@d.example"`), profile(`"Phone":"+12345678"`), profile(`"Phone":"+123456789012345"`),
			profile(`"Employed":"Y"`), profile(`"Education":"College"`), profile(`"Married":"N"`), profile(`"Age":18`),
			profile(`"Age":"18"`), profile(`"DOB":"$D_-86400"`), profile(`"MSG-email":false`),
		},
		509: {top(`"identity":"a","ts":1,"evtData":{}`), named(`""`), named(`" \t"`), named(`7`)},
		512: {
			by(`"identity":"a","source":"x",`), by(`"identity":"a","TS":1,`), by(`"identity":"a","profileData":{},`), by(`"source":"x",`),
			named(text(513)), named(`" X"`), named(`"X "`), top(`"identity":"a","ts":1,"evtName":"X"`),
			top(`"identity":"a","ts":1,"evtName":"X","evtData":[]`), data(`,` + text(121) + `:1`), data(`,"":1`), data(`,"a":` + text(513)),
			data(`,"a":` + text(1024)), data(`,"a":null`), data(`,"a":[]`), data(`,"a":{}`), data(`,"Items":[{"a":1}]`),
			data(properties(100) + `,"a":null`), charged(`[]`), charged(`{}`), charged(`["a"]`), charged(`[{"a":{}}]`),
			charged(`[{"a":null}]`), charged(`[{"a.b":1}]`), strings.Replace(charged(`[{"a":1}]`), "Charged", "charged", 1),
			`{"type":"profile","identity":"a","ts":1}`, `{"type":"profile","identity":"a","ts":1,"profileData":"x"}`,
			profile(`"a#b":1`), profile(`"a":null`), profile(`"a":["b"]`), profile(`"a":{"$add":["b"]}`), profile(`"DOB":"1999-01-01"`),
			profile(`"MSG-email":"false"`), profile(`"msg-push":0`),
		},
		513: {
			named(`"App Launched"`), named(`"APPLAUNCHED"`), named(`"wzrk_d"`), named(`"Session  concluded"`), named(`"webpageviewed"`),
			top(`"identity":"a","ts":1,"evtName":"Stayed"`),
		},
		514: {profile(`"Gender":"male"`), profile(`"gender":"male"`), profile(`"Age":"x","Gender":"x"`)},
		515: {
			profile(`"Email":"a@b"`), profile(`"Email":"a"`), profile(`"Email":"a@b@c.example"`), profile(`"Email":"a@b..example"`),
			profile(`"Email":"a b@c.example"`),
		},
		516: {
			profile(`"Phone":"+1234567"`), profile(`"Phone":"+1234567890123456"`), profile(`"Phone":"12345678"`),
			profile(`"Phone":"++12345678"`), profile(`"Phone":12345678`),
		},
		517: {profile(`"Employed":true`)},
		518: {profile(`"Education":"university"`)},
		519: {profile(`"Married":"no"`)},
		520: {profile(`"Age":"eighteen"`), profile(`"Age":-1`)},
		522: {
			data(properties(100)), charged(`[{}` + strings.Repeat(`,{}`, 50) + `]`), charged(`[{"a":1` + properties(100) + `}]`),
			profile(`"a":1` + properties(100)),
		},
		523: {
			by(``), by(`"identity":"",`), by(`"identity":null,`), by(`"identity":7,`), by(`"identity":"a","objectId":"__a",`),
			by(`"identity":"a","objectId":null,`),
		},
		524: {
			`"event"`, `null`, `{"identity":"a"}`, `{"type":1}`, `{"type":"Event"}`, `{"type":"page"}`, `{"type":"page","source":"x"}`,
		},
		525: {
			at(`0`), at(`-1`), at(`100000000000`), at(`1793620800000`), at(`"946684800"`), at(`946684800.0`), at(`1e9`), at(`null`),
			at(`true`), `{"type":"event","identity":"a","ts":0}`,
		},
		526: {
			by(`"objectId":"__h` + strings.Repeat("a", 65) + `",`), by(`"objectId":"-h a",`), by(`"objectId":"-hé",`),
			`{"type":"event","objectId":"#","ts":0,"evtName":"X","evtData":{}}`,
		},
		528: {named(`"Old News"`), named(`"OLDNEWS"`)},
	} {
		for _, record := range records {
			cases[record] = code
		}
	}
	for _, forbidden := range []string{"%", ">", "<", "!", "|", "&", ".", ":", ";", "$", "'", `\"`, `\\`} {
		cases[event(1, `,"a`+forbidden+`b":1`)] = 512
		cases[strings.Replace(event(1, ""), "TRIAL_STARTED", "a"+forbidden+"b", 1)] = 512
	}
	return cases
}

// The good records on either side are stored whatever happens to the one in between.
func TestRules(t *testing.T) {
	for record, code := range recordCases() {
		s := serverOf()
		got := post(t, s, list(event(101, ""), record, event(102, ""))).read(t)
		if code == 0 {
			if got.Status != "success" || got.processed() != 3 || s.Records(account)[1].Raw != record {
				t.Errorf("%.200s: %+v, want it accepted", record, got)
			}
			continue
		}
		if got.Status != "partial" || got.processed() != 2 || len(got.Unprocessed) != 1 || len(s.Records(account)) != 2 {
			t.Errorf("%.200s: %+v, want one refused", record, got)
		} else if e := got.Unprocessed[0]; e.code() != code || e.position() != 2 || e.Status != "fail" {
			t.Errorf("%.200s: %s %s, want code %d", record, e.Code, e.Error, code)
		}
	}
}

func TestWarnings(t *testing.T) {
	by := func(id string) string {
		return `{"type":"event","objectId":"` + id + `","ts":1,"evtName":"X","evtData":{"event_id":"1"}}`
	}
	charged := func(id int, data string) string {
		return fmt.Sprintf(`{"type":"event","identity":"a","ts":1,"evtName":"Charged","evtData":{%s,"event_id":"%d"}}`, data, id)
	}
	for name, test := range map[string]struct {
		records []string
		want    []string
	}{
		"proper records":                     {[]string{event(1, `,"at":"$D_1793620800"`), profile("a", `"plan":"gold"`), charged(2, `"Amount":1`)}, nil},
		"CleverTap IDs":                      {[]string{by("__gabc"), strings.Replace(by("-abc"), `"1"`, `"2"`, 1)}, nil},
		"an id without a prefix":             {[]string{by("abc")}, []string{ct.NoPrefix}},
		"one underscore is no prefix":        {[]string{by("_")}, []string{ct.NoPrefix}},
		"no time":                            {[]string{strings.Replace(by("-a"), `"ts":1,`, ``, 1)}, []string{ct.NoTime}},
		"far in the future":                  {[]string{strings.Replace(by("-a"), `"ts":1,`, `"ts":99999999999,`, 1)}, []string{ct.FutureTime}},
		"an ISO date":                        {[]string{event(1, `,"a":"2026-11-02"`)}, []string{ct.ISODate}},
		"an ISO time in lower case":          {[]string{event(1, `,"a":"2026-11-02t10:00"`)}, []string{ct.ISODate}},
		"an ISO date in a profile":           {[]string{profile("a", `"a":"2026-11-02 10:00"`)}, []string{ct.ISODate}},
		"what begins like a date":            {[]string{event(1, `,"a":"2026-11-02-offer","b":"2026-13-01","c":"2026-11-32","d":"2026/11/02"`)}, nil},
		"a date before 1970":                 {[]string{event(1, `,"a":"$D_-1"`)}, nil},
		"a date in milliseconds":             {[]string{event(1, `,"a":"$D_1793620800000"`)}, []string{ct.BadDate}},
		"a date with a fraction":             {[]string{event(1, `,"a":"$D_1793620800.5"`)}, []string{ct.BadDate}},
		"a date without a number":            {[]string{event(1, `,"a":"$D_"`)}, []string{ct.BadDate}},
		"keys that differ by case":           {[]string{event(1, `,"plan":"a"`), event(2, `,"Plan":"a"`), event(3, `,"Plan":"a"`)}, []string{ct.SimilarKey}},
		"keys that differ by spaces":         {[]string{event(1, `,"a b":1,"ab":1`)}, []string{ct.SimilarKey}},
		"events and profiles are apart":      {[]string{event(1, `,"plan":"a"`), profile("a", `"Plan":7`)}, nil},
		"keys that differ by an underscore":  {[]string{event(1, `,"a_b":1,"ab":1`)}, nil},
		"another type":                       {[]string{event(1, `,"a":1`), event(2, `,"a":"1"`), event(3, `,"a":2.5`)}, []string{ct.TypeChanged}},
		"a date that becomes text":           {[]string{event(1, `,"a":"$D_1"`), event(2, `,"a":"soon"`)}, []string{ct.TypeChanged}},
		"another type in a profile":          {[]string{profile("a", `"a":true`), profile("b", `"a":"true"`)}, []string{ct.TypeChanged}},
		"a boolean is one type":              {[]string{profile("a", `"a":true`), profile("b", `"a":false`)}, nil},
		"no event id":                        {[]string{`{"type":"event","identity":"a","ts":1,"evtName":"X","evtData":{}}`}, []string{ct.NoEventID}},
		"an event id that is a number":       {[]string{strings.Replace(by("-a"), `"1"`, `1`, 1)}, []string{ct.NoEventID}},
		"an event twice":                     {[]string{event(1, ""), event(1, "")}, []string{ct.Repeated}},
		"an id under two names":              {[]string{event(1, ""), charged(1, `"Amount":1`)}, nil},
		"Charged without an amount":          {[]string{charged(1, `"Currency":"EUR"`)}, []string{ct.ChargedAmount}},
		"Charged with an amount in a string": {[]string{charged(1, `"Amount":"1"`)}, []string{ct.ChargedAmount}},
		"Charged with nothing":               {[]string{charged(1, `"Amount":0.00`)}, []string{ct.ChargedAmount}},
		"Charged with a refund":              {[]string{charged(1, `"Amount":-1`)}, []string{ct.ChargedAmount}},
		"Charged beyond any price":           {[]string{charged(1, `"Amount":1e99999999`)}, []string{ct.ChargedAmount}},
		"Charged twice":                      {[]string{charged(1, `"Amount":1,"Charged ID":"7"`), charged(2, `"Amount":1,"Charged ID":"7"`)}, []string{ct.ChargedID}},
		"a date in an item":                  {[]string{charged(1, `"Amount":1,"Items":[{"a":"2026-11-02"}]`)}, []string{ct.ISODate}},
		"an identity in a profile's data":    {[]string{profile("a", `"identity":"b"`)}, []string{ct.IdentityProperty}},
		"an objectId in another spelling":    {[]string{profile("a", `"ObjectID":"b"`)}, []string{ct.IdentityProperty}},
		"an identity in an event's data":     {[]string{event(1, `,"identity":"b"`)}, nil},
		"a second time":                      {[]string{event(1, `,"ts":1`)}, []string{ct.VendorProperty}},
		"the vendor's own property":          {[]string{profile("a", `"CT Source":"API"`)}, []string{ct.VendorProperty}},
		"two profiles of one user":           {[]string{profile("a", `"a":1`), profile("b", `"a":1`), profile("a", `"a":1`)}, []string{ct.ProfileTwice}},
		"refused records bring none":         {[]string{profile("a", `"Age":"x","ts":1`), profile("a", `"Age":"x"`)}, nil},
		"several of one event":               {[]string{event(1, `,"a":"2026-11-02","ts":1,"A":"x"`)}, []string{ct.ISODate, ct.SimilarKey, ct.VendorProperty}},
	} {
		s := serverOf()
		if got := post(t, s, list(test.records...)); got.status != http.StatusOK {
			t.Errorf("%s: %s", name, got.body)
		}
		got := rules(s)
		slices.Sort(got)
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
}

func TestAWarningNamesItsPlace(t *testing.T) {
	s := serverOf()
	post(t, s, events(1))
	post(t, s, list(event(2, ""), event(3, `,"seen":"2026-11-02"`)))
	want := []ct.Warning{{Account: account, Request: 2, Position: 2, Rule: ct.ISODate, Key: "seen"}}
	if got := s.Warnings(); !slices.Equal(got, want) {
		t.Errorf("%+v", got)
	}
}

func TestEventNamesAreCounted(t *testing.T) {
	s := serverOf()
	for n := range 513 {
		if got := s.Warnings(); len(got) != 0 {
			t.Fatalf("%v after %d names", got, n)
		}
		for i, name := range []string{"E%d", "e %d"} {
			post(t, s, list(strings.Replace(event(n+1000*i, ""), "TRIAL_STARTED", fmt.Sprintf(name, n), 1)))
		}
	}
	if got := rules(s); !slices.Equal(got, []string{ct.EventNames}) {
		t.Errorf("%v", got)
	}
}

func TestPasscodesAnywhereElse(t *testing.T) {
	for name, test := range map[string]struct {
		body, url string
		change    func(*http.Request)
		want      int
	}{
		"only in its header":        {events(1), upload, nil, 0},
		"in its header and refused": {events(1), upload, header("X-CleverTap-Account-Id", "x"), 0},
		"in the body":               {list(event(1, `,"a":"`+passcode+`"`)), upload, nil, 1},
		"in a body that is refused": {passcode, upload, nil, 1},
		"in another header":         {events(1), upload, header("User-Agent", "x/"+passcode), 1},
		"in the query":              {events(1), upload + "?p=" + passcode, nil, 1},
		"in the path":               {events(1), upload + "/" + passcode, nil, 1},
		"another account's":         {list(event(1, `,"a":"other-passcode"`)), upload, nil, 1},
	} {
		s := serverOf()
		call(t, s.Transport(), requestOf(t, test.url, test.body, test.change))
		if got := rules(s); len(got) != test.want || test.want == 1 && got[0] != ct.PasscodeShown {
			t.Errorf("%s: %v", name, got)
		}
		if s.Requests()[0].Header.Get("X-CleverTap-Passcode") == passcode {
			t.Errorf("%s: the passcode was recorded", name)
		}
	}
}

// FuzzUpload sends any body. What is answered adds up to what was sent and stored, and what is stored was sent.
func FuzzUpload(f *testing.F) {
	for record := range recordCases() {
		f.Add(list(record))
	}
	f.Add(bad(3, 2))
	f.Add(`{"d":[{}]`)
	f.Fuzz(func(t *testing.T, body string) {
		s := serverOf(ct.Fault{Kind: ct.Transient, Share: 0.5})
		got := post(t, s, body)
		stored := s.Records(account)
		if got.status != http.StatusOK {
			if got.status != http.StatusBadRequest || len(stored) != 0 {
				t.Fatalf("status %d, %d stored", got.status, len(stored))
			}
			return
		}
		if !jsontext.Value(got.body).IsValid() {
			t.Fatalf("answer %q", got.body)
		}
		v, sent := got.read(t), s.Requests()[0].Records
		if v.processed() != len(stored) || v.processed()+len(v.Unprocessed) != sent {
			t.Fatalf("%d sent, %d stored, answer %s", sent, len(stored), got.body)
		}
		named := map[int]bool{}
		for _, e := range v.Unprocessed {
			if n := e.position(); n < 1 || n > sent || named[n] || e.code() == 0 {
				t.Fatalf("entry %+v", e)
			}
			named[e.position()] = true
		}
		for _, r := range stored {
			if named[r.Position] || !strings.Contains(body, r.Raw) {
				t.Fatalf("stored %+v", r)
			}
		}
	})
}
