package mapping_test

import (
	"bytes"
	"math/big"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"pgregory.net/rapid"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/mapping"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// records gives all records of a result, profiles encoded.
func records(r *mapping.Result) [][]byte {
	var all [][]byte
	for _, record := range [][]byte{r.Event, r.Charged} {
		if record != nil {
			all = append(all, bytes.Clone(record))
		}
	}
	for _, p := range []*mapping.Profile{r.Profile, r.Other} {
		if p != nil {
			all = append(all, mapping.Merge(nil, []*mapping.Profile{p}))
		}
	}
	return all
}

// fataler is what testing.T and rapid.T have in common here.
type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

// checkRecord holds a record against what must be true of every one.
func checkRecord(t fataler, record []byte) {
	t.Helper()
	d := jsontext.NewDecoder(bytes.NewReader(record)) // strict: no name twice, valid UTF-8
	if !utf8.Valid(record) {
		t.Fatalf("record is not UTF-8: %q", record)
	}
	o, ok := decodeStrict(t, d).(object)
	if !ok {
		t.Fatalf("record is no object: %s", record)
	}
	identities := 0
	for _, p := range o {
		if p.name == "identity" || p.name == "objectId" || p.name == "FBID" || p.name == "GPID" {
			identities++
			if id, text := p.value.(string); !text || id == "" {
				t.Fatalf("identity is no text: %s", record)
			}
		}
	}
	if identities != 1 {
		t.Fatalf("%d identity keys: %s", identities, record)
	}
	ts, _ := new(big.Int).SetString(text(o.find("ts")), 10)
	if ts == nil || ts.Sign() <= 0 || ts.Cmp(big.NewInt(clevertap.MaxTime)) > 0 {
		t.Fatalf("ts is not a time in seconds: %s", record)
	}
	profile := o.find("type") == "profile"
	data, _ := o.find(map[bool]string{true: "profileData", false: "evtData"}[profile]).(object)
	if len(data) > clevertap.MaxProperties {
		t.Fatalf("%d properties: %s", len(data), record)
	}
	if name, _ := o.find("evtName").(string); !profile && (name == "" || len(name) > clevertap.MaxEventNameBytes) {
		t.Fatalf("name of the event: %s", record)
	}
	checkData(t, data, o.find("evtName") == "Charged", profile, record)
}

// checkData holds the properties against the limits.
func checkData(t fataler, data object, charged, profile bool, record []byte) {
	t.Helper()
	seen := map[string]bool{}
	for _, p := range data {
		if p.name == "" || len(p.name) > clevertap.MaxKeyBytes || clevertap.Forbidden(p.name, profile) != 0 || strings.TrimSpace(p.name) != p.name {
			t.Fatalf("name %q: %s", p.name, record)
		}
		if folded := fold(p.name); seen[folded] {
			t.Fatalf("%q is there twice: %s", p.name, record)
		} else {
			seen[folded] = true
		}
		switch v := p.value.(type) {
		case string:
			if v == "" || len(v) > clevertap.MaxValueBytes {
				t.Fatalf("%q has a text of %d bytes: %s", p.name, len(v), record)
			}
		case bool, number:
		case []any:
			if !charged || p.name != "Items" {
				t.Fatalf("%q is not flat: %s", p.name, record)
			}
		default:
			t.Fatalf("%q is %T: %s", p.name, v, record)
		}
		if a := webhook.EmbeddedCatalogue().Attribute([]byte(p.name)); a != nil && a.Type == webhook.Millis {
			t.Fatalf("%q is the twin of a date: %s", p.name, record)
		}
	}
}

func decodeStrict(t fataler, d *jsontext.Decoder) any {
	t.Helper()
	raw, err := d.ReadValue()
	if err != nil {
		t.Fatalf("record is not JSON: %v", err)
	}
	return decode(jsontext.NewDecoder(bytes.NewReader(raw)))
}

// drawn is a generated integration file and a generated webhook.
func drawn(t *rapid.T) (body []byte, app *integration.App, s settings) {
	d := newDice(rapid.Uint64().Draw(t, "seed"))
	s, text := d.settings()
	file, problems := integration.Load("integrations.yaml", []byte(text))
	if file == nil {
		t.Fatalf("%v", problems)
	}
	return d.body(), file.Apps["demo"], s
}

func TestEveryRecordIsOneThatCleverTapTakes(t *testing.T) {
	t.Parallel()
	m := mapping.New()
	rapid.Check(t, func(t *rapid.T) {
		body, app, s := drawn(t)
		var e webhook.Event
		if err := e.Read(body); err != nil {
			t.Fatal(err)
		}
		to, _ := mapping.Route(&e, app, func() (bool, error) { return s.hasSandboxAccount, nil })
		var r mapping.Result
		m.Map(&r, &e, app, to, atReceipt, nil)
		all := records(&r)
		if (r.Skip == "" && r.Reject == "") != (len(all) > 0) {
			t.Fatalf("skip %q, reject %q, yet %d records", r.Skip, r.Reject, len(all))
		}
		for _, record := range all {
			checkRecord(t, record)
		}
	})
}

func TestTheSameWebhookGivesTheSameBytesWhateverCameBefore(t *testing.T) {
	t.Parallel()
	m := mapping.New()
	var used mapping.Result
	var usedEvent webhook.Event
	rapid.Check(t, func(t *rapid.T) {
		body, app, _ := drawn(t)
		notes := 0
		var first [][]byte
		for i, from := range []struct {
			r *mapping.Result
			e *webhook.Event
		}{{&used, &usedEvent}, {new(mapping.Result), new(webhook.Event)}, {&used, &usedEvent}} {
			if err := from.e.Read(body); err != nil {
				t.Fatal(err)
			}
			var note func(mapping.Note)
			if i == 1 {
				note = func(mapping.Note) { notes++ }
			}
			m.Map(from.r, from.e, app, mapping.Production, atReceipt, note)
			if got := records(from.r); i == 0 {
				first = got
			} else if !bytes.Equal(bytes.Join(got, []byte("\n")), bytes.Join(first, []byte("\n"))) {
				t.Fatalf("got  %s\nwant %s", got, first)
			}
		}
	})
}

func TestNumbersKeepTheirText(t *testing.T) {
	t.Parallel()
	app, m := load(t, "apps:\n  demo: {}\n"), mapping.New()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?`).Draw(t, "number")
		var e webhook.Event
		if err := e.Read([]byte(`{"event_name":"ACTIVATE","user_id":"a","plan_price_in_usd":` + text + `,"x":"` + text + `","y":` + text + `}`)); err != nil {
			t.Fatal(err)
		}
		var r mapping.Result
		m.Map(&r, &e, app, mapping.Production, atReceipt, nil)
		if want := `"plan_price_in_usd":` + text + `,"x":"` + text + `","y":` + text + `}}`; !bytes.HasSuffix(r.Event, []byte(want)) {
			t.Fatalf("got %s, want an end of %s", r.Event, want)
		}
	})
}

func TestChargedAddsUpToThePositiveProductionAmounts(t *testing.T) {
	t.Parallel()
	app, m := load(t, "apps:\n  demo:\n    revenue:\n      charged: true\n"), mapping.New()
	rapid.Check(t, func(t *rapid.T) {
		want, got := new(big.Rat), new(big.Rat)
		var e webhook.Event
		var r mapping.Result
		for range rapid.IntRange(1, 20).Draw(t, "webhooks") {
			name := rapid.SampledFrom([]string{"TRANSACTION_PROCESSED", "SUBSCRIPTION_RENEWED", "ACTIVATE", "charged"}).Draw(t, "event")
			environment := rapid.SampledFrom([]string{"PRODUCTION", "SANDBOX", "STAGING"}).Draw(t, "environment")
			amount := rapid.SampledFrom([]string{"9.90", "-9.90", "0", "1e2", "0.00", "12345678901234567.89", "1E-3"}).Draw(t, "amount")
			body := `{"event_name":"` + name + `","user_id":"a","environment":"` + environment + `","amount_in_eur":` + amount + `,"amount_in_usd":77}`
			if err := e.Read([]byte(body)); err != nil {
				t.Fatal(err)
			}
			value, _ := new(big.Rat).SetString(amount)
			if name == "TRANSACTION_PROCESSED" && environment == "PRODUCTION" && value.Sign() > 0 {
				want.Add(want, value)
			}
			m.Map(&r, &e, app, mapping.Production, atReceipt, nil)
			for _, record := range records(&r) {
				o := decode(jsontext.NewDecoder(bytes.NewReader(record))).(object)
				if name, _ := o.find("evtName").(string); fold(name) == "charged" {
					value, _ := new(big.Rat).SetString(text(o.find("evtData").(object).find("Amount")))
					got.Add(got, value)
				}
			}
		}
		if got.Cmp(want) != 0 {
			t.Fatalf("charged %s, paid %s", got.FloatString(5), want.FloatString(5))
		}
	})
}

// FuzzMap holds for any body: what is read is mapped, and every record is one that CleverTap takes.
func FuzzMap(f *testing.F) {
	for seed := range uint64(50) {
		f.Add(newDice(seed).body(), seed)
	}
	m := mapping.New()
	var apps []*integration.App
	for seed := range uint64(8) {
		_, text := newDice(seed).settings()
		apps = append(apps, load(f, text))
	}
	f.Fuzz(func(t *testing.T, body []byte, n uint64) {
		var e webhook.Event
		if e.Read(body) != nil {
			return
		}
		var r mapping.Result
		notes := 0
		m.Map(&r, &e, apps[n%uint64(len(apps))], mapping.Destination(n/8%2), atReceipt, func(mapping.Note) { notes++ })
		for _, record := range records(&r) {
			checkRecord(t, record)
		}
	})
}
