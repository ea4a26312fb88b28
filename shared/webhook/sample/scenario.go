package sample

import (
	"cmp"
	"strings"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// phase is when in the life of a subscription an event happens.
type phase uint8

const (
	within  phase = iota // in the middle of a paid period
	bought               // right after the purchase
	renewed              // right after a renewal
	ended                // when the period is over
)

// scenario is the state of the subscription when an event happens.
type scenario struct {
	phase         phase
	status        string // subscription_status
	offer, before string // offer_type and previous_offer_type
	store         *store // the only one that has such events; nil if any has
	until         string // the attribute with the date that decides the next renewal; "" if none does
	change        int    // from the present plan to the previous one, in the order of their price
}

// scenarios hold what does not follow from the catalogue alone.
var scenarios = map[string]scenario{
	"ACTIVATE":                            {phase: renewed},
	"SUBSCRIPTION_STARTED":                {phase: bought},
	"PURCHASE_VALIDATED":                  {phase: bought},
	"SUBSCRIPTION_RENEWED":                {phase: renewed},
	"SUBSCRIPTION_REACTIVATED":            {phase: renewed},
	"INSTALLMENT_PAID":                    {phase: renewed},
	"TRANSACTION_PROCESSED":               {phase: renewed},
	"RENEWAL_DISABLED":                    {status: "AUTO_RENEWING_CANCELED"},
	"FAMILY_SHARED_REVOKED":               {status: "REVOKED"},
	"SUBSCRIPTION_REFUNDED_REVOKED":       {status: "REVOKED"},
	"SUBSCRIPTION_REFUNDED":               {status: "REVOKED"},
	"SUBSCRIPTION_TRANSFERRED":            {status: "DEACTIVATED"},
	"GRACE_PERIOD_STARTED":                {phase: ended, status: "IN_GRACE_PERIOD", until: "grace_period_expires_at"},
	"GRACE_PERIOD_TERMINATED":             {phase: ended, status: "ON_HOLD"},
	"ENTERED_BILLING_RETRY":               {phase: ended, status: "ON_HOLD"},
	"SUBSCRIPTION_UNPAID":                 {phase: ended, status: "UNPAID"},
	"SUBSCRIPTION_DEFERRED":               {store: &google, until: "defer_end_at"},
	"SUBSCRIPTION_WILL_PAUSE":             {store: &google},
	"SUBSCRIPTION_WILL_NOT_PAUSE":         {store: &google},
	"SUBSCRIPTION_PAUSED":                 {store: &google, phase: ended, status: "PAUSED", until: "auto_resume_at"},
	"SUBSCRIPTION_UNPAUSED":               {store: &google, phase: renewed},
	"SUBSCRIPTION_CANCELLED_DURING_PAUSE": {store: &google, phase: ended, status: "DEACTIVATED"},
	"SUBSCRIPTION_CROSSGRADED":            {change: -1},
	"SUBSCRIPTION_DOWNGRADED":             {change: +1},
	"SUBSCRIPTION_UPGRADED":               {change: -1, phase: bought},
	"RETENTION_MESSAGE_REQUESTED":         {store: &apple},
}

// The kinds of offers.
const (
	noOffer          = "NONE"
	freeTrial        = "FREE_TRIAL"
	introOffer       = "INTRO_OFFER"
	promoCode        = "PROMO_CODE"
	promotionalOffer = "PROMOTIONAL_OFFER"
)

// offers are the offers by the start of their events' names.
var offers = map[string]string{
	"TRIAL": freeTrial, "INTRO_OFFER": introOffer, "INTRO_PERIOD": introOffer, "INTRO": introOffer,
	"PROMO_CODE": promoCode, "PROMOTIONAL_OFFER": promotionalOffer,
}

// scenarioOf adds to the table's scenario what follows from the event: offers from its name, the status from what it
// does to access.
func scenarioOf(t *webhook.EventType) scenario {
	s := scenarios[t.Name]
	if strings.HasPrefix(t.Name, "SUBSCRIPTION_RECOVERED_") {
		s.phase = renewed
	}
	if name, ok := strings.CutSuffix(t.Name, "_NOT_CONVERTED"); ok {
		s.phase, s.offer = ended, offers[name]
	} else if name, ok := strings.CutSuffix(t.Name, "_CONVERTED"); ok {
		s.phase, s.before = renewed, offers[name]
	} else if name, ok := strings.CutSuffix(t.Name, "_STARTED"); ok && offers[name] != "" {
		s.phase, s.offer = bought, offers[name]
	}
	if t.After == webhook.Ends && s.phase == within && s.status == "" {
		s.phase = ended
	}
	if s.before == "" && s.phase != bought {
		s.before = noOffer
	}
	status := "AUTO_RENEWING"
	if t.After == webhook.Ends {
		status = "DEACTIVATED"
	}
	s.offer, s.status = cmp.Or(s.offer, noOffer), cmp.Or(s.status, status)
	return s
}

// The app of the samples, Papaya Parla, teaches languages and does not exist.
const (
	ownProduct  = "PAPAYA_PARLA"
	ownBundle   = "com.papayaparla.app"
	ownCurrency = "eur" // the currency that the app chose for its own figures
)

// plan is something that the app sells.
type plan struct {
	name, product string // at Purchasely and in the store
	kind          string // purchase type
	cents         int64  // in the app's own currency
	months, days  int    // the period
}

// after returns when a number of periods that begin at start have passed.
func (p *plan) after(start time.Time, periods int) time.Time {
	return start.AddDate(0, periods*p.months, periods*p.days)
}

// subscriptionPlans are in the order of their price.
var subscriptionPlans = []plan{
	{name: "parla_weekly", product: "weekly", kind: "RENEWING_SUBSCRIPTION", cents: 299, days: 7},
	{name: "parla_monthly", product: "monthly", kind: "RENEWING_SUBSCRIPTION", cents: 899, months: 1},
	{name: "parla_quarterly", product: "quarterly", kind: "RENEWING_SUBSCRIPTION", cents: 2190, months: 3},
	{name: "parla_yearly", product: "yearly", kind: "RENEWING_SUBSCRIPTION", cents: 6490, months: 12},
}

var oneTimePlans = []plan{
	{name: "parla_forever", product: "forever", kind: "NON_CONSUMABLE", cents: 14990},
	{name: "parla_hints_50", product: "hints.50", kind: "CONSUMABLE", cents: 199},
}

// country is where the buyer's store account is.
type country struct {
	code, currency string
	rate           int64 // how much of the currency 100 of the app's own are worth
}

const dollarRate = 108

var countries = []country{
	{"DE", "EUR", 100}, {"CH", "CHF", 95}, {"US", "USD", dollarRate}, {"PL", "PLN", 427}, {"BR", "BRL", 588},
}

// store is an app store.
type store struct {
	name, platform string
	devices        []string
}

var (
	apple  = store{"APPLE_APP_STORE", "IOS", []string{"PHONE", "PAD"}}
	google = store{"GOOGLE_PLAY_STORE", "ANDROID", []string{"PHONE", "PAD", "TV"}}
	stripe = store{"STRIPE", "WEB", []string{"COMPUTER", "PHONE"}}
)
