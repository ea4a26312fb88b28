package mapping

import (
	"sync"

	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// places are the rows of the catalogue that have a meaning of their own here.
type places struct {
	eventID, environment, deviceType, purchaseToken            int
	userID, anonymousID, store                                 int
	createdAt, purchasedAt, originalAt, renewalAt, effectiveAt int
	purchaseType, subscription, oneTime, chain, transaction    int
	offer, status, product, plan, storeProduct                 int
	fromUser, fromAnonymous                                    int
	customerCurrency, customerAmount                           int
	cleverTapIDs                                               [3]int // in the order in which they are looked for
	containers                                                 [3]int // objects that may hold a CleverTap ID, likewise

	active, startedAt, periodicity, trialEndsAt, revenue int // derived user properties, as all that follow
	renewing, retrying, grace, intro, trial, promo, last int
}

// thePlaces finds them once. The catalogue is part of the program, so a row that is missing is a mistake in it.
var thePlaces = sync.OnceValue(func() *places {
	rows := make(map[string]int)
	for _, a := range webhook.EmbeddedCatalogue().Attributes {
		rows[a.Name] = a.Index
	}
	at := func(name string) int {
		i, ok := rows[name]
		if !ok {
			panic("catalogue without " + name)
		}
		return i
	}
	return &places{
		eventID: at("event_id"), environment: at("environment"), deviceType: at("device_type"), purchaseToken: at("purchase_token"),
		userID: at("user_id"), anonymousID: at("anonymous_user_id"), store: at("store"),
		createdAt: at("event_created_at"), purchasedAt: at("purchased_at"), originalAt: at("original_purchased_at"),
		renewalAt: at("next_renewal_at"), effectiveAt: at("effective_next_renewal_at"),
		purchaseType: at("purchase_type"), subscription: at("purchasely_subscription_id"),
		oneTime: at("purchasely_one_time_purchase_id"), chain: at("store_original_transaction_id"),
		transaction: at("store_transaction_id"),
		offer:       at("offer_type"), status: at("subscription_status"),
		product: at("product"), plan: at("plan"), storeProduct: at("store_product_id"),
		fromUser: at("transferred_from_user_id"), fromAnonymous: at("transferred_from_anonymous_user_id"),
		customerCurrency: at("customer_currency"), customerAmount: at("amount_in_customer_currency"),
		cleverTapIDs: [3]int{at("clevertap_id"), at("clever_tap_id"), at("integration_clevertap_id")},
		containers:   [3]int{at("user_attributes"), at("attributes"), at("integrations")},
		active:       at("has_active_subscription"), startedAt: at("subscription_started_at"),
		periodicity: at("plan_periodicity"), trialEndsAt: at("trial_ends_at"), revenue: at("cumulated_revenue_in_usd"),
		renewing: at("is_auto_renewing"), retrying: at("is_in_billing_retry"), grace: at("is_in_grace_period"),
		intro: at("is_in_intro_offer"), trial: at("is_in_trial"), promo: at("is_promo_code"), last: at("last_event"),
	}
})
