package integration_test

import (
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/purchasely-clevertap/bridge/shared/config"
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

// events, properties and user make a file of one app with entries of one family.
func events(body string) string {
	return "apps:\n  demo:\n    server_events:\n      events: {" + body + "}\n"
}

func properties(body string) string {
	return "apps:\n  demo:\n    server_events:\n      properties: {" + body + "}\n"
}

func user(body string) string {
	return "apps:\n  demo:\n    user_properties:\n      properties: {" + body + "}\n"
}

// index finds a row of the catalogue, payload or derived.
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
	type switches struct {
		Enabled   bool
		Anonymous integration.Anonymous
		Sandbox   integration.Sandbox
		Charged   bool
		Currency  integration.Currency
	}
	byDefault := switches{Enabled: true}
	tests := map[string]struct {
		text string
		want switches
	}{
		"an app without keys has the defaults":  {"apps: {demo: {}}", byDefault},
		"an app without a value has them, too":  {"apps:\n  demo:\n", byDefault},
		"defaults may be written out":           {"apps: {demo: {enabled: true, anonymous: identity, sandbox: route, revenue: {charged: false, currency: integration}}}", byDefault},
		"every switch can be turned":            {"apps: {demo: {enabled: false, anonymous: object_id, sandbox: send, revenue: {charged: true, currency: customer}}}", switches{false, integration.AnonymousObjectID, integration.SandboxSend, true, integration.CurrencyCustomer}},
		"the third choices":                     {"apps: {demo: {anonymous: skip, sandbox: skip}}", switches{true, integration.AnonymousSkip, integration.SandboxSkip, false, integration.CurrencyIntegration}},
		"a merged key gives way to one's own":   {"apps: {base: &b {enabled: false, sandbox: skip}, demo: {<<: *b, enabled: true}}", switches{Enabled: true, Sandbox: integration.SandboxSkip}},
		"of two merged keys the first one wins": {"apps: {demo: {<<: [{sandbox: skip}, {sandbox: send, enabled: false}]}}", switches{Sandbox: integration.SandboxSkip}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			a := load(t, test.text)
			if a.Name != "demo" {
				t.Errorf("name %q", a.Name)
			}
			if diff := cmp.Diff(test.want, switches{a.Enabled, a.Anonymous, a.Sandbox, a.Charged, a.Currency}); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestChoicesHaveTheWordsOfTheFile(t *testing.T) {
	got := []string{
		integration.AnonymousIdentity.String(), integration.AnonymousObjectID.String(), integration.AnonymousSkip.String(),
		integration.SandboxRoute.String(), integration.SandboxSend.String(), integration.SandboxSkip.String(),
		integration.CurrencyIntegration.String(), integration.CurrencyCustomer.String(),
	}
	want := []string{"identity", "object_id", "skip", "route", "send", "skip", "integration", "customer"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestSwitchesRememberWhereTheyStand(t *testing.T) {
	a := load(t, "apps:\n  demo:\n    sandbox: skip\n    revenue:\n      charged: true\n")
	got := []integration.Origin{a.EnabledOrigin, a.AnonymousOrigin, a.SandboxOrigin, a.ChargedOrigin, a.CurrencyOrigin}
	want := []integration.Origin{
		{Rule: "enabled: true"}, {Rule: "anonymous: identity"}, {Line: 3, Column: 5, Rule: "sandbox: skip"},
		{Line: 5, Column: 7, Rule: "revenue.charged: true"}, {Rule: "revenue.currency: integration"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestEvents(t *testing.T) {
	kept := integration.Origin{Rule: "the bridge's default: what is not renamed keeps its name"}
	const withPrefix = "apps:\n  demo:\n    server_events:\n      default: skip\n      prefix: 'PLY '\n      events: {ACTIVATE: {}, NEW_ONE: , TRIAL_STARTED: {name: Trial}, DEACTIVATE: {send: false}}\n"
	prefix := integration.Origin{Line: 5, Column: 15, Rule: "server_events.prefix: PLY "}
	skip := integration.Origin{Line: 4, Column: 7, Rule: "server_events.default: skip"}
	tests := map[string]struct {
		text, event string
		want        integration.EventRule
	}{
		"an event is sent under its own name": {"apps: {demo: {}}", "ACTIVATE", integration.EventRule{
			Send: true, Name: "ACTIVATE", Origin: integration.Origin{Rule: "server_events.default: send"}, NameOrigin: kept,
		}},
		"so is one that nobody knows": {"apps: {demo: {}}", "NEVER_HEARD", integration.EventRule{
			Send: true, Name: "NEVER_HEARD", Origin: integration.Origin{Rule: "server_events.default: send"}, NameOrigin: kept,
		}},
		"an event is switched off": {events("ACTIVATE: {send: false}"), "ACTIVATE", integration.EventRule{
			Name: "ACTIVATE", Origin: integration.Origin{Line: 4, Column: 27, Rule: "server_events.events.ACTIVATE.send"}, NameOrigin: kept,
		}},
		"an event is renamed": {events("ACTIVATE: {name: Access}"), "ACTIVATE", integration.EventRule{
			Send: true, Renamed: true, Name: "Access", Origin: integration.Origin{Line: 4, Column: 16, Rule: "server_events.events.ACTIVATE"},
			NameOrigin: integration.Origin{Line: 4, Column: 33, Rule: "server_events.events.ACTIVATE.name"},
		}},
		"a renamed event may be off": {events("ACTIVATE: {name: Access, send: false}"), "ACTIVATE", integration.EventRule{
			Renamed: true, Name: "Access", Origin: integration.Origin{Line: 4, Column: 41, Rule: "server_events.events.ACTIVATE.send"},
			NameOrigin: integration.Origin{Line: 4, Column: 33, Rule: "server_events.events.ACTIVATE.name"},
		}},
		"an unknown event of the file is cleaned": {events(`"WEB.CHECKOUT ": {}`), "WEB.CHECKOUT ", integration.EventRule{
			Send: true, Name: "WEBCHECKOUT", Origin: integration.Origin{Line: 4, Column: 16, Rule: `server_events.events."WEB.CHECKOUT "`}, NameOrigin: kept,
		}},
		"what is not named follows the default": {withPrefix, "SUBSCRIPTION_STARTED", integration.EventRule{
			Name: "PLY SUBSCRIPTION_STARTED", Origin: skip, NameOrigin: prefix,
		}},
		"so does what nobody knows": {withPrefix, "NEVER_HEARD", integration.EventRule{
			Name: "PLY NEVER_HEARD", Origin: skip, NameOrigin: prefix,
		}},
		"an entry turns an event on under default skip": {withPrefix, "ACTIVATE", integration.EventRule{
			Send: true, Name: "PLY ACTIVATE", Origin: integration.Origin{Line: 6, Column: 16, Rule: "server_events.events.ACTIVATE"}, NameOrigin: prefix,
		}},
		"so does one without a value": {withPrefix, "NEW_ONE", integration.EventRule{
			Send: true, Name: "PLY NEW_ONE", Origin: integration.Origin{Line: 6, Column: 30, Rule: "server_events.events.NEW_ONE"}, NameOrigin: prefix,
		}},
		"a renamed event has no prefix": {withPrefix, "TRIAL_STARTED", integration.EventRule{
			Send: true, Renamed: true, Name: "Trial", Origin: integration.Origin{Line: 6, Column: 41, Rule: "server_events.events.TRIAL_STARTED"},
			NameOrigin: integration.Origin{Line: 6, Column: 63, Rule: "server_events.events.TRIAL_STARTED.name"},
		}},
		"an old name is an event of its own": {events("ACTIVATE: {send: false}"), "PURCHASE_VALIDATED", integration.EventRule{
			Send: true, Name: "PURCHASE_VALIDATED", Origin: integration.Origin{Rule: "server_events.default: send"}, NameOrigin: kept,
		}},
		"letter case counts in the vendor's names": {events("activate: {send: false}"), "ACTIVATE", integration.EventRule{
			Send: true, Name: "ACTIVATE", Origin: integration.Origin{Rule: "server_events.default: send"}, NameOrigin: kept,
		}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, load(t, test.text).Event([]byte(test.event))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAskingDoesNotAllocate(t *testing.T) {
	a := load(t, "apps:\n  demo:\n    server_events:\n      prefix: PLY_\n      events: {WEB_CHECKOUT: {}}\n      properties: {amount_in_eur: {name: Revenue}}\n")
	known, named, flat := []byte("ACTIVATE"), []byte("WEB_CHECKOUT"), []byte("amount_in_eur")
	sent := 0
	allocations := testing.AllocsPerRun(100, func() {
		for _, ok := range []bool{a.Event(known).Send, a.Event(named).Send, a.NamedProperty(flat).Send, a.Property(0).Send, a.UserProperty(0).Send} {
			if ok {
				sent++
			}
		}
	})
	if allocations != 0 || sent == 0 {
		t.Errorf("%v allocations, %d sent", allocations, sent)
	}
}

func TestTheEmbeddedFileHasNothingToWarnOf(t *testing.T) {
	file, problems := integration.Load("integrations.yaml", config.Integrations)
	if file == nil || file.Apps["demo"] == nil {
		t.Fatalf("%v", problems)
	}
	for _, p := range problems {
		if p.Severity != integration.Hint {
			t.Errorf("%v", p)
		}
	}
	demo := file.Apps["demo"]
	if !demo.Enabled || !demo.Charged || demo.Event([]byte("ACTIVATE")).Send || !demo.Event([]byte("SUBSCRIPTION_STARTED")).Send {
		t.Errorf("%+v", demo)
	}
}

// TestDefaultsWrittenOutDecideAlike loads a file that says every default, and one that says nothing.
func TestDefaultsWrittenOutDecideAlike(t *testing.T) {
	said := load(t, string(read(t, "testdata/valid/every_key_at_its_default.yaml")))
	unsaid := load(t, "apps: {demo: {}}")
	all := cmp.Exporter(func(reflect.Type) bool { return true })
	if diff := cmp.Diff(unsaid, said, all, cmpopts.IgnoreFields(integration.Origin{}, "Line", "Column")); diff != "" {
		t.Errorf("(-unsaid +said):\n%s", diff)
	}
}
