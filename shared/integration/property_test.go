package integration_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

var (
	keptName = integration.Origin{Rule: "the bridge's default: what is not renamed keeps its name"}
	allSent  = integration.Origin{Rule: "the bridge's default: every property of an event is sent"}
)

// ours and at make the origins of the bridge's own rules and of a line of the file.
func ours(rule string) integration.Origin { return integration.Origin{Rule: "the bridge's " + rule} }

func at(line, column int, rule string) integration.Origin {
	return integration.Origin{Line: line, Column: column, Rule: rule}
}

func TestProperties(t *testing.T) {
	tests := map[string]struct {
		text, name string
		want       integration.PropertyRule
	}{
		"a property is sent under its own name": {"apps: {demo: {}}", "plan", integration.PropertyRule{
			Send: true, Name: "plan", Key: []byte(`"plan":`), Origin: allSent, NameOrigin: keptName,
		}},
		"a property is switched off": {properties("plan: {send: false}"), "plan", integration.PropertyRule{
			Named: true, Name: "plan", Key: []byte(`"plan":`), Origin: at(4, 27, "server_events.properties.plan.send"), NameOrigin: keptName,
		}},
		"a property is renamed, whatever the alphabet": {properties(`plan: {name: "Tarif (été)"}`), "plan", integration.PropertyRule{
			Send: true, Named: true, Name: "Tarif (été)", Key: []byte(`"Tarif (été)":`),
			Origin: at(4, 20, "server_events.properties.plan"), NameOrigin: at(4, 33, "server_events.properties.plan.name"),
		}},
		"device_type goes under another name": {"apps: {demo: {}}", "device_type", integration.PropertyRule{
			Send: true, Name: "purchase_device_type", Key: []byte(`"purchase_device_type":`), Origin: allSent,
			NameOrigin: ours("default: device_type goes as purchase_device_type"),
		}},
		"also when it is only switched on": {properties("device_type: {send: true}"), "device_type", integration.PropertyRule{
			Send: true, Named: true, Name: "purchase_device_type", Key: []byte(`"purchase_device_type":`),
			Origin: at(4, 34, "server_events.properties.device_type.send"), NameOrigin: ours("default: device_type goes as purchase_device_type"),
		}},
		"and when it is named like itself": {properties("device_type: {name: Device_Type}"), "device_type", integration.PropertyRule{
			Send: true, Named: true, Name: "purchase_device_type", Key: []byte(`"purchase_device_type":`),
			Origin: at(4, 20, "server_events.properties.device_type"), NameOrigin: ours("default: device_type goes as purchase_device_type"),
		}},
		"but not under a name of the user's": {properties("device_type: {name: Kind}"), "device_type", integration.PropertyRule{
			Send: true, Named: true, Name: "Kind", Key: []byte(`"Kind":`),
			Origin: at(4, 20, "server_events.properties.device_type"), NameOrigin: at(4, 40, "server_events.properties.device_type.name"),
		}},
		"purchase_token is off unless named": {"apps: {demo: {}}", "purchase_token", integration.PropertyRule{
			Name: "purchase_token", Key: []byte(`"purchase_token":`), Origin: ours("default: purchase_token is off unless named"), NameOrigin: keptName,
		}},
		"an entry without a word turns it on": {properties("purchase_token: {}"), "purchase_token", integration.PropertyRule{
			Send: true, Named: true, Name: "purchase_token", Key: []byte(`"purchase_token":`),
			Origin: at(4, 20, "server_events.properties.purchase_token"), NameOrigin: keptName,
		}},
		"so does a name": {properties("purchase_token: {name: Token}"), "purchase_token", integration.PropertyRule{
			Send: true, Named: true, Name: "Token", Key: []byte(`"Token":`),
			Origin: at(4, 20, "server_events.properties.purchase_token"), NameOrigin: at(4, 43, "server_events.properties.purchase_token.name"),
		}},
		"event_id cannot be switched off": {properties("event_id: {send: false, name: Id}"), "event_id", integration.PropertyRule{
			Send: true, Named: true, Name: "Id", Key: []byte(`"Id":`),
			Origin: ours("rule: event_id always goes along"), NameOrigin: at(4, 50, "server_events.properties.event_id.name"),
		}},
		"environment cannot be switched off": {properties("environment: {send: false}"), "environment", integration.PropertyRule{
			Send: true, Named: true, Name: "environment", Key: []byte(`"environment":`),
			Origin: ours("rule: environment always goes along"), NameOrigin: keptName,
		}},
		"api_version cannot be switched on": {properties("api_version: {send: true}"), "api_version", integration.PropertyRule{
			Named: true, Name: "api_version", Key: []byte(`"api_version":`),
			Origin: ours("rule: api_version is never sent, it describes the webhook, not the event"), NameOrigin: keptName,
		}},
		"a twin is never sent": {"apps: {demo: {}}", "purchased_at_ms", integration.PropertyRule{
			Name: "purchased_at_ms", Key: []byte(`"purchased_at_ms":`),
			Origin: ours("rule: purchased_at_ms is never sent, it repeats purchased_at, which is sent as a date"), NameOrigin: keptName,
		}},
		"a CleverTap ID is never sent": {properties("clevertap_id: {name: Id}"), "clevertap_id", integration.PropertyRule{
			Named: true, Name: "Id", Key: []byte(`"Id":`), Origin: ours("rule: clevertap_id is never sent, it addresses the record"),
			NameOrigin: at(4, 41, "server_events.properties.clevertap_id.name"),
		}},
		"a derived user property is no property": {"apps: {demo: {}}", "has_active_subscription", integration.PropertyRule{
			Name: "has_active_subscription", Key: []byte(`"has_active_subscription":`),
			Origin: ours("rule: has_active_subscription is a user property, no property of an event"), NameOrigin: keptName,
		}},
		"an object taken as a whole can be off": {properties("attribution: {send: false}"), "attribution", integration.PropertyRule{
			Named: true, Name: "attribution", Key: []byte(`"attribution":`),
			Origin: at(4, 34, "server_events.properties.attribution.send"), NameOrigin: keptName,
		}},
		"a pattern is not named by its own name": {properties("amount_in_xxx: {send: false}"), "amount_in_xxx", integration.PropertyRule{
			Send: true, Name: "amount_in_xxx", Key: []byte(`"amount_in_xxx":`), Origin: allSent, NameOrigin: keptName,
		}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			a := load(t, test.text)
			got := a.Property(index(t, test.name))
			if diff := cmp.Diff(test.want, *got); diff != "" {
				t.Error(diff)
			}
			if got.Named && a.NamedProperty([]byte(test.name)) != got {
				t.Error("the entry is not found by its name")
			}
		})
	}
}

func TestNamedPropertiesOutsideTheRows(t *testing.T) {
	a := load(t, properties("amount_in_eur: {name: Revenue}, attribution_utm_source: {send: false}, new.one: {}, user_attributes_clevertap_id: {}"))
	tests := map[string]struct {
		send bool
		key  string
	}{
		"amount_in_eur":                {true, `"Revenue":`},
		"attribution_utm_source":       {false, `"attribution_utm_source":`},
		"new.one":                      {true, `"newone":`},
		"user_attributes_clevertap_id": {false, `"user_attributes_clevertap_id":`},
	}
	for name, want := range tests {
		p := a.NamedProperty([]byte(name))
		if p == nil || !p.Named || p.Send != want.send || string(p.Key) != want.key {
			t.Errorf("%s: %+v", name, p)
		}
	}
	if a.NamedProperty([]byte("plan")) != nil || a.NamedProperty([]byte("amount_in_usd")) != nil {
		t.Error("an entry that the file does not have")
	}
}

// userSet lists the user properties that an app sends by default.
func userSet(t *testing.T, text string) map[string]bool {
	t.Helper()
	a := load(t, text)
	sent := map[string]bool{}
	for i, row := range webhook.EmbeddedCatalogue().Attributes {
		if a.UserProperty(i).Send {
			sent[row.Name] = true
		}
	}
	return sent
}

func TestUserPropertySets(t *testing.T) {
	published := userSet(t, "apps: {demo: {}}")
	for _, name := range []string{
		"user_id", "anonymous_user_id", "plan", "store", "store_country", "offer_type", "promotional_offer_id", "effective_next_renewal_at",
		"is_family_shared", "subscription_status", "has_active_subscription", "subscription_started_at",
	} {
		if !published[name] {
			t.Errorf("published does not have %s", name)
		}
	}
	if len(published) != 12 {
		t.Errorf("published has %d", len(published))
	}
	all := userSet(t, "apps: {demo: {user_properties: {default: all}}}")
	if len(all) != 12+7+23-1 || all["plan_periodicity"] || all["cumulated_revenue_in_usd"] || !all["trial_ends_at"] || !all["environment"] {
		t.Errorf("all has %d: %v", len(all), all)
	}
	if none := userSet(t, "apps: {demo: {user_properties: {default: none}}}"); len(none) != 0 {
		t.Errorf("none has %v", none)
	}
	named := userSet(t, "apps: {demo: {user_properties: {default: none, properties: {plan: {}, plan_periodicity: {}, cumulated_revenue_in_usd: {}, store: {send: false}}}}}")
	if diff := cmp.Diff(map[string]bool{"plan": true, "plan_periodicity": true, "cumulated_revenue_in_usd": true}, named); diff != "" {
		t.Error(diff)
	}
}

func TestUserProperties(t *testing.T) {
	const withPrefix = "apps:\n  demo:\n    user_properties:\n      default: all\n      prefix: ply_\n      properties: {plan: {name: Tier}, store: }\n"
	prefix := at(5, 15, "user_properties.prefix: ply_")
	tests := map[string]struct {
		text, name string
		want       integration.PropertyRule
	}{
		"a published one is sent": {"apps: {demo: {}}", "plan", integration.PropertyRule{
			Send: true, Name: "plan", Key: []byte(`"plan":`), Origin: integration.Origin{Rule: "user_properties.default: published"}, NameOrigin: keptName,
		}},
		"a draft is not": {"apps: {demo: {}}", "placement", integration.PropertyRule{
			Name: "placement", Key: []byte(`"placement":`), Origin: integration.Origin{Rule: "user_properties.default: published does not include placement"}, NameOrigin: keptName,
		}},
		"it is told where the set is chosen": {"apps:\n  demo:\n    user_properties:\n      default: none\n", "plan", integration.PropertyRule{
			Name: "plan", Key: []byte(`"plan":`), Origin: at(4, 7, "user_properties.default: none does not include plan"), NameOrigin: keptName,
		}},
		"an entry turns a draft on": {user("placement: {}"), "placement", integration.PropertyRule{
			Send: true, Named: true, Name: "placement", Key: []byte(`"placement":`), Origin: at(4, 20, "user_properties.properties.placement"), NameOrigin: keptName,
		}},
		"an entry turns a published one off": {user("plan: {send: false}"), "plan", integration.PropertyRule{
			Named: true, Name: "plan", Key: []byte(`"plan":`), Origin: at(4, 27, "user_properties.properties.plan.send"), NameOrigin: keptName,
		}},
		"plan_periodicity is off, also under all": {withPrefix, "plan_periodicity", integration.PropertyRule{
			Name: "ply_plan_periodicity", Key: []byte(`"ply_plan_periodicity":`), Origin: ours("default: plan_periodicity is off unless named"), NameOrigin: prefix,
		}},
		"so is what the vendor plans": {withPrefix, "cumulated_revenue_in_usd", integration.PropertyRule{
			Name: "ply_cumulated_revenue_in_usd", Key: []byte(`"ply_cumulated_revenue_in_usd":`), Origin: ours("default: cumulated_revenue_in_usd is off unless named"), NameOrigin: prefix,
		}},
		"the prefix stands before what is not renamed": {withPrefix, "store", integration.PropertyRule{
			Send: true, Named: true, Name: "ply_store", Key: []byte(`"ply_store":`), Origin: at(6, 40, "user_properties.properties.store"), NameOrigin: prefix,
		}},
		"a renamed one has no prefix": {withPrefix, "plan", integration.PropertyRule{
			Send: true, Named: true, Name: "Tier", Key: []byte(`"Tier":`), Origin: at(6, 20, "user_properties.properties.plan"),
			NameOrigin: at(6, 33, "user_properties.properties.plan.name"),
		}},
		"an attribute of events is none": {"apps: {demo: {}}", "device_id", integration.PropertyRule{
			Name: "device_id", Key: []byte(`"device_id":`), Origin: ours("rule: device_id is no user property unless named"), NameOrigin: keptName,
		}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := load(t, test.text).UserProperty(index(t, test.name))
			if diff := cmp.Diff(test.want, *got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestNamedUserPropertiesKeepTheFilesOrder(t *testing.T) {
	a := load(t, user(`zeta: {}, plan: {name: Tier}, device_id: {name: Device}, "a#b": {}, alpha: {send: false}, purchased_at_ms: {}`))
	type short struct {
		Source, Key string
		Send        bool
	}
	var got []short
	for _, n := range a.NamedUserProperties() {
		got = append(got, short{n.Source, string(n.Key), n.Send})
	}
	want := []short{
		{"zeta", `"zeta":`, true}, {"device_id", `"Device":`, true}, {"a#b", `"ab":`, true}, {"alpha", `"alpha":`, false}, {"purchased_at_ms", `"purchased_at_ms":`, false},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
