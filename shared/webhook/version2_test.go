package webhook_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

func TestReadVersion2(t *testing.T) {
	// nested is a body with these properties.
	nested := func(properties string) string { return `{"name":"X","properties":{` + properties + `}}` }
	var e webhook.Event
	for name, c := range map[string]struct{ body, fields string }{
		"every row of Purchasely's table": {
			`{"api_version":2,"name":"X","received_at":"t0","user":{"vendor_id":"u","anonymous_id":"a"},"properties":{` +
				`"app":{"platform":"IOS","package_id":"b"},"store":"STRIPE",` +
				`"product":{"vendor_id":"p","plan":{"vendor_id":"q","store_product_id":"r","type":"RENEWING_SUBSCRIPTION"}},` +
				`"content_id":"c","purchase_id":"subs_1","purchased_at":"t1","original_purchased_at":"t2",` +
				`"original_transaction_id":"47","expires_at":"t3","period_type":"FREE_TRIAL","previous_period_type":"NORMAL"}}`,
			`event_created_at="t0" user_id="u" anonymous_user_id="a" store_app_bundle_id="b" store="STRIPE" product="p" ` +
				`plan="q" store_product_id="r" purchase_type="RENEWING_SUBSCRIPTION" ` +
				`content_id="c" purchasely_subscription_id="subs_1" purchased_at="t1" original_purchased_at="t2" ` +
				`store_original_transaction_id="47" effective_next_renewal_at="t3" offer_type="FREE_TRIAL" ` +
				`previous_offer_type="NONE"`,
		},
		"in the body's order": {
			`{"properties":{"expires_at":"t","store":"S"},"x":1,"user":{"anonymous_id":"a"},"name":"X","received_at":"r"}`,
			`effective_next_renewal_at="t" store="S" !x=1 anonymous_user_id="a" event_created_at="r"`,
		},
		"normal is no offer": {
			nested(`"period_type":"NORM\u0041L","previous_period_type":"PROMO_CODE"`),
			`offer_type="NONE" previous_offer_type="PROMO_CODE"`,
		},
		"an unknown offer is kept": {
			nested(`"period_type":"SUMMER","previous_period_type":7`), `offer_type="SUMMER" previous_offer_type=7`,
		},
		"a one-time purchase by its prefix": {
			nested(`"purchase_id":"otp_1","product":{"plan":{"type":"RENEWING_SUBSCRIPTION"}}`),
			`purchasely_one_time_purchase_id="otp_1" purchase_type="RENEWING_SUBSCRIPTION"`,
		},
		"a subscription by its prefix": {
			nested(`"purchase_id":"subs_1","product":{"plan":{"type":"CONSUMABLE"}}`),
			`purchasely_subscription_id="subs_1" purchase_type="CONSUMABLE"`,
		},
		"a one-time purchase by a type further down": {
			nested(`"purchase_id":"1","product":{"plan":{"type":"NON_CONSUMABLE"}}`),
			`purchasely_one_time_purchase_id="1" purchase_type="NON_CONSUMABLE"`,
		},
		"a one-time purchase by a type further up": {
			nested(`"product":{"plan":{"type":"CONSUMABLE"}},"purchase_id":"1"`),
			`purchase_type="CONSUMABLE" purchasely_one_time_purchase_id="1"`,
		},
		"else a subscription": {nested(`"purchase_id":"1"`), `purchasely_subscription_id="1"`},
		"what is not listed is named by its path": {
			`{"name":"X","foo":1,"user":{"foo":2,"deep":{"er":[{"a":1}],"none":{}}},` +
				`"properties":{"foo":3,"app":{"version":"9"},"product":{"plan":{"colour":"red"}},"a":{"b":{"c":null}}}}`,
			`!foo=1 !user_foo=2 !user_deep_er=[{"a":1}] !properties_foo=3 !properties_app_version="9" ` +
				`!properties_product_plan_colour="red" !properties_a_b_c=null`,
		},
		"objects at the top stay whole": {
			`{"name":"X","properties":{},"integrations":{"a":"b"},"x":{"y":1}}`, `integrations={"a":"b"} !x={"y":1}`,
		},
		"version 3 names at the top are known": {
			`{"name":"X","properties":{},"event_id":"e","environment":"SANDBOX"}`,
			`event_id="e" environment="SANDBOX"`,
		},
		"the table wins over such a name": {
			`{"name":"X","store":"top","properties":{"store":"in"},"event_created_at":"c","received_at":"r"}`,
			`store="in" event_created_at="r"`,
		},
		"also if the name comes later":        {`{"name":"X","properties":{"store":"in"},"store":"top"}`, `store="in"`},
		"a path that reads like an attribute": {`{"name":"X","user":{"id":"i"},"properties":{}}`, `!user_id="i"`},
		"a user that is no object":            {`{"name":"X","user":"u","properties":{}}`, `!user="u"`},
		"a product that is no object":         {nested(`"product":"p"`), `!properties_product="p"`},
		"an attribute that is an object":      {nested(`"store":{"a":1}`), `store={"a":1}`},
		"names with escapes": {
			`{"n\u0061me":"X","us\u0065r":{"vendor\u005fid":"u","\u0066oo":1},"properties":{}}`,
			`user_id="u" !user_foo=1`,
		},
		"the last of equal names, at the position of the first": {
			`{"name":"W","user":{"vendor_id":1,"x":1,"vendor_id":2,"x":2},"properties":{"store":0},"properties":{"product":` +
				`{"vendor_id":"old"},"store":1,"product":{"plan":{"vendor_id":"q"}},"store":2},"name":"X"}`,
			`user_id=2 !user_x=2 plan="q" store=2`,
		},
		"a name with a dot is not a path": {nested(`"app.package_id":"b"`), `!properties_app.package_id="b"`},
		"an event name of null":           {`{"event_name":null,"name":"X","properties":{"store":1}}`, `store=1`},
		"whatever version it claims":      {`{"api_version":3,"name":"X","properties":{"store":1}}`, `store=1`},
	} {
		if err := e.Read([]byte(c.body)); err != nil {
			t.Fatal(name, err)
		}
		if string(e.Name) != "X" || e.Version != 2 {
			t.Errorf("%s: event %s of version %d", name, e.Name, e.Version)
		}
		if diff := cmp.Diff(c.fields, strings.Join(fields(&e), " ")); diff != "" {
			t.Errorf("%s: fields (-want +got):\n%s", name, diff)
		}
	}
}

func TestVersion2KeepsItsOldNames(t *testing.T) {
	var e webhook.Event
	if err := e.Read([]byte(`{"name":"SUBSCRIPTION_EXPIRED","properties":{}}`)); err != nil {
		t.Fatal(err)
	}
	if string(e.Name) != "SUBSCRIPTION_EXPIRED" || e.Type.Canonical() != "DEACTIVATE" {
		t.Errorf("event %s stands for %s", e.Name, e.Type.Canonical())
	}
}

func TestALongPathDoesNotMultiply(t *testing.T) {
	var body strings.Builder
	body.WriteString(`{"name":"X","properties":{"` + strings.Repeat("é", 50_000) + `":{"a":0`)
	for i := range 10_000 {
		fmt.Fprintf(&body, `,"%d":0`, i)
	}
	body.WriteString(`}}}`)
	var e webhook.Event
	if err := e.Read([]byte(body.String())); err != nil {
		t.Fatal(err)
	}
	want := "properties_" + strings.Repeat("é", 122) + "_9999"
	if got := string(e.Fields[10_000].Name); got != want {
		t.Errorf("name is %q, want %q", got, want)
	}
}
