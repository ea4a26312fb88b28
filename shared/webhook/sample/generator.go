package sample

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// generator makes up one purchase: who bought what, where and when.
type generator struct {
	scenario
	event     *webhook.EventType
	random    *rand.Rand
	store     store
	country   country
	plan      plan
	previous  string // plan, before a change
	refund    bool   // of a transaction
	connected bool   // the subscriber has a user id
	periods   int    // how many have passed before the present one

	original, purchased, renewal, created time.Time
}

func newGenerator(t *webhook.EventType, seed uint64) *generator {
	name := fnv.New64a() // so that events differ under the same seed
	_, _ = name.Write([]byte(t.Name))
	random := rand.New(rand.NewPCG(seed, name.Sum64())) //nolint:gosec // The same seed makes the same webhook.
	g := &generator{scenario: scenarioOf(t), event: t, random: random}
	g.store = pick(g, apple, apple, google, google, stripe)
	if g.scenario.store != nil {
		g.store = *g.scenario.store
	}
	g.country = pick(g, countries...)
	switch {
	case t.OneTime && len(t.Types) == 1:
		g.plan = oneTimePlans[0] // only what lasts can change hands
	case t.OneTime:
		g.plan = pick(g, oneTimePlans...)
	case g.change != 0:
		i := 1 + g.random.IntN(len(subscriptionPlans)-2)
		g.plan, g.previous = subscriptionPlans[i], subscriptionPlans[i+g.change].name
	default:
		g.plan = pick(g, subscriptionPlans...)
	}
	g.connected = t.Transfer == "to" || (t.Transfer != "from" && g.random.IntN(4) > 0)
	g.refund = t.Money && g.random.IntN(4) == 0
	if g.refund {
		g.phase, g.status = within, "REVOKED"
	}
	g.chooseTimes()
	return g
}

func pick[T any](g *generator, from ...T) T { return from[g.random.IntN(len(from))] }

// chooseTimes chooses dates in an order that can have happened.
func (g *generator) chooseTimes() {
	day, n := 24*time.Hour, g.random.IntN
	// No day after the 28th, so that every month has it.
	g.purchased = time.Date(2026, time.Month(1+n(9)), 1+n(28), n(24), n(60), n(60), 0, time.UTC)
	if g.store.name == google.name {
		g.purchased = g.purchased.Add(time.Duration(n(1000)) * time.Millisecond) // Apple has whole seconds
	}
	switch converted := g.before != "" && g.before != noOffer; {
	case g.event.OneTime, g.phase == bought, g.offer != noOffer:
	case converted:
		g.periods = 1
	default:
		g.periods = 1 + n(5)
	}
	g.original, g.renewal = g.plan.after(g.purchased, -g.periods), g.plan.after(g.purchased, 1)
	if g.before == freeTrial {
		g.original = g.purchased.Add(-7 * day)
	}
	if g.offer == freeTrial {
		g.renewal = g.purchased.Add(7 * day)
	}
	delay := time.Duration(2000+n(50000)) * time.Millisecond
	switch {
	case g.event.OneTime, g.phase == bought, g.phase == renewed:
		g.created = g.purchased.Add(delay)
	case g.phase == ended:
		g.created = g.renewal.Add(delay)
	default:
		g.created = g.purchased.Add(g.renewal.Sub(g.purchased) / 3).Truncate(time.Second).Add(delay)
	}
}

// attributes are those of a webhook by name: dates as time.Time, objects as members, all others as jsontext.Value.
type attributes map[string]any

// attributes returns what every purchase has, and what those of its kind have.
func (g *generator) attributes() attributes {
	a := attributes{
		"api_version": jsontext.Value("3"), "event_name": quoted(g.event.Name), "event_id": quoted(g.uuid()),
		"event_created_at": g.created, "purchased_at": g.purchased, "original_purchased_at": g.original,
		"device_id": quoted(g.letters(hexDigits, 16)), "device_type": quoted(pick(g, g.store.devices...)),
		"store": quoted(g.store.name), "store_country": quoted(g.country.code),
		"store_app_bundle_id": quoted(ownBundle), "product": quoted(ownProduct), "plan": quoted(g.plan.name),
		"purchase_type": quoted(g.plan.kind), "store_product_id": quoted(ownBundle + "." + g.plan.product),
		"content_id":  quoted(pick(g, "course-es-a2", "course-sw-a1", "course-ja-b1")),
		"environment": quoted("PRODUCTION"), "offer_type": quoted(g.offer), "channel": quoted("in_app"),
		"is_family_shared": jsontext.Value(fmt.Sprint(g.event.Name == "FAMILY_SHARED_REVOKED")),
		"presentation":     quoted("papaya_paywall"), "placement": quoted("lesson_end"),
		"audience": quoted("returning_learners"),
		"ab_test":  quoted("paywall_colours"), "ab_test_variant": quoted(pick(g, "green", "orange")),
	}
	g.addSubscriber(a)
	g.addStore(a)
	if g.event.OneTime {
		a["purchasely_one_time_purchase_id"] = quoted("otp_" + g.letters(alphanumeric, 31))
	} else {
		g.addSubscription(a)
		g.addPrices(a)
	}
	return a
}

// addSubscriber adds the subscriber's id and, for a transfer, that of the other side.
func (g *generator) addSubscriber(a attributes) {
	user, anonymous := quoted(fmt.Sprintf("learner-%05d", g.random.IntN(100000))), quoted(strings.ToUpper(g.uuid()))
	if g.connected {
		a["user_id"] = user
	} else {
		a["anonymous_user_id"] = anonymous
	}
	switch g.event.Transfer {
	case "from":
		a["transferred_to_user_id"] = user
	case "to":
		a["transferred_from_anonymous_user_id"] = anonymous
	}
}

// addStore adds the store's ids of the transactions, and what only this store has.
func (g *generator) addStore(a attributes) {
	digits := func(n int) string { return g.letters("0123456789", n) }
	first, latest := "48"+digits(13), "48"+digits(13)
	switch g.store.name {
	case google.name:
		first = fmt.Sprintf("GPA.%s-%s-%s-%s", digits(4), digits(4), digits(4), digits(5))
		latest = fmt.Sprintf("%s..%d", first, max(0, g.periods-1))
		a["purchase_token"] = quoted(g.letters("abcdefghijklmnop", 24) + ".AO-J1O" + g.letters(alphanumeric, 90))
	case stripe.name:
		first, latest = "in_1"+g.letters(alphanumeric, 23), "in_1"+g.letters(alphanumeric, 23)
		a["stripe_checkout_session_id"] = quoted("cs_live_" + g.letters(alphanumeric, 40))
		a["stripe_purchase_id"] = quoted("sub_1" + g.letters(alphanumeric, 23))
		a["channel"], a["provider"] = quoted("web2app"), quoted("purchasely")
		a["attribution"] = members{
			{"utm_source", quoted("newsletter")}, {"utm_medium", quoted("email")}, {"utm_campaign", quoted("learn")},
		}
	}
	if g.periods == 0 {
		latest = first
	}
	a["store_transaction_id"], a["store_original_transaction_id"] = quoted(latest), quoted(first)
}

func (g *generator) addSubscription(a attributes) {
	id := func() string { return "subs_" + g.letters(alphanumeric, 31) }
	a["purchasely_subscription_id"] = quoted(id())
	a["subscription_status"] = quoted(g.status)
	a["next_renewal_at"], a["effective_next_renewal_at"] = g.renewal, g.renewal
	if g.before != "" {
		a["previous_offer_type"] = quoted(g.before)
	}
	if g.until != "" {
		date := g.renewal.Add(16 * 24 * time.Hour)
		a[g.until], a["effective_next_renewal_at"] = date, date
	}
	if g.previous != "" {
		a["previous_plan"], a["from_purchasely_subscription_id"] = quoted(g.previous), quoted(id())
	}
	offer := g.offer
	if offer == noOffer {
		offer = g.before
	}
	switch offer {
	case promoCode:
		a["offer_identifier"], a["offer_code_ref_name"] = quoted("PAPAYA-SPRING"), quoted("Spring codes for libraries")
	case promotionalOffer:
		a["offer_identifier"], a["promotional_offer_id"] = quoted("come_back_30"), quoted("promo_come_back_30")
	}
}

// addPrices adds what the plan costs now and, for a transaction, what was paid or paid back.
func (g *generator) addPrices(a attributes) {
	price := g.price(g.offer)
	var revenue int64
	if g.periods > 0 {
		revenue = g.price(g.before) + int64(g.periods-1)*g.price(noOffer)
	}
	amount, source := price, "SUBSCRIPTION_RENEWED"
	if g.refund {
		amount, source = -price, "SUBSCRIPTION_REFUNDED_REVOKED"
	} else {
		revenue += price
	}
	a["customer_currency"] = quoted(g.country.currency)
	a["plan_price_in_xxx"], a["plan_price_in_customer_currency"] = money(price), money(price*g.country.rate/100)
	a["cumulated_revenues_in_xxx"] = money(revenue)
	if g.event.Money {
		a["source_event_name"] = quoted(source)
		a["amount_in_xxx"], a["amount_in_usd"] = money(amount), money(amount*dollarRate/100)
		a["amount_in_customer_currency"] = money(amount * g.country.rate / 100)
	}
}

func (g *generator) price(offer string) int64 {
	percent := map[string]int64{noOffer: 100, introOffer: 50, promotionalOffer: 70}[offer]
	return g.plan.cents * percent / 100
}

const (
	hexDigits    = "0123456789abcdef"
	alphanumeric = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
)

func (g *generator) letters(alphabet string, n int) string {
	id := make([]byte, n)
	for i := range id {
		id[i] = alphabet[g.random.IntN(len(alphabet))]
	}
	return string(id)
}

// uuid makes up a UUID of version 4.
func (g *generator) uuid() string {
	h := func(n int) string { return g.letters(hexDigits, n) }
	return fmt.Sprintf("%s-%s-4%s-%s%s-%s", h(8), h(4), h(3), g.letters("89ab", 1), h(3), h(12))
}
