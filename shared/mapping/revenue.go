package mapping

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/integration"
)

// charge makes CleverTap's purchase event of a payment.
func (w *work) charge() {
	switch {
	case !w.isKnown() || !w.e.Type.Money:
		return
	case !w.app.Charged:
		w.tell(aboutCharged, nil, nil, ruleSwitched, w.app.ChargedOrigin)
		return
	case !w.isMoney():
		w.tell(aboutCharged, nil, nil, ruleSandbox, integration.Origin{})
		return
	}
	attribute, raw := w.amount()
	amount := w.number(raw)
	if amount == nil {
		w.addDriftOnce(driftAttribute, attribute)
		w.tell(aboutCharged, attribute, nil, ruleNoAmount, w.app.CurrencyOrigin)
		return
	}
	if !isPositive(amount) {
		w.tell(aboutCharged, attribute, nil, ruleNotMoney, integration.Origin{})
		return
	}
	currency := w.currency(attribute)
	if currency == nil {
		name := []byte(w.catalogue.Attributes[w.at.customerCurrency].Name)
		w.addDriftOnce(driftAttribute, name)
		w.tell(aboutCharged, name, nil, ruleNoCurrency, w.app.CurrencyOrigin)
		return
	}
	w.Charged = w.appendCharged(amount, currency)
}

// isMoney tells whether the purchase counts in the account that the records go to.
func (w *work) isMoney() bool {
	environment := string(w.e.Text(w.at.environment))
	if w.to == SandboxAccount {
		return environment == sandboxEnvironment
	}
	return environment == productionEnvironment
}

// The attributes of an amount, but for the code of its currency.
var (
	amountPrefix   = []byte("amount_in_")
	anyAmount      = []byte("amount_in_xxx")
	customerAmount = []byte("amount_in_customer_currency")
)

// dollars is the currency that the vendor may add to the app's own.
const dollars = "usd"

// amount finds the amount in the currency that the file chooses, and the attribute that holds it or should. Of several
// integration currencies it is the one that is not the dollar: that one is the app's own.
func (w *work) amount() (attribute []byte, raw jsontext.Value) {
	if w.app.Currency == integration.CurrencyCustomer {
		return customerAmount, w.e.Value(w.at.customerAmount)
	}
	attribute = anyAmount
	for i := range w.e.Fields {
		f := &w.e.Fields[i]
		code, is := bytes.CutPrefix(f.Name, amountPrefix)
		if !is || !isCode(code, 'a') || f.Value.Kind() == jsontext.KindNull {
			continue
		}
		attribute, raw = f.Name, f.Value
		if string(code) != dollars {
			break
		}
	}
	return attribute, raw
}

// currency gives the code of the amount's currency in upper case; nil if it is none.
func (w *work) currency(attribute []byte) []byte {
	text := bytes.TrimPrefix(attribute, amountPrefix)
	if w.app.Currency == integration.CurrencyCustomer {
		text = w.e.Text(w.at.customerCurrency)
	}
	code := w.keep(text)
	for i, c := range code {
		if 'a' <= c && c <= 'z' {
			code[i] = c - ('a' - 'A')
		}
	}
	if !isCode(code, 'A') {
		return nil
	}
	return code
}

// isCode tells whether a text is three letters, from a given one on: a or A.
func isCode(text []byte, first byte) bool {
	for _, c := range text {
		if c < first || c > first+('z'-'a') {
			return false
		}
	}
	return len(text) == len(dollars)
}

// isPositive tells whether a number is above zero, by its text: no float can hold every amount.
func isPositive(number []byte) bool {
	for _, c := range number {
		switch {
		case c == '-', c == 'e', c == 'E':
			return false
		case '1' <= c && c <= '9':
			return true
		}
	}
	return false
}

// appendCharged writes the record. What the payload does not have is left out.
func (w *work) appendCharged(amount, currency []byte) []byte {
	b := w.appendHead(w.charged, []byte(chargedName))
	b = append(append(b, `"Amount":`...), amount...)
	b = append(append(append(b, `,"Currency":"`...), currency...), '"')
	id := w.e.Text(w.at.transaction)
	if len(id) == 0 {
		id = w.EventID
	}
	b = appendText(b, "Charged ID", id)
	b = appendText(b, "Payment mode", w.e.Text(w.at.store))
	b = w.appendItems(b)
	b = appendText(b, "event_id", w.EventID)
	w.charged = append(b, "}}"...)
	return w.charged
}

// appendItems writes the one item that was bought.
func (w *work) appendItems(b []byte) []byte {
	const head = `,"Items":[{`
	start := len(b)
	b = append(b, head...)
	for _, row := range [...]int{w.at.product, w.at.plan, w.at.storeProduct} {
		b = appendText(b, w.catalogue.Attributes[row].Name, w.e.Text(row))
	}
	if len(b) == start+len(head) {
		return b[:start]
	}
	return append(b, "}]"...)
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
