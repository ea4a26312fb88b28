package sample_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/purchasely-clevertap/bridge/shared/webhook"
	"github.com/purchasely-clevertap/bridge/shared/webhook/sample"
)

const seeds = 40

// event is a sample that has been read.
type event struct {
	webhook.Event
	kind *webhook.EventType
}

func attribute(name string) *webhook.Attribute {
	return webhook.EmbeddedCatalogue().Attribute([]byte(name))
}

func (e *event) text(name string) string { return string(e.Text(attribute(name).Index)) }

func forEverySample(t *testing.T, check func(*testing.T, *event)) {
	t.Helper()
	for i := range webhook.EmbeddedCatalogue().Events {
		e := event{kind: &webhook.EmbeddedCatalogue().Events[i]}
		t.Run(e.kind.Name, func(t *testing.T) {
			for seed := range uint64(seeds) {
				body := sample.Webhook(e.kind, seed)
				if err := e.Read(body); err != nil || string(e.Name) != e.kind.Name {
					t.Fatalf("seed %d: event %s, %v", seed, e.Name, err)
				}
				check(t, &e)
				if t.Failed() {
					t.Fatalf("seed %d:\n%s", seed, body)
				}
			}
		})
	}
}

// forms are how values of each type are written.
var forms = map[webhook.Type]*regexp.Regexp{
	webhook.String:  regexp.MustCompile(`^".+"$`),
	webhook.Date:    regexp.MustCompile(`^"....-..-..T..:..:..\....Z"$`),
	webhook.Millis:  regexp.MustCompile(`^[0-9]{13}$`),
	webhook.Integer: regexp.MustCompile(`^[0-9]+$`),
	webhook.Number:  regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]?[1-9])?$`),
	webhook.Boolean: regexp.MustCompile(`^(true|false)$`),
	webhook.Object:  regexp.MustCompile(`(?s)^\{.+\}$`),
}

func TestSamplesFitTheCatalogue(t *testing.T) {
	forEverySample(t, func(t *testing.T, e *event) {
		if (e.Version == 2) != (e.kind.Status == "legacy_v2") {
			t.Errorf("version is %d", e.Version)
		}
		for _, f := range e.Fields {
			switch value := string(f.Value); {
			case f.Known == nil:
				t.Errorf("%s is not in the catalogue", f.Name)
			case !forms[f.Known.Type].MatchString(value):
				t.Errorf("%s of type %s is %s", f.Name, f.Known.Type, value)
			case f.Known.Enum != nil && !slices.Contains(f.Known.Enum, strings.Trim(value, `"`)):
				t.Errorf("%s has the value %s", f.Name, value)
			}
		}
		if (e.text("user_id") == "") == (e.text("anonymous_user_id") == "") {
			t.Error("not exactly one id of the subscriber")
		}
		for _, a := range webhook.EmbeddedCatalogue().Attributes {
			if e.Version == 2 || a.Name == "api_version" || a.Name == "event_name" {
				continue
			}
			must, may := e.expected(a.Presence)
			if has := e.Value(a.Index) != nil; (must && !has) || (has && !may) {
				t.Errorf("%s: present %v, must be %v, may be %v", a.Name, has, must, may)
			}
		}
	})
}

// expected reports whether an attribute must be in a sample, and whether it may be, by the words of its presence.
func (e *event) expected(presence string) (must, may bool) {
	must, may = true, true
	for word := range strings.SplitSeq(presence, "|") {
		holds, possible := false, false
		switch word {
		case "always", "usually", "optional", "device", "acquisition", "new":
			holds = true
		case "subscriber_anonymous":
			holds = e.text("user_id") == ""
		case "subscriber_connected":
			holds = e.text("anonymous_user_id") == ""
		case "subscription":
			possible = !e.kind.OneTime
		case "price":
			holds = !e.kind.OneTime
		case "one_time":
			holds = e.kind.OneTime
		case "transaction":
			holds = e.kind.Money
		case "transfer":
			possible = e.kind.Transfer != "none"
		case "plan_change":
			holds = strings.HasSuffix(e.kind.Name, "GRADED")
		case "offer":
			possible = strings.HasPrefix(e.kind.Name, "PROMO")
		case "google":
			holds = e.text("store") == "GOOGLE_PLAY_STORE"
		case "web":
			holds = e.text("store") == "STRIPE"
		}
		must, may = must && holds, may && (holds || possible)
	}
	return must, may
}

func TestSamplesCanHaveHappened(t *testing.T) {
	forEverySample(t, func(t *testing.T, e *event) {
		date := func(name string) int64 {
			a := attribute(name)
			ms, ok := webhook.ParseDate(e.Value(a.Index))
			if same, sameOK := webhook.ParseMillis(e.Value(a.Millis)); e.Version == 3 && (ok != sameOK || ms != same) {
				t.Errorf("%s is %d, its milliseconds %d", name, ms, same)
			}
			return ms
		}
		original, purchased, created := date("original_purchased_at"), date("purchased_at"), date("event_created_at")
		if original == 0 || original > purchased || purchased > created {
			t.Errorf("first purchase %d, latest %d, event %d", original, purchased, created)
		}
		next := date("effective_next_renewal_at")
		if !e.kind.OneTime && (next <= purchased || next < date("next_renewal_at")) {
			t.Errorf("purchase %d, next renewal %d", purchased, next)
		}
		oneTime := strings.HasSuffix("_"+e.text("purchase_type"), "CONSUMABLE")
		if oneTime != e.kind.OneTime ||
			oneTime != strings.HasPrefix(e.text("purchasely_one_time_purchase_id"), "otp_") ||
			oneTime == strings.HasPrefix(e.text("purchasely_subscription_id"), "subs_") {
			t.Error("the purchase's type does not fit its id or the event")
		}
		if e.kind.Types != nil && !slices.Contains(e.kind.Types, e.text("purchase_type")) {
			t.Errorf("purchase type is %s", e.text("purchase_type"))
		}
		if e.Version == 2 {
			return // It lacks the attributes below.
		}
		if (original == purchased) != (e.text("store_transaction_id") == e.text("store_original_transaction_id")) {
			t.Error("a first purchase has a transaction of its own, or a renewal has not")
		}
		status := e.text("subscription_status")
		active := strings.HasPrefix(status, "AUTO_RENEWING") || status == "IN_GRACE_PERIOD"
		if !oneTime && ((e.kind.After == webhook.Ends && active) || (e.kind.Access == "grant" && !active)) {
			t.Errorf("status is %s", status)
		}
		switch amount, source := e.text("amount_in_eur"), e.text("source_event_name"); {
		case e.kind.Money && strings.HasPrefix(amount, "-"):
			if source != "SUBSCRIPTION_REFUNDED_REVOKED" || status != "REVOKED" {
				t.Error("a refund of something else")
			}
		case e.kind.Money && (amount == "0" || source != "SUBSCRIPTION_RENEWED"):
			t.Errorf("%s was paid for %s", amount, source)
		}
		if (e.text("transferred_to_user_id") != "") != (e.kind.Transfer == "from") ||
			(e.text("transferred_from_anonymous_user_id") != "") != (e.kind.Transfer == "to") {
			t.Error("the other side of the transfer is missing, or there is no transfer")
		}
	})
}

func TestSamplesDependOnTheSeedAlone(t *testing.T) {
	kind := webhook.EmbeddedCatalogue().Event([]byte("TRANSACTION_PROCESSED"))
	kinds := map[string]bool{}
	for seed := range uint64(seeds) {
		e, body := event{kind: kind}, string(sample.Webhook(kind, seed))
		if body != string(sample.Webhook(kind, seed)) {
			t.Fatalf("seed %d makes two webhooks", seed)
		}
		const begin = "{\n  \"api_version\": 3,\n  \"event_name\": \"TRANSACTION_PROCESSED\",\n"
		err := e.Read([]byte(body))
		if err != nil || !strings.HasPrefix(body, begin) || !strings.HasSuffix(body, "\n}\n") {
			t.Fatalf("sample is\n%s%v", body, err)
		}
		kinds[fmt.Sprint(e.text("store"), e.text("source_event_name"))] = true
	}
	if len(kinds) != 6 {
		t.Errorf("not all stores and sources occur: %v", kinds)
	}
}
