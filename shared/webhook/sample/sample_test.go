package sample_test

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/purchasely-clevertap/bridge/shared/webhook"
	"github.com/purchasely-clevertap/bridge/shared/webhook/sample"
)

const seeds = 40

func event(t *testing.T, name string) *webhook.EventType {
	t.Helper()
	e := webhook.EmbeddedCatalogue().Event([]byte(name))
	if e == nil {
		t.Fatalf("no event %s", name)
	}
	return e
}

func attribute(t *testing.T, name string) *webhook.Attribute {
	t.Helper()
	a := webhook.EmbeddedCatalogue().Attribute([]byte(name))
	if a == nil {
		t.Fatalf("no attribute %s", name)
	}
	return a
}

func forEverySample(t *testing.T, check func(*testing.T, *webhook.EventType, *webhook.Event)) {
	t.Helper()
	for i := range webhook.EmbeddedCatalogue().Events {
		kind := &webhook.EmbeddedCatalogue().Events[i]
		t.Run(kind.Name, func(t *testing.T) {
			var e webhook.Event
			for seed := range uint64(seeds) {
				body := sample.Webhook(kind, seed)
				if err := e.Read(body); err != nil {
					t.Fatalf("seed %d: %v", seed, err)
				}
				if string(e.Name) != kind.Name {
					t.Fatalf("event is %s", e.Name)
				}
				check(t, kind, &e)
				if t.Failed() {
					t.Fatalf("seed %d:\n%s", seed, body)
				}
			}
		})
	}
}

func TestSamplesFitEmbeddedCatalogue(t *testing.T) {
	forEverySample(t, func(t *testing.T, kind *webhook.EventType, e *webhook.Event) {
		if (e.Version == 2) != (kind.Status == "legacy_v2") {
			t.Errorf("version is %d", e.Version)
		}
		for _, f := range e.Fields {
			if f.Known == nil {
				t.Errorf("%s is not in the catalogue", f.Name)
				continue
			}
			checkType(t, f)
			if text := string(f.Value); f.Known.Enum != nil && !slices.Contains(f.Known.Enum, strings.Trim(text, `"`)) {
				t.Errorf("%s has the value %s", f.Name, text)
			}
		}
		if e.Subscriber().Kind != webhook.ByUser && e.Subscriber().Kind != webhook.ByAnonymous {
			t.Errorf("subscriber is %+v", e.Subscriber())
		}
	})
}

func checkType(t *testing.T, f webhook.Field) {
	t.Helper()
	want := map[webhook.Type]jsontext.Kind{
		webhook.String: '"', webhook.Date: '"', webhook.Integer: '0', webhook.Number: '0', webhook.Millis: '0', webhook.Object: '{', webhook.Boolean: 't',
	}[f.Known.Type]
	got := f.Value.Kind()
	if got == 'f' {
		got = 't'
	}
	_, isDate := webhook.ParseDate(f.Value)
	if got != want || len(f.Value) <= 2 || isDate != (f.Known.Type == webhook.Date || want == '0') {
		if f.Known.Type != webhook.Number && f.Known.Type != webhook.Integer {
			t.Errorf("%s of type %s is %s", f.Name, f.Known.Type, f.Value)
		}
	}
	if f.Known.Type == webhook.Number && !regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]?[1-9])?$`).Match(f.Value) {
		t.Errorf("%s is written %s", f.Name, f.Value)
	}
}

// expected tells whether an attribute of some presence has to be on a sample, has to be missing, or may be either.
func expected(kind *webhook.EventType, e *webhook.Event, text func(string) string, presence string) (must, may bool) {
	must = true
	for word := range strings.SplitSeq(presence, "|") {
		holds, optional := false, false
		switch word {
		case "always", "usually", "optional", "device", "acquisition", "new":
			holds = true
		case "subscriber_anonymous":
			holds = text("user_id") == ""
		case "subscriber_connected":
			holds = text("anonymous_user_id") == ""
		case "subscription":
			optional = !kind.OneTime // the rest is checked by the story's logic
		case "price":
			holds = !kind.OneTime
		case "one_time":
			holds = kind.OneTime
		case "transaction":
			holds = kind.Money
		case "transfer":
			optional = kind.Transfer != "none"
		case "plan_change":
			holds = strings.HasSuffix(kind.Name, "GRADED")
		case "offer":
			optional = strings.HasPrefix(kind.Name, "PROMO")
		case "google":
			holds = text("store") == "GOOGLE_PLAY_STORE"
		case "web":
			holds = text("store") == "STRIPE"
		}
		if !holds && !optional {
			return false, false
		}
		must = must && holds
	}
	return must, true
}

func TestSamplesAreComplete(t *testing.T) {
	forEverySample(t, func(t *testing.T, kind *webhook.EventType, e *webhook.Event) {
		if e.Version == 2 {
			return
		}
		text := func(name string) string { return string(e.Text(attribute(t, name).Index)) }
		for _, a := range webhook.EmbeddedCatalogue().Attributes {
			if a.Name == "api_version" || a.Name == "event_name" {
				continue
			}
			must, may := expected(kind, e, text, a.Presence)
			if has := e.Value(a.Index) != nil; (must && !has) || (has && !may) {
				t.Errorf("%s: there %v, must be %v, may be %v", a.Name, has, must, may)
			}
		}
		if (text("user_id") == "") == (text("anonymous_user_id") == "") {
			t.Error("not exactly one id of the subscriber")
		}
	})
}

func TestSamplesTellAStoryThatCanHaveHappened(t *testing.T) {
	forEverySample(t, func(t *testing.T, kind *webhook.EventType, e *webhook.Event) {
		text := func(name string) string { return string(e.Text(attribute(t, name).Index)) }
		date := func(name string) int64 {
			a := attribute(t, name)
			ms, ok := webhook.ParseDate(e.Value(a.Index))
			if twin, twinOK := webhook.ParseMillis(e.Value(a.Millis)); e.Version == 3 && (ok != twinOK || ms != twin) {
				t.Errorf("%s is %d, its twin %d", name, ms, twin)
			}
			return ms
		}
		original, purchased, created := date("original_purchased_at"), date("purchased_at"), date("event_created_at")
		if original == 0 || original > purchased || purchased > created {
			t.Errorf("first purchase %d, latest %d, event %d", original, purchased, created)
		}
		if next := date("effective_next_renewal_at"); !kind.OneTime && (next <= purchased || next < date("next_renewal_at")) {
			t.Errorf("purchase %d, next renewal %d", purchased, next)
		}
		if (original == purchased) != (text("store_transaction_id") == text("store_original_transaction_id")) && e.Version == 3 {
			t.Error("a first purchase has a transaction of its own, or a renewal has not")
		}
		oneTime := strings.HasSuffix("_"+text("purchase_type"), "CONSUMABLE")
		if oneTime != kind.OneTime || oneTime != strings.HasPrefix(text("purchasely_one_time_purchase_id"), "otp_") ||
			oneTime == strings.HasPrefix(text("purchasely_subscription_id"), "subs_") {
			t.Error("the purchase's type does not fit its id or the event")
		}
		if len(kind.Types) > 0 && !slices.Contains(kind.Types, text("purchase_type")) {
			t.Errorf("purchase type is %s", text("purchase_type"))
		}
		active := slices.Contains([]string{"AUTO_RENEWING", "AUTO_RENEWING_CANCELED", "IN_GRACE_PERIOD"}, text("subscription_status"))
		if e.Version == 3 && !oneTime && ((kind.After == webhook.Ends && active) || (kind.Access == "grant" && !active)) {
			t.Errorf("status is %s", text("subscription_status"))
		}
		switch amount := text("amount_in_eur"); {
		case kind.Money && strings.HasPrefix(amount, "-"):
			if text("source_event_name") != "SUBSCRIPTION_REFUNDED_REVOKED" || text("subscription_status") != "REVOKED" {
				t.Error("a refund of something else")
			}
		case kind.Money && (amount == "0" || text("source_event_name") != "SUBSCRIPTION_RENEWED"):
			t.Errorf("%s was paid for %s", amount, text("source_event_name"))
		}
		for name, transfer := range map[string]string{"transferred_to_user_id": "from", "transferred_from_anonymous_user_id": "to"} {
			if (text(name) != "") != (kind.Transfer == transfer) && e.Version == 3 {
				t.Errorf("%s is %q", name, text(name))
			}
		}
	})
}

func TestSamplesAreTheSameForTheSameSeed(t *testing.T) {
	kinds := map[string]bool{}
	for seed := range uint64(seeds) {
		body := sample.Webhook(event(t, "TRANSACTION_PROCESSED"), seed)
		if !bytes.Equal(body, sample.Webhook(event(t, "TRANSACTION_PROCESSED"), seed)) {
			t.Fatalf("seed %d gives two webhooks", seed)
		}
		var e webhook.Event
		if err := e.Read(body); err != nil {
			t.Fatal(err)
		}
		kinds[fmt.Sprintf("%s %s", e.Text(attribute(t, "store").Index), e.Text(attribute(t, "source_event_name").Index))] = true
	}
	if len(kinds) != 6 {
		t.Errorf("only these stores and sources: %v", kinds)
	}
}

func TestSamplesCanBeRead(t *testing.T) {
	body := string(sample.Webhook(event(t, "SUBSCRIPTION_RENEWED"), 1))
	if !strings.HasPrefix(body, "{\n  \"api_version\": 3,\n  \"event_name\": \"SUBSCRIPTION_RENEWED\",\n") || !strings.HasSuffix(body, "\n}\n") {
		t.Errorf("sample is\n%s", body)
	}
}
