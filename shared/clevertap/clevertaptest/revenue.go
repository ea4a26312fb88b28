package clevertaptest

import (
	"maps"
	"math/big"
	"slices"
)

// Revenue is what an account's Charged events add up to in one currency.
type Revenue struct {
	Account  string `json:"account"`
	Currency string `json:"currency"` // as sent; empty: none was
	Amount   string `json:"amount"`   // exact decimal
	Count    int    `json:"count"`    // Charged events with a numeric Amount
}

// sum adds amounts without rounding.
type sum struct {
	amount big.Rat
	count  int
}

// earn adds a Charged event's Amount.
func (a *account) earn(data *node) {
	amount := data.find("Amount")
	if amount == nil || amount.kind != '0' {
		return
	}
	number, ok := exact(amount.raw)
	if !ok {
		return
	}
	currency := ""
	if n := data.find("Currency"); n != nil {
		currency = string(n.text)
	}
	if a.sums[currency] == nil {
		a.sums[currency] = &sum{}
	}
	a.sums[currency].amount.Add(&a.sums[currency].amount, number)
	a.sums[currency].count++
}

// Revenue gives the sums of all accounts, by account and currency.
func (s *Server) Revenue() []Revenue {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []Revenue
	for _, a := range s.order {
		for _, currency := range slices.Sorted(maps.Keys(a.sums)) {
			sum := a.sums[currency]
			digits, _ := sum.amount.FloatPrec()
			all = append(all, Revenue{Account: a.now.ID, Currency: currency, Amount: sum.amount.FloatString(digits), Count: sum.count})
		}
	}
	return all
}
