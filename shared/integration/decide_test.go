package integration_test

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// load reads a file whose only app is called demo.
func load(t testing.TB, text string) *integration.App {
	t.Helper()
	file, problems := integration.Load("test.yaml", []byte(text))
	if file == nil {
		t.Fatalf("%v", problems)
	}
	return file.Apps["demo"]
}

// The file of one app with entries of one kind.
func events(entries string) string     { return oneSection("server_events", "events", entries) }
func properties(entries string) string { return oneSection("server_events", "properties", entries) }
func user(entries string) string       { return oneSection("user_properties", "properties", entries) }

func oneSection(section, key, entries string) string {
	return "apps:\n  demo:\n    " + section + ":\n      " + key + ": {" + entries + "}\n"
}

// index returns the index of an attribute, payload or derived.
func index(t testing.TB, name string) int {
	t.Helper()
	for i, a := range webhook.EmbeddedCatalogue().Attributes {
		if a.Name == name {
			return i
		}
	}
	t.Fatalf("the catalogue has no %s", name)
	return -1
}

func TestSwitches(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"an app without keys has the defaults": {"{}", "true identity route false integration"},
		"an app without a value has them, too": {"", "true identity route false integration"},
		"every switch can be turned": {
			"{enabled: false, anonymous: object_id, sandbox: send, revenue: {charged: true, currency: customer}}",
			"false object_id send true customer",
		},
		"the third choices": {"{anonymous: skip, sandbox: skip}", "true skip skip false integration"},
		"a merged key gives way to one's own": {
			"{<<: {enabled: false, sandbox: skip}, enabled: true}", "true identity skip false integration",
		},
		"of two merged keys the first one wins": {
			"{<<: [{sandbox: skip}, {sandbox: send, enabled: false}]}", "false identity skip false integration",
		},
	} {
		a := load(t, "apps: {demo: "+test.text+"}")
		got := fmt.Sprint(a.Enabled, " ", a.Anonymous, " ", a.Sandbox, " ", a.Charged, " ", a.Currency)
		if got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}

// show writes a place and a rule as "line:column rule", or the rule alone if there is no place.
func show(o integration.Origin) string {
	rule := strings.Replace(o.Rule, "the bridge's ", "our ", 1)
	if o.Line == 0 {
		return rule
	}
	return fmt.Sprintf("%d:%d %s", o.Line, o.Column, rule)
}

func TestSwitchesHaveOrigins(t *testing.T) {
	a := load(t, "apps:\n  demo:\n    sandbox: skip\n    revenue:\n      charged: true\n")
	var got []string
	for _, o := range []integration.Origin{a.EnabledOrigin, a.AnonymousOrigin, a.SandboxOrigin, a.ChargedOrigin} {
		got = append(got, show(o))
	}
	want := []string{"enabled: true", "anonymous: identity", "3:5 sandbox: skip", "5:7 revenue.charged: true"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// kept is the origin of the name of what is not renamed.
const kept = "our default: what is not renamed keeps its name"

// rule is a decision in short: whether it sends, the name, and the origins of both.
type rule struct {
	send             bool
	name             string
	origin, nameFrom string
}

func TestEvents(t *testing.T) {
	const withPrefix = "apps:\n  demo:\n    server_events:\n      default: skip\n      prefix: 'PLY '\n" +
		"      events: {ACTIVATE: {}, NEW_ONE: , TRIAL_STARTED: {name: Trial}, DEACTIVATE: {send: false}}\n"
	const prefix, skip = "5:15 server_events.prefix: PLY ", "4:7 server_events.default: skip"
	const sent = "server_events.default: send"
	for name, test := range map[string]struct {
		text, event string
		want        rule
	}{
		"an event is sent under its own name": {"apps: {demo: {}}", "ACTIVATE", rule{true, "ACTIVATE", sent, kept}},
		"so is one that nobody knows":         {"apps: {demo: {}}", "NEVER_HEARD", rule{true, "NEVER_HEARD", sent, kept}},
		"an event is switched off": {events("ACTIVATE: {send: false}"), "ACTIVATE", rule{
			false, "ACTIVATE", "4:27 server_events.events.ACTIVATE.send", kept,
		}},
		"an event is renamed": {events("ACTIVATE: {name: Access}"), "ACTIVATE", rule{
			true, "Access", "4:16 server_events.events.ACTIVATE", "4:33 server_events.events.ACTIVATE.name",
		}},
		"a renamed event may be off": {events("ACTIVATE: {name: Access, send: false}"), "ACTIVATE", rule{
			false, "Access", "4:41 server_events.events.ACTIVATE.send", "4:33 server_events.events.ACTIVATE.name",
		}},
		"an unknown event of the file is cleaned": {events(`"WEB.CHECKOUT ": {}`), "WEB.CHECKOUT ", rule{
			true, "WEBCHECKOUT", `4:16 server_events.events."WEB.CHECKOUT "`, kept,
		}},
		"what is not named follows the default": {
			withPrefix, "SUBSCRIPTION_STARTED", rule{false, "PLY SUBSCRIPTION_STARTED", skip, prefix},
		},
		"so does what nobody knows": {withPrefix, "NEVER_HEARD", rule{false, "PLY NEVER_HEARD", skip, prefix}},
		"an entry turns an event on under default skip": {withPrefix, "ACTIVATE", rule{
			true, "PLY ACTIVATE", "6:16 server_events.events.ACTIVATE", prefix,
		}},
		"so does one without a value": {withPrefix, "NEW_ONE", rule{
			true, "PLY NEW_ONE", "6:30 server_events.events.NEW_ONE", prefix,
		}},
		"a renamed event has no prefix": {withPrefix, "TRIAL_STARTED", rule{
			true, "Trial", "6:41 server_events.events.TRIAL_STARTED", "6:63 server_events.events.TRIAL_STARTED.name",
		}},
		"an old name is an event of its own": {
			events("ACTIVATE: {send: false}"), "PURCHASE_VALIDATED", rule{true, "PURCHASE_VALIDATED", sent, kept},
		},
		"letter case counts in Purchasely's names": {
			events("activate: {send: false}"), "ACTIVATE", rule{true, "ACTIVATE", sent, kept},
		},
	} {
		e := load(t, test.text).Event([]byte(test.event))
		got := rule{e.Send, e.Name, show(e.Origin), show(e.NameOrigin)}
		renamed := strings.HasSuffix(test.want.nameFrom, ".name")
		if got != test.want || e.Renamed != renamed {
			t.Errorf("%s: %+v, renamed %v, want %+v", name, got, e.Renamed, test.want)
		}
	}
}

// checkProperty compares a decision in short, and checks that its key is its name and whether the file has it.
func checkProperty(t *testing.T, what string, p *integration.PropertyRule, want rule, named bool) {
	t.Helper()
	got, key := rule{p.Send, p.Name, show(p.Origin), show(p.NameOrigin)}, fmt.Sprintf("%q:", p.Name)
	if got != want || string(p.Key) != key || p.Named != named {
		t.Errorf("%s: %+v, key %s, named %v, want %+v", what, got, p.Key, p.Named, want)
	}
}

func TestProperties(t *testing.T) {
	const sent = "our default: every property of an event is sent"
	const deviceFrom = "our default: device_type goes as purchase_device_type"
	const section = "server_events.properties."
	for name, test := range map[string]struct {
		entries, name string
		want          rule
	}{
		"a property is sent under its own name": {"", "plan", rule{true, "plan", sent, kept}},
		"a property is switched off": {
			"plan: {send: false}", "plan", rule{false, "plan", "4:27 " + section + "plan.send", kept},
		},
		"a property is renamed, whatever the alphabet": {`plan: {name: "Tarif (été)"}`, "plan", rule{
			true, "Tarif (été)", "4:20 " + section + "plan", "4:33 " + section + "plan.name",
		}},
		"device_type goes under another name": {"", "device_type", rule{true, "purchase_device_type", sent, deviceFrom}},
		"also when it is only switched on": {"device_type: {send: true}", "device_type", rule{
			true, "purchase_device_type", "4:34 " + section + "device_type.send", deviceFrom,
		}},
		"and when it is named like itself": {"device_type: {name: Device_Type}", "device_type", rule{
			true, "purchase_device_type", "4:20 " + section + "device_type", deviceFrom,
		}},
		"but not under a name of the user's": {"device_type: {name: Kind}", "device_type", rule{
			true, "Kind", "4:20 " + section + "device_type", "4:40 " + section + "device_type.name",
		}},
		"purchase_token is off unless named": {"", "purchase_token", rule{
			false, "purchase_token", "our default: purchase_token is off unless named", kept,
		}},
		"an entry without a word turns it on": {"purchase_token: {}", "purchase_token", rule{
			true, "purchase_token", "4:20 " + section + "purchase_token", kept,
		}},
		"so does a name": {"purchase_token: {name: Token}", "purchase_token", rule{
			true, "Token", "4:20 " + section + "purchase_token", "4:43 " + section + "purchase_token.name",
		}},
		"event_id cannot be switched off": {"event_id: {send: false, name: Id}", "event_id", rule{
			true, "Id", "our rule: event_id is always sent", "4:50 " + section + "event_id.name",
		}},
		"environment cannot be switched off": {"environment: {send: false}", "environment", rule{
			true, "environment", "our rule: environment is always sent", kept,
		}},
		"api_version cannot be switched on": {"api_version: {send: true}", "api_version", rule{
			false, "api_version", "our rule: api_version is never sent, it describes the webhook, not the event", kept,
		}},
		"milliseconds are never sent": {"", "purchased_at_ms", rule{
			false, "purchased_at_ms",
			"our rule: purchased_at_ms is never sent, it repeats purchased_at, which is sent as a date", kept,
		}},
		"a CleverTap ID is never sent": {"clevertap_id: {name: Id}", "clevertap_id", rule{
			false, "Id", "our rule: clevertap_id is never sent, it addresses the record",
			"4:41 " + section + "clevertap_id.name",
		}},
		"a derived user property is no property": {"", "has_active_subscription", rule{
			false, "has_active_subscription",
			"our rule: has_active_subscription is a user property, no property of an event", kept,
		}},
		"an object taken as a whole can be off": {"attribution: {send: false}", "attribution", rule{
			false, "attribution", "4:34 " + section + "attribution.send", kept,
		}},
		"a pattern is not named by its own name": {"amount_in_xxx: {send: false}", "amount_in_xxx", rule{
			true, "amount_in_xxx", sent, kept,
		}},
	} {
		a := load(t, properties(test.entries))
		p := a.Property(index(t, test.name))
		named := strings.HasPrefix(test.entries, test.name) && test.name != "amount_in_xxx"
		checkProperty(t, name, p, test.want, named)
		if named && a.NamedProperty([]byte(test.name)) != p {
			t.Errorf("%s: the entry is not found by its name", name)
		}
	}
}

func TestNamedPropertiesOutsideTheCatalogue(t *testing.T) {
	a := load(t, properties("amount_in_eur: {name: Revenue}, attribution_utm_source: {send: false}, new.one: {}, "+
		"user_attributes_clevertap_id: {}"))
	for name, want := range map[string]string{
		"amount_in_eur": "true Revenue", "attribution_utm_source": "false attribution_utm_source",
		"new.one": "true newone", "user_attributes_clevertap_id": "false user_attributes_clevertap_id",
	} {
		p := a.NamedProperty([]byte(name))
		if p == nil || !p.Named || fmt.Sprint(p.Send, " ", p.Name) != want {
			t.Errorf("%s: %+v", name, p)
		}
	}
	if a.NamedProperty([]byte("plan")) != nil || a.NamedProperty([]byte("amount_in_usd")) != nil {
		t.Error("an entry that the file does not have")
	}
}

func TestUserPropertySets(t *testing.T) {
	published := []string{
		"anonymous_user_id", "effective_next_renewal_at", "has_active_subscription", "is_family_shared", "offer_type",
		"plan", "promotional_offer_id", "store", "store_country", "subscription_started_at", "subscription_status",
		"user_id",
	}
	all := map[string]bool{} // without what is off unless named
	for _, a := range webhook.EmbeddedCatalogue().Attributes {
		if a.Property != webhook.NoProperty && a.Property != webhook.Planned && a.Name != "plan_periodicity" {
			all[a.Name] = true
		}
	}
	for section, want := range map[string][]string{
		"{}":             published,
		"{default: all}": slices.Sorted(maps.Keys(all)),
		"{default: none, properties: {plan: {}, plan_periodicity: {}, cumulated_revenue_in_usd: , store: {send: false}}}": {
			"cumulated_revenue_in_usd", "plan", "plan_periodicity",
		},
	} {
		a := load(t, "apps: {demo: {user_properties: "+section+"}}")
		var sent []string
		for i, row := range webhook.EmbeddedCatalogue().Attributes {
			if a.UserProperty(i).Send {
				sent = append(sent, row.Name)
			}
		}
		slices.Sort(sent)
		if diff := cmp.Diff(want, sent); diff != "" {
			t.Errorf("%s (-want +got):\n%s", section, diff)
		}
	}
}

func TestUserProperties(t *testing.T) {
	const withPrefix = "apps:\n  demo:\n    user_properties:\n      default: all\n      prefix: ply_\n" +
		"      properties: {plan: {name: Tier}, store: }\n"
	const prefix, section = "5:15 user_properties.prefix: ply_", "user_properties.properties."
	for name, test := range map[string]struct {
		text, name string
		want       rule
	}{
		"a published one is sent": {user(""), "plan", rule{true, "plan", "user_properties.default: published", kept}},
		"a draft is not": {"apps: {demo: {}}", "placement", rule{
			false, "placement", "user_properties.default: published does not include placement", kept,
		}},
		"the origin is where the set is chosen": {"apps:\n  demo:\n    user_properties: {default: none}\n", "plan", rule{
			false, "plan", "3:23 user_properties.default: none does not include plan", kept,
		}},
		"an entry turns a draft on": {user("placement: {}"), "placement", rule{
			true, "placement", "4:20 " + section + "placement", kept,
		}},
		"an entry turns a published one off": {user("plan: {send: false}"), "plan", rule{
			false, "plan", "4:27 " + section + "plan.send", kept,
		}},
		"plan_periodicity is off, even under all": {withPrefix, "plan_periodicity", rule{
			false, "ply_plan_periodicity", "our default: plan_periodicity is off unless named", prefix,
		}},
		"so is what Purchasely only plans": {withPrefix, "cumulated_revenue_in_usd", rule{
			false, "ply_cumulated_revenue_in_usd", "our default: cumulated_revenue_in_usd is off unless named", prefix,
		}},
		"the prefix precedes what is not renamed": {withPrefix, "store", rule{
			true, "ply_store", "6:40 " + section + "store", prefix,
		}},
		"a renamed one has no prefix": {withPrefix, "plan", rule{
			true, "Tier", "6:20 " + section + "plan", "6:33 " + section + "plan.name",
		}},
		"an attribute of events is none": {"apps: {demo: {}}", "device_id", rule{
			false, "device_id", "our rule: device_id is no user property unless named", kept,
		}},
	} {
		p := load(t, test.text).UserProperty(index(t, test.name))
		checkProperty(t, name, p, test.want, strings.Contains(test.want.origin, section))
	}
}

func TestNamedUserPropertiesKeepTheFilesOrder(t *testing.T) {
	a := load(t, user(`zeta: {}, plan: {name: Tier}, device_id: {name: Device}, "a#b": {}, alpha: {send: false}, `+
		`purchased_at_ms: {}`))
	var got []string
	for _, n := range a.NamedUserProperties() {
		got = append(got, fmt.Sprint(n.Source, " as ", string(n.Key), n.Send))
	}
	want := []string{
		`zeta as "zeta":true`, `device_id as "Device":true`, `a#b as "ab":true`, `alpha as "alpha":false`,
		`purchased_at_ms as "purchased_at_ms":false`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestDecisionsDoNotAllocate(t *testing.T) {
	a := load(t, "apps:\n  demo:\n    server_events:\n      prefix: PLY_\n      events: {WEB_CHECKOUT: {}}\n"+
		"      properties: {amount_in_eur: {name: Revenue}}\n")
	known, named, flat := []byte("ACTIVATE"), []byte("WEB_CHECKOUT"), []byte("amount_in_eur")
	sent := true
	if n := testing.AllocsPerRun(100, func() {
		sent = sent && a.Event(known).Send && a.Event(named).Send && a.NamedProperty(flat).Send
	}); n != 0 || !sent {
		t.Errorf("%v allocations, sent %v", n, sent)
	}
}

func TestTheFixturesFileHasNothingToWarnAbout(t *testing.T) {
	file, problems := integration.Load("integrations.yaml", read(t, fixtures))
	if file == nil || file.Apps["demo"] == nil {
		t.Fatalf("%v", problems)
	}
	for _, p := range problems {
		if p.Severity != integration.Hint {
			t.Errorf("%v", p)
		}
	}
	demo := file.Apps["demo"]
	if !demo.Enabled || !demo.Charged || demo.Event([]byte("ACTIVATE")).Send || !demo.Event([]byte("RENEWAL")).Send {
		t.Errorf("%+v", demo)
	}
}

// TestWrittenDefaultsDecideAlike loads a file that has every default, and one that has nothing.
func TestWrittenDefaultsDecideAlike(t *testing.T) {
	written := load(t, string(read(t, "testdata/valid/every_key_at_its_default.yaml")))
	unwritten := load(t, "apps: {demo: {}}")
	all := cmp.Exporter(func(reflect.Type) bool { return true })
	places := cmpopts.IgnoreFields(integration.Origin{}, "Line", "Column")
	if diff := cmp.Diff(unwritten, written, all, places); diff != "" {
		t.Errorf("(-unwritten +written):\n%s", diff)
	}
}
