package sample

import "time"

// subscription tells the state of the subscription.
func (s *story) subscription(f facts) {
	id := func() string { return "subs_" + s.letters(alphanumeric, 31) }
	f["purchasely_subscription_id"] = quoted(id())
	f["subscription_status"] = quoted(s.status)
	f["next_renewal_at"], f["effective_next_renewal_at"] = s.renewal, s.renewal
	if s.before != "" {
		f["previous_offer_type"] = quoted(s.before)
	}
	if s.until != "" {
		date := s.renewal.Add(16 * 24 * time.Hour)
		f[s.until], f["effective_next_renewal_at"] = date, date
	}
	if s.previous != "" {
		f["previous_plan"], f["from_purchasely_subscription_id"] = quoted(s.previous), quoted(id())
	}
	offer := s.offer
	if offer == none {
		offer = s.before
	}
	switch offer {
	case promoCode:
		f["offer_identifier"], f["offer_code_ref_name"] = quoted("PAPAYA-SPRING"), quoted("Spring codes for libraries")
	case promotionalOffer:
		f["offer_identifier"], f["promotional_offer_id"] = quoted("come_back_30"), quoted("promo_come_back_30")
	}
}

// price is what a period costs under an offer.
func (s *story) price(offer string) int64 {
	switch offer {
	case freeTrial, promoCode:
		return 0
	case introOffer:
		return s.offering.cents / 2
	case promotionalOffer:
		return s.offering.cents * 7 / 10
	default:
		return s.offering.cents
	}
}

// prices tells what the plan costs now and, for a transaction, what was paid or paid back.
func (s *story) prices(f facts) {
	price := s.price(s.offer)
	var revenue int64
	if s.periods > 0 {
		revenue = s.price(s.before) + int64(s.periods-1)*s.price(none)
	}
	amount := price
	if s.refund {
		amount = -price
	} else {
		revenue += price
	}
	f["customer_currency"] = quoted(s.country.currency)
	f["plan_price_in_xxx"], f["plan_price_in_customer_currency"] = money(price), money(s.country.convert(price))
	f["cumulated_revenues_in_xxx"] = money(revenue)
	if s.event.Money {
		f["source_event_name"] = quoted("SUBSCRIPTION_RENEWED")
		if s.refund {
			f["source_event_name"] = quoted("SUBSCRIPTION_REFUNDED_REVOKED")
		}
		f["amount_in_xxx"], f["amount_in_usd"] = money(amount), money(amount*dollarRate/100)
		f["amount_in_customer_currency"] = money(s.country.convert(amount))
	}
}
