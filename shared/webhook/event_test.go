package webhook_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
	"github.com/purchasely-clevertap/bridge/shared/webhook/sample"
)

// fields are written as name=value, with ! before names that are not in the catalogue.
func fields(e *webhook.Event) []string {
	list := []string{}
	for _, f := range e.Fields {
		mark := "!"
		if f.Known != nil {
			mark = ""
		}
		list = append(list, mark+string(f.Name)+"="+string(f.Value))
	}
	return list
}

func TestRead(t *testing.T) {
	cases := map[string]struct {
		body   string
		name   string
		fields []string
	}{
		"every attribute in its order, exactly as it is": {
			`{"event_name":"ACTIVATE","b":1.50,"plan":"p","a":[ 1, {"x" : null} ],"is_family_shared":true,"attribution":{"utm_source": "\u0061"}}`,
			"ACTIVATE", []string{`!b=1.50`, `plan="p"`, `!a=[ 1, {"x" : null} ]`, `is_family_shared=true`, `attribution={"utm_source": "\u0061"}`},
		},
		"white space is trimmed": {
			" {\t\"event_name\" : \"ACTIVATE\" ,\r\n \"plan\" : \"p\" } \n", "ACTIVATE", []string{`plan="p"`},
		},
		"numbers keep their text": {
			`{"event_name":"X","a":9.90,"b":1e2,"c":-0,"d":12345678901234567890,"e":0.10E-7}`, "X",
			[]string{`!a=9.90`, `!b=1e2`, `!c=-0`, `!d=12345678901234567890`, `!e=0.10E-7`},
		},
		"name and version are not among the fields": {
			`{"api_version":4,"event_name":"X","api_version":"3"}`, "X", []string{},
		},
		"null stays among the fields": {`{"event_name":"X","store_country":null}`, "X", []string{`store_country=null`}},
		"the last of equal names, at the place of the first": {
			`{"plan":1,"x":1,"amount_in_eur":1,"event_name":"A","store":2,"plan":2,"amount_in_eur":2,"x":2,"event_name":"B"}`,
			"B", []string{`plan=2`, `!x=2`, `amount_in_eur=2`, `store=2`},
		},
		"equal names are equal however they are written": {
			`{"event_name":"X","pl\u0061n":1,"plan":2,"\u00e9":1,"é":2}`, "X", []string{`plan=2`, `!é=2`},
		},
		"names that differ in case are two":          {`{"event_name":"X","Plan":1,"plan":2}`, "X", []string{`!Plan=1`, `plan=2`}},
		"one pattern may have several names":         {`{"event_name":"X","amount_in_eur":1,"amount_in_usd":2,"amount_in_chf":3}`, "X", []string{`amount_in_eur=1`, `amount_in_usd=2`, `amount_in_chf=3`}},
		"an empty name is a name":                    {`{"event_name":"X","":1}`, "X", []string{`!=1`}},
		"an event name is unescaped":                 {`{"event_name":"ACTIV\u0041TE \ud83c\udf3f"}`, "ACTIVATE 🌿", []string{}},
		"a number is a name":                         {`{"event_name":1e3}`, "1e3", []string{}},
		"a blank is a name":                          {`{"event_name":" "}`, " ", []string{}},
		"derived attributes are unknown in payloads": {`{"event_name":"X","has_active_subscription":true}`, "X", []string{`!has_active_subscription=true`}},
		"flat, whatever it claims":                   {`{"api_version":2,"event_name":"X","name":"Y","properties":{"store":1}}`, "X", []string{`!name="Y"`, `!properties={"store":1}`}},
		"control characters stay escaped in values":  {`{"event_name":"X","plan":"\u0000\n"}`, "X", []string{`plan="\u0000\n"`}},
		"as deep as 32":                              {`{"event_name":"X","a":` + strings.Repeat("[", 31) + strings.Repeat("]", 31) + "}", "X", []string{"!a=" + strings.Repeat("[", 31) + strings.Repeat("]", 31)}},
	}
	var e webhook.Event
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if err := e.Read([]byte(c.body)); err != nil {
				t.Fatal(err)
			}
			if string(e.Name) != c.name || e.Version != 3 || e.Type != webhook.EmbeddedCatalogue().Event([]byte(c.name)) {
				t.Errorf("event %s of version %d and type %v", e.Name, e.Version, e.Type)
			}
			if diff := cmp.Diff(c.fields, fields(&e)); diff != "" {
				t.Errorf("fields (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTheVersionThatABodyClaims(t *testing.T) {
	var e webhook.Event
	for body, want := range map[string]string{
		`{"api_version":4,"event_name":"X"}`: "4", `{"api_version":"3","event_name":"X"}`: `"3"`, `{"event_name":"X"}`: "",
		`{"api_version":2,"name":"X","properties":{}}`: "2", `{"api_version":2,"event_name":"X","api_version":3}`: "3",
	} {
		if err := e.Read([]byte(body)); err != nil || string(e.APIVersion) != want {
			t.Errorf("%s claims %s (%v), want %s", body, e.APIVersion, err, want)
		}
	}
}

func TestMalformedBodies(t *testing.T) {
	cases := map[string]struct{ body, want string }{
		"nothing":                       {"", "ends too early at byte 0"},
		"white space":                   {" \n", "ends too early at byte 2"},
		"no JSON":                       {"hello", "is not"},
		"a list":                        {"[]", "body is not an object at byte 0"},
		"a list of one":                 {`[{"event_name":"X"}]`, "body is not an object"},
		"a text":                        {`"x"`, "body is not an object"},
		"null":                          {"null", "body is not an object"},
		"a body that is cut off":        {`{"event_name":"X","plan":"p`, "ends too early at byte 27"},
		"a brace that is missing":       {`{"event_name":"X"`, "ends too early"},
		"two objects":                   {`{"event_name":"X"} {}`, "goes on behind the object at byte 19"},
		"a letter behind the object":    {`{"event_name":"X"}x`, "goes on behind the object at byte 18"},
		"a byte order mark":             {"\xef\xbb\xbf" + `{"event_name":"X"}`, "byte order mark at byte 0"},
		"a comma too many":              {`{"event_name":"X",}`, "is not JSON in UTF-8 at byte"},
		"bytes that are not UTF-8":      {`{"event_name":"X","plan":"` + "\xff" + `"}`, "is not JSON in UTF-8 at byte 26"},
		"such bytes in a name":          {`{"event_name":"X","` + "\xc3" + `":1}`, "is not JSON in UTF-8"},
		"such bytes deep inside":        {`{"event_name":"X","a":[{"b":"` + "\xe9" + `"}]}`, "is not JSON in UTF-8"},
		"a surrogate encoded in UTF-8":  {`{"event_name":"X","plan":"` + "\xed\xa0\x80" + `"}`, "is not JSON in UTF-8"},
		"a lone high surrogate":         {`{"event_name":"X","plan":"\ud83c"}`, "is not JSON in UTF-8"},
		"a lone low surrogate":          {`{"event_name":"X","plan":"\udf3f"}`, "is not JSON in UTF-8"},
		"surrogates the wrong way":      {`{"event_name":"X","plan":"\udf3f\ud83c"}`, "is not JSON in UTF-8"},
		"a lone surrogate deep inside":  {`{"event_name":"X","a":{"b":["\ud83c"]}}`, "is not JSON in UTF-8"},
		"a lone surrogate in a name":    {`{"event_name":"X","\ud83c":1}`, "is not JSON in UTF-8"},
		"a raw control character":       {"{\"event_name\":\"X\",\"plan\":\"\x01\"}", "is not JSON in UTF-8"},
		"deeper than 32":                {`{"event_name":"X","a":` + strings.Repeat("[", 32) + strings.Repeat("]", 32) + "}", "nesting is deeper than 32 at byte 53"},
		"deeper, in objects":            {`{"event_name":"X","a":` + strings.Repeat(`{"a":`, 32) + "1" + strings.Repeat("}", 32) + "}", "nesting is deeper than 32"},
		"deeper, in a value that loses": {`{"event_name":"X","a":` + strings.Repeat("[", 32) + strings.Repeat("]", 32) + `,"a":1}`, "nesting is deeper than 32"},
		"deeper, in version 2":          {`{"name":"X","properties":` + strings.Repeat(`{"a":`, 32) + "1" + strings.Repeat("}", 32) + "}", "nesting is deeper than 32"},
		"much deeper":                   {`{"event_name":"X","a":` + strings.Repeat("[", 200_000), "nesting is deeper than 32"},
		"no event name":                 {`{"plan":"p"}`, "event name is missing"},
		"an empty object":               {`{}`, "event name is missing"},
		"an event name of null":         {`{"event_name":null}`, "event name is missing"},
		"an empty event name":           {`{"event_name":""}`, "event name is missing"},
		"an event name of true":         {`{"event_name":true}`, "event name is missing"},
		"an event name in a list":       {`{"event_name":["X"]}`, "event name is missing"},
		"an event name in an object":    {`{"event_name":{"name":"X"}}`, "event name is missing"},
		"the last event name is null":   {`{"event_name":"X","event_name":null}`, "event name is missing"},
		"a bad name hides version 2":    {`{"event_name":"","name":"X","properties":{}}`, "event name is missing"},
		"version 2 without a name":      {`{"properties":{}}`, "event name is missing"},
		"version 2 with an empty name":  {`{"name":"","properties":{}}`, "event name is missing"},
		"version 2 with no properties":  {`{"api_version":2,"name":"X"}`, "event name is missing"},
		"properties that are a list":    {`{"name":"X","properties":[]}`, "event name is missing"},
		"the last properties are null":  {`{"name":"X","properties":{},"properties":null}`, "event name is missing"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var e webhook.Event
			if err := e.Read(usual); err != nil {
				t.Fatal(err)
			}
			err := e.Read([]byte(c.body))
			f, ok := errors.AsType[*fault.Fault](err)
			if !ok || f.Kind != fault.Reject || f.Reason != fault.Malformed || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("error is %v, want a reject of reason malformed about %q", err, c.want)
			}
			if len(e.Name) != 0 || len(e.Fields) != 0 || e.Type != nil || e.Subscriber() != (webhook.Subscriber{}) {
				t.Errorf("something is left: %s %v", e.Name, fields(&e))
			}
		})
	}
}

func TestErrorsDoNotQuoteTheBody(t *testing.T) {
	for _, body := range []string{
		`{"sesame":"sesame" sesame`, `{"event_name":"X","sesame":"\ud800sesame"}`, `sesame`, `"sesame"`, `{"event_name":"X"}sesame`, `{"sesame":{"sesame":[sesame]}}`,
		`{"sesame":"sesame`, `{"sesame":1}`, `{"a":` + strings.Repeat(`{"sesame":`, 40),
	} {
		var e webhook.Event
		err := e.Read([]byte(body))
		if err == nil || strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), "sesame") || strings.Contains(err.Error(), "jsontext") {
			t.Errorf("%s: error is %v", body, err)
		}
	}
}

func TestValueAndText(t *testing.T) {
	body := `{"event_name":"X","plan":"p\u00e9\n","store":1.50,"product":null,"is_family_shared":true,"attribution":{},"user_id":"",` +
		`"amount_in_eur":null,"amount_in_chf":2,"amount_in_gbp":3,"commitment_a":null}`
	var e webhook.Event
	plan := attribute(t, "plan").Index
	if e.Value(plan) != nil || e.Text(plan) != nil {
		t.Error("an event that was never read has a plan")
	}
	if err := e.Read([]byte(body)); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][2]string{
		"plan": {`"p\u00e9\n"`, "pé\n"}, "store": {"1.50", "1.50"}, "product": {"null", ""}, "is_family_shared": {"true", ""}, "attribution": {"{}", ""},
		"user_id": {`""`, ""}, "device_id": {"null", ""}, "amount_in_xyz": {"2", "2"}, "amount_in_usd": {"null", ""}, "commitment_b": {"null", ""},
	} {
		index := attribute(t, name).Index
		if got := [2]string{e.Value(index).String(), string(e.Text(index))}; got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if derived := webhook.EmbeddedCatalogue().UserProperty("last_event"); e.Value(derived.Index) != nil {
		t.Error("a derived attribute has a value")
	}
}

func TestTextsStayUntilTheNextRead(t *testing.T) {
	var e webhook.Event
	if err := e.Read([]byte(`{"event_name":"\u0041","plan":"\u0042","store":"\u0043` + strings.Repeat(`\n`, 1000) + `","\u0044":1}`)); err != nil {
		t.Fatal(err)
	}
	plan := e.Text(attribute(t, "plan").Index)
	_ = e.Text(attribute(t, "store").Index) // makes the memory grow
	if got := string(e.Name) + string(plan) + string(e.Fields[2].Name); got != "ABD" {
		t.Errorf("texts are %q", got)
	}
}

func TestReadDoesNotAllocate(t *testing.T) {
	var e webhook.Event
	bodies := [][]byte{usual, []byte(`{"event_name":"\u0041","\u0042":{"x":[1]},"c":"\u0044"}`), sample.Webhook(event(t, "PURCHASE_VALIDATED"), 1)}
	read := func() {
		for _, body := range bodies {
			if err := e.Read(body); err != nil {
				t.Fatal(err)
			}
			_ = e.Text(0)
		}
	}
	read()
	if n := testing.AllocsPerRun(100, read); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestManyNamesAreStillToldApart(t *testing.T) {
	var body strings.Builder
	body.WriteString(`{"event_name":"X"`)
	for round := range 2 {
		for i := range 20_000 {
			fmt.Fprintf(&body, `,"n%d":%d`, i, i+round)
		}
	}
	body.WriteString("}")
	var e webhook.Event
	for range 2 {
		if err := e.Read([]byte(body.String())); err != nil {
			t.Fatal(err)
		}
		if len(e.Fields) != 20_000 {
			t.Fatalf("%d fields", len(e.Fields))
		}
		for i, f := range e.Fields {
			if string(f.Name) != fmt.Sprintf("n%d", i) || string(f.Value) != fmt.Sprint(i+1) {
				t.Fatalf("field %d is %s=%s", i, f.Name, f.Value)
			}
		}
	}
}

// FuzzRead checks that Read never panics, says the same twice, keeps values that are JSON, names that are unique within the catalogue,
// and does not change the body.
func FuzzRead(f *testing.F) {
	for _, c := range subscribers {
		f.Add([]byte(c.body))
	}
	f.Add(usual)
	for i := range webhook.EmbeddedCatalogue().Events {
		f.Add(sample.Webhook(&webhook.EmbeddedCatalogue().Events[i], 1))
	}
	var reused webhook.Event
	f.Fuzz(func(t *testing.T, body []byte) {
		before := string(body)
		var fresh webhook.Event
		err := fresh.Read(body)
		again := reused.Read(body)
		if (err == nil) != (again == nil) || (err != nil && err.Error() != again.Error()) {
			t.Fatalf("first %v, then %v", err, again)
		}
		if string(body) != before {
			t.Fatal("the body has changed")
		}
		if err != nil {
			if f, ok := errors.AsType[*fault.Fault](err); !ok || f.Kind != fault.Reject || f.Reason != fault.Malformed {
				t.Fatalf("error is %v", err)
			}
			return
		}
		if diff := cmp.Diff(fields(&fresh), fields(&reused)); diff != "" || string(fresh.Name) != string(reused.Name) {
			t.Fatalf("first and then:\n%s", diff)
		}
		if len(fresh.Name) == 0 {
			t.Fatal("no name")
		}
		seen := make(map[string]bool)
		for _, field := range fresh.Fields {
			if !field.Value.IsValid(jsontext.AllowDuplicateNames(true)) || strings.TrimSpace(string(field.Value)) != string(field.Value) {
				t.Fatalf("value %q", field.Value)
			}
			key := fmt.Sprint(field.Known != nil, string(field.Name))
			if seen[key] {
				t.Fatalf("name %q twice", field.Name)
			}
			seen[key] = true
			if field.Known != nil && !field.Known.Dynamic() && string(fresh.Value(field.Known.Index)) != strings.TrimPrefix(string(field.Value), "null") {
				t.Fatalf("%s is %q by index", field.Name, fresh.Value(field.Known.Index))
			}
		}
	})
}
