package webhook_test

import (
	"strings"
	"testing"

	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

func TestAbsent(t *testing.T) {
	for _, id := range []string{"", "null", "NULL", "Null", "(null)", "(NULL)", "nil", "Nil", "none", "None", "undefined", "Undefined", "nan", "NaN"} {
		if !webhook.Absent(id) || !webhook.Absent([]byte(id)) {
			t.Errorf("%q is taken for an id", id)
		}
	}
	for _, id := range []string{" ", "0", "null ", "nulls", "n/a", "(nil)", "no", "undef", "ïd", "(none)", "nonesuch", "nanny"} {
		if webhook.Absent(id) || webhook.Absent([]byte(id)) {
			t.Errorf("%q is not taken for an id", id)
		}
	}
}

func TestKindsOfSubscribersKeepTheirNames(t *testing.T) {
	var got strings.Builder
	for kind := webhook.NoSubscriber; kind <= webhook.ByPurchase; kind++ {
		got.WriteString(kind.String() + ",")
	}
	if got.String() != ",user,anonymous,device,purchase," {
		t.Errorf("names are %s: stored states would be lost", got.String())
	}
}

// subscribers are bodies with the subscriber that both Peek and Event.Subscriber must find.
var subscribers = map[string]struct {
	body string
	want webhook.Subscriber
}{
	"user": {
		`{"event_name":"ACTIVATE","user_id":"u","anonymous_user_id":"a","device_id":"d","purchasely_subscription_id":"subs_1"}`,
		webhook.Subscriber{Kind: webhook.ByUser, ID: "u"},
	},
	"anonymous user": {
		`{"event_name":"ACTIVATE","anonymous_user_id":"a","device_id":"d","purchasely_subscription_id":"subs_1"}`,
		webhook.Subscriber{Kind: webhook.ByAnonymous, ID: "a"},
	},
	"device": {
		`{"event_name":"ACTIVATE","device_id":"d","purchasely_subscription_id":"subs_1"}`,
		webhook.Subscriber{Kind: webhook.ByDevice, ID: "d"},
	},
	"subscription": {
		`{"event_name":"ACTIVATE","store_original_transaction_id":"47","purchasely_one_time_purchase_id":"otp_1","purchasely_subscription_id":"subs_1"}`,
		webhook.Subscriber{Kind: webhook.ByPurchase, ID: "subs_1"},
	},
	"one-time purchase": {
		`{"event_name":"ACTIVATE","store_original_transaction_id":"47","purchasely_one_time_purchase_id":"otp_1"}`,
		webhook.Subscriber{Kind: webhook.ByPurchase, ID: "otp_1"},
	},
	"original transaction": {
		`{"event_name":"ACTIVATE","store_original_transaction_id":"47","store_transaction_id":"48"}`,
		webhook.Subscriber{Kind: webhook.ByPurchase, ID: "47"},
	},
	"nobody":                    {`{"event_name":"ACTIVATE","store_transaction_id":"48"}`, webhook.Subscriber{}},
	"a number is its digits":    {`{"event_name":"ACTIVATE","user_id":10.50}`, webhook.Subscriber{Kind: webhook.ByUser, ID: "10.50"}},
	"empty is no id":            {`{"event_name":"ACTIVATE","user_id":"","anonymous_user_id":"a"}`, webhook.Subscriber{Kind: webhook.ByAnonymous, ID: "a"}},
	"a word for nothing":        {`{"event_name":"ACTIVATE","user_id":"(Null)","anonymous_user_id":"UNDEFINED","device_id":"d"}`, webhook.Subscriber{Kind: webhook.ByDevice, ID: "d"}},
	"null is no id":             {`{"event_name":"ACTIVATE","user_id":null,"anonymous_user_id":"a"}`, webhook.Subscriber{Kind: webhook.ByAnonymous, ID: "a"}},
	"a boolean is no id":        {`{"event_name":"ACTIVATE","user_id":true,"anonymous_user_id":"a"}`, webhook.Subscriber{Kind: webhook.ByAnonymous, ID: "a"}},
	"an object is no id":        {`{"event_name":"ACTIVATE","user_id":{"user_id":"x"},"anonymous_user_id":["y"],"device_id":"d"}`, webhook.Subscriber{Kind: webhook.ByDevice, ID: "d"}},
	"escapes are undone":        {`{"event_name":"ACTIVATE","user\u005fid":"r\u006fs\u00e9e \ud83c\udf3f"}`, webhook.Subscriber{Kind: webhook.ByUser, ID: "rosée 🌿"}},
	"the last of equal names":   {`{"event_name":"ACTIVATE","user_id":"first","user_id":"last"}`, webhook.Subscriber{Kind: webhook.ByUser, ID: "last"}},
	"the last, though null":     {`{"event_name":"ACTIVATE","user_id":"first","user_id":null}`, webhook.Subscriber{}},
	"names inside do not count": {`{"event_name":"ACTIVATE","properties":{"user_id":"x","purchase_id":"subs_1"},"user":{"vendor_id":"y"}}`, webhook.Subscriber{}},

	"version 2 user": {
		`{"name":"TRIAL_STARTED","user":{"vendor_id":"u","anonymous_id":"a"},"properties":{"purchase_id":"subs_1"}}`,
		webhook.Subscriber{Kind: webhook.ByUser, ID: "u"},
	},
	"version 2 anonymous user": {
		`{"properties":{"purchase_id":"subs_1"},"user":{"vendor_id":"none","anonymous_id":"a"},"name":"TRIAL_STARTED"}`,
		webhook.Subscriber{Kind: webhook.ByAnonymous, ID: "a"},
	},
	"version 2 subscription": {
		`{"name":"TRIAL_STARTED","user":{},"properties":{"original_transaction_id":"47","purchase_id":"subs_1"}}`,
		webhook.Subscriber{Kind: webhook.ByPurchase, ID: "subs_1"},
	},
	"version 2 one-time purchase": {
		`{"name":"TRIAL_STARTED","properties":{"purchase_id":"otp_1","original_transaction_id":"47"}}`,
		webhook.Subscriber{Kind: webhook.ByPurchase, ID: "otp_1"},
	},
	"version 2 purchase id of another form": {
		`{"name":"TRIAL_STARTED","properties":{"purchase_id":17,"product":{"plan":{"type":"CONSUMABLE"}}}}`,
		webhook.Subscriber{Kind: webhook.ByPurchase, ID: "17"},
	},
	"version 2 original transaction": {
		`{"name":"TRIAL_STARTED","properties":{"purchase_id":null,"original_transaction_id":"47"}}`,
		webhook.Subscriber{Kind: webhook.ByPurchase, ID: "47"},
	},
	"version 2 with an event name of null": {
		`{"event_name":null,"name":"TRIAL_STARTED","user":{"vendor_id":"u"},"properties":{}}`,
		webhook.Subscriber{Kind: webhook.ByUser, ID: "u"},
	},
	"version 2 ids go before ids at the top": {
		`{"user_id":"top","name":"TRIAL_STARTED","user":{"vendor_id":"u"},"properties":{}}`,
		webhook.Subscriber{Kind: webhook.ByUser, ID: "u"},
	},
	"version 2 ids at the top fill gaps": {
		`{"name":"TRIAL_STARTED","user":{},"properties":{},"device_id":"d"}`,
		webhook.Subscriber{Kind: webhook.ByDevice, ID: "d"},
	},
	"version 2: the last of equal objects, whole": {
		`{"name":"TRIAL_STARTED","user":{"vendor_id":"u","anonymous_id":"a"},"user":{"anonymous_id":"b"},"properties":{}}`,
		webhook.Subscriber{Kind: webhook.ByAnonymous, ID: "b"},
	},
	"version 2: an id by another name is no id": {
		`{"name":"TRIAL_STARTED","user":{"id":"internal"},"properties":{}}`,
		webhook.Subscriber{},
	},
	"version 2: both kinds of purchase, the subscription first": {
		`{"name":"TRIAL_STARTED","purchasely_subscription_id":"subs_9","properties":{"purchase_id":"otp_1"}}`,
		webhook.Subscriber{Kind: webhook.ByPurchase, ID: "subs_9"},
	},
	"version 2: by type one-time, so it does not hide the subscription": {
		`{"name":"TRIAL_STARTED","purchasely_subscription_id":"subs_9","properties":{"purchase_id":"x","product":{"plan":{"type":"NON_CONSUMABLE"}}}}`,
		webhook.Subscriber{Kind: webhook.ByPurchase, ID: "subs_9"},
	},
	"a flat body that claims version 2": {
		`{"api_version":2,"event_name":"ACTIVATE","user_id":"u","user":{"vendor_id":"v"},"name":"X","properties":{}}`,
		webhook.Subscriber{Kind: webhook.ByUser, ID: "u"},
	},
	"a nested body that claims version 3": {
		`{"api_version":3,"name":"ACTIVATE","user":{"vendor_id":"v"},"properties":{}}`,
		webhook.Subscriber{Kind: webhook.ByUser, ID: "v"},
	},
}

func TestSubscriber(t *testing.T) {
	var e webhook.Event // one for all, to see that nothing is left over from the one before
	if got := e.Subscriber(); got != (webhook.Subscriber{}) {
		t.Errorf("an event that was never read has the subscriber %+v", got)
	}
	for name, c := range subscribers {
		t.Run(name, func(t *testing.T) {
			if got := webhook.Peek([]byte(c.body)).Subscriber; got != c.want {
				t.Errorf("Peek finds %+v, want %+v", got, c.want)
			}
			if err := e.Read([]byte(c.body)); err != nil {
				t.Fatal(err)
			}
			if got := e.Subscriber(); got != c.want {
				t.Errorf("Subscriber finds %+v, want %+v", got, c.want)
			}
		})
	}
}
