package mapping_test

import (
	"math"
	"slices"
	"strings"

	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// active is true, false or nil.
func (o *oracle) active(event *webhook.EventType) any {
	if event != nil {
		switch name := event.Canonical(); {
		case name == "ACTIVATE", name == "SUBSCRIPTION_RECEIVED":
			return true
		case name == "DEACTIVATE", event.After == webhook.Ends:
			return false
		case event.After == webhook.Unset:
			return nil
		}
	}
	switch o.text("subscription_status") {
	case "AUTO_RENEWING", "AUTO_RENEWING_CANCELED", "IN_GRACE_PERIOD":
		return true
	case "ON_HOLD", "DEACTIVATED", "REVOKED", "PAUSED", "UNPAID", "CANCELED":
		return false
	}
	return nil
}

// date gives a date of the payload or nil.
func (o *oracle) date(name string) any {
	if ms, ok := dateMS(o.a.find(name)); ok {
		return ms
	}
	if ms, ok := twinMS(o.a.find(name + "_ms")); ok {
		return ms
	}
	return nil
}

// derive adds the user properties that are not in the payload.
func (o *oracle) derive(event *webhook.EventType, active any, environment string) {
	status, offer := o.text("subscription_status"), o.text("offer_type")
	flag := func(known, b bool) any {
		if known {
			return b
		}
		return nil
	}
	in := func(kind string) any { return flag(offer != "", offer == kind && active != false) }
	stamp := func(names ...string) any {
		for _, name := range names {
			if ms := o.date(name); ms != nil {
				return dateJSON(ms.(int64))
			}
		}
		return nil
	}
	values := map[string]any{
		"has_active_subscription": active,
		"subscription_started_at": stamp("original_purchased_at"),
		"plan_periodicity":        o.period(environment),
		"is_auto_renewing":        flag(status != "", status == "AUTO_RENEWING"),
		"is_in_grace_period":      flag(status != "", status == "IN_GRACE_PERIOD"),
		"is_in_billing_retry":     flag(status != "" && status != "UNPAID", status == "ON_HOLD"),
		"is_in_trial":             in("FREE_TRIAL"),
		"is_in_intro_offer":       in("INTRO_OFFER"),
		"is_promo_code":           in("PROMO_CODE"),
		"last_event":              quote(cutAt(o.name, 512)),
	}
	if offer == "FREE_TRIAL" {
		values["trial_ends_at"] = stamp("effective_next_renewal_at", "next_renewal_at")
	}
	if event != nil && event.Name == "ENTERED_BILLING_RETRY" {
		values["is_in_billing_retry"] = true
	}
	if total := text(o.a.find("cumulated_revenues_in_usd")); isDecimal(total) {
		values["cumulated_revenue_in_usd"] = total
	}
	for i := range o.c.Attributes {
		a := &o.c.Attributes[i]
		if !a.Derived || values[a.Name] == nil {
			continue
		}
		if out, on := o.userRule(a.Name); on {
			o.user = append(o.user, property{name: out, json: plainJSON(values[a.Name])})
		}
	}
}

// plainJSON gives a boolean's JSON; a string is JSON already.
func plainJSON(v any) string {
	switch v {
	case true:
		return "true"
	case false:
		return "false"
	}
	return v.(string)
}

func (o *oracle) period(environment string) any {
	for _, p := range o.a {
		if strings.HasPrefix(p.name, "commitment_") && !nothing(p.value) {
			return nil
		}
	}
	if environment == "SANDBOX" || o.text("purchase_type") != "RENEWING_SUBSCRIPTION" || o.text("offer_type") != "NONE" {
		return nil
	}
	from, to := o.date("purchased_at"), o.date("next_renewal_at")
	if from == nil || to == nil {
		return nil
	}
	days := int(math.Floor(float64(to.(int64)-from.(int64))/86_400_000 + 0.5))
	switch {
	case days == 7:
		return `"P1W"`
	case days == 14:
		return `"P2W"`
	case days >= 28 && days <= 31:
		return `"P1M"`
	case days >= 59 && days <= 62:
		return `"P2M"`
	case days >= 89 && days <= 92:
		return `"P3M"`
	case days >= 181 && days <= 184:
		return `"P6M"`
	case days == 365 || days == 366:
		return `"P1Y"`
	}
	return nil
}

// charged makes the purchase event, or "" and perhaps drift.
func (o *oracle) charged(event *webhook.EventType, head, environment string, toSandbox bool) string {
	if event == nil || event.Name != "TRANSACTION_PROCESSED" || !o.Charged {
		return ""
	}
	if toSandbox != (environment == "SANDBOX") || !toSandbox && environment != "PRODUCTION" {
		return ""
	}
	attribute, currency := o.chosen()
	amount := text(o.a.find(attribute))
	if !isDecimal(amount) {
		o.drifted("attribute", attribute)
		return ""
	}
	mantissa, _, _ := strings.Cut(strings.ToLower(amount), "e")
	if strings.HasPrefix(amount, "-") || strings.Trim(mantissa, "0.") == "" {
		return ""
	}
	if len(currency) != 3 || strings.Trim(currency, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		o.drifted("attribute", "customer_currency")
		return ""
	}
	list := []property{{name: "Amount", json: amount}, {name: "Currency", json: quote(currency)}}
	add := func(to []property, name, value string) []property {
		if value == "" {
			return to
		}
		return append(to, property{name: name, json: quote(cutAt(value, 512))})
	}
	id := o.text("store_transaction_id")
	if id == "" {
		id = o.text("event_id")
	}
	list = add(list, "Charged ID", id)
	list = add(list, "Payment mode", o.text("store"))
	var item []property
	for _, name := range []string{"product", "plan", "store_product_id"} {
		item = add(item, name, o.text(name))
	}
	if item != nil {
		list = append(list, property{name: "Items", json: "[{" + join(item) + "}]"})
	}
	list = add(list, "event_id", o.text("event_id"))
	return head + `"Charged","evtData":{` + join(list) + `}}`
}

// chosen is the attribute whose amount counts, and its currency.
func (o *oracle) chosen() (attribute, currency string) {
	if o.Currency == "customer" {
		return "amount_in_customer_currency", asciiUpper(o.text("customer_currency"))
	}
	var names []string
	for _, p := range o.a {
		row := o.row(p.name)
		if p.value != nil && row != nil && (row.Name == "amount_in_xxx" || row.Name == "amount_in_usd") {
			names = append(names, p.name)
		}
	}
	for _, name := range names {
		if name != "amount_in_usd" {
			return name, strings.ToUpper(name[len("amount_in_"):])
		}
	}
	if slices.Contains(names, "amount_in_usd") {
		return "amount_in_usd", "USD"
	}
	return "amount_in_xxx", ""
}

func asciiUpper(s string) string {
	return strings.Map(func(r rune) rune {
		if 'a' <= r && r <= 'z' {
			return r - 32
		}
		return r
	}, s)
}
