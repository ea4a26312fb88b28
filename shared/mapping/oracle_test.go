package mapping_test

import (
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// The oracle says a second time, slowly and with plain lists, what a webhook means. It shares nothing with the mapping but the
// catalogue's rows.

// number is a JSON number by its text.
type number string

// pair is a member of an object; object keeps the payload's order.
type (
	pair struct {
		name  string
		value any
	}
	object []pair
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
	return append(o, pair{name, value})
}

// decode reads a value: nil, bool, string, number, []any or object.
func decode(d *jsontext.Decoder) any {
	token, err := d.ReadToken()
	if err != nil {
		panic(err)
	}
	switch token.Kind() {
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
		_, _ = d.ReadToken()
		return list
	case '{':
		o := object{}
		for d.PeekKind() != '}' {
			name, _ := d.ReadToken()
			key := name.String()
			o = o.set(key, decode(d))
		}
		_, _ = d.ReadToken()
		return o
	}
	return nil
}

// settings are an integration file as the oracle reads it.
type settings struct {
	Off                       bool
	Anonymous, Sandbox        string
	EventDefault, EventPrefix string
	Events, Properties        map[string]entry
	UserDefault, UserPrefix   string
	UserProperties            map[string]entry
	Charged                   bool
	Currency                  string
	hasSandboxAccount         bool
}

type entry struct {
	off  bool
	name string
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
	settings
	c       *webhook.Catalogue
	name    string
	a       object // attributes, without event_name and api_version
	drift   []string
	props   []property
	user    []property
	profile bool
}

func ask(body []byte, s settings) outcome {
	d := jsontext.NewDecoder(strings.NewReader(string(body)), jsontext.AllowDuplicateNames(true))
	o := &oracle{settings: s, c: webhook.EmbeddedCatalogue()}
	for _, p := range decode(d).(object) {
		switch p.name {
		case "event_name":
			o.name = text(p.value)
		case "api_version":
		default:
			o.a = append(o.a, p)
		}
	}
	return o.answer()
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

func absent(id string) bool {
	return id == "" || slices.Contains([]string{"null", "(null)", "nil", "none", "undefined", "nan"}, strings.ToLower(id))
}

func quote(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func cutAt(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

func fold(s string) string { return strings.ToLower(strings.Join(strings.Fields(s), "")) }

var forbidden = regexp.MustCompile("[%<>!|&.:;$'\"\\\\]")

func clean(s string) string {
	s = strings.TrimSpace(forbidden.ReplaceAllString(s, ""))
	return strings.TrimSpace(cutAt(s, 120))
}

// answer follows the rules from top to bottom.
func (o *oracle) answer() outcome {
	environment := o.text("environment")
	sandbox := environment == "SANDBOX"
	if o.Off {
		return outcome{Skip: "disabled"}
	}
	toSandbox := sandbox && o.Sandbox == "route" && o.hasSandboxAccount
	if sandbox && (o.Sandbox == "skip" || o.Sandbox == "route" && !o.hasSandboxAccount) {
		return outcome{Skip: "sandbox"}
	}
	identity, byCleverTapID, reason := o.identity("user_id", "anonymous_user_id", true)
	if reason != "" {
		return outcome{Skip: reason}
	}
	ts, at := o.times()
	var event *webhook.EventType
	for i := range o.c.Events {
		if o.c.Events[i].Name == o.name && o.c.Events[i].Known() {
			event = &o.c.Events[i]
		}
	}
	if event == nil {
		o.drifted("event", o.name)
	}
	kind := o.text("purchase_type")
	o.profile = kind != "CONSUMABLE" && kind != "NON_CONSUMABLE" && (kind != "" || o.text("purchasely_one_time_purchase_id") == "")
	o.walk()
	head := `{"type":"event",` + identity + `,"ts":` + fmt.Sprint(ts) + `,"evtName":`
	out := outcome{}
	if name, send := o.eventName(event); send {
		out.Event = head + quote(name) + `,"evtData":{` + o.properties() + `}}`
	}
	active := o.active(event)
	if o.profile {
		o.derive(event, active, environment)
		if out.Profile = profileRecord(identity, ts, o.user); out.Profile != "" {
			out.At = at
		}
	}
	out.Charged = o.charged(event, head, environment, toSandbox)
	if event != nil && event.Name == "SUBSCRIPTION_RECEIVED" && o.profile && !byCleverTapID {
		other, _, none := o.identity("transferred_from_user_id", "transferred_from_anonymous_user_id", false)
		if e, on := o.userRule("has_active_subscription"); on && none == "" && other != identity {
			out.Other = profileRecord(other, ts, []property{{name: e, json: "false"}})
		}
	}
	if out.Event == "" && out.Profile == "" && out.Charged == "" && out.Other == "" {
		out.Skip = "event_off"
	}
	slices.Sort(o.drift)
	out.Drift = slices.Compact(o.drift)
	return out
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

func (o *oracle) identity(user, anonymous string, cleverTap bool) (key string, byID bool, reason string) {
	if cleverTap {
		places := []object{o.a}
		for _, name := range []string{"user_attributes", "attributes", "integrations"} {
			if inner, ok := o.a.find(name).(object); ok {
				places = append(places, inner)
			}
		}
		for _, place := range places {
			for _, name := range addresses {
				if id := text(place.find(name)); !absent(id) {
					return `"objectId":` + quote(id), true, ""
				}
			}
		}
	}
	if id := o.text(user); !absent(id) {
		return `"identity":` + quote(id), false, ""
	}
	id := o.text(anonymous)
	if absent(id) {
		return "", false, "no_identity"
	}
	if o.Anonymous == "skip" {
		return "", false, "anonymous"
	}
	if o.Anonymous == "object_id" {
		prefix := ""
		switch store := o.text("store"); {
		case store == "APPLE_APP_STORE":
			prefix = "-h"
		case store == "GOOGLE_PLAY_STORE", strings.HasPrefix(store, "AMAZON_APP"), strings.HasPrefix(store, "HUAWEI_APP"):
			prefix = "__h"
		}
		if prefix != "" && customID.MatchString(id) && len(prefix+id) <= 64 {
			return `"objectId":` + quote(prefix+id), false, ""
		}
	}
	return `"identity":` + quote(id), false, ""
}

var layouts = []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999Z0700", "2006-01-02T15:04:05", "2006-01-02"}

func floorMS(r *big.Rat, ok bool) (int64, bool) {
	if !ok {
		return 0, false
	}
	ms := new(big.Int).Div(r.Num(), r.Denom())
	return ms.Int64(), ms.IsInt64()
}

// dateMS reads a date: text, or a number of seconds or milliseconds.
func dateMS(v any) (int64, bool) {
	switch v := v.(type) {
	case string:
		for _, layout := range layouts {
			if t, err := time.Parse(layout, v); err == nil {
				return t.UnixMilli(), true
			}
		}
	case number:
		r, ok := new(big.Rat).SetString(string(v))
		if ok && r.Cmp(big.NewRat(100_000_000_000, 1)) <= 0 {
			r.Mul(r, big.NewRat(1000, 1))
		}
		return floorMS(r, ok)
	}
	return 0, false
}

func twinMS(v any) (int64, bool) {
	if !isDecimal(text(v)) {
		return 0, false
	}
	return floorMS(new(big.Rat).SetString(text(v)))
}

var decimal = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)

func isDecimal(s string) bool { return decimal.MatchString(s) }

func (o *oracle) times() (ts, order int64) {
	usable := func(ms int64, ok bool) bool { return ok && ms >= 1000 && ms < 100_000_000_000_000 }
	at := atReceipt.UnixMilli()
	for _, name := range []string{"event_created_at", "purchased_at"} {
		if ms, ok := dateMS(o.a.find(name)); usable(ms, ok) {
			at = ms
			break
		}
		if ms, ok := twinMS(o.a.find(name + "_ms")); usable(ms, ok) {
			at = ms
			break
		}
	}
	if ms, ok := twinMS(o.a.find("event_created_at_ms")); usable(ms, ok) {
		return at / 1000, ms
	}
	return at / 1000, at
}

func (o *oracle) eventName(known *webhook.EventType) (name string, send bool) {
	e, named := o.Events[o.name]
	send = o.EventDefault != "skip"
	if named {
		send = !e.off
	}
	if e.name != "" {
		return e.name, send
	}
	name = o.EventPrefix + o.name
	if known != nil {
		return name, send
	}
	if name = clean(name); fold(name) == "charged" {
		name = "_" + name
	}
	return name, send
}
