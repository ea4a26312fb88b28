// Package sample makes up webhooks for tests, demonstrations and measurements. No function that is deployed imports it.
package sample

import (
	"bytes"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// Webhook makes up a webhook of an event type: whole, plausible and indented, the same for the same seed. It tells of an app
// that does not exist and of people who do not. Every attribute that the catalogue expects on such a webhook is there, but for
// those that nobody has seen under a certain name. Events of version 2 come in its nested shape, all others in version 3.
func Webhook(t *webhook.EventType, seed uint64) []byte {
	s := newStory(t, seed)
	if t.Status == "legacy_v2" {
		return encodeSample(s.nested())
	}
	return encodeSample(s.flat())
}

// facts are the attributes of a made-up webhook: dates as time.Time, objects as members, all others as jsontext.Value.
type facts map[string]any

type (
	member struct {
		name  string
		value any
	}
	members []member
)

// flat gives the facts in the catalogue's order, dates with their twins, and names in place of patterns.
func (s *story) flat() members {
	var list members
	facts := s.facts()
	catalogue := webhook.EmbeddedCatalogue()
	for i := range catalogue.Attributes {
		a := &catalogue.Attributes[i]
		source := a
		if a.Type == webhook.Millis {
			source = &catalogue.Attributes[a.Millis]
		}
		value, ok := facts[source.Name]
		if !ok {
			continue
		}
		date, isDate := value.(time.Time)
		switch {
		case a.Type == webhook.Millis:
			list = append(list, member{a.Name, jsontext.Value(jsontext.Int(date.UnixMilli()).String())})
		case isDate:
			list = append(list, member{a.Name, sampleDate(date)})
		case a.Dynamic():
			list = append(list, member{strings.TrimSuffix(a.Name, "xxx") + ownCurrency, value})
		default:
			list = append(list, member{a.Name, value})
		}
	}
	return list
}

// nested gives the facts that version 2 has, under its names.
func (s *story) nested() members {
	facts := s.facts()
	facts["api_version"] = jsontext.Value("2")
	pick := func(pairs ...string) (list members) {
		for i := 0; i < len(pairs); i += 2 {
			switch value := facts[pairs[i+1]].(type) {
			case nil:
			case time.Time:
				list = append(list, member{pairs[i], sampleDate(value)})
			default:
				list = append(list, member{pairs[i], value})
			}
		}
		return list
	}
	for _, name := range []string{"offer_type", "previous_offer_type"} {
		if value, ok := facts[name].(jsontext.Value); ok && bytes.Equal(value, jsontext.Value(`"NONE"`)) {
			facts[name] = quoted("NORMAL")
		}
	}
	app := members{{"platform", quoted(s.shop.platform)}, {"package_id", facts["store_app_bundle_id"]}}
	plan := pick("vendor_id", "plan", "type", "purchase_type", "store_product_id", "store_product_id")
	properties := append(members{
		{"app", app},
		{"store", facts["store"]},
		{"product", append(pick("vendor_id", "product"), member{"plan", plan})},
	}, pick(
		"content_id", "content_id", "period_type", "offer_type", "previous_period_type", "previous_offer_type",
		"purchase_id", "purchasely_subscription_id", "purchase_id", "purchasely_one_time_purchase_id",
		"purchased_at", "purchased_at", "original_purchased_at", "original_purchased_at",
		"original_transaction_id", "store_original_transaction_id", "expires_at", "effective_next_renewal_at",
	)...)
	return append(pick("api_version", "api_version", "name", "event_name", "received_at", "event_created_at"),
		member{"user", pick("vendor_id", "user_id", "anonymous_id", "anonymous_user_id")},
		member{"properties", properties})
}

// encodeSample writes what it was given; it cannot fail, because every name and value is valid.
func encodeSample(list members) []byte {
	out := jsontext.Value(list.appendTo(nil))
	if err := out.Indent(jsontext.WithIndent("  ")); err != nil {
		panic(err)
	}
	return append(out, '\n')
}

func (m members) appendTo(out []byte) []byte {
	out = append(out, '{')
	for i, member := range m {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(append(out, quoted(member.name)...), ':')
		switch value := member.value.(type) {
		case members:
			out = value.appendTo(out)
		case jsontext.Value:
			out = append(out, value...)
		}
	}
	return append(out, '}')
}

func quoted(s string) jsontext.Value {
	value, _ := jsontext.AppendQuote(nil, s) // fails on invalid UTF-8 only
	return value
}

func sampleDate(at time.Time) jsontext.Value { return quoted(at.Format("2006-01-02T15:04:05.000Z")) }
