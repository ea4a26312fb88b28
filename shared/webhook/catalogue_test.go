package webhook_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

func event(t testing.TB, name string) *webhook.EventType {
	t.Helper()
	e := webhook.EmbeddedCatalogue().Event([]byte(name))
	if e == nil {
		t.Fatalf("no event %s", name)
	}
	return e
}

func attribute(t testing.TB, name string) *webhook.Attribute {
	t.Helper()
	a := webhook.EmbeddedCatalogue().Attribute([]byte(name))
	if a == nil {
		t.Fatalf("no attribute %s", name)
	}
	return a
}

func TestEventsAreThoseOfTheVendor(t *testing.T) {
	known, others := make(map[string]int), make(map[string][]string)
	total := 0
	for i := range webhook.EmbeddedCatalogue().Events {
		e := &webhook.EmbeddedCatalogue().Events[i]
		switch e.Status {
		case "current", "new":
			known[e.Family]++
			total++
		default:
			others[e.Status] = append(others[e.Status], e.Name)
		}
		if got := e.Known(); got != (e.Status == "current" || e.Status == "new" || e.Status == "legacy_v2") {
			t.Errorf("%s of status %s is known: %v", e.Name, e.Status, got)
		}
		if e.Money != (e.Name == "TRANSACTION_PROCESSED") {
			t.Errorf("%s is money: %v", e.Name, e.Money)
		}
	}
	if diff := cmp.Diff(map[string]int{"entitlement": 2, "lifecycle": 30, "offer": 12, "transaction": 1}, known); diff != "" || total != 45 {
		t.Errorf("%d events, families (-want +got):\n%s", total, diff)
	}
	want := map[string][]string{
		"legacy_v2": {
			"PURCHASE_VALIDATED", "SUBSCRIPTION_EXPIRED", "PURCHASE_REFUND", "PURCHASE_TRANSFERRED", "SUBSCRIPTION_CHANGED",
			"SUBSCRIPTION_UNPAID", "USER_IDENTIFIED",
		},
		"doc_variant": {"SUBSCRIPTION_REFUNDED", "INTRO_PERIOD_STARTED", "INTRO_STARTED"},
		"unconfirmed": {"IN_APP_PURCHASE", "RENEWAL", "CANCELLATION", "EXPIRATION", "REFUND"},
	}
	if diff := cmp.Diff(want, others); diff != "" {
		t.Errorf("other names (-want +got):\n%s", diff)
	}
}

func TestEventsThatDecideAccess(t *testing.T) {
	grants, ends, unset, revoke, from, to, oneTime := []string{}, []string{}, []string{}, []string{}, []string{}, []string{}, []string{}
	for i := range webhook.EmbeddedCatalogue().Events {
		e := &webhook.EmbeddedCatalogue().Events[i]
		if !e.Known() {
			continue
		}
		note := func(list *[]string, ok bool) {
			if ok {
				*list = append(*list, e.Name)
			}
		}
		note(&grants, e.After == webhook.Grants)
		note(&ends, e.After == webhook.Ends)
		note(&unset, e.After == webhook.Unset)
		note(&revoke, e.Access == "revoke")
		note(&from, e.Transfer == "from")
		note(&to, e.Transfer == "to")
		note(&oneTime, e.OneTime)
	}
	wantEnds := []string{
		"DEACTIVATE", "SUBSCRIPTION_TERMINATED", "FAMILY_SHARED_REVOKED", "GRACE_PERIOD_TERMINATED", "SUBSCRIPTION_CANCELLED_DURING_GRACE_PERIOD",
		"ENTERED_BILLING_RETRY", "SUBSCRIPTION_REFUNDED_REVOKED", "SUBSCRIPTION_TRANSFERRED", "SUBSCRIPTION_PAUSED", "TRIAL_NOT_CONVERTED",
		"INTRO_OFFER_NOT_CONVERTED", "PROMO_CODE_NOT_CONVERTED", "PROMOTIONAL_OFFER_NOT_CONVERTED", "SUBSCRIPTION_EXPIRED", "PURCHASE_REFUND",
	}
	if got := event(t, "ACTIVATE").After.String() + " " + event(t, "DEACTIVATE").After.String(); got != "grants ends" {
		t.Errorf("effects are called %s", got)
	}
	for what, lists := range map[string][2][]string{
		"grants": {grants, {"ACTIVATE", "SUBSCRIPTION_RECEIVED", "PURCHASE_VALIDATED"}},
		"ends":   {ends, wantEnds},
		"unset":  {unset, {"ONE_TIME_PURCHASE_TRANSFERRED", "ONE_TIME_PURCHASE_RECEIVED"}},
		"revoke": {revoke, append(slices.Clone(wantEnds), "ONE_TIME_PURCHASE_TRANSFERRED")},
		"from":   {from, {"SUBSCRIPTION_TRANSFERRED", "ONE_TIME_PURCHASE_TRANSFERRED"}},
		"to":     {to, {"SUBSCRIPTION_RECEIVED", "ONE_TIME_PURCHASE_RECEIVED"}},
		// A refund of version 2 is about one-time purchases, which is why it ends no subscription.
		"one-time": {oneTime, {"ONE_TIME_PURCHASE_TRANSFERRED", "ONE_TIME_PURCHASE_RECEIVED", "PURCHASE_REFUND"}},
	} {
		slices.Sort(lists[0])
		slices.Sort(lists[1])
		if diff := cmp.Diff(lists[1], lists[0]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
}

func TestCanonicalNames(t *testing.T) {
	for name, want := range map[string]string{
		"PURCHASE_VALIDATED": "ACTIVATE", "SUBSCRIPTION_EXPIRED": "DEACTIVATE", "PURCHASE_REFUND": "PURCHASE_REFUND", "ACTIVATE": "ACTIVATE",
		"SUBSCRIPTION_REFUNDED": "SUBSCRIPTION_REFUNDED", // a variant is an unknown event
	} {
		if got := event(t, name).Canonical(); got != want {
			t.Errorf("%s stands for %s, want %s", name, got, want)
		}
	}
}

func TestAttributesAreThoseOfTheVendor(t *testing.T) {
	origins, properties, types := map[string]int{}, map[string]int{}, map[string]int{}
	attributes := webhook.EmbeddedCatalogue().Attributes
	for i, a := range attributes {
		origins[a.Origin.String()]++
		properties[a.Property.String()]++
		types[a.Type.String()]++
		if a.Index != i {
			t.Errorf("%s has index %d, want %d", a.Name, a.Index, i)
		}
		if a.Derived != (a.Origin == webhook.FromMapping) || a.Derived != (a.Presence == "never") {
			t.Errorf("%s: derived %v, origin %s, presence %s", a.Name, a.Derived, a.Origin, a.Presence)
		}
		switch {
		case a.Type == webhook.Date && !a.Derived:
			twin := attributes[a.Millis]
			if twin.Name != a.Name+"_ms" || twin.Type != webhook.Millis || twin.Millis != i || twin.Presence != a.Presence {
				t.Errorf("%s has the twin %+v", a.Name, twin)
			}
		case a.Type != webhook.Millis && a.Millis != -1:
			t.Errorf("%s has a twin", a.Name)
		}
		if (a.Type == webhook.Boolean) != slices.Equal(a.Enum, []string{"true", "false"}) {
			t.Errorf("%s of type %s has the values %v", a.Name, a.Type, a.Enum)
		}
	}
	want := []map[string]int{
		{"table": 62, "newer_page": 7, "mention_only": 7, "derived": 18},
		{"": 45, "published": 12, "draft": 7, "draft_hidden": 23, "planned": 7},
		{"string": 51, "integer": 1, "number": 8, "boolean": 9, "object": 4, "date": 11, "twin": 8, "unspecified": 2},
	}
	if diff := cmp.Diff(want, []map[string]int{origins, properties, types}); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
}

func TestPublishedUserProperties(t *testing.T) {
	var got []string
	for _, a := range webhook.EmbeddedCatalogue().Attributes {
		if a.Property == webhook.Published {
			got = append(got, a.Name)
		}
		if a.Property != webhook.NoProperty && webhook.EmbeddedCatalogue().UserProperty(a.Name) != &webhook.EmbeddedCatalogue().Attributes[a.Index] {
			t.Errorf("%s is not found", a.Name)
		}
	}
	want := []string{
		"anonymous_user_id", "user_id", "store", "plan", "store_country", "is_family_shared", "offer_type", "promotional_offer_id",
		"subscription_status", "effective_next_renewal_at", "has_active_subscription", "subscription_started_at",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("published (-want +got):\n%s", diff)
	}
	for _, name := range []string{"event_id", "nothing", "", "amount_in_usd"} {
		if webhook.EmbeddedCatalogue().UserProperty(name) != nil {
			t.Errorf("%q is a user property", name)
		}
	}
}

func TestEnumsAreThoseOfTheVendor(t *testing.T) {
	offers := []string{"NONE", "FREE_TRIAL", "INTRO_OFFER", "PROMO_CODE", "PROMOTIONAL_OFFER"}
	want := map[string][]string{
		"api_version": {"2", "3"}, "device_type": {"COMPUTER", "PAD", "PHONE", "TV"}, "environment": {"SANDBOX", "PRODUCTION"},
		"store": {
			"APPLE_APP_STORE", "GOOGLE_PLAY_STORE", "AMAZON_APPSTORE", "HUAWEI_APPGALLERY", "STRIPE", "AMAZON_APP_STORE", "HUAWEI_APP_GALLERY",
		},
		"purchase_type": {"CONSUMABLE", "NON_CONSUMABLE", "NON_RENEWING_SUBSCRIPTION", "RENEWING_SUBSCRIPTION"},
		"offer_type":    offers, "previous_offer_type": offers, "expired_subscription_offer_type": offers,
		"subscription_status": {
			"AUTO_RENEWING", "ON_HOLD", "IN_GRACE_PERIOD", "AUTO_RENEWING_CANCELED", "DEACTIVATED", "REVOKED", "PAUSED", "UNPAID", "CANCELED",
		},
		"channel": {"web2app", "app2web", "in_app"}, "provider": {"purchasely", "external"},
		"plan_periodicity":            {"P1W", "P2W", "P1M", "P2M", "P3M", "P6M", "P1Y"},
		"expired_subscription_status": {"Onhold", "Deactivated", "Revoked", "Paused", "Unpaid"},
	}
	got := map[string][]string{}
	for _, a := range webhook.EmbeddedCatalogue().Attributes {
		if a.Enum != nil && a.Type != webhook.Boolean {
			got[a.Name] = a.Enum
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
}

func TestAttributeFindsNamesAndPatterns(t *testing.T) {
	for name, want := range map[string]string{
		"plan": "plan", "event_created_at_ms": "event_created_at_ms", "amount_in_usd": "amount_in_usd", "amount_in_eur": "amount_in_xxx",
		"plan_price_in_usd": "plan_price_in_xxx", "cumulated_revenues_in_jpy": "cumulated_revenues_in_xxx", "amount_in_xxx": "amount_in_xxx",
		"amount_in_customer_currency": "amount_in_customer_currency", "commitment_": "commitment_*", "commitment_total": "commitment_*",
		"amount_in_EUR": "", "amount_in_eu": "", "amount_in_euro": "", "amount_in_": "", "amount_in_e1r": "", "commitment": "", "Plan": "", "plan ": "", "": "",
		"has_active_subscription": "", "cumulated_revenue_in_usd": "", "cumulated_revenue_in_eur": "", "event_type": "",
	} {
		got := ""
		if a := webhook.EmbeddedCatalogue().Attribute([]byte(name)); a != nil {
			got = a.Name
		}
		if got != want {
			t.Errorf("%q is attribute %q, want %q", name, got, want)
		}
	}
	for _, a := range webhook.EmbeddedCatalogue().Attributes {
		if found := webhook.EmbeddedCatalogue().Attribute([]byte(a.Name)); !a.Derived && found != &webhook.EmbeddedCatalogue().Attributes[a.Index] {
			t.Errorf("%s is not found", a.Name)
		}
	}
}

func TestLookUpsDoNotAllocate(t *testing.T) {
	c := webhook.EmbeddedCatalogue()
	names := [][]byte{[]byte("subscription_status"), []byte("amount_in_eur"), []byte("a_name_that_nobody_knows"), []byte("SUBSCRIPTION_RENEWED")}
	if n := testing.AllocsPerRun(100, func() {
		for _, name := range names {
			_, _ = c.Attribute(name), c.Event(name)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestFaultyCatalogues(t *testing.T) {
	newAttribute := func(row string) func() (string, string) {
		return func() (string, string) { return webhook.AttributesCSV + row + "\n", webhook.EventsCSV }
	}
	newEvent := func(row string) func() (string, string) {
		return func() (string, string) { return webhook.AttributesCSV, webhook.EventsCSV + row + "\n" }
	}
	cases := map[string]struct {
		files func() (attributes, events string)
		want  string
	}{
		"a good attribute":           {newAttribute(`colour,string,red|green,optional,draft,newer_page,A note.`), ""},
		"a good event":               {newEvent(`SOMETHING_NEW,lifecycle,new,none,by_status,no,none,RENEWING_SUBSCRIPTION,,It happened.,`), ""},
		"an attribute twice":         {newAttribute(`plan,string,,always,,table,A note.`), "attributes.csv:96: name of plan has come before"},
		"an unknown type":            {newAttribute(`colour,text,,always,,table,A note.`), "type of colour has the unknown word text"},
		"an unknown presence":        {newAttribute(`colour,string,,sometimes,,table,A note.`), "presence of colour has the unknown word sometimes"},
		"no presence":                {newAttribute(`colour,string,,,,table,A note.`), "presence of colour has nothing"},
		"an unknown property":        {newAttribute(`colour,string,,always,public,table,A note.`), "property of colour has the unknown word public"},
		"an unknown origin":          {newAttribute(`colour,string,,always,,hearsay,A note.`), "origin of colour has the unknown word hearsay"},
		"an empty value":             {newAttribute(`colour,string,red|,always,,table,A note.`), "enum of colour has an empty or repeated word"},
		"a value twice":              {newAttribute(`colour,string,red|red,always,,table,A note.`), "enum of colour has an empty or repeated word"},
		"a date without twin":        {newAttribute(`seen_at,date,,always,,table,A note.`), "seen_at has no twin"},
		"a twin without date":        {newAttribute(`seen_at_ms,twin,,always,,table,A note.`), "type of seen_at_ms has no date of the same name before it"},
		"a twin of a text":           {newAttribute(`plan_ms,twin,,always,,table,A note.`), "type of plan_ms has no date of the same name before it"},
		"a twin of another name":     {newAttribute(`seen,twin,,always,,table,A note.`), "type of seen has no date"},
		"derived, yet in payloads":   {newAttribute(`colour,string,,always,draft,derived,A note.`), "presence of colour has never without derived"},
		"derived, yet no property":   {newAttribute(`colour,string,,never,,derived,A note.`), "property of colour has nothing"},
		"derived, yet a pattern":     {newAttribute(`colour_in_xxx,string,,never,draft,derived,A note.`), "name of colour_in_xxx has a pattern"},
		"an attribute without note":  {newAttribute(`colour,string,,always,,table,`), "note of colour has nothing"},
		"an attribute in upper case": {newAttribute(`Colour,string,,always,,table,A note.`), "name of Colour has other characters"},
		"too few columns":            {newAttribute(`colour,string`), "wrong number of fields"},
		"other columns":              {func() (string, string) { return "name\nplan\n", webhook.EventsCSV }, "attributes.csv: first line is not name,type,"},
		"no line at all":             {func() (string, string) { return webhook.AttributesCSV, "" }, "events.csv: first line is not name,family,"},
		"an attribute that is needed": {func() (string, string) {
			return strings.Replace(webhook.AttributesCSV, "\ndevice_id,", "\ndevice_id_of_old,", 1), webhook.EventsCSV
		}, "device_id is missing"},
		"an event twice":         {newEvent(`ACTIVATE,lifecycle,new,none,by_status,no,none,CONSUMABLE,,It happened.,`), "events.csv:62: name of ACTIVATE has come before"},
		"an unknown family":      {newEvent(`X,friends,new,none,by_status,no,none,CONSUMABLE,,It happened.,`), "family of X has the unknown word friends"},
		"an unknown status":      {newEvent(`X,offer,old,none,by_status,no,none,CONSUMABLE,,It happened.,`), "status of X has the unknown word old"},
		"an unknown effect":      {newEvent(`X,offer,new,none,true,no,none,CONSUMABLE,,It happened.,`), "after of X has the unknown word true"},
		"an unknown type of it":  {newEvent(`X,offer,new,none,by_status,no,none,LEASE,,It happened.,`), "types of X has the unknown word LEASE"},
		"no type":                {newEvent(`X,offer,new,none,by_status,no,none,,,It happened.,`), "types of X has nothing"},
		"money that may be":      {newEvent(`X,offer,new,none,by_status,maybe,none,CONSUMABLE,,It happened.,`), "money of X has the unknown word maybe"},
		"a grant without access": {newEvent(`X,offer,new,none,grants,no,none,CONSUMABLE,,It happened.,`), "after of X has grants, yet"},
		"an end with access":     {newEvent(`X,offer,new,grant,ends,no,none,CONSUMABLE,,It happened.,`), "after of X has ends, yet"},
		"an alias of nothing":    {newEvent(`X,offer,legacy_v2,none,by_status,no,none,CONSUMABLE,NOTHING,It happened.,`), "alias_of of X has an event that does not stand before it"},
		"an alias of a new one":  {newEvent(`X,offer,new,none,by_status,no,none,CONSUMABLE,ACTIVATE,It happened.,`), "alias_of of X has a name, yet"},
		"no meaning":             {newEvent(`X,offer,new,none,by_status,no,none,CONSUMABLE,,,`), "meaning of X has nothing"},
		"a lower-case event":     {newEvent(`Started,offer,new,none,by_status,no,none,CONSUMABLE,,It happened.,`), "name of Started has other characters"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := webhook.ParseCatalogue(c.files())
			switch {
			case c.want == "" && err != nil:
				t.Errorf("refused: %v", err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("error is %v, want one with %q", err, c.want)
			}
		})
	}
}

func BenchmarkCatalogue(b *testing.B) {
	for b.Loop() {
		if _, err := webhook.ParseCatalogue(webhook.AttributesCSV, webhook.EventsCSV); err != nil {
			b.Fatal(err)
		}
	}
}
