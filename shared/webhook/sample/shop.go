package sample

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// The app of the samples, Papaya Parla, teaches languages and does not exist.
const (
	ownProduct  = "PAPAYA_PARLA"
	ownBundle   = "com.papayaparla.app"
	ownCurrency = "eur" // the currency that the app chose for its own figures
)

// offering is something that the app sells.
type offering struct {
	plan, store  string
	kind         string // purchase type
	cents        int64  // in the app's own currency
	months, days int    // the period
}

// next is when a period that begins at start ends.
func (o *offering) next(start time.Time, periods int) time.Time {
	return start.AddDate(0, periods*o.months, periods*o.days)
}

var plans = []offering{
	{plan: "parla_weekly", store: "weekly", cents: 299, days: 7},
	{plan: "parla_monthly", store: "monthly", cents: 899, months: 1},
	{plan: "parla_quarterly", store: "quarterly", cents: 2190, months: 3},
	{plan: "parla_yearly", store: "yearly", cents: 6490, months: 12},
}

var oneTimeOfferings = []offering{
	{plan: "parla_forever", store: "forever", kind: "NON_CONSUMABLE", cents: 14990},
	{plan: "parla_hints_50", store: "hints.50", kind: "CONSUMABLE", cents: 199},
}

// country is where the buyer's store account is.
type country struct {
	code, currency string
	rate           int64 // how much of the currency is 100 of the app's own
	whole          bool  // the currency has no smaller unit
}

var countries = []country{
	{code: "DE", currency: "EUR", rate: 100},
	{code: "CH", currency: "CHF", rate: 95},
	{code: "GB", currency: "GBP", rate: 86},
	{code: "US", currency: "USD", rate: dollarRate},
	{code: "PL", currency: "PLN", rate: 427},
	{code: "BR", currency: "BRL", rate: 588},
	{code: "JP", currency: "JPY", rate: 16200, whole: true},
}

const dollarRate = 108

// convert gives an amount of the app's own currency in the country's.
func (c *country) convert(cents int64) int64 {
	if c.whole {
		return cents * c.rate / 10000 * 100
	}
	return cents * c.rate / 100
}

// money writes cents as the vendor does: up to two decimals, no zeros at the end.
func money(cents int64) jsontext.Value {
	sign := ""
	if cents < 0 {
		sign, cents = "-", -cents
	}
	fraction := strings.TrimRight(fmt.Sprintf("%02d", cents%100), "0")
	if fraction != "" {
		fraction = "." + fraction
	}
	return jsontext.Value(sign + strconv.FormatInt(cents/100, 10) + fraction)
}

// shop is a store and how it writes things.
type shop struct {
	store, platform string
	devices         []string
}

var (
	apple  = shop{"APPLE_APP_STORE", "IOS", []string{"PHONE", "PAD"}}
	google = shop{"GOOGLE_PLAY_STORE", "ANDROID", []string{"PHONE", "PAD", "TV"}}
	stripe = shop{"STRIPE", "WEB", []string{"COMPUTER", "PHONE"}}
)
