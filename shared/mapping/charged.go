package mapping

import (
	"bytes"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/integration"
)

// chargedDecision is what becomes of a payment as CleverTap's purchase event.
type chargedDecision struct {
	attribute []byte // whose value makes the decision, if one does
	amount    []byte // a number; nil if there is no record
	currency  []byte // upper-case
	rule      rule   // why there is no record; none if there is one, or if the event is not about money
	drift     bool   // the attribute is not as documented
}

// charge makes CleverTap's purchase event of a payment.
func (run *mapperRun) charge() {
	run.charged = run.decideCharged()
	if run.charged.drift {
		run.addDrift(driftAttribute, run.charged.attribute)
		if last := len(run.Drift) - 1; slices.Contains(run.Drift[:last], run.Drift[last]) {
			run.Drift = run.Drift[:last]
		}
	}
	if run.charged.rule == none && run.charged.amount != nil {
		run.writeCharged()
	}
}

func (run *mapperRun) decideCharged() chargedDecision {
	switch {
	case !run.isKnown() || !run.payload.Type.Money:
		return chargedDecision{}
	case !run.app.Charged:
		return chargedDecision{rule: ruleSwitched}
	case !run.isMoney():
		return chargedDecision{rule: ruleSandbox}
	}
	attribute, raw := run.amount()
	amount := run.number(raw)
	switch {
	case amount == nil:
		return chargedDecision{attribute: attribute, rule: ruleNoAmount, drift: true}
	case !isPositive(amount):
		return chargedDecision{attribute: attribute, rule: ruleNotMoney}
	}
	currency := run.currency(attribute)
	if currency == nil {
		return chargedDecision{attribute: customerCurrency, rule: ruleNoCurrency, drift: true}
	}
	return chargedDecision{attribute: attribute, amount: amount, currency: currency}
}

// isMoney reports whether the purchase counts in the account that the records go to.
func (run *mapperRun) isMoney() bool {
	environment := run.text(run.col.environment)
	if run.to == SandboxAccount {
		return isSandbox(environment)
	}
	return strings.EqualFold(string(environment), productionEnvironment)
}

// The attributes of an amount, and of its currency.
var (
	amountPrefix     = []byte("amount_in_")
	anyAmount        = []byte("amount_in_xxx")
	customerAmount   = []byte("amount_in_customer_currency")
	customerCurrency = []byte("customer_currency")
)

// amount finds the amount in the currency that the file chooses, and the attribute that has it or should. Of several
// integration currencies it is the one that is not the dollar: that one is the app's own.
func (run *mapperRun) amount() (attribute []byte, raw jsontext.Value) {
	if run.app.Currency == integration.CurrencyCustomer {
		return customerAmount, run.payload.Value(run.col.amount)
	}
	attribute = anyAmount
	for i := range run.payload.Fields {
		f := &run.payload.Fields[i]
		if f.Known == nil || f.Value[0] == 'n' || f.Known.Name != "amount_in_xxx" && f.Known.Name != "amount_in_usd" {
			continue
		}
		attribute, raw = f.Name, f.Value
		if f.Known.Dynamic() {
			break
		}
	}
	return attribute, raw
}

// currency returns the code of the amount's currency in upper case; nil if it is not a code.
func (run *mapperRun) currency(attribute []byte) []byte {
	text := bytes.TrimPrefix(attribute, amountPrefix)
	if run.app.Currency == integration.CurrencyCustomer {
		text = run.text(run.col.customerCurrency)
	}
	code := run.values.keep(text)
	for i, c := range code {
		code[i] = c &^ ('a' - 'A') // upper-case, if it is a letter
		if code[i] < 'A' || code[i] > 'Z' {
			return nil
		}
	}
	if len(code) != len("XXX") {
		return nil
	}
	return code
}

// isPositive reports whether a number is above zero, by its text: no float can hold every amount.
func isPositive(number []byte) bool {
	digits := number
	if exponent := bytes.IndexAny(number, "eE"); exponent >= 0 {
		digits = number[:exponent]
	}
	return number[0] != '-' && bytes.ContainsAny(digits, "123456789")
}

// writeCharged writes the record. What the payload does not have is left out.
func (run *mapperRun) writeCharged() {
	start := len(run.records)
	b := run.appendHead([]byte(chargedName))
	b = append(append(b, `"Amount":`...), run.charged.amount...)
	b = appendText(b, "Currency", run.charged.currency)
	id := run.text(run.col.transactionID)
	if len(id) == 0 {
		id = run.EventID
	}
	b = appendText(b, "Charged ID", id)
	b = appendText(b, "Payment mode", run.text(run.col.store))
	const items = `,"Items":[{`
	empty := len(b)
	b = append(b, items...)
	for _, column := range [...]int{run.col.product, run.col.plan, run.col.storeProduct} {
		b = appendText(b, run.catalogue.Attributes[column].Name, run.text(column))
	}
	if len(b) > empty+len(items) {
		b = append(b, "}]"...)
	} else {
		b = b[:empty]
	}
	b = appendText(b, "event_id", run.EventID)
	run.records = append(b, "}}"...)
	run.Charged = run.records.since(start)
}

// appendText writes a member, unless its text is empty.
func appendText(b []byte, name string, text []byte) []byte {
	if len(text) == 0 {
		return b
	}
	if b[len(b)-1] != '{' {
		b = append(b, ',')
	}
	b = append(appendQuoted(b, name), ':')
	return appendQuoted(b, clevertap.Cut(text, clevertap.MaxValueBytes))
}
