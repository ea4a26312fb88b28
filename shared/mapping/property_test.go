package mapping_test

import (
	"bytes"
	"math/big"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/mapping"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// The mapping's memory serves one webhook after the other. Now and then it has to say the same with fresh memory and an
// explanation, and its records are looked at for themselves.
func TestTenThousandWebhooksMeanWhatTheOracleSays(t *testing.T) {
	t.Parallel()
	const files, webhooks = 100, 100
	var r mapping.Result
	var e webhook.Event
	m := mapping.New()
	seen := map[string]int{}
	for f := range files {
		d := newRandom(uint64(f))
		file := d.settings()
		app, hasSandboxAccount := load(t, file), !d.one(3)
		for i := range webhooks {
			body := d.body()
			if err := e.Read(body); err != nil {
				t.Fatalf("%v: %s", err, body)
			}
			to, _ := mapping.Route(&e, app, func() (bool, error) { return hasSandboxAccount, nil })
			known := d.known()
			m.Map(&r, &e, app, to, atReceipt, known, nil)
			if i%10 == 0 {
				var fresh mapping.Result
				m.Map(&fresh, &e, app, to, atReceipt, known, func(mapping.Explanation) {})
				if diff := cmp.Diff(records(&r), records(&fresh)); diff != "" {
					t.Fatalf("with fresh memory and an explanation: %s", diff)
				}
				checkRecords(t, &fresh)
			}
			got := outcome{
				Skip: string(r.Skip + r.Reject), Event: string(r.Event), Charged: string(r.Charged),
				Profile: string(encoded(r.Profile)), Other: string(encoded(r.Other)),
				Drift: slices.Sorted(slices.Values(r.Drift)),
			}
			if r.Profile != nil {
				got.At = r.Profile.At
			}
			want := ask(body, app, hasSandboxAccount, known)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("the oracle says otherwise (-oracle +mapping):\n%s\n%s\n%s%+v", diff, body, file, known)
			}
			seen[want.Skip]++
			for what, record := range map[string]string{
				"event": want.Event, "profile": want.Profile, "charged": want.Charged, "other": want.Other,
			} {
				if record != "" {
					seen[what]++
				}
			}
		}
	}
	for _, what := range []string{
		"", "disabled", "sandbox", "no_identity", "anonymous", "event_off", "suppressed", "malformed", "event", "profile",
		"charged", "other",
	} {
		if seen[what] < 20 {
			t.Errorf("only %d webhooks of the kind %q: the comparison says little about it", seen[what], what)
		}
	}
}

// records returns all records of a result.
func records(r *mapping.Result) (all [][]byte) {
	for _, record := range [][]byte{r.Event, r.Charged, encoded(r.Profile), encoded(r.Other)} {
		if record != nil {
			all = append(all, record)
		}
	}
	return all
}

// parse reads a record.
func parse(t *testing.T, record []byte) object {
	t.Helper()
	if !utf8.Valid(record) || !jsontext.Value(record).IsValid() { // no name twice
		t.Fatalf("record is no JSON: %s", record)
	}
	o, ok := decode(jsontext.NewDecoder(bytes.NewReader(record))).(object)
	if !ok {
		t.Fatalf("record is no object: %s", record)
	}
	return o
}

func checkRecords(t *testing.T, r *mapping.Result) {
	t.Helper()
	for _, record := range records(r) {
		checkRecord(t, record)
	}
}

// checkRecord holds a record against what must be true of every one.
func checkRecord(t *testing.T, record []byte) {
	t.Helper()
	o := parse(t, record)
	identities := 0
	for _, p := range o {
		if slices.Contains([]string{"identity", "objectId", "FBID", "GPID"}, p.name) {
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
	name, _ := o.find("evtName").(string)
	if !profile && (name == "" || len(name) > clevertap.MaxEventNameBytes) {
		t.Fatalf("name of the event: %s", record)
	}
	seen := map[string]bool{}
	for _, p := range data {
		if seen[fold(p.name)] {
			t.Fatalf("%q is there twice: %s", p.name, record)
		}
		seen[fold(p.name)] = true
		checkProperty(t, p, profile, name == "Charged", record)
	}
}

func checkProperty(t *testing.T, p member, profile, charged bool, record []byte) {
	t.Helper()
	if p.name == "" || len(p.name) > clevertap.MaxKeyBytes || strings.TrimSpace(p.name) != p.name ||
		clevertap.Forbidden(p.name, profile) != 0 || profile && clevertap.ReservedProfileKey(p.name) {
		t.Fatalf("name %q: %s", p.name, record)
	}
	if a := webhook.EmbeddedCatalogue().Attribute([]byte(p.name)); a != nil && a.Type == webhook.Millis {
		t.Fatalf("%q is the milliseconds field of a date: %s", p.name, record)
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
}

func TestTheLastOfEqualNamesCountsAmongMany(t *testing.T) {
	t.Parallel()
	body := `{"event_name":"ACTIVATE","user_id":"a","x":{` + many(1000) + `,"n7":"last"}}`
	data := parse(t, mapped(t, body, "{}", mapping.Production).Event).find("evtData").(object)
	if len(data) != clevertap.MaxProperties || data.find("x_n7") != "last" || data[8].name != "x_n7" {
		t.Errorf("%d properties, %v", len(data), data)
	}
}

// FuzzMap holds for any body: what is read is mapped, and every record is one that CleverTap takes.
func FuzzMap(f *testing.F) {
	for seed := range uint64(50) {
		f.Add(newRandom(seed).body(), seed)
	}
	m := mapping.New()
	var apps []*integration.App
	for seed := range uint64(8) {
		apps = append(apps, load(f, newRandom(seed).settings()))
	}
	f.Fuzz(func(t *testing.T, body []byte, n uint64) {
		var e webhook.Event
		if e.Read(body) != nil {
			return
		}
		var r mapping.Result
		m.Map(&r, &e, apps[n%uint64(len(apps))], mapping.Destination(n/8%2), atReceipt, newRandom(n).known(),
			func(mapping.Explanation) {})
		checkRecords(t, &r)
	})
}
