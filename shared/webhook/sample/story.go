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

// story is what a sample tells: who bought what, where and when.
type story struct {
	scene
	event     *webhook.EventType
	dice      *rand.Rand
	shop      shop
	country   country
	offering  offering
	previous  string // plan, before a change
	refund    bool   // of a transaction
	connected bool   // the subscriber has an id of the app's
	periods   int    // how many have passed before the present one

	original, purchased, renewal, created time.Time
}

func newStory(t *webhook.EventType, seed uint64) *story {
	s := &story{event: t, scene: sceneOf(t), dice: rand.New(rand.NewPCG(seed, nameSeed(t.Name)))} //nolint:gosec // Nothing secret.
	s.shop = one(s, []shop{apple, apple, google, google, stripe})
	if s.scene.shop != nil {
		s.shop = *s.scene.shop
	}
	s.country = one(s, countries)
	if t.OneTime {
		s.offering = one(s, oneTimeOfferings)
		if len(t.Types) == 1 {
			s.offering = oneTimeOfferings[0] // only what lasts can change hands
		}
	} else {
		s.offering = plans[s.plan()]
		s.offering.kind = "RENEWING_SUBSCRIPTION"
	}
	s.connected = t.Transfer == "to" || (t.Transfer != "from" && s.dice.IntN(4) > 0)
	s.refund = t.Money && s.dice.IntN(4) == 0
	if s.refund {
		s.when, s.status = within, "REVOKED"
	}
	s.tellTimes()
	return s
}

// plan gives the plan's place in the price list, one that leaves room on both sides if the plan has changed.
func (s *story) plan() int {
	if s.change == 0 {
		return s.dice.IntN(len(plans))
	}
	at := 1 + s.dice.IntN(len(plans)-2)
	s.previous = plans[at+s.change].plan
	return at
}

// one takes one of several at random.
func one[T any](s *story, from []T) T { return from[s.dice.IntN(len(from))] }

// tellTimes puts the dates into an order that can have happened.
func (s *story) tellTimes() {
	// No day above the 28th, so that every month has it.
	s.purchased = time.Date(2026, time.Month(1+s.dice.IntN(9)), 1+s.dice.IntN(28), s.dice.IntN(24), s.dice.IntN(60), s.dice.IntN(60), 0, time.UTC)
	if s.shop.store == google.store {
		s.purchased = s.purchased.Add(time.Duration(s.dice.IntN(1000)) * time.Millisecond) // Apple has whole seconds
	}
	switch converted := s.before != "" && s.before != none; {
	case s.event.OneTime, s.when == bought, s.offer != none:
	case converted:
		s.periods = 1
	default:
		s.periods = 1 + s.dice.IntN(5)
	}
	s.original = s.offering.next(s.purchased, -s.periods)
	if s.before == freeTrial {
		s.original = s.purchased.AddDate(0, 0, -7)
	}
	s.renewal = s.offering.next(s.purchased, 1)
	if s.offer == freeTrial {
		s.renewal = s.purchased.AddDate(0, 0, 7)
	}
	delay := time.Duration(2000+s.dice.IntN(50000)) * time.Millisecond
	switch {
	case s.event.OneTime, s.when == bought, s.when == renewed:
		s.created = s.purchased.Add(delay)
	case s.when == runOut:
		s.created = s.renewal.Add(delay)
	default:
		s.created = s.purchased.Add(s.renewal.Sub(s.purchased) / 3).Truncate(time.Second).Add(delay)
	}
}

// facts are the attributes that every purchase has, and those of its kind.
func (s *story) facts() facts {
	f := facts{
		"api_version": jsontext.Value("3"), "event_name": quoted(s.event.Name), "event_id": quoted(s.uuid()), "event_created_at": s.created,
		"device_id": quoted(s.letters("0123456789abcdef", 16)), "device_type": quoted(one(s, s.shop.devices)),
		"store": quoted(s.shop.store), "store_country": quoted(s.country.code), "store_app_bundle_id": quoted(ownBundle),
		"product": quoted(ownProduct), "plan": quoted(s.offering.plan), "purchase_type": quoted(s.offering.kind),
		"store_product_id": quoted(ownBundle + "." + s.offering.store), "content_id": quoted(one(s, []string{"course-es-a2", "course-sw-a1", "course-ja-b1"})),
		"purchased_at": s.purchased, "original_purchased_at": s.original, "environment": quoted("PRODUCTION"), "offer_type": quoted(s.offer),
		"is_family_shared": jsontext.Value(fmt.Sprint(s.event.Name == "FAMILY_SHARED_REVOKED")),
		"presentation":     quoted("papaya_paywall"), "placement": quoted("lesson_end"), "audience": quoted("returning_learners"),
		"ab_test": quoted("paywall_colours"), "ab_test_variant": quoted(one(s, []string{"green", "orange"})), "channel": quoted("in_app"),
	}
	s.subscriber(f)
	s.store(f)
	if s.event.OneTime {
		f["purchasely_one_time_purchase_id"] = quoted("otp_" + s.letters(alphanumeric, 31))
	} else {
		s.subscription(f)
		s.prices(f)
	}
	return f
}

// subscriber tells whose purchase it is and, for a transfer, who has or had it on the other side.
func (s *story) subscriber(f facts) {
	user, anonymous := quoted(fmt.Sprintf("learner-%05d", s.dice.IntN(100000))), quoted(strings.ToUpper(s.uuid()))
	if s.connected {
		f["user_id"] = user
	} else {
		f["anonymous_user_id"] = anonymous
	}
	switch s.event.Transfer {
	case "from":
		f["transferred_to_user_id"] = user
	case "to":
		f["transferred_from_anonymous_user_id"] = anonymous
	}
}

// store tells how the store names the transactions, and what only this store has.
func (s *story) store(f facts) {
	digits := func(n int) string { return s.letters("0123456789", n) }
	first, latest := "48"+digits(13), "48"+digits(13)
	switch s.shop.store {
	case google.store:
		first = fmt.Sprintf("GPA.%s-%s-%s-%s", digits(4), digits(4), digits(4), digits(5))
		latest = fmt.Sprintf("%s..%d", first, max(0, s.periods-1))
		f["purchase_token"] = quoted(s.letters("abcdefghijklmnop", 24) + ".AO-J1O" + s.letters(alphanumeric, 90))
	case stripe.store:
		first, latest = "in_1"+s.letters(alphanumeric, 23), "in_1"+s.letters(alphanumeric, 23)
		f["stripe_checkout_session_id"], f["stripe_purchase_id"] = quoted("cs_live_"+s.letters(alphanumeric, 40)), quoted("sub_1"+s.letters(alphanumeric, 23))
		f["channel"], f["provider"] = quoted("web2app"), quoted("purchasely")
		f["attribution"] = members{{"utm_source", quoted("newsletter")}, {"utm_medium", quoted("email")}, {"utm_campaign", quoted("learn-more")}}
	}
	if s.periods == 0 {
		latest = first
	}
	f["store_transaction_id"], f["store_original_transaction_id"] = quoted(latest), quoted(first)
}

const alphanumeric = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

// letters makes up an id.
func (s *story) letters(alphabet string, n int) string {
	id := make([]byte, n)
	for i := range id {
		id[i] = alphabet[s.dice.IntN(len(alphabet))]
	}
	return string(id)
}

// uuid makes up a UUID of version 4.
func (s *story) uuid() string {
	const hex = "0123456789abcdef"
	return fmt.Sprintf("%s-%s-4%s-%s%s-%s", s.letters(hex, 8), s.letters(hex, 4), s.letters(hex, 3), s.letters("89ab", 1), s.letters(hex, 3), s.letters(hex, 12))
}

// nameSeed makes samples of different events differ under the same seed.
func nameSeed(name string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(name))
	return h.Sum64()
}
