package mapping_test

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/mapping"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// The oracle says a second time, slowly and with plain lists, what a webhook means. It shares nothing with the mapping
// but what other packages know: the catalogue, the file's decisions, dates, and CleverTap's names.

// number is a JSON number by its text.
type number string

// member is a member of an object; object keeps the payload's order.
type (
	member struct {
		name  string
		value any
	}
	object []member
)

func (o object) find(name string) any {
	for _, p := range o {
		if p.name == name {
			return p.value
		}
	}
	return nil
}

func (o object) set(name string, value any) object {
	for i := range o {
		if o[i].name == name {
			o[i].value = value
			return o
		}
	}
	return append(o, member{name, value})
}

// decode reads a value: nil, bool, string, number, []any or object.
func decode(d *jsontext.Decoder) any {
	switch token := must(d.ReadToken()); token.Kind() {
	case '"':
		return token.String()
	case '0':
		return number(token.String())
	case 't', 'f':
		return token.Bool()
	case '[':
		list := []any{}
		for d.PeekKind() != ']' {
			list = append(list, decode(d))
		}
		must(d.ReadToken())
		return list
	case '{':
		o := object{}
		for d.PeekKind() != '}' {
			name := decode(d).(string)
			o = o.set(name, decode(d))
		}
		must(d.ReadToken())
		return o
	}
	return nil
}

// outcome is what the oracle says.
type outcome struct {
	Skip                           string
	Event, Charged, Profile, Other string
	At                             int64 // by which the profile is ordered among the user's states
	Drift                          []string
}

type property struct {
	name, json string
	class      int // 0: event_id and environment, 1: of the catalogue, 2: unknown
}

// oracle is one webhook under examination.
type oracle struct {
	c       *webhook.Catalogue
	app     *integration.App
	known   mapping.Known
	name    string
	event   *webhook.EventType // nil if it is not expected
	a       object             // attributes, without event_name and api_version
	drift   []string
	props   []property
	user    []property
	profile bool
}

func ask(body []byte, app *integration.App, hasSandboxAccount bool, known mapping.Known) outcome {
	d := jsontext.NewDecoder(strings.NewReader(string(body)), jsontext.AllowDuplicateNames(true))
	o := &oracle{c: webhook.EmbeddedCatalogue(), app: app, known: known}
	for _, p := range decode(d).(object) {
		switch p.name {
		case "event_name":
			o.name = text(p.value)
		case "api_version":
		default:
			o.a = append(o.a, p)
		}
	}
	return o.answer(hasSandboxAccount)
}

func text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case number:
		return string(v)
	}
	return ""
}

func (o *oracle) text(name string) string { return text(o.a.find(name)) }

func quote(s string) string { return string(must(jsontext.AppendQuote(nil, s))) }

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func fold(s string) string { return string(clevertap.Fold(nil, s)) }

func clean(s string) string {
	name, _ := clevertap.CleanName(nil, []byte(s), 120, false)
	return string(name)
}

// answer follows the rules from top to bottom.
func (o *oracle) answer(hasSandboxAccount bool) outcome {
	if !o.app.Enabled {
		return outcome{Skip: "disabled"}
	}
	sandbox := strings.EqualFold(o.text("environment"), "sandbox")
	toSandbox := sandbox && o.app.Sandbox == integration.SandboxRoute && hasSandboxAccount
	if sandbox && !toSandbox && o.app.Sandbox != integration.SandboxSend {
		return outcome{Skip: "sandbox"}
	}
	identity, byPayload, reason := o.identity("user_id", "anonymous_user_id", o.known.Link,
		o.a, o.a.find("user_attributes"), o.a.find("attributes"), o.a.find("integrations"))
	kind := o.text("purchase_type")
	o.profile = kind != "CONSUMABLE" && kind != "NON_CONSUMABLE" &&
		(kind != "" || o.text("purchasely_one_time_purchase_id") == "")
	ts, at := o.times()
	if o.known.Suppressed && reason != "no_identity" {
		if other := o.former("", ts, byPayload); other != "" {
			return outcome{Other: other}
		}
		return outcome{Skip: "suppressed"}
	}
	if reason != "" {
		return outcome{Skip: reason}
	}
	if o.event = o.c.Event([]byte(o.name)); o.event == nil || !o.event.Known() {
		o.event = nil
		o.drifted("event", o.name)
	}
	name, send := o.eventName()
	if send && name == "" {
		return outcome{Skip: "malformed", Drift: o.drift}
	}
	o.attributes()
	out := outcome{}
	record := func(name, data string) string {
		return fmt.Sprintf(`{"type":"event",%s,"ts":%d,"evtName":%s,"evtData":{%s}}`, identity, ts, quote(name), data)
	}
	if send {
		out.Event = record(name, o.properties())
	}
	if o.profile {
		o.derive()
		if out.Profile = profileRecord(identity, ts, o.user); out.Profile != "" {
			out.At = at
		}
	}
	if data := o.chargedData(toSandbox); data != "" {
		out.Charged = record("Charged", data)
	}
	out.Other = o.former(identity, ts, byPayload)
	if out.Event == "" && out.Profile == "" && out.Charged == "" && out.Other == "" {
		out.Skip = "event_off"
	}
	out.Drift = slices.Sorted(slices.Values(o.drift))
	return out
}

// former is the profile of the subscriber from whom a subscription came, if it can be told from the receiving one's.
func (o *oracle) former(identity string, ts int64, byPayload bool) string {
	if o.name != "SUBSCRIPTION_RECEIVED" || !o.profile || o.known.FormerSuppressed {
		return ""
	}
	id, _, none := o.identity("transferred_from_user_id", "transferred_from_anonymous_user_id", o.known.FormerLink)
	linked := o.known.FormerLink != "" && strings.HasSuffix(id, quote(o.known.FormerLink))
	rule := o.app.UserProperty(o.c.UserProperty("has_active_subscription").Index)
	if !rule.Send || none != "" || id == identity || byPayload && !linked {
		return ""
	}
	return profileRecord(id, ts, []property{{name: rule.Name, json: "false"}})
}

func profileRecord(identity string, ts int64, keys []property) string {
	if len(keys) == 0 {
		return ""
	}
	return `{"type":"profile",` + identity + `,"ts":` + fmt.Sprint(ts) + `,"profileData":{` + join(keys) + `}}`
}

func join(list []property) string {
	var members []string
	for _, p := range list {
		members = append(members, quote(p.name)+":"+p.json)
	}
	return strings.Join(members, ",")
}

var addresses = []string{"clevertap_id", "clever_tap_id", "integration_clevertap_id"}

var customID = regexp.MustCompile(`^[A-Za-z0-9()!:@$_-]+$`)

// identity is the record's key and value. byPayload says that it is a CleverTap ID of the payload, found in one of
// places.
func (o *oracle) identity(user, anonymous, link string, places ...any) (key string, byPayload bool, reason string) {
	for _, place := range places {
		for _, name := range addresses {
			inner, _ := place.(object)
			if id := text(inner.find(name)); !webhook.Absent(id) {
				return `"objectId":` + quote(id), true, ""
			}
		}
	}
	named := !webhook.Absent(o.text(user))
	use := o.app.CleverTapID == integration.CleverTapIDAlways || o.app.CleverTapID == integration.CleverTapIDAnonymous &&
		!named
	if link != "" && use && (named || !webhook.Absent(o.text(anonymous))) {
		return `"objectId":` + quote(link), false, ""
	}
	if id := o.text(user); named {
		return `"identity":` + quote(id), false, ""
	}
	id, prefix := o.text(anonymous), ""
	switch store := o.text("store"); {
	case webhook.Absent(id):
		return "", false, "no_identity"
	case o.app.Anonymous == integration.AnonymousSkip:
		return "", false, "anonymous"
	case store == "APPLE_APP_STORE":
		prefix = "-h"
	case store == "GOOGLE_PLAY_STORE", strings.HasPrefix(store, "AMAZON_APP"), strings.HasPrefix(store, "HUAWEI_APP"):
		prefix = "__h"
	}
	if o.app.Anonymous == integration.AnonymousObjectID && prefix != "" && customID.MatchString(id) &&
		len(prefix+id) <= 64 {
		return `"objectId":` + quote(prefix+id), false, ""
	}
	return `"identity":` + quote(id), false, ""
}

// dateMS reads a date: text, or a number of seconds or milliseconds.
func dateMS(v any) (int64, bool) { return webhook.ParseDate(raw(v)) }

func millisMS(v any) (int64, bool) { return webhook.ParseMillis(raw(v)) }

// raw writes a text or a number as JSON; any other value is null.
func raw(v any) jsontext.Value {
	if s, ok := v.(string); ok {
		return jsontext.Value(quote(s))
	}
	return jsontext.Value(cmp.Or(text(v), "null"))
}

var decimal = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)

func isDecimal(s string) bool { return decimal.MatchString(s) }

// date reads a date of the payload, else its milliseconds field.
func (o *oracle) date(name string) (int64, bool) {
	if ms, ok := dateMS(o.a.find(name)); ok {
		return ms, true
	}
	return millisMS(o.a.find(name + "_ms"))
}

func (o *oracle) times() (ts, order int64) {
	usable := func(ms int64, ok bool) bool { return ok && ms >= 1000 && ms < 100_000_000_000_000 }
	received := atReceipt.UnixMilli()
	at := received
	for _, name := range []string{"purchased_at", "event_created_at"} { // the last one counts
		if ms, ok := millisMS(o.a.find(name + "_ms")); usable(ms, ok) {
			at = ms
		}
		if ms, ok := dateMS(o.a.find(name)); usable(ms, ok) {
			at = ms
		}
	}
	at = min(at, received)
	if ms, ok := millisMS(o.a.find("event_created_at_ms")); usable(ms, ok) {
		return at / 1000, min(ms, received)
	}
	return at / 1000, at
}

func (o *oracle) eventName() (name string, send bool) {
	rule := o.app.Event([]byte(o.name))
	if o.event != nil || rule.Renamed {
		return rule.Name, rule.Send
	}
	if name = clean(rule.Name); fold(name) == "charged" {
		name = "_" + name
	}
	return name, rule.Send
}
