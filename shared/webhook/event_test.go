package webhook_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
	"github.com/purchasely-clevertap/bridge/shared/webhook/sample"
)

// fields writes fields as name=value, with ! before names that are not in the catalogue.
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

// nest puts levels of lists around nothing.
func nest(levels int) string { return strings.Repeat("[", levels) + strings.Repeat("]", levels) }

func TestRead(t *testing.T) {
	var e webhook.Event
	for name, c := range map[string]struct {
		body   string
		name   string
		fields []string
	}{
		"every attribute in its order, exactly as it is": {
			`{"event_name":"ACTIVATE","b":1.50,"plan":"p","a":[ 1, {"x" : null} ],"is_family_shared":true,` +
				`"attribution":{"utm_source": "\u0061"}}`, "ACTIVATE",
			[]string{
				`!b=1.50`, `plan="p"`, `!a=[ 1, {"x" : null} ]`, `is_family_shared=true`,
				`attribution={"utm_source": "\u0061"}`,
			},
		},
		"white space is trimmed": {
			" {\t\"event_name\" : \"ACTIVATE\" ,\r\n \"plan\" : \"p\" } \n", "ACTIVATE", []string{`plan="p"`},
		},
		"numbers keep their text": {
			`{"event_name":"X","a":9.90,"b":1e2,"c":-0,"d":12345678901234567890,"e":0.10E-7}`, "X",
			[]string{`!a=9.90`, `!b=1e2`, `!c=-0`, `!d=12345678901234567890`, `!e=0.10E-7`},
		},
		"name and version are no fields": {`{"api_version":4,"event_name":"X","api_version":"3"}`, "X", []string{}},
		"null stays among the fields":    {`{"event_name":"X","store":null}`, "X", []string{`store=null`}},
		"the last of equal names, at the position of the first": {
			`{"plan":1,"x":1,"amount_in_eur":1,"event_name":"A","store":2,"plan":2,"amount_in_eur":2,"x":2,"event_name":"B"}`,
			"B", []string{`plan=2`, `!x=2`, `amount_in_eur=2`, `store=2`},
		},
		"equal names are equal however they are written": {
			`{"event_name":"X","pl\u0061n":1,"plan":2,"\u00e9":1,"é":2}`, "X", []string{`plan=2`, `!é=2`},
		},
		"names differ in case": {`{"event_name":"X","Plan":1,"plan":2}`, "X", []string{`!Plan=1`, `plan=2`}},
		"one pattern may have several names": {
			`{"event_name":"X","amount_in_eur":1,"amount_in_usd":2,"amount_in_chf":3}`, "X",
			[]string{`amount_in_eur=1`, `amount_in_usd=2`, `amount_in_chf=3`},
		},
		"an empty name is a name":    {`{"event_name":"X","":1}`, "X", []string{`!=1`}},
		"an event name is unescaped": {`{"event_name":"ACTIV\u0041TE \ud83c\udf3f"}`, "ACTIVATE 🌿", []string{}},
		"a number is a name":         {`{"event_name":1e3}`, "1e3", []string{}},
		"a space is a name":          {`{"event_name":" "}`, " ", []string{}},
		"derived attributes are unknown in payloads": {
			`{"event_name":"X","has_active_subscription":true}`, "X", []string{`!has_active_subscription=true`},
		},
		"flat, whatever it claims": {
			`{"api_version":2,"event_name":"X","name":"Y","properties":{"store":1}}`, "X",
			[]string{`!name="Y"`, `!properties={"store":1}`},
		},
		"control characters stay escaped": {`{"event_name":"X","plan":"\u0000\n"}`, "X", []string{`plan="\u0000\n"`}},
		"as deep as 32":                   {`{"event_name":"X","a":` + nest(31) + "}", "X", []string{"!a=" + nest(31)}},
	} {
		if err := e.Read([]byte(c.body)); err != nil {
			t.Fatal(name, err)
		}
		if string(e.Name) != c.name || e.Version != 3 || e.Type != webhook.EmbeddedCatalogue().Event([]byte(c.name)) {
			t.Errorf("%s: event %s of version %d and type %v", name, e.Name, e.Version, e.Type)
		}
		if diff := cmp.Diff(c.fields, fields(&e)); diff != "" {
			t.Errorf("%s: fields (-want +got):\n%s", name, diff)
		}
	}
}

func TestMalformedBodies(t *testing.T) {
	for problem, bodies := range map[string][]string{
		"body ends too early at byte 0":               {""},
		"body ends too early at byte 2":               {" \n"},
		"body ends too early at byte 27":              {`{"event_name":"X","plan":"p`},
		"body ends too early":                         {`{"event_name":"X"`},
		"body is not an object at byte 0":             {"[]", `[{"event_name":"X"}]`, `"x"`, "null"},
		"body has more text after the object at byte": {`{"event_name":"X"} {}`, `{"event_name":"X"}x`},
		"body starts with a byte order mark":          {"\xef\xbb\xbf" + `{"event_name":"X"}`},
		"body is not JSON at byte 0":                  {"hello"},
		"body is not JSON at byte": {
			`{"event_name":"X",}`, "{\"event_name\":\"X\",\"plan\":\"\x01\"}", `{"event_name":"X","plan":"p"` + "\xff}",
			`{"event_name":"X",` + "\xff" + `"plan":"p"}`, `{"event_name":"X","plan":"\ud83"}`,
		},
		"event name is not UTF-8": {
			`{"event_name":"X` + "\xff" + `"}`, `{"event_name":"\ud83c"}`, `{"name":"\udf3f","properties":{}}`,
		},
		"id of a person is not UTF-8": {
			`{"event_name":"X","user_id":"u` + "\xff" + `"}`, `{"event_name":"X","user_id":"u","anonymous_user_id":"\ud83c"}`,
			`{"event_name":"X","transferred_to_user_id":"\ud83c"}`, `{"event_name":"X","clevertap_id":"\ud83c"}`,
			`{"event_name":"X","user_attributes":{"clever_tap_id":"` + "\xf0\x9f\x98" + `"}}`,
			`{"name":"X","user":{"vendor_id":"\ud83c"},"properties":{}}`,
		},
		"nesting is deeper than 32 at byte 53": {`{"event_name":"X","a":` + nest(32) + "}"},
		"nesting is deeper than 32": {
			`{"event_name":"X","a":` + strings.Repeat(`{"a":`, 32) + "1" + strings.Repeat("}", 32) + "}",
			`{"event_name":"X","a":` + nest(32) + `,"a":1}`, `{"event_name":"X","a":` + strings.Repeat("[", 200_000),
			`{"name":"X","properties":` + strings.Repeat(`{"a":`, 32) + "1" + strings.Repeat("}", 32) + "}",
		},
		"event name is missing, empty or no text": {
			`{"plan":"p"}`, `{}`, `{"event_name":null}`, `{"event_name":""}`, `{"event_name":true}`,
			`{"event_name":["X"]}`, `{"event_name":{"name":"X"}}`, `{"event_name":"X","event_name":null}`,
			`{"event_name":"","name":"X","properties":{}}`, `{"properties":{}}`, `{"name":"","properties":{}}`,
			`{"api_version":2,"name":"X"}`, `{"name":"X","properties":[]}`,
			`{"name":"X","properties":{},"properties":null}`,
		},
	} {
		for _, body := range bodies {
			var e webhook.Event
			if err := e.Read(usual); err != nil {
				t.Fatal(err)
			}
			err := e.Read([]byte(body))
			f, ok := errors.AsType[*fault.Fault](err)
			if !ok || f.Kind != fault.Reject || f.Reason != fault.Malformed || !strings.Contains(err.Error(), problem) {
				t.Errorf("%.60q: error is %v, want a reject of reason malformed about %q", body, err, problem)
			}
			if len(e.Name) != 0 || len(e.Fields) != 0 || e.Type != nil || e.Subscriber() != (webhook.Subscriber{}) {
				t.Errorf("%.60q: something is left: %s %v", body, e.Name, fields(&e))
			}
		}
	}
}

// A label that a store cuts in the middle of a character must not lose what the event says.
func TestWhatIsNoCharacterIsReplaced(t *testing.T) {
	for body, want := range map[string][]string{
		`{"event_name":"X","plan":"` + "p\xff" + `"}`: {"plan=\"p\ufffd\" repaired"},
		// a surrogate
		`{"event_name":"X","plan":"` + "\xed\xa0\x80" + `"}`: {"plan=\"\ufffd\ufffd\ufffd\" repaired"},
		`{"event_name":"X","plan":"` + "\xf0\x9f\x98" +
			`","store":"S"}`: {"plan=\"\ufffd\ufffd\ufffd\" repaired", `store="S"`},
		`{"event_name":"X","plan":"\ud83c p"}`:            {"plan=\"\ufffd p\" repaired"},
		`{"event_name":"X","plan":"\udf3f\ud83c"}`:        {"plan=\"\ufffd\ufffd\" repaired"},
		`{"event_name":"X","plan":"\ud83c\udf3f \ud83c"}`: {"plan=\"🌿 \ufffd\" repaired"},
		`{"event_name":"X","a":{"b": ["\ud83c", 9.90 ]},"n": 9.90 }`: {
			"!a={\"b\":[\"\ufffd\",9.90]} repaired", "!n=9.90",
		},
		`{"event_name":"X","` + "pl\xc3" + `":1}`:                        {"!pl\ufffd=1 repaired"},
		`{"event_name":"X","\ud83c":1,"\udf3f":2,"plan":"\ufffd"}`:       {"!\ufffd=2 repaired", `plan="\ufffd"`},
		`{"event_name":"X","user_id":"\ufffd","plan":"\ud83c"}`:          {`user_id="\ufffd"`, "plan=\"\ufffd\" repaired"},
		`{"name":"X","properties":{"store":"\ud83c","a":{"b":"` + "\xff": nil,
		`{"name":"X","properties":{"store":"\ud83c","content_id":"c"}}`:  {"store=\"\ufffd\" repaired", `content_id="c"`},
		`{"event_name":"X","device_id":"\ud83c","attributes":{"a":"b"}}`: {
			"device_id=\"\ufffd\" repaired", `attributes={"a":"b"}`,
		},
		`{"event_name":"X","api_version":"\ud83c"}`: {},
	} {
		var e webhook.Event
		err := e.Read([]byte(body))
		if want == nil {
			if err == nil {
				t.Errorf("%q is read", body)
			}
			continue
		}
		got := fields(&e)
		for i, f := range e.Fields {
			if f.Repaired {
				got[i] += " repaired"
			}
		}
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%q: %v\n%s", body, err, diff)
		}
		if err := e.Read(usual); err != nil ||
			slices.ContainsFunc(e.Fields, func(f webhook.Field) bool { return f.Repaired }) {
			t.Errorf("the next body is repaired too, %v", err)
		}
	}
}

func TestErrorsDoNotQuoteTheBody(t *testing.T) {
	for _, body := range []string{
		`{"sesame":"sesame" sesame`, `{"event_name":"X","user_id":"\ud800sesame"}`, `sesame`, `"sesame"`,
		`{"event_name":"X"}sesame`, `{"sesame":{"sesame":[sesame]}}`, `{"sesame":"sesame`, `{"sesame":1}`,
		`{"a":` + strings.Repeat(`{"sesame":`, 40),
	} {
		var e webhook.Event
		err := e.Read([]byte(body))
		shown := fmt.Sprintf("%v %+v %#v", err, err, err)
		if err == nil || strings.Contains(shown, "sesame") || strings.Contains(shown, "jsontext") {
			t.Errorf("%s: error is %v", body, err)
		}
	}
}

func TestValueAndText(t *testing.T) {
	body := `{"event_name":"X","plan":"p\u00e9\n","store":1.50,"product":null,"is_family_shared":true,"attribution":{},` +
		`"user_id":"","amount_in_eur":null,"amount_in_chf":2,"amount_in_gbp":3,"commitment_a":null}`
	var e webhook.Event
	plan := attribute(t, "plan").Index
	if e.Value(plan) != nil || e.Text(plan) != nil {
		t.Error("an event that was never read has a plan")
	}
	if err := e.Read([]byte(body)); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][2]string{
		"plan": {`"p\u00e9\n"`, "pé\n"}, "store": {"1.50", "1.50"}, "product": {"null", ""},
		"is_family_shared": {"true", ""}, "attribution": {"{}", ""}, "user_id": {`""`, ""}, "device_id": {"null", ""},
		"amount_in_xyz": {"2", "2"}, "amount_in_usd": {"null", ""}, "commitment_b": {"null", ""},
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

// TestReadReusesItsMemory allows for the names that are not fixed: two amounts in the currency of the app.
func TestReadReusesItsMemory(t *testing.T) {
	var e webhook.Event
	if n := testing.AllocsPerRun(100, func() {
		if err := e.Read(usual); err != nil {
			t.Fatal(err)
		}
		_ = e.Text(0)
	}); n > 2 {
		t.Errorf("%v allocations", n)
	}
}

func TestManyNamesAreDistinguished(t *testing.T) {
	const names = 20_000
	var body strings.Builder
	body.WriteString(`{"event_name":"X"`)
	for i := range 2 * names {
		fmt.Fprintf(&body, `,"n%d":%d`, i%names, i)
	}
	body.WriteString("}")
	var e webhook.Event
	if err := e.Read([]byte(body.String())); err != nil || len(e.Fields) != names {
		t.Fatalf("%d fields, %v", len(e.Fields), err)
	}
	for i, f := range e.Fields {
		if string(f.Name) != fmt.Sprintf("n%d", i) || string(f.Value) != fmt.Sprint(i+names) {
			t.Fatalf("field %d is %s=%s", i, f.Name, f.Value)
		}
	}
}

// FuzzRead checks that Read never panics, does the same twice, keeps values that are JSON and names that are unique
// within the catalogue, and does not change the body.
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
		if again := reused.Read(body); fmt.Sprint(err) != fmt.Sprint(again) {
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
			value := string(field.Value)
			if !field.Value.IsValid(jsontext.AllowDuplicateNames(true)) || strings.TrimSpace(value) != value {
				t.Fatalf("value %q", value)
			}
			key := fmt.Sprint(field.Known != nil, string(field.Name))
			if seen[key] {
				t.Fatalf("name %q twice", field.Name)
			}
			seen[key] = true
			if field.Known == nil || field.Known.Dynamic() {
				continue
			}
			if got := string(fresh.Value(field.Known.Index)); got != strings.TrimPrefix(value, "null") {
				t.Fatalf("%s is %q by index", field.Name, got)
			}
		}
	})
}
