package mapping_test

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// active is true, false or nil.
func (o *oracle) active() any {
	if o.event != nil {
		switch name := o.event.Canonical(); {
		case name == "ACTIVATE", name == "SUBSCRIPTION_RECEIVED":
			return true
		case name == "DEACTIVATE", o.event.After == webhook.Ends:
			return false
		case o.event.After == webhook.Unset:
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

// derive adds the user properties that are not in the payload.
func (o *oracle) derive() {
	active, status, offer := o.active(), o.text("subscription_status"), o.text("offer_type")
	flag := func(known, b bool) string {
		if !known {
			return ""
		}
		return fmt.Sprint(b)
	}
	in := func(kind string) string { return flag(offer != "", offer == kind && active != false) }
	stamp := func(names ...string) string {
		for _, name := range names {
			if ms, ok := o.date(name); ok {
				return dateJSON(ms)
			}
		}
		return ""
	}
	values := map[string]string{
		"has_active_subscription": flag(active != nil, active == true),
		"subscription_started_at": stamp("original_purchased_at"),
		"plan_periodicity":        o.period(),
		"is_auto_renewing":        flag(status != "", status == "AUTO_RENEWING"),
		"is_in_grace_period":      flag(status != "", status == "IN_GRACE_PERIOD"),
		"is_in_billing_retry":     flag(status != "" && status != "UNPAID", status == "ON_HOLD"),
		"is_in_trial":             in("FREE_TRIAL"),
		"is_in_intro_offer":       in("INTRO_OFFER"),
		"is_promo_code":           in("PROMO_CODE"),
		"last_event":              quote(clevertap.Cut(o.name, 512)),
	}
	if offer == "FREE_TRIAL" {
		values["trial_ends_at"] = stamp("effective_next_renewal_at", "next_renewal_at")
	}
	if o.event != nil && o.event.Name == "ENTERED_BILLING_RETRY" {
		values["is_in_billing_retry"] = "true"
	}
	if total := text(o.a.find("cumulated_revenues_in_usd")); isDecimal(total) {
		values["cumulated_revenue_in_usd"] = total
	}
	for i := range o.c.Attributes {
		if value := values[o.c.Attributes[i].Name]; o.c.Attributes[i].Derived && value != "" {
			o.userProperty(o.app.UserProperty(i), value)
		}
	}
}

func (o *oracle) period() string {
	for _, p := range o.a {
		if strings.HasPrefix(p.name, "commitment_") && !nothing(p.value) {
			return ""
		}
	}
	from, ok := o.date("purchased_at")
	to, also := o.date("next_renewal_at")
	if !ok || !also || strings.EqualFold(o.text("environment"), "sandbox") ||
		o.text("purchase_type") != "RENEWING_SUBSCRIPTION" ||
		o.text("offer_type") != "NONE" {
		return ""
	}
	days := int(math.Floor(float64(to-from)/86_400_000 + 0.5))
	for period, between := range map[string][2]int{
		"P1W": {7, 7}, "P2W": {14, 14}, "P1M": {28, 31}, "P2M": {59, 62}, "P3M": {89, 92}, "P6M": {181, 184},
		"P1Y": {365, 366},
	} {
		if between[0] <= days && days <= between[1] {
			return quote(period)
		}
	}
	return ""
}

// chargedData is what the purchase event says; "" if there is none.
func (o *oracle) chargedData(toSandbox bool) string {
	environment := o.text("environment")
	switch {
	case o.event == nil || o.event.Name != "TRANSACTION_PROCESSED" || !o.app.Charged:
		return ""
	case !strings.EqualFold(environment, map[bool]string{true: "SANDBOX", false: "PRODUCTION"}[toSandbox]):
		return ""
	}
	attribute, currency := o.chosen()
	amount := text(o.a.find(attribute))
	if !isDecimal(amount) {
		o.driftedOnce(attribute)
		return ""
	}
	mantissa, _, _ := strings.Cut(strings.ToLower(amount), "e")
	if strings.HasPrefix(amount, "-") || strings.Trim(mantissa, "0.") == "" {
		return ""
	}
	if len(currency) != 3 || strings.Trim(currency, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		o.driftedOnce("customer_currency")
		return ""
	}
	list := []property{{name: "Amount", json: amount}, {name: "Currency", json: quote(currency)}}
	add := func(to []property, name, value string) []property {
		if value == "" {
			return to
		}
		return append(to, property{name: name, json: quote(clevertap.Cut(value, 512))})
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
	return join(add(list, "event_id", o.text("event_id")))
}

// driftedOnce is for an attribute that may have drifted as a property already.
func (o *oracle) driftedOnce(name string) {
	if !slices.Contains(o.drift, "attribute "+name) {
		o.drifted("attribute", name)
	}
}

// chosen is the attribute whose amount counts, and its currency.
func (o *oracle) chosen() (attribute, currency string) {
	if o.app.Currency == integration.CurrencyCustomer {
		return "amount_in_customer_currency", strings.ToUpper(o.text("customer_currency"))
	}
	for _, p := range o.a {
		row := o.listing(p.name)
		if p.value == nil || row == nil || attribute != "" && row.Name != "amount_in_xxx" {
			continue
		}
		if row.Name == "amount_in_xxx" || row.Name == "amount_in_usd" {
			attribute, currency = p.name, strings.ToUpper(p.name[len("amount_in_"):])
		}
		if row.Name == "amount_in_xxx" {
			break
		}
	}
	return cmp.Or(attribute, "amount_in_xxx"), currency
}
