package mapping

import (
	"bytes"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/integration"
)

// The kinds of offer, and the kind of purchase, that derivations look at.
const (
	noOffer    = "NONE"
	freeTrial  = "FREE_TRIAL"
	introOffer = "INTRO_OFFER"
	promoCode  = "PROMO_CODE"
	renewing   = "RENEWING_SUBSCRIPTION"
)

// derive adds the user properties that are not in the payload, in the catalogue's order.
func (w *work) derive() {
	p := &w.profile
	for _, d := range w.plan.derived {
		row := &w.plan.rows[d.row]
		isActive := d.row == w.at.active
		if isActive {
			p.place = len(p.Entries)
		}
		if !row.user.send {
			w.tellOff(aboutUser, d.source, &row.user)
			continue
		}
		e := Entry{Name: row.userName, Active: isActive, key: row.user.key}
		if isActive {
			p.active = e
		}
		if e.Value = w.derived(d.row); e.Value == nil {
			w.tell(aboutUser, d.source, nil, ruleUnderived, integration.Origin{})
			continue
		}
		p.Entries = append(p.Entries, e)
	}
}

// derived makes one of them; nil: this webhook does not tell.
func (w *work) derived(row int) []byte {
	status := w.e.Text(w.at.status)
	switch row {
	case w.at.active:
		if w.Update.Known {
			return boolean(w.Update.Active)
		}
	case w.at.startedAt:
		return w.derivedDate(w.at.originalAt)
	case w.at.periodicity:
		return w.period()
	case w.at.trialEndsAt:
		if string(w.e.Text(w.at.offer)) != freeTrial {
			return nil
		}
		if v := w.derivedDate(w.at.effectiveAt); v != nil {
			return v
		}
		return w.derivedDate(w.at.renewalAt)
	case w.at.renewing:
		return when(len(status) > 0, string(status) == "AUTO_RENEWING")
	case w.at.grace:
		return when(len(status) > 0, string(status) == "IN_GRACE_PERIOD")
	case w.at.retrying:
		if w.canonical() == eventRetry {
			return yes
		}
		return when(len(status) > 0 && string(status) != "UNPAID", string(status) == "ON_HOLD")
	case w.at.trial:
		return w.inOffer(freeTrial)
	case w.at.intro:
		return w.inOffer(introOffer)
	case w.at.promo:
		return w.inOffer(promoCode)
	case w.at.last:
		return w.quoted(clevertap.Cut(w.e.Name, clevertap.MaxValueBytes))
	case w.at.revenue:
		return w.revenue()
	}
	return nil
}

// when gives a boolean where it can be told.
func when(known, b bool) []byte {
	if !known {
		return nil
	}
	return boolean(b)
}

// derivedDate takes a date of the payload.
func (w *work) derivedDate(row int) []byte {
	ms, ok := w.date(row)
	if !ok {
		return nil
	}
	return w.dateValue(ms)
}

// inOffer tells whether the user is in a kind of offer: not after the end of a subscription that had it.
func (w *work) inOffer(kind string) []byte {
	offer := w.e.Text(w.at.offer)
	ended := w.Update.Known && !w.Update.Active
	return when(len(offer) > 0, string(offer) == kind && !ended)
}

// revenue takes the user's total in dollars, if the vendor sends it in dollars.
func (w *work) revenue() []byte {
	for i := range w.e.Fields {
		if f := &w.e.Fields[i]; string(f.Name) == "cumulated_revenues_in_usd" {
			return w.number(f.Value)
		}
	}
	return nil
}

// number gives a number's text, of a number or of a text that is one; nil: it is neither.
func (w *work) number(raw jsontext.Value) []byte {
	switch raw.Kind() {
	case jsontext.KindNumber:
		return w.keep(raw)
	case jsontext.KindString:
		if text := w.unquoted(raw); isNumber(text) {
			return w.keep(text)
		}
	}
	return nil
}

// periods are the day windows by which a period shows: months and years are not all equally long.
var periods = [...]struct {
	from, to int64
	value    string
}{
	{7, 7, "P1W"}, {14, 14, "P2W"}, {28, 31, "P1M"}, {59, 62, "P2M"}, {89, 92, "P3M"}, {181, 184, "P6M"}, {365, 366, "P1Y"},
}

// period reads the plan's period off the distance of two dates. Periods of the sandbox last minutes, and those of offers and
// commitments are not the plan's.
func (w *work) period() []byte {
	if string(w.e.Text(w.at.environment)) == sandboxEnvironment ||
		string(w.e.Text(w.at.purchaseType)) != renewing || string(w.e.Text(w.at.offer)) != noOffer || w.hasCommitment() {
		return nil
	}
	from, ok := w.date(w.at.purchasedAt)
	to, also := w.date(w.at.renewalAt)
	if !ok || !also {
		return nil
	}
	day := (24 * time.Hour).Milliseconds()
	days := (to - from + day/2) / day
	for _, p := range periods {
		if p.from <= days && days <= p.to {
			return appendQuoted(nil, p.value)
		}
	}
	return nil
}

func (w *work) hasCommitment() bool {
	for i := range w.e.Fields {
		f := &w.e.Fields[i]
		if bytes.HasPrefix(f.Name, []byte("commitment_")) && !isEmpty(f.Value) {
			return true
		}
	}
	return false
}
