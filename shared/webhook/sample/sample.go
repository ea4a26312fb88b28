// Package sample makes up webhooks for tests, demonstrations and measurements. No deployed function imports it.
package sample

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// Webhook makes up a webhook of an event type: complete, plausible and indented, the same for the same seed. Its app
// and its people do not exist. It has every attribute that the catalogue expects on such a webhook, except those whose
// names nobody has seen yet. Events of version 2 have its nested shape, all others are of version 3.
func Webhook(t *webhook.EventType, seed uint64) []byte {
	g := newGenerator(t, seed)
	shape := flat
	if t.Status == "legacy_v2" {
		shape = nested
	}
	return Indent(shape(g.attributes(), &g.store).appendTo(nil))
}

// Indent writes a webhook over several lines, and ends the last.
func Indent(body jsontext.Value) []byte {
	if err := body.Indent(jsontext.WithIndent("  ")); err != nil {
		panic(err) // every name and value is valid
	}
	return append(body, '\n')
}

// members are those of an object: names with a jsontext.Value or members.
type members []member

type member struct {
	name  string
	value any
}

// flat returns the attributes in the catalogue's order, dates with their milliseconds, and names in place of patterns.
func flat(from attributes, _ *store) (list members) {
	all := webhook.EmbeddedCatalogue().Attributes
	for i := range all {
		a := &all[i]
		if a.Type == webhook.Millis {
			if date, ok := from[all[a.Millis].Name].(time.Time); ok {
				list = append(list, member{a.Name, jsontext.Value(strconv.FormatInt(date.UnixMilli(), 10))})
			}
			continue
		}
		switch value := from[a.Name].(type) {
		case nil:
		case time.Time:
			list = append(list, member{a.Name, formatted(value)})
		default:
			list = append(list, member{strings.Replace(a.Name, "_xxx", "_"+ownCurrency, 1), value})
		}
	}
	return list
}

// nested returns the attributes that version 2 has, under its names.
func nested(from attributes, store *store) members {
	from["api_version"] = jsontext.Value("2")
	// choose returns members with the values of attributes, from pairs of their names.
	choose := func(pairs ...string) (list members) {
		for pair := range slices.Chunk(pairs, 2) {
			value := from[pair[1]]
			if date, ok := value.(time.Time); ok {
				value = formatted(date)
			}
			if text, ok := value.(jsontext.Value); ok && string(text) == `"NONE"` {
				value = quoted("NORMAL")
			}
			if value != nil {
				list = append(list, member{pair[0], value})
			}
		}
		return list
	}
	app := append(members{{"platform", quoted(store.platform)}}, choose("package_id", "store_app_bundle_id")...)
	plan := choose("vendor_id", "plan", "type", "purchase_type", "store_product_id", "store_product_id")
	product := append(choose("vendor_id", "product"), member{"plan", plan})
	properties := append(members{{"app", app}, {"store", from["store"]}, {"product", product}}, choose(
		"content_id", "content_id", "period_type", "offer_type", "previous_period_type", "previous_offer_type",
		"purchase_id", "purchasely_subscription_id", "purchase_id", "purchasely_one_time_purchase_id",
		"purchased_at", "purchased_at", "original_purchased_at", "original_purchased_at",
		"original_transaction_id", "store_original_transaction_id", "expires_at", "effective_next_renewal_at",
	)...)
	return append(choose("api_version", "api_version", "name", "event_name", "received_at", "event_created_at"),
		member{"user", choose("vendor_id", "user_id", "anonymous_id", "anonymous_user_id")},
		member{"properties", properties})
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
	value, _ := jsontext.AppendQuote(nil, s) // fails for invalid UTF-8 only
	return value
}

func formatted(at time.Time) jsontext.Value { return quoted(at.Format("2006-01-02T15:04:05.000Z")) }

// money writes cents as Purchasely does: up to two decimals, no zeros at the end.
func money(cents int64) jsontext.Value {
	return jsontext.Value(strconv.FormatFloat(float64(cents)/100, 'f', -1, 64))
}
