package mapping

import (
	"bytes"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
)

// activeProperty is the derived user property that subscriber state may change.
const activeProperty = "has_active_subscription"

// derive decides on the user properties that are not in the payload, in the catalogue's order. Only an explanation
// has a use for those that are off.
func (run *mapperRun) derive() {
	if !run.subscription {
		return
	}
	for _, p := range run.policies.derived {
		if p.user.rule != none && !run.explained {
			continue
		}
		d := run.decide(p.source)
		d.user = outgoing{p.user, p.user.rule, known}
		if d.user.sent() {
			if d.value = run.derived(p.source); d.value == nil {
				d.user.rule = ruleUnderived
			}
		}
	}
}

// derived makes one of them; nil if this webhook does not say.
func (run *mapperRun) derived(name []byte) []byte {
	status := string(run.text(run.col.status))
	switch string(name) {
	case activeProperty:
		return boolean(run.Update.Known, run.Update.Active)
	case "subscription_started_at":
		return run.derivedDate(run.col.originalAt)
	case "plan_periodicity":
		return run.period()
	case "trial_ends_at":
		if string(run.text(run.col.offer)) == "FREE_TRIAL" {
			return run.derivedDate(run.col.effectiveAt, run.col.renewalAt)
		}
	case "is_auto_renewing":
		return boolean(status != "", status == "AUTO_RENEWING")
	case "is_in_grace_period":
		return boolean(status != "", status == "IN_GRACE_PERIOD")
	case "is_in_billing_retry":
		if run.canonical() == "ENTERED_BILLING_RETRY" {
			return yes
		}
		return boolean(status != "" && status != "UNPAID", status == "ON_HOLD")
	case "is_in_trial":
		return run.inOffer("FREE_TRIAL")
	case "is_in_intro_offer":
		return run.inOffer("INTRO_OFFER")
	case "is_promo_code":
		return run.inOffer("PROMO_CODE")
	case "last_event":
		return run.quoted(clevertap.Cut(run.payload.Name, clevertap.MaxValueBytes))
	case "cumulated_revenue_in_usd":
		return run.revenue()
	}
	return nil
}

var yes, no = []byte("true"), []byte("false")

// boolean encodes a boolean; nil if it is not known.
func boolean(known, b bool) []byte {
	switch {
	case !known:
		return nil
	case b:
		return yes
	}
	return no
}

// derivedDate takes the first of some dates of the payload that can be read.
func (run *mapperRun) derivedDate(columns ...int) []byte {
	for _, column := range columns {
		if ms, ok := run.date(column); ok {
			return run.dateValue(ms)
		}
	}
	return nil
}

// inOffer reports whether the user is in a kind of offer: not after the end of a subscription that had it.
func (run *mapperRun) inOffer(kind string) []byte {
	offer := string(run.text(run.col.offer))
	ended := run.Update.Known && !run.Update.Active
	return boolean(offer != "", offer == kind && !ended)
}

// revenue takes the user's total in dollars, if the vendor sends it in dollars.
func (run *mapperRun) revenue() []byte {
	for i := range run.payload.Fields {
		if f := &run.payload.Fields[i]; string(f.Name) == "cumulated_revenues_in_usd" {
			return run.number(f.Value)
		}
	}
	return nil
}

// periods are the day windows that show a period: months and years are not all equally long.
var periods = [...]struct {
	from, to int64
	value    []byte
}{
	{7, 7, []byte(`"P1W"`)}, {14, 14, []byte(`"P2W"`)}, {28, 31, []byte(`"P1M"`)}, {59, 62, []byte(`"P2M"`)},
	{89, 92, []byte(`"P3M"`)}, {181, 184, []byte(`"P6M"`)}, {365, 366, []byte(`"P1Y"`)},
}

// period reads the plan's period off the distance of two dates. Periods of the sandbox last minutes, and those of
// offers and commitments are not the plan's.
func (run *mapperRun) period() []byte {
	renewing := string(run.text(run.col.purchaseType)) == "RENEWING_SUBSCRIPTION"
	sandbox := isSandbox(run.text(run.col.environment))
	if !renewing || sandbox || string(run.text(run.col.offer)) != "NONE" || run.hasCommitment() {
		return nil
	}
	from, ok := run.date(run.col.purchasedAt)
	to, also := run.date(run.col.renewalAt)
	if !ok || !also {
		return nil
	}
	day := (24 * time.Hour).Milliseconds()
	days := (to - from + day/2) / day
	for _, p := range periods {
		if p.from <= days && days <= p.to {
			return p.value
		}
	}
	return nil
}

func (run *mapperRun) hasCommitment() bool {
	for i := range run.payload.Fields {
		f := &run.payload.Fields[i]
		if bytes.HasPrefix(f.Name, []byte("commitment_")) && !isEmpty(f.Value) {
			return true
		}
	}
	return false
}
