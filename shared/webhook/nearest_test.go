package webhook_test

import (
	"testing"

	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

func TestNearestNames(t *testing.T) {
	c := webhook.EmbeddedCatalogue()
	for _, test := range []struct {
		kind       string
		nearest    func(string) string
		name, want string
	}{
		{"event", c.NearestEvent, "ACTIVTE", "ACTIVATE"},
		{"event", c.NearestEvent, "AVTIVATE", "ACTIVATE"},
		{"event", c.NearestEvent, "ATCIVATE", "ACTIVATE"},
		{"event", c.NearestEvent, "activate", "ACTIVATE"},
		{"event", c.NearestEvent, "Subscription_Renewd", "SUBSCRIPTION_RENEWED"},
		{"event", c.NearestEvent, "SUBSCRIPTION_CANCELED_DURING_PAUSE", "SUBSCRIPTION_CANCELLED_DURING_PAUSE"},
		{"event", c.NearestEvent, "INTRO_STARTED", "INTRO_OFFER_STARTED"}, // what the vendor means by it
		{"event", c.NearestEvent, "LOGIN", ""},
		{"event", c.NearestEvent, "", ""},
		{"attribute", c.NearestAttribute, "plann", "plan"},
		{"attribute", c.NearestAttribute, "Store_Country", "store_country"},
		{"attribute", c.NearestAttribute, "subscripton_sttus", "subscription_status"},
		{"attribute", c.NearestAttribute, "amount_in_euro", "amount_in_usd"},
		{"attribute", c.NearestAttribute, "has_active_subscription", ""},
		{"attribute", c.NearestAttribute, "favourite_colour", ""},
		{"property", c.NearestProperty, "has_activ_subscription", "has_active_subscription"},
		{"property", c.NearestProperty, "expired_subscription_duration_in_days", "expired_subscrption_duration_in_days"},
		{"property", c.NearestProperty, "event_id", ""},
	} {
		if got := test.nearest(test.name); got != test.want {
			t.Errorf("nearest %s of %q is %q, want %q", test.kind, test.name, got, test.want)
		}
	}
}
