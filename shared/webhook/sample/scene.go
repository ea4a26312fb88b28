package sample

import (
	"strings"

	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// moment is when in the life of a subscription an event happens.
type moment uint8

const (
	within  moment = iota // in the middle of a paid period
	bought                // right after the purchase
	renewed               // right after a renewal
	runOut                // when the period is over
)

// scene is what an event tells about the subscription, beside its name.
type scene struct {
	when          moment
	status        string // subscription_status
	offer, before string // offer_type and previous_offer_type
	shop          *shop  // the only store that has such events; nil: any
	until         string // the date that the event is about, and that decides the next renewal: grace, extension, pause
	change        int    // of the plan: where the previous one stands in the price list, seen from the present one; 0: none
}

// scenes has what does not follow from the catalogue alone.
var scenes = map[string]scene{
	"ACTIVATE":                                  {when: renewed},
	"SUBSCRIPTION_STARTED":                      {when: bought},
	"PURCHASE_VALIDATED":                        {when: bought},
	"SUBSCRIPTION_RENEWED":                      {when: renewed},
	"SUBSCRIPTION_REACTIVATED":                  {when: renewed},
	"SUBSCRIPTION_RECOVERED_FROM_GRACE_PERIOD":  {when: renewed},
	"SUBSCRIPTION_RECOVERED_FROM_BILLING_RETRY": {when: renewed},
	"INSTALLMENT_PAID":                          {when: renewed},
	"TRANSACTION_PROCESSED":                     {when: renewed},
	"RENEWAL_DISABLED":                          {status: "AUTO_RENEWING_CANCELED"},
	"FAMILY_SHARED_REVOKED":                     {status: "REVOKED"},
	"SUBSCRIPTION_REFUNDED_REVOKED":             {status: "REVOKED"},
	"SUBSCRIPTION_REFUNDED":                     {status: "REVOKED"},
	"SUBSCRIPTION_TRANSFERRED":                  {status: "DEACTIVATED"},
	"GRACE_PERIOD_STARTED":                      {when: runOut, status: "IN_GRACE_PERIOD", until: "grace_period_expires_at"},
	"GRACE_PERIOD_TERMINATED":                   {when: runOut, status: "ON_HOLD"},
	"ENTERED_BILLING_RETRY":                     {when: runOut, status: "ON_HOLD"},
	"SUBSCRIPTION_UNPAID":                       {when: runOut, status: "UNPAID"},
	"SUBSCRIPTION_DEFERRED":                     {shop: &google, until: "defer_end_at"},
	"SUBSCRIPTION_WILL_PAUSE":                   {shop: &google},
	"SUBSCRIPTION_WILL_NOT_PAUSE":               {shop: &google},
	"SUBSCRIPTION_PAUSED":                       {shop: &google, when: runOut, status: "PAUSED", until: "auto_resume_at"},
	"SUBSCRIPTION_UNPAUSED":                     {shop: &google, when: renewed},
	"SUBSCRIPTION_CANCELLED_DURING_PAUSE":       {shop: &google, when: runOut, status: "DEACTIVATED"},
	"SUBSCRIPTION_CROSSGRADED":                  {change: -1},
	"SUBSCRIPTION_DOWNGRADED":                   {change: +1},
	"SUBSCRIPTION_UPGRADED":                     {change: -1, when: bought},
	"RETENTION_MESSAGE_REQUESTED":               {shop: &apple},
}

// The kinds of offers.
const (
	none             = "NONE"
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

// sceneOf fills in what the table leaves out: offers by the event's name, the status by what the event does to access.
func sceneOf(t *webhook.EventType) scene {
	s := scenes[t.Name]
	if name, lapsed := strings.CutSuffix(t.Name, "_NOT_CONVERTED"); lapsed {
		s.when, s.offer = runOut, offers[name]
	} else if name, paid := strings.CutSuffix(t.Name, "_CONVERTED"); paid {
		s.when, s.before = renewed, offers[name]
	} else if name, started := strings.CutSuffix(t.Name, "_STARTED"); started && offers[name] != "" {
		s.when, s.offer = bought, offers[name]
	}
	if t.After == webhook.Ends && s.when == within && s.status == "" {
		s.when = runOut
	}
	if s.offer == "" {
		s.offer = none
	}
	if s.before == "" && s.when != bought {
		s.before = none
	}
	switch {
	case s.status != "":
	case t.After == webhook.Ends:
		s.status = "DEACTIVATED"
	default:
		s.status = "AUTO_RENEWING"
	}
	return s
}
