package mapping_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/mapping"
	"github.com/purchasely-clevertap/bridge/shared/subscriber"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// mapped maps a body with a demo app.
func mapped(t *testing.T, body, app string, to mapping.Destination) *mapping.Result {
	t.Helper()
	var e webhook.Event
	if err := e.Read([]byte(body)); err != nil {
		t.Fatal(err)
	}
	r := new(mapping.Result)
	mapping.New().Map(r, &e, load(t, "apps:\n  demo: "+app+"\n"), to, atReceipt, nil)
	return r
}

func TestClaim(t *testing.T) {
	t.Parallel()
	const (
		who = `"user_id":"reader-1","event_created_at":"2026-03-14T07:41:52.318Z"`
		sub = `,"purchasely_subscription_id":"subs_1","store_original_transaction_id":"47"`
	)
	at := time.Date(2026, time.March, 14, 7, 41, 52, 318_000_000, time.UTC)
	for name, c := range map[string]struct {
		body, file string
		want       subscriber.Update
	}{
		"ACTIVATE grants, and outranks": {
			`{"event_name":"ACTIVATE",` + who + sub + `}`, "{}",
			subscriber.Update{Purchase: "subs_1", At: at, Known: true, Active: true, Rank: subscriber.Activate},
		},
		"PURCHASE_VALIDATED is an ACTIVATE": {
			`{"event_name":"PURCHASE_VALIDATED",` + who + sub + `}`, "{}",
			subscriber.Update{Purchase: "subs_1", At: at, Known: true, Active: true, Rank: subscriber.Activate},
		},
		"DEACTIVATE ends, whatever the status says": {
			`{"event_name":"DEACTIVATE","subscription_status":"AUTO_RENEWING",` + who + sub + `}`, "{}",
			subscriber.Update{Purchase: "subs_1", At: at, Known: true, Rank: subscriber.Deactivate},
		},
		"SUBSCRIPTION_EXPIRED is a DEACTIVATE": {
			`{"event_name":"SUBSCRIPTION_EXPIRED",` + who + sub + `}`, "{}",
			subscriber.Update{Purchase: "subs_1", At: at, Known: true, Rank: subscriber.Deactivate},
		},
		"a transfer ends it for the one and grants it to the other": {
			`{"event_name":"SUBSCRIPTION_RECEIVED","subscription_status":"DEACTIVATED",` + who + sub + `}`, "{}",
			subscriber.Update{Purchase: "subs_1", At: at, Known: true, Active: true, Rank: subscriber.OtherGrants},
		},
		"other events go by the status": {
			`{"event_name":"SUBSCRIPTION_RENEWED","subscription_status":"IN_GRACE_PERIOD",` + who + sub + `}`, "{}",
			subscriber.Update{Purchase: "subs_1", At: at, Known: true, Active: true, Rank: subscriber.OtherGrants},
		},
		"a status that nobody knows says nothing": {
			`{"event_name":"SUBSCRIPTION_RENEWED","subscription_status":"FROZEN",` + who + sub + `}`, "{}",
			subscriber.Update{Purchase: "subs_1", At: at},
		},
		"an event that nobody knows goes by the status": {
			`{"event_name":"SUBSCRIPTION_REFUNDED","subscription_status":"AUTO_RENEWING",` + who + sub + `}`, "{}",
			subscriber.Update{Purchase: "subs_1", At: at, Known: true, Active: true, Rank: subscriber.OtherGrants},
		},
		"a one-time purchase says nothing": {
			`{"event_name":"SUBSCRIPTION_RENEWED","subscription_status":"AUTO_RENEWING","purchase_type":"CONSUMABLE",` + who + sub + `}`, "{}",
			subscriber.Update{Purchase: "subs_1", At: at},
		},
		"without the vendor's id the store's chain names the purchase": {
			`{"event_name":"ACTIVATE","purchasely_subscription_id":"null","store_original_transaction_id":47,` + who + `}`, "{}",
			subscriber.Update{Purchase: "47", At: at, Known: true, Active: true, Rank: subscriber.Activate},
		},
		"a webhook may name no purchase and no time": {
			`{"event_name":"ACTIVATE","user_id":"reader-1"}`, "{}",
			subscriber.Update{Known: true, Active: true, Rank: subscriber.Activate},
		},
		"the time is the one that makes ts": {
			`{"event_name":"ACTIVATE","user_id":"reader-1","event_created_at":"soon","purchased_at_ms":1773474112318` + sub + `}`, "{}",
			subscriber.Update{Purchase: "subs_1", At: at, Known: true, Active: true, Rank: subscriber.Activate},
		},
		"purchases of the sandbox are kept apart, wherever they go": {
			`{"event_name":"ACTIVATE","environment":"SANDBOX",` + who + sub + `}`, "{sandbox: send}",
			subscriber.Update{Purchase: "subs_1", At: at, Known: true, Active: true, Rank: subscriber.Activate, Sandbox: true},
		},
		"switches do not matter": {
			`{"event_name":"ACTIVATE",` + who + sub + `}`, "{server_events: {default: skip}, user_properties: {default: none}}",
			subscriber.Update{Purchase: "subs_1", At: at, Known: true, Active: true, Rank: subscriber.Activate},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(c.want, mapped(t, c.body, c.file, mapping.Production).Update); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestSubscribersOfATransfer(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		body, file string
		want       webhook.Subscriber
	}{
		"the user from whom it came": {
			`"transferred_from_user_id":"reader-9","transferred_from_anonymous_user_id":"anon-9"`, "{}", webhook.Subscriber{Kind: webhook.ByUser, ID: "reader-9"},
		},
		"the anonymous subscriber from whom it came, also where such are skipped": {
			`"transferred_from_anonymous_user_id":"anon-9"`, "{anonymous: skip}", webhook.Subscriber{Kind: webhook.ByAnonymous, ID: "anon-9"},
		},
		"also where activity is not sent": {
			`"transferred_from_user_id":"reader-9"`, "{user_properties: {default: none}}", webhook.Subscriber{Kind: webhook.ByUser, ID: "reader-9"},
		},
		"also under a CleverTap ID":     {`"transferred_from_user_id":"reader-9","clevertap_id":"-v1"`, "{}", webhook.Subscriber{Kind: webhook.ByUser, ID: "reader-9"}},
		"not the same subscriber again": {`"transferred_from_user_id":"reader-1"`, "{}", webhook.Subscriber{}},
		"nobody, if nobody is named":    {`"transferred_from_user_id":"(null)"`, "{}", webhook.Subscriber{}},
		"nobody of a one-time purchase": {`"transferred_from_user_id":"reader-9","purchase_type":"NON_CONSUMABLE"`, "{}", webhook.Subscriber{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := mapped(t, `{"event_name":"SUBSCRIPTION_RECEIVED","user_id":"reader-1",`+c.body+`}`, c.file, mapping.Production)
			if want := (webhook.Subscriber{Kind: webhook.ByUser, ID: "reader-1"}); r.Subscriber != want {
				t.Errorf("subscriber is %v, want %v", r.Subscriber, want)
			}
			if r.OtherSubscriber != c.want {
				t.Errorf("the other subscriber is %v, want %v", r.OtherSubscriber, c.want)
			}
		})
	}
}

func TestAnEventThatIsMerelyOffStillClaims(t *testing.T) {
	t.Parallel()
	r := mapped(t, `{"event_name":"ACTIVATE","user_id":"a","purchasely_subscription_id":"s"}`,
		"{server_events: {default: skip}, user_properties: {default: none}}", mapping.Production)
	if r.Skip != fault.EventOff || !r.Update.Known || r.Update.Purchase != "s" || r.Subscriber.ID != "a" {
		t.Errorf("skip %q, claim %+v, subscriber %v", r.Skip, r.Update, r.Subscriber)
	}
}

func TestProfileTakesTheAnswerOfSubscribers(t *testing.T) {
	t.Parallel()
	const body = `{"event_name":"SUBSCRIPTION_RENEWED","user_id":"a","plan":"gold","anonymous_user_id":"b","original_purchased_at":"2026-01-02T00:00:00Z"`
	const known = `,"subscription_status":"UNPAID"}`
	for name, c := range map[string]struct {
		body, file string
		change     func(*mapping.Profile)
		want       string
	}{
		"a value is replaced in its place": {
			body + known, "{}", func(p *mapping.Profile) { p.SetActive(true) },
			`"user_id":"a","plan":"gold","anonymous_user_id":"b","subscription_status":"UNPAID","has_active_subscription":true,"subscription_started_at":"$D_1767312000"`,
		},
		"a value that is missing is added in its place": {
			body + `}`, "{}", func(p *mapping.Profile) { p.SetActive(true) },
			`"user_id":"a","plan":"gold","anonymous_user_id":"b","has_active_subscription":true,"subscription_started_at":"$D_1767312000"`,
		},
		"under its name in the file": {
			body + `}`, "{user_properties: {properties: {has_active_subscription: {name: Premium}}}}", func(p *mapping.Profile) { p.SetActive(false) },
			`"user_id":"a","plan":"gold","anonymous_user_id":"b","Premium":false,"subscription_started_at":"$D_1767312000"`,
		},
		"nothing is added where it is switched off": {
			body + `}`, "{user_properties: {properties: {has_active_subscription: {send: false}}}}", func(p *mapping.Profile) { p.SetActive(true) },
			`"user_id":"a","plan":"gold","anonymous_user_id":"b","subscription_started_at":"$D_1767312000"`,
		},
		"while another purchase is active only that and the ids are said": {
			body + known, "{}", func(p *mapping.Profile) { p.KeepOnlyActive(true) },
			`"user_id":"a","anonymous_user_id":"b","has_active_subscription":true`,
		},
		"also where it had to be added": {
			body + `}`, "{}", func(p *mapping.Profile) { p.KeepOnlyActive(true); p.SetActive(true) },
			`"user_id":"a","anonymous_user_id":"b","has_active_subscription":true`,
		},
		"only the ids where it is switched off": {
			body + known, "{user_properties: {properties: {has_active_subscription: {send: false}}}}", func(p *mapping.Profile) { p.KeepOnlyActive(true) },
			`"user_id":"a","anonymous_user_id":"b"`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := mapped(t, c.body, c.file, mapping.Production).Profile
			c.change(p)
			want := `{"type":"profile","identity":"a","ts":1795421730,"profileData":{` + c.want + `}}`
			if got := string(mapping.Merge(nil, []*mapping.Profile{p})); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}

func TestResultGivesIdAndTimeOfTheEvent(t *testing.T) {
	t.Parallel()
	r := mapped(t, `{"event_name":"ACTIVATE","event_id":"e-\u0031","event_created_at":"2026-03-14T07:41:52.318Z"}`, "{}", mapping.Production)
	if string(r.EventID) != "e-1" || r.Created != 1773474112318 || r.Skip != fault.NoIdentity {
		t.Errorf("id %q, created %d, skip %q", r.EventID, r.Created, r.Skip)
	}
	if r = mapped(t, `{"event_name":"ACTIVATE"}`, "{}", mapping.Production); len(r.EventID) == 0 && r.Created == 0 {
		return
	}
	t.Errorf("id %q, created %d of a webhook that has neither", r.EventID, r.Created)
}
