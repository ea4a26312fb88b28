package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// sealed is a JSON value on its way to Secrets Manager. It stands behind a pointer, so that whoever prints it shows an address.
type sealed struct{ json *jsontext.Value }

// seal makes a JSON string of a text.
func seal(text string) sealed {
	value, _ := jsontext.AppendQuote(nil, text) // What is no UTF-8 is refused where the secret is checked.
	return sealed{(*jsontext.Value)(&value)}
}

// UnmarshalJSON keeps the value as it is.
func (s *sealed) UnmarshalJSON(text []byte) error {
	value := jsontext.Value(text).Clone()
	s.json = &value
	return nil
}

// MarshalJSON is for the secret's own text.
func (s sealed) MarshalJSON() ([]byte, error) {
	if s.empty() {
		return []byte("null"), nil
	}
	return *s.json, nil
}

// empty tells whether nothing was given.
func (s sealed) empty() bool {
	return s.json == nil || len(*s.json) == 0 || string(*s.json) == "null" || string(*s.json) == `""`
}

// IsZero leaves what was not given out of the secret.
func (s sealed) IsZero() bool { return s.empty() }

// equal tells whether two hold the same.
func (s sealed) equal(t sealed) bool {
	return s.empty() && t.empty() || !s.empty() && !t.empty() && string(*s.json) == string(*t.json)
}

// purchaselySecret is the form of the secret that webhooks are signed with.
type purchaselySecret struct {
	Shared   sealed `json:"shared_secret"`
	Previous sealed `json:"previous_shared_secret,omitzero"`
}

// keep makes the former shared secret count beside the new one, unless another is given. The same secret once more changes nothing.
func (p *purchaselySecret) keep(former []byte) {
	var old purchaselySecret
	if !p.Previous.empty() || json.Unmarshal(former, &old, jsontext.AllowDuplicateNames(true)) != nil {
		return
	}
	if p.Previous = old.Shared; p.Shared.equal(old.Shared) {
		p.Previous = old.Previous
	}
}

// keep keeps the former sandbox account, unless another is given.
func (c *clevertapSecret) keep(former []byte) {
	var old clevertapSecret
	if c.Sandbox == nil && json.Unmarshal(former, &old, jsontext.AllowDuplicateNames(true)) == nil {
		c.Sandbox = old.Sandbox
	}
}

// account is the form of one account in the other secret.
type account struct {
	Region   string `json:"region"`
	ID       string `json:"account_id"`
	Passcode sealed `json:"passcode"`
}

// clevertapSecret is the form of the secret that uploads are made with.
type clevertapSecret struct {
	account
	Sandbox *account `json:"sandbox,omitzero"`
}

// text is a secret as it is stored.
func secretText(form any) (string, error) {
	text, err := json.Marshal(form)
	if err != nil { // A decoder's error may quote the secret.
		return "", usagef("", "a value is not UTF-8 text")
	}
	return string(text), nil
}

// verdict says in a sentence what is wrong with credentials for the region that was named, and what to do; "" is nothing.
func (h home) verdict(says string) (problem, advice string) {
	silent := slices.Sorted(maps.Keys(h.silent))
	switch {
	case h.region != "" && (says == "" || says == h.region):
		return "", ""
	case h.region != "":
		return fmt.Sprintf("the credentials belong to %s, the secret says %s: change region", h.region, says), "set region to " + h.region
	case len(silent) > 0:
		return fmt.Sprintf("CleverTap could not be asked in %s: %s", strings.Join(silent, ", "), h.silent[silent[0]]),
			"try again; if it lasts, does this network reach CleverTap?"
	default:
		return "no region takes them: the passcode is wrong or expired, or the account id is another project's",
			"Settings → Project in CleverTap shows the project id; make a passcode there that never expires"
	}
}
