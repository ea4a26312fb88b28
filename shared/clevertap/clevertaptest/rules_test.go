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
		return top(`"identity":"a","ts":1,"evtName":"Charged","evtData":{"Amount":9.90,"Items":` + items + `}`)
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
			by(`"objectId":"__h` + strings.Repeat("a", 64) + `",`), by(`"objectId":"-hAZaz09()!:@$_-",`), at(`1`),
			at(`99999999999`), named(text(512)), named(`"App_Launched"`),
			top(`"identity":"a","ts":1,"evtName":"Charged","evtData":{"event_id":"1","Amount":1}`),
			top(`"identity":"a","ts":1,"evtName":"X","evtData":{}`), data(`,` + text(120) + `:1`), data(`,"a#b":1`),
			data(`,"a":` + text(512)), data(`,"a":"` + strings.Repeat(`\u0041`, 512) + `"`), data(`,"a":""`),
			data(`,"a":true,"b":1.5e3`), data(properties(99)), charged(`[{"a":"b"}]`),
			charged(`[{}` + strings.Repeat(`,{}`, 49) + `]`), profile(`"plan":"gold"`), profile(``),
			profile(`"a":1` + properties(99)), profile(`"Gender":"M"`), profile(`"Email":"a.b+c@d.example"`),
			profile(`"Phone":"+12345678"`), profile(`"Phone":"+123456789012345"`), profile(`"Employed":"Y"`),
			profile(`"Education":"College"`), profile(`"Married":"N"`), profile(`"Age":18`), profile(`"Age":"18"`),
			profile(`"DOB":"$D_-86400"`), profile(`"MSG-email":false`),
		},
		509: {top(`"identity":"a","ts":1,"evtData":{}`), named(`""`), named(`" \t"`), named(`7`)},
		512: {
			by(`"identity":"a","source":"x",`), by(`"identity":"a","TS":1,`), by(`"identity":"a","profileData":{},`),
			by(`"source":"x",`), named(text(513)), named(`" X"`), named(`"X "`),
			top(`"identity":"a","ts":1,"evtName":"X"`), top(`"identity":"a","ts":1,"evtName":"X","evtData":[]`),
			data(`,` + text(121) + `:1`), data(`,"":1`), data(`,"a":` + text(513)), data(`,"a":` + text(1024)),
			data(`,"a":null`), data(`,"a":[]`), data(`,"a":{}`), data(`,"Items":[{"a":1}]`),
			data(properties(100) + `,"a":null`), charged(`[]`), charged(`{}`), charged(`["a"]`),
			charged(`[{"a":{}}]`), charged(`[{"a":null}]`), charged(`[{"a.b":1}]`),
			strings.Replace(charged(`[{"a":1}]`), "Charged", "charged", 1),
			`{"type":"profile","identity":"a","ts":1}`, `{"type":"profile","identity":"a","ts":1,"profileData":"x"}`,
			profile(`"a#b":1`), profile(`"a":null`), profile(`"a":["b"]`), profile(`"a":{"$add":["b"]}`),
			profile(`"DOB":"1999-01-01"`), profile(`"MSG-email":"false"`), profile(`"msg-push":0`),
		},
		513: {
			named(`"App Launched"`), named(`"APPLAUNCHED"`), named(`"wzrk_d"`), named(`"Session  concluded"`),
			named(`"webpageviewed"`), top(`"identity":"a","ts":1,"evtName":"Stayed"`),
		},
		514: {profile(`"Gender":"male"`), profile(`"gender":"male"`), profile(`"Age":"x","Gender":"x"`)},
		515: {
			profile(`"Email":"a@b"`), profile(`"Email":"a"`), profile(`"Email":"a@b@c.example"`),
			profile(`"Email":"a@b..example"`), profile(`"Email":"a b@c.example"`),
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
			data(properties(100)), charged(`[{}` + strings.Repeat(`,{}`, 50) + `]`),
			charged(`[{"a":1` + properties(100) + `}]`), profile(`"a":1` + properties(100)),
		},
		523: {
			by(``), by(`"identity":"",`), by(`"identity":null,`), by(`"identity":7,`),
			by(`"identity":"a","objectId":"__a",`), by(`"identity":"a","objectId":null,`),
		},
		524: {
			`"event"`, `null`, `{"identity":"a"}`, `{"type":1}`, `{"type":"Event"}`, `{"type":"page"}`,
			`{"type":"page","source":"x"}`,
		},
		525: {
			at(`0`), at(`-1`), at(`100000000000`), at(`1793620800000`), at(`"946684800"`), at(`946684800.0`),
			at(`1e9`), at(`null`), at(`true`), `{"type":"event","identity":"a","ts":0}`,
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
		want, stored := "success 3", []string{event(101, ""), record, event(102, "")}
		if code != 0 {
			want, stored = fmt.Sprintf("partial 2 2:%d:true", code), []string{stored[0], stored[2]}
		}
		if got := post(t, s, list(event(101, ""), record, event(102, ""))).read(t).String(); got != want {
			t.Errorf("%.200s: %s, want %s", record, got, want)
		}
		var raw []string
		for _, r := range s.Records(account) {
			raw = append(raw, string(r.Raw))
		}
		if !slices.Equal(raw, stored) {
			t.Errorf("%.200s: stored %s", record, raw)
		}
	}
}

// A warning's rule has uploads that bring it, and nothing else; "" has those that bring none.
func TestWarnings(t *testing.T) {
	by := func(id string) string {
		return `{"type":"event","objectId":"` + id + `","ts":1,"evtName":"X","evtData":{"event_id":"1"}}`
	}
	with := func(properties string) []string { return []string{event(1, `,`+properties)} }
	plan := func(data string) []string { return []string{profile("a", data)} }
	charged := func(id int, data string) string {
		const form = `{"type":"event","identity":"a","ts":1,"evtName":"Charged","evtData":{%s,"event_id":"%d"}}`
		return fmt.Sprintf(form, data, id)
	}
	one := func(data string) []string { return []string{charged(1, data)} }
	for want, uploads := range map[string][][]string{
		"": {
			{event(1, `,"at":"$D_1793620800"`), profile("a", `"plan":"gold"`), charged(2, `"Amount":1`)},
			{by("__gabc")}, {by("-a")},
			with(`"a":"2026-11-02-offer","b":"2026-13-01","c":"2026-11-32","d":"2026/11/02"`), with(`"a":"$D_-1"`),
			{event(1, `,"plan":"a"`), profile("a", `"Plan":7`)}, with(`"a_b":1,"ab":1`), with(`"identity":"b"`),
			{profile("a", `"a":true`), profile("b", `"a":false`)}, {event(1, ""), charged(1, `"Amount":1`)},
			{profile("a", `"Age":"x","ts":1`), profile("a", `"Age":"x"`)}, // refused
		},
		ct.NoPrefix:   {{by("abc")}, {by("_")}},
		ct.NoTime:     {{strings.Replace(by("-a"), `"ts":1,`, ``, 1)}},
		ct.FutureTime: {{strings.Replace(by("-a"), `"ts":1,`, `"ts":99999999999,`, 1)}},
		ct.ISODate: {
			with(`"a":"2026-11-02"`), with(`"a":"2026-11-02t10:00"`), plan(`"a":"2026-11-02 10:00"`),
			one(`"Amount":1,"Items":[{"a":"2026-11-02"}]`),
		},
		ct.BadDate:    {with(`"a":"$D_1793620800000"`), with(`"a":"$D_1793620800.5"`), with(`"a":"$D_"`)},
		ct.SimilarKey: {{event(1, `,"plan":"a"`), event(2, `,"Plan":"a"`), event(3, `,"Plan":"a"`)}, with(`"a b":1,"ab":1`)},
		ct.TypeChanged: {
			{event(1, `,"a":1`), event(2, `,"a":"1"`), event(3, `,"a":2.5`)},
			{event(1, `,"a":"$D_1"`), event(2, `,"a":"soon"`)}, {profile("a", `"a":true`), profile("b", `"a":"true"`)},
		},
		ct.NoEventID: {
			{`{"type":"event","identity":"a","ts":1,"evtName":"X","evtData":{}}`}, {strings.Replace(by("-a"), `"1"`, `1`, 1)},
		},
		ct.Repeated: {{event(1, ""), event(1, "")}},
		ct.ChargedAmount: {
			one(`"Currency":"EUR"`), one(`"Amount":"1"`), one(`"Amount":0.00`), one(`"Amount":-1`), one(`"Amount":1e99999999`),
		},
		ct.ChargedID:        {{charged(1, `"Amount":1,"Charged ID":"7"`), charged(2, `"Amount":1,"Charged ID":"7"`)}},
		ct.IdentityProperty: {plan(`"identity":"b"`), plan(`"ObjectID":"b"`)},
		ct.VendorProperty:   {with(`"ts":1`), plan(`"CT Source":"API"`)},
		ct.ProfileTwice:     {{profile("a", `"a":1`), profile("b", `"a":1`), profile("a", `"a":1`)}},
	} {
		for _, records := range uploads {
			s := serverOf()
			got := post(t, s, list(records...))
			if rules := strings.Join(rules(s), " "); got.status != http.StatusOK || rules != want {
				t.Errorf("%s: status %d, warnings %q, want %q", records, got.status, rules, want)
			}
		}
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
	proper := events(1)
	for name, test := range map[string]struct {
		request *http.Request
		want    string
	}{
		"only in its header":        {requestOf(t, upload, proper), ""},
		"in its header and refused": {requestOf(t, upload, proper, header("X-CleverTap-Account-Id", "x")), ""},
		"in the body":               {requestOf(t, upload, list(event(1, `,"a":"`+passcode+`"`))), ct.PasscodeShown},
		"in a body that is refused": {requestOf(t, upload, passcode), ct.PasscodeShown},
		"in another header":         {requestOf(t, upload, proper, header("User-Agent", "x/"+passcode)), ct.PasscodeShown},
		"in the query":              {requestOf(t, upload+"?p="+passcode, proper), ct.PasscodeShown},
		"in the path":               {requestOf(t, upload+"/"+passcode, proper), ct.PasscodeShown},
		"another account's":         {requestOf(t, upload, list(event(1, `,"a":"other-passcode"`))), ct.PasscodeShown},
	} {
		s := serverOf()
		call(t, s.Transport(), test.request)
		kept := s.Requests()[0].Header.Get("X-CleverTap-Passcode")
		if got := strings.Join(rules(s), " "); got != test.want || kept != "[secret]" {
			t.Errorf("%s: %q, want %q, passcode kept as %s", name, got, test.want, kept)
		}
	}
}

// FuzzUpload sends any body. What is answered adds up to what was sent and stored, and what is stored was sent.
func FuzzUpload(f *testing.F) {
	for record := range recordCases() {
		f.Add(list(record))
	}
	f.Add(bad(3, 2))
	f.Add(bad(6, 1, 2, 4, 5))
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
		if *v.Processed != len(stored) || *v.Processed+len(v.Unprocessed) != sent {
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
			if named[r.Position] || !strings.Contains(body, string(r.Raw)) {
				t.Fatalf("stored %+v", r)
			}
		}
	})
}
