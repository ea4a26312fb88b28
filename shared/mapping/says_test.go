package mapping_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/mapping"
	"github.com/purchasely-clevertap/bridge/shared/subscriber"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

func TestWhatSubscriberStateHearsOfAWebhook(t *testing.T) {
	t.Parallel()
	received := time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)
	reader, from := webhook.Subscriber{Kind: webhook.ByUser, ID: "reader-1"}, webhook.Subscriber{Kind: webhook.ByUser, ID: "reader-9"}
	at := received.Add(-time.Hour)
	active := subscriber.Update{Purchase: "s", At: at, Known: true, Active: true, Rank: subscriber.Activate}
	for name, c := range map[string]struct {
		body, file string
		to         mapping.Destination
		want       []mapping.SubscriberUpdate
	}{
		"a grant": {
			`"event_name":"ACTIVATE","event_created_at":"2026-03-14T11:00:00Z"`, "{}", mapping.Production, []mapping.SubscriberUpdate{{Subscriber: reader, Update: active}},
		},
		"from a clock that runs ahead": {
			`"event_name":"ACTIVATE","event_created_at":"2030-01-01T00:00:00Z"`, "{}", mapping.Production,
			[]mapping.SubscriberUpdate{{Subscriber: reader, Update: subscriber.Update{Purchase: "s", At: received, Known: true, Active: true, Rank: subscriber.Activate}}},
		},
		"whose event is off": {
			`"event_name":"ACTIVATE","event_created_at":"2026-03-14T11:00:00Z"`, "{server_events: {default: skip}, user_properties: {default: none}}",
			mapping.Production, []mapping.SubscriberUpdate{{Subscriber: reader, Update: active}},
		},
		"both sides of a transfer": {
			`"event_name":"SUBSCRIPTION_RECEIVED","event_created_at":"2026-03-14T11:00:00Z","transferred_from_user_id":"reader-9"`, "{}", mapping.Production,
			[]mapping.SubscriberUpdate{
				{Subscriber: reader, Update: subscriber.Update{Purchase: "s", At: at, Known: true, Active: true, Rank: subscriber.OtherGrants}},
				{Subscriber: from, Update: subscriber.Update{Purchase: "s", At: at, Known: true}, Former: true},
			},
		},
		"an unknown state with a profile, which has to be answered": {
			`"event_name":"NEW_EVENT"`, "{}", mapping.Production, []mapping.SubscriberUpdate{{Subscriber: reader, Update: subscriber.Update{Purchase: "s"}}},
		},
		"an unknown state without a profile": {`"event_name":"NEW_EVENT"`, "{user_properties: {default: none}}", mapping.Production, nil},
		"a thing bought once":                {`"event_name":"ACTIVATE","purchase_type":"CONSUMABLE"`, "{}", mapping.Production, nil},
		"what is skipped":                    {`"event_name":"ACTIVATE"`, "{sandbox: skip}", mapping.NoAccount, nil},
		"an app that is off":                 {`"event_name":"ACTIVATE"`, "{enabled: false}", mapping.Production, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := mapped(t, `{`+c.body+`,"user_id":"reader-1","purchasely_subscription_id":"s"}`, c.file, c.to)
			if diff := cmp.Diff(c.want, r.Updates(received)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWhichPurchasesCountForAnAccount(t *testing.T) {
	t.Parallel()
	both := subscriber.Scope{Production: true, Sandbox: true}
	for name, c := range map[string]struct {
		sandbox integration.Sandbox
		to      mapping.Destination
		one     bool
		want    subscriber.Scope
	}{
		"production of two accounts":   {integration.SandboxRoute, mapping.Production, false, subscriber.Scope{Production: true}},
		"sandbox of two accounts":      {integration.SandboxRoute, mapping.SandboxAccount, false, subscriber.Scope{Sandbox: true}},
		"two accounts that are one":    {integration.SandboxRoute, mapping.SandboxAccount, true, both},
		"sandbox that is sent along":   {integration.SandboxSend, mapping.Production, false, both},
		"sandbox that goes nowhere":    {integration.SandboxSkip, mapping.Production, false, subscriber.Scope{Production: true}},
		"nowhere, whatever the secret": {integration.SandboxSkip, mapping.Production, true, subscriber.Scope{Production: true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := mapping.Scope(&integration.App{Sandbox: c.sandbox}, c.to, c.one); got != c.want {
				t.Errorf("%+v, want %+v", got, c.want)
			}
		})
	}
}
