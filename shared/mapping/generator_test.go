package mapping_test

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/purchasely-clevertap/bridge/shared/mapping"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// random makes webhooks: most are as the vendor sends them, each with a few things that are not.
type random struct{ *rand.Rand }

func newRandom(seed uint64) random { return random{rand.New(rand.NewPCG(seed, 20261123))} }

// one is true once in n times.
func (d random) one(n int) bool { return d.IntN(n) == 0 }

func of[T any](d random, list ...T) T { return list[d.IntN(len(list))] }

var (
	deep = object{{"c", "deep"}, {"d_at", "2026-01-02T03:04:05Z"}, {"d_at_ms", number("5")}}
	odds = []any{
		nil, "", " ", true, false, "true", "FALSE", number("0"), number("-7"), number("9.90"), number("1e2"),
		number("1.0E-3"), number("123456789012345678"), "9.90", "1e2", " 5", "007", "-0.0", "ordinary",
		"Łódź – 東京 🚀", "tab\there \"quoted\" back\\slash\u0001", strings.Repeat("x", 512), strings.Repeat("x", 513),
		strings.Repeat("é", 300), strings.Repeat("🚀", 129), number(strings.Repeat("9", 520)), []any{},
		[]any{number("1.50"), "zwei", nil, true, []any{object{{"k", "ü/"}}}},
		object{}, object{{"id", "7"}, {"type", "x"}, {"created_at_ms", number("5")}}, object{{"a", number("1")}, {"b", deep}},
	}
	dates = []any{
		"2026-03-14T07:41:52.318Z", "2026-03-14T07:41:09.000Z", "2025-06-14T09:41:09+02:00", "2025-06-14T09:41:09.5+0200",
		"2026-03-21", "2026-04-14T07:41:09Z", "2026-03-21T07:41:09Z", "2027-03-14T07:41:09Z", "1969-12-31T23:59:59.900Z",
		"9999-01-01T00:00:00Z", number("1773474112318"), number("1773474112"), number("1773474112.9"), number("-5"),
		"14.03.2026", "soon", "", nil, true,
	}
	millis = []any{
		number("1773474112318"), number("1781422869000"), number("0"), number("1.5"), number("-1"), "1773474112318", "x", nil,
	}
	flatNames = []string{
		"loyalty_tier", "Loyalty Tier", "LOYALTY_TIER", "campaign", "opened_at", "opened_at_ms", "price%", "  spaced  ",
		"!!!", "émile", "a.b.c", "seen_at", "seen_at_ms", "commitment_number", "commitment_expires_at",
		"commitment_expires_at_ms", "Event_ID", "PLAN", "amount_in_eur", "amount_in_usd", "amount_in_gbp",
		"purchased_at_ms!", "cumulated_revenues_in_usd", "plan_price_in_jpy", "store_price", "Environment", "event",
		"device", strings.Repeat("long", 40), "clevertap_id", "clever_tap_id", "purchase_token", "Plan", "email", "x",
	}
	ids = []any{
		"reader-20417", "żeglarz 88", number("20417"), number("1e5"), "null", "(NULL)", "None", "", nil, true, "undefined",
		"NaN", "nil", strings.Repeat("i", 600), "\u200b", "[object Object]", "00000000-0000-0000-0000-000000000000", " ",
		"x\u3164", "824F624D-59BB-4BAF-A677-691C214C5C19", "a b", "a(b)!:@$_-c", strings.Repeat("c", 62), "\"quoted\"",
	}
)

// webhook makes a payload.
func (d random) webhook() object {
	o := object{{"api_version", number("3")}, {"event_name", d.event()}}
	if d.one(12) {
		d.Shuffle(len(o), func(i, j int) { o[i], o[j] = o[j], o[i] })
	}
	for i := range webhook.EmbeddedCatalogue().Attributes {
		a := &webhook.EmbeddedCatalogue().Attributes[i]
		if a.Derived || o.find(a.Name) != nil || !d.present(a) {
			continue
		}
		name := a.Name
		if prefix, ok := strings.CutSuffix(name, "xxx"); ok {
			name = prefix + of(d, "usd", "eur", "gbp", "nzd")
		}
		if before, ok := strings.CutSuffix(name, "*"); ok {
			name = before + of(d, "number", "total", "expires_at")
		}
		o = o.set(name, d.value(a))
	}
	for range of(d, 0, 0, 0, 1, 2, 4, 8) {
		o = o.set(of(d, flatNames...), d.odd())
	}
	if d.one(60) {
		for i := range of(d, 40, 70, 130) {
			o = o.set("extra_"+strconv.Itoa(i), d.odd())
		}
	}
	if d.one(30) {
		wide := object{}
		for i := range of(d, 3, 48, 120) {
			wide = append(wide, member{"utm_" + strconv.Itoa(i), d.odd()})
		}
		o = o.set("attribution", wide)
	}
	if d.one(4) {
		d.Shuffle(len(o), func(i, j int) { o[i], o[j] = o[j], o[i] })
	}
	return o
}

func (d random) event() any {
	if d.one(3) {
		return of[any](d, "TRANSACTION_PROCESSED", "ACTIVATE", "DEACTIVATE", "SUBSCRIPTION_RECEIVED")
	}
	if d.one(10) {
		return of[any](d, "BRAND_NEW", "charged", " Charged ", "C H A R G E D", "App Launched", "weird.$name!", "!$", "%%",
			"!!!", number("42"), strings.Repeat("N", 130), strings.Repeat("ñ", 90))
	}
	events := webhook.EmbeddedCatalogue().Events
	return events[d.IntN(len(events))].Name
}

// present decides by the presence that the vendor documents.
func (d random) present(a *webhook.Attribute) bool {
	if frequency := map[string]int{"unproven": 25, "one_time": 8, "google": 8}[a.Presence]; frequency > 0 {
		return d.one(frequency)
	}
	return a.Presence == "always" || a.Presence == "usually" || d.one(2)
}

func (d random) value(a *webhook.Attribute) any {
	switch {
	case d.one(30), a.Type == webhook.Unspecified:
		return d.odd()
	case strings.HasSuffix(a.Name, "user_id"), strings.Contains(a.Name, "clevertap_id"):
		return of(d, ids...)
	case a.Name == "environment" && d.one(20):
		return of[any](d, "Sandbox", "sandbox", "production", "Production")
	case a.Enum != nil && a.Type == webhook.String:
		if d.one(20) {
			return "NEW_VALUE"
		}
		return of(d, a.Enum...)
	case a.Type == webhook.Date:
		return of(d, dates...)
	case a.Type == webhook.Millis:
		return of(d, millis...)
	case a.Type == webhook.Number:
		return of[any](d, number("9.90"), number("-4.97"), number("0"), "12.50", number("0.00"), number("1e-2"), nil, "x")
	case a.Type == webhook.Boolean:
		return of[any](d, true, false, "true", "yes", number("1"))
	case a.Type == webhook.Object:
		return object{{"clevertap_id", of(d, ids...)}, {"utm_source", "news letter"}, {"nested", d.odd()},
			{"at", "2026-01-02"}}
	case a.Name == "customer_currency":
		return of[any](d, "NZD", "cad", "EURO", "AZ@", "€", nil, number("978"))
	}
	return of[any](d, a.Name+"-value", fmt.Sprint(a.Name, d.IntN(1000)), number(strconv.Itoa(d.IntN(1000))))
}

func (d random) odd() any {
	if d.one(4) {
		return of(d, dates...)
	}
	return of(d, odds...)
}

// write writes a value as JSON, in one of the many ways in which that can be done.
func (d random) write(b *strings.Builder, v any) {
	switch v := v.(type) {
	case nil:
		b.WriteString("null")
	case bool, number:
		fmt.Fprint(b, v)
	case string:
		d.writeText(b, v)
	case []any:
		b.WriteString("[")
		for i, e := range v {
			d.comma(b, i)
			d.write(b, e)
		}
		b.WriteString("]")
	case object:
		b.WriteString("{")
		for i, p := range v {
			d.comma(b, i)
			if d.one(50) { // the same name before: the last one counts, in the place of the first
				d.writeText(b, p.name)
				b.WriteString(":")
				d.write(b, of(d, odds...))
				b.WriteString(",")
			}
			d.writeText(b, p.name)
			b.WriteString(of(d, ":", ":", ":", " : "))
			d.write(b, p.value)
		}
		b.WriteString("}")
	}
}

func (d random) comma(b *strings.Builder, i int) {
	if i > 0 {
		b.WriteString(of(d, ",", ",", ",", " ,\n\t "))
	}
}

// writeText escapes what must be escaped, and sometimes what need not.
func (d random) writeText(b *strings.Builder, s string) {
	needless := d.one(10)
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '/' && needless:
			b.WriteString(`\/`)
		case r == '"' || r == '\\':
			b.WriteString(`\` + string(r))
		case r < ' ' || needless && r < 0x10000 && d.one(3):
			fmt.Fprintf(b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
}

// body makes a webhook's bytes.
func (d random) body() []byte {
	var b strings.Builder
	d.write(&b, d.webhook())
	return []byte(b.String())
}

// known makes what is known of the webhook's people: mostly nothing.
func (d random) known() mapping.Known {
	return mapping.Known{
		Link: of(d, "", "", "", "__gabc", "-h(x)"), FormerLink: of(d, "", "", "", "__gabc"),
		Suppressed: d.one(12), FormerSuppressed: d.one(12),
	}
}

// settings makes an integration file: JSON is YAML.
func (d random) settings() string {
	type object = map[string]any
	text, err := json.Marshal(object{"apps": object{"demo": object{
		"enabled": !d.one(40), "anonymous": of(d, "identity", "object_id", "skip"),
		"sandbox": of(d, "route", "send", "skip"), "clevertap_id": of(d, "anonymous", "anonymous", "always", "never"),
		"server_events": object{
			"default": of(d, "send", "send", "skip"), "prefix": of(d, "", "", "PLY "),
			"events": d.entries("An Event ", "ACTIVATE", "TRANSACTION_PROCESSED", "SUBSCRIPTION_RENEWED", "BRAND_NEW",
				"charged"),
			"properties": d.entries("A Property ", "plan", "event_id", "environment", "device_type", "purchase_token",
				"attribution", "attribution_utm_source", "loyalty_tier", "event_created_at", "amount_in_eur", "extra_7",
				"event_b", "x", "store_country", "price%", "opened_at"),
		},
		"user_properties": object{
			"default": of(d, "published", "published", "all", "none"), "prefix": of(d, "", "", "ply_"),
			"properties": d.entries("A User Property ", "plan", "has_active_subscription", "store_country",
				"plan_periodicity", "cumulated_revenue_in_usd", "trial_ends_at", "last_event", "device_id", "loyalty_tier",
				"opened_at", "is_family_shared", "original_purchased_at"),
		},
		"revenue": object{"charged": !d.one(4), "currency": of(d, "integration", "customer")},
	}}}, json.Deterministic(true))
	if err != nil {
		panic(err)
	}
	return string(text)
}

// entries names some things, and gives some of them another name, or switches them off.
func (d random) entries(prefix string, names ...string) map[string]map[string]any {
	all := map[string]map[string]any{}
	for _, name := range names {
		if !d.one(4) {
			continue
		}
		all[name] = map[string]any{"send": d.one(2) || name == "event_id" || name == "environment"}
		if d.one(2) || name == "charged" { // a file may give that name to nothing
			all[name]["name"] = prefix + strings.TrimRight(name, "%")
		}
	}
	return all
}
