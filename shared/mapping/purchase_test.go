package mapping_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/mapping"
	"github.com/purchasely-clevertap/bridge/shared/subscriber"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

const nothingSent = "{server_events: {default: skip}, user_properties: {default: none}}"

// describe puts an update into words: purchase, time, state, rank.
func describe(u subscriber.Update) string {
	words := []string{u.Purchase, "never", "unknown", ""}
	if !u.At.IsZero() {
		words[1] = u.At.Format("15:04:05.000")
	}
	if u.Known {
		words[2] = map[bool]string{true: "active", false: "inactive"}[u.Active]
	}
	for name, rank := range ranks {
		if rank == u.Rank {
			words[3] = name
		}
	}
	return strings.Join(words, " ")
}

func TestUpdate(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ event, members, settings, want string }{
		"ACTIVATE grants, and outranks":     {"ACTIVATE", "", "{}", "subs_1 07:41:52.318 active activate"},
		"PURCHASE_VALIDATED is an ACTIVATE": {"PURCHASE_VALIDATED", "", "{}", "subs_1 07:41:52.318 active activate"},
		"SUBSCRIPTION_EXPIRED is a DEACTIVATE": {
			"SUBSCRIPTION_EXPIRED", "", "{}", "subs_1 07:41:52.318 inactive deactivate",
		},
		"DEACTIVATE ends, whatever the status says": {
			"DEACTIVATE", `,"subscription_status":"AUTO_RENEWING"`, "{}", "subs_1 07:41:52.318 inactive deactivate",
		},
		"a transfer ends it for the one and grants it to the other": {
			"SUBSCRIPTION_RECEIVED", `,"subscription_status":"DEACTIVATED"`, "{}", "subs_1 07:41:52.318 active grants",
		},
		"other events go by the status": {
			"SUBSCRIPTION_RENEWED", `,"subscription_status":"IN_GRACE_PERIOD"`, "{}", "subs_1 07:41:52.318 active grants",
		},
		"a status that nobody knows says nothing": {
			"SUBSCRIPTION_RENEWED", `,"subscription_status":"FROZEN"`, "{}", "subs_1 07:41:52.318 unknown other",
		},
		"an event that nobody knows goes by the status": {
			"SUBSCRIPTION_REFUNDED", `,"subscription_status":"AUTO_RENEWING"`, "{}", "subs_1 07:41:52.318 active grants",
		},
		"a one-time purchase says nothing": {
			"ACTIVATE", `,"purchase_type":"CONSUMABLE"`, "{}", "subs_1 07:41:52.318 unknown activate",
		},
		"without the vendor's id the store's chain names the purchase": {
			"ACTIVATE", `,"purchasely_subscription_id":"null","store_original_transaction_id":47`, "{}",
			"47 07:41:52.318 active activate",
		},
		"a webhook may name no purchase and no time": {
			"ACTIVATE", `,"purchasely_subscription_id":null,"event_created_at":null`, "{}", " never active activate",
		},
		"the time is the one that makes ts": {
			"ACTIVATE", `,"event_created_at":"soon","purchased_at_ms":1773474113000`, "{}",
			"subs_1 07:41:53.000 active activate",
		},
		"switches do not matter": {"ACTIVATE", "", nothingSent, "subs_1 07:41:52.318 active activate"},
	} {
		body := `{"user_id":"reader-1","event_created_at":"2026-03-14T07:41:52.318Z","purchasely_subscription_id":"subs_1"`
		r := mapped(t, body+c.members+`,"event_name":"`+c.event+`"}`, c.settings, mapping.Production)
		if got := describe(r.Update); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestSubscribersOfATransfer(t *testing.T) {
	t.Parallel()
	user := webhook.Subscriber{Kind: webhook.ByUser, ID: "reader-9"}
	anonymous := webhook.Subscriber{Kind: webhook.ByAnonymous, ID: "anon-9"}
	const fromUser = `"transferred_from_user_id":"reader-9"`
	const fromAnonymous = `"transferred_from_anonymous_user_id":"anon-9"`
	for name, c := range map[string]struct {
		members, settings string
		want              webhook.Subscriber
	}{
		"the user from whom it came":    {fromUser + "," + fromAnonymous, "{}", user},
		"also an anonymous one":         {fromAnonymous, "{anonymous: skip}", anonymous},
		"also if activity is not sent":  {fromUser, "{user_properties: {default: none}}", user},
		"also under a CleverTap ID":     {fromUser + `,"clevertap_id":"-v1"`, "{}", user},
		"not the same subscriber again": {`"transferred_from_user_id":"reader-1"`, "{}", webhook.Subscriber{}},
		"nobody, if nobody is named":    {`"transferred_from_user_id":"(null)"`, "{}", webhook.Subscriber{}},
		"nobody of a one-time purchase": {fromUser + `,"purchase_type":"NON_CONSUMABLE"`, "{}", webhook.Subscriber{}},
	} {
		r := mapped(t, `{"event_name":"SUBSCRIPTION_RECEIVED","user_id":"reader-1",`+c.members+`}`, c.settings,
			mapping.Production)
		if r.Subscriber.ID != "reader-1" || r.OtherSubscriber != c.want {
			t.Errorf("%s: subscriber %v, the other one %v, want %v", name, r.Subscriber, r.OtherSubscriber, c.want)
		}
	}
}

func TestUpdates(t *testing.T) {
	t.Parallel()
	received := time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)
	const at = `,"event_created_at":"2026-03-14T11:00:00Z"`
	for name, c := range map[string]struct{ event, members, settings, want string }{
		"a grant": {"ACTIVATE", at, "{}", "[reader-1: s 11:00:00.000 active activate]"},
		"from a clock that runs ahead": {
			"ACTIVATE", `,"event_created_at":"2030-01-01T00:00:00Z"`, "{}", "[reader-1: s 12:00:00.000 active activate]",
		},
		"whose event is off": {"ACTIVATE", at, nothingSent, "[reader-1: s 11:00:00.000 active activate]"},
		"both sides of a transfer": {
			"SUBSCRIPTION_RECEIVED", at + `,"transferred_from_user_id":"reader-9"`, "{}",
			"[reader-1: s 11:00:00.000 active grants reader-9, former: s 11:00:00.000 inactive other]",
		},
		"an unknown state with a profile, which has to be decided on": {
			"NEW", "", "{}", "[reader-1: s never unknown other]",
		},
		"an unknown state without a profile": {
			"NEW", "", "{user_properties: {default: none}}", "[]",
		},
		"a thing bought once": {
			"ACTIVATE", `,"purchase_type":"CONSUMABLE"`, "{}", "[]",
		},
		"an app that is off": {"ACTIVATE", at, "{enabled: false}", "[]"},
		"what is rejected":   {"$", at, "{}", "[]"},
	} {
		body := `{"event_name":"` + c.event + `","user_id":"reader-1","purchasely_subscription_id":"s"` + c.members + `}`
		got := []string{}
		for _, u := range mapped(t, body, c.settings, mapping.Production).Updates(received) {
			former := map[bool]string{true: ", former"}[u.Former]
			got = append(got, u.Subscriber.ID+former+": "+describe(u.Update))
		}
		if fmt.Sprint(got) != c.want {
			t.Errorf("%s: %v, want %s", name, got, c.want)
		}
	}
}
