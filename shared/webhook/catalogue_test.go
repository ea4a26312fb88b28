package webhook_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

func attribute(t testing.TB, name string) *webhook.Attribute {
	t.Helper()
	a := webhook.EmbeddedCatalogue().Attribute([]byte(name))
	if a == nil {
		t.Fatalf("no attribute %s", name)
	}
	return a
}

// check reports the rules that a row of the catalogue breaks.
func check(t *testing.T, row string, rules map[string]bool) {
	t.Helper()
	for rule, ok := range rules {
		if !ok {
			t.Errorf("%s: %s", row, rule)
		}
	}
}

// in reports whether all words are different and among those allowed, which are separated by spaces.
func in(allowed string, words ...string) bool {
	for i, word := range words {
		if slices.Contains(words[:i], word) || !slices.Contains(strings.Fields(allowed), word) {
			return false
		}
	}
	return true
}

func TestEventTypesAreConsistent(t *testing.T) {
	const purchases = "CONSUMABLE NON_CONSUMABLE NON_RENEWING_SUBSCRIPTION RENEWING_SUBSCRIPTION"
	seen := map[string]bool{"": true}
	for _, e := range webhook.EmbeddedCatalogue().Events {
		check(t, e.Name, map[string]bool{
			"name is unique":                      !seen[e.Name],
			"name is in upper snake case":         strings.Trim(e.Name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == "",
			"family is known":                     in("entitlement lifecycle offer transaction", e.Family),
			"status is known":                     in("current new legacy_v2 doc_variant unconfirmed", e.Status),
			"access is known":                     in("none grant revoke", e.Access),
			"transfer is known":                   in("none from to", e.Transfer),
			"purchase types are known":            in(purchases, e.Types...),
			"what webhooks have has types":        e.Types != nil || !e.Known(),
			"alias is an event above":             e.AliasOf == "" || seen[e.AliasOf],
			"only old and other names are alias":  e.AliasOf == "" || in("legacy_v2 doc_variant", e.Status),
			"what grants access has access":       e.After != webhook.Grants || e.Access == "grant",
			"what ends access revokes it":         e.After != webhook.Ends || e.Access == "revoke",
			"only one event is money":             e.Money == (e.Name == "TRANSACTION_PROCESSED"),
			"known are current, new and version2": e.Known() == in("current new legacy_v2", e.Status),
			"there is a meaning":                  e.Meaning != "",
		})
		seen[e.Name] = true
	}
}

func TestEventsThatDecideAccess(t *testing.T) {
	got := map[webhook.After][]string{}
	families := map[string]int{}
	for _, e := range webhook.EmbeddedCatalogue().Events {
		if in("current new", e.Status) {
			families[e.Family]++
		}
		if e.After != webhook.ByStatus && e.Known() {
			got[e.After] = append(got[e.After], e.Name)
		}
	}
	want := map[webhook.After][]string{
		webhook.Grants: {"ACTIVATE", "SUBSCRIPTION_RECEIVED", "PURCHASE_VALIDATED"},
		webhook.Ends: {
			"DEACTIVATE", "SUBSCRIPTION_TERMINATED", "FAMILY_SHARED_REVOKED", "GRACE_PERIOD_TERMINATED",
			"SUBSCRIPTION_CANCELLED_DURING_GRACE_PERIOD", "ENTERED_BILLING_RETRY", "SUBSCRIPTION_REFUNDED_REVOKED",
			"SUBSCRIPTION_TRANSFERRED", "SUBSCRIPTION_PAUSED", "TRIAL_NOT_CONVERTED",
			"INTRO_OFFER_NOT_CONVERTED", "PROMO_CODE_NOT_CONVERTED", "PROMOTIONAL_OFFER_NOT_CONVERTED",
			"SUBSCRIPTION_EXPIRED", "PURCHASE_REFUND",
		},
		webhook.Unset: {"ONE_TIME_PURCHASE_TRANSFERRED", "ONE_TIME_PURCHASE_RECEIVED"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	counts := map[string]int{"entitlement": 2, "lifecycle": 30, "offer": 12, "transaction": 1}
	if !maps.Equal(families, counts) {
		t.Errorf("there are %v, want %v", families, counts)
	}
}

func TestCanonicalNames(t *testing.T) {
	for name, want := range map[string]string{
		"PURCHASE_VALIDATED": "ACTIVATE", "SUBSCRIPTION_EXPIRED": "DEACTIVATE", "PURCHASE_REFUND": "PURCHASE_REFUND",
		"SUBSCRIPTION_REFUNDED": "SUBSCRIPTION_REFUNDED", // another name on Purchasely's pages is an unknown event
	} {
		if got := webhook.EmbeddedCatalogue().Event([]byte(name)).Canonical(); got != want {
			t.Errorf("%s stands for %s, want %s", name, got, want)
		}
	}
}

func TestAttributesAreConsistent(t *testing.T) {
	const presences = "always usually optional new unproven never subscriber_anonymous subscriber_connected device " +
		"price subscription one_time transaction transfer plan_change offer acquisition google web commitment"
	attributes := webhook.EmbeddedCatalogue().Attributes
	seen := map[string]bool{"": true, "*": true}
	var published []string
	for i, a := range attributes {
		partner, isDate, isMillis := attributes[max(0, a.Millis)], a.Type == webhook.Date, a.Type == webhook.Millis
		name := strings.Trim(strings.TrimSuffix(a.Name, "*"), "abcdefghijklmnopqrstuvwxyz0123456789_")
		check(t, a.Name, map[string]bool{
			"index is the position":                a.Index == i,
			"name is unique":                       !seen[a.Name],
			"name is in lower snake case":          name == "",
			"presence is known":                    in(presences, strings.Split(a.Presence, "|")...),
			"values are unique":                    in(strings.Join(a.Enum, " "), a.Enum...),
			"booleans are true or false":           (a.Type == webhook.Boolean) == (strings.Join(a.Enum, "|") == "true|false"),
			"what is derived is never in payloads": a.Derived == (a.Presence == "never"),
			"what is derived is a user property":   !a.Derived || a.Property != webhook.NoProperty && !a.Dynamic(),
			"a date has milliseconds":              !isDate || a.Derived || a.Millis > i && partner.Type == webhook.Millis,
			"milliseconds have a date":             !isMillis || partner.Type == webhook.Date && partner.Millis == i,
			"their names differ by a suffix":       !isMillis || partner.Name+"_ms" == a.Name && partner.Presence == a.Presence,
			"nothing else has a partner":           isDate || isMillis || a.Millis == -1,
			"there is a note":                      a.Note != "",
		})
		seen[a.Name] = true
		if a.Property == webhook.Published {
			published = append(published, a.Name)
		}
	}
	if diff := cmp.Diff([]string{
		"anonymous_user_id", "user_id", "store", "plan", "store_country", "is_family_shared", "offer_type",
		"promotional_offer_id", "subscription_status", "effective_next_renewal_at", "has_active_subscription",
		"subscription_started_at",
	}, published); diff != "" {
		t.Errorf("published user properties (-want +got):\n%s", diff)
	}
}

func TestAttributesAreFoundByNameAndPattern(t *testing.T) {
	c := webhook.EmbeddedCatalogue()
	for name, want := range map[string]string{
		"amount_in_usd": "amount_in_usd", "amount_in_eur": "amount_in_xxx", "plan_price_in_usd": "plan_price_in_xxx",
		"cumulated_revenues_in_jpy": "cumulated_revenues_in_xxx", "commitment_": "commitment_*",
		"commitment_x": "commitment_*", "amount_in_customer_currency": "amount_in_customer_currency", "commitment": "",
		"amount_in_EUR": "", "amount_in_eu": "", "amount_in_euro": "", "amount_in_": "", "amount_in_e1r": "",
		"Plan": "", "plan ": "", "": "", "has_active_subscription": "", "cumulated_revenue_in_usd": "",
		"cumulated_revenue_in_eur": "", "event_type": "",
	} {
		got := ""
		if a := c.Attribute([]byte(name)); a != nil {
			got = a.Name
		}
		if got != want {
			t.Errorf("%q is attribute %q, want %q", name, got, want)
		}
	}
	for i := range c.Attributes {
		a := &c.Attributes[i]
		if found := c.Attribute([]byte(a.Name)); (found == a) == a.Derived {
			t.Errorf("%s is found as %+v", a.Name, found)
		}
		if found := c.UserProperty(a.Name); (found == a) != (a.Property != webhook.NoProperty) {
			t.Errorf("%s is found as the user property %+v", a.Name, found)
		}
	}
}

func TestNearestNames(t *testing.T) {
	c := webhook.EmbeddedCatalogue()
	letter := func(name string) string { return webhook.Nearest(name, []string{"abcd", "a", "c"}) }
	for _, test := range []struct {
		nearest    func(string) string
		name, want string
	}{
		{c.NearestEvent, "ACTIVTE", "ACTIVATE"},
		{c.NearestEvent, "AVTIVATE", "ACTIVATE"},
		{c.NearestEvent, "ATCIVATE", "ACTIVATE"},
		{c.NearestEvent, "activate", "ACTIVATE"},
		{c.NearestEvent, "Subscription_Renewd", "SUBSCRIPTION_RENEWED"},
		{c.NearestEvent, "SUBSCRIPTION_CANCELED_DURING_PAUSE", "SUBSCRIPTION_CANCELLED_DURING_PAUSE"},
		{c.NearestEvent, "INTRO_STARTED", "INTRO_OFFER_STARTED"}, // what Purchasely means by it
		{c.NearestEvent, "LOGIN", ""},
		{c.NearestEvent, "", ""},
		{c.NearestAttribute, "plann", "plan"},
		{c.NearestAttribute, "subscripton_sttus", "subscription_status"},
		{c.NearestAttribute, "amount_in_euro", "amount_in_usd"},
		{c.NearestAttribute, "has_active_subscription", ""},
		{c.NearestAttribute, "favourite_colour", ""},
		{c.NearestProperty, "has_activ_subscription", "has_active_subscription"},
		{c.NearestProperty, "expired_subscription_duration_in_days", "expired_subscrption_duration_in_days"},
		{c.NearestProperty, "event_id", ""},
		{letter, "abdc", "abcd"},
		{letter, "b", "a"}, // the first of two that are equally near
	} {
		if got := test.nearest(test.name); got != test.want {
			t.Errorf("nearest to %q is %q, want %q", test.name, got, test.want)
		}
	}
}
