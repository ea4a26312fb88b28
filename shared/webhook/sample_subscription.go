package webhook

import "time"

// subscription tells the state of the subscription.
func (s *story) subscription(f facts) {
	id := func() string { return "subs_" + s.letters(alphanumeric, 31) }
	f["purchasely_subscription_id"] = text(id())
	f["subscription_status"] = text(s.status)
	f["next_renewal_at"], f["effective_next_renewal_at"] = s.renewal, s.renewal
	if s.before != "" {
		f["previous_offer_type"] = text(s.before)
	}
	if s.until != "" {
		date := s.renewal.Add(16 * 24 * time.Hour)
		f[s.until], f["effective_next_renewal_at"] = date, date
	}
	if s.change {
		f["from_purchasely_subscription_id"] = text(id())
		for _, other := range plans {
			if other.plan != s.offering.plan {
				f["previous_plan"] = text(other.plan)
			}
		}
	}
	switch s.offerOfEvent() {
	case "PROMO_CODE":
		f["offer_identifier"], f["offer_code_ref_name"] = text("PAPAYA-SPRING"), text("Spring codes for libraries")
	case "PROMOTIONAL_OFFER":
		f["offer_identifier"], f["promotional_offer_id"] = text("come_back_30"), text("promo_come_back_30")
	}
}

// offerOfEvent is the offer that the event is about, now or before.
func (s *story) offerOfEvent() string {
	if s.offer == "NONE" {
		return s.before
	}
	return s.offer
}

// prices tells what the plan costs now and, for a transaction, what was paid or paid back.
func (s *story) prices(f facts) {
	price := s.offering.cents
	switch s.offer {
	case "FREE_TRIAL", "PROMO_CODE":
		price = 0
	case "INTRO_OFFER":
		price /= 2
	case "PROMOTIONAL_OFFER":
		price = price * 7 / 10
	}
	revenue := int64(s.periods) * s.offering.cents
	if s.before == "FREE_TRIAL" || s.before == "PROMO_CODE" {
		revenue -= s.offering.cents // the first period was free
	}
	amount := price
	if s.refund {
		amount = -price
	} else {
		revenue += price
	}
	f["customer_currency"] = text(s.country.currency)
	f["plan_price_in_xxx"], f["plan_price_in_customer_currency"] = money(price), money(s.country.convert(price))
	f["cumulated_revenues_in_xxx"] = money(revenue)
	if s.event.Money {
		f["source_event_name"] = text("SUBSCRIPTION_RENEWED")
		if s.refund {
			f["source_event_name"] = text("SUBSCRIPTION_REFUNDED_REVOKED")
		}
		f["amount_in_xxx"], f["amount_in_usd"] = money(amount), money(amount*dollarRate/100)
		f["amount_in_customer_currency"] = money(s.country.convert(amount))
	}
}
