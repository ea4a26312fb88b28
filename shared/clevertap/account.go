package clevertap

import (
	"errors"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/secret"
)

// The texts are fixed, because a decoder's own words can quote what it read.
var (
	errSecretForm    = errors.New("clevertap secret: not a JSON object of strings")
	errSecretMissing = errors.New("clevertap secret: account_id or passcode missing")
	errSecretHeader  = errors.New("clevertap secret: account_id or passcode with a control character")
	errRegion        = errors.New("clevertap secret: region is not a region's code")
)

// Account is where records go and with which credentials.
type Account struct {
	Host     string // for example "in1.api.clevertap.com"
	ID       string
	Passcode secret.Value
}

// Key names the account in limits, log lines and metrics. It holds no credentials.
func (a Account) Key() string { return a.Host + "/" + a.ID }

// Equal reports whether two accounts are the same, with the same credentials.
func (a Account) Equal(b Account) bool {
	return a.Host == b.Host && a.ID == b.ID && a.Passcode.Equal(b.Passcode)
}

// Accounts is the content of an app's secret.
type Accounts struct {
	Production Account
	Sandbox    *Account // nil if there is none
}

// credentials is one account in the secret.
type credentials struct {
	Region   string   `json:"region"`
	ID       string   `json:"account_id"`
	Passcode passcode `json:"passcode"`
}

// passcode checks its text on the way into the [secret.Value], which shows it to nobody afterwards.
type passcode struct {
	value secret.Value
	valid bool
}

func (p *passcode) UnmarshalText(text []byte) error {
	p.valid = !hasControl(secret.Trim(string(text)))
	return p.value.UnmarshalText(text)
}

// ParseAccounts reads an app's secret; white space around its values does not count. Its errors are [fault.Operator]
// and never quote the text; the reason is [fault.Secret] if the secret cannot be read or lacks a part, and
// [fault.Credentials] if it holds what CleverTap cannot have issued.
func ParseAccounts(text []byte) (Accounts, error) {
	var form struct {
		credentials
		Sandbox *credentials `json:"sandbox"`
	}
	if err := json.Unmarshal(text, &form); err != nil {
		return Accounts{}, fault.New(fault.Operator, fault.Secret, errSecretForm)
	}
	production, err := form.account()
	if err != nil || form.Sandbox == nil {
		return Accounts{Production: production}, err
	}
	sandbox, err := form.Sandbox.account()
	if err != nil {
		return Accounts{}, err
	}
	return Accounts{Production: production, Sandbox: &sandbox}, nil
}

// account refuses what no header can carry, so that the HTTP client never complains about a header in words that
// quote it.
func (c *credentials) account() (Account, error) {
	c.ID = secret.Trim(c.ID)
	if c.ID == "" || c.Passcode.value.Empty() {
		return Account{}, fault.New(fault.Operator, fault.Secret, errSecretMissing)
	}
	host, err := Host(c.Region)
	if err != nil {
		return Account{}, err
	}
	if hasControl(c.ID) || !c.Passcode.valid {
		return Account{}, fault.New(fault.Operator, fault.Credentials, errSecretHeader)
	}
	return Account{Host: host, ID: c.ID, Passcode: c.Passcode.value}, nil
}

func hasControl(text string) bool {
	return strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f })
}

// domain is the host of Europe, the default region; every other host ends with it.
const domain = "api.clevertap.com"

// Host returns the host of a region. Letter case and surrounding spaces do not matter. The vendor adds regions, so
// every code of two to five letters and one or two digits counts as one. Nothing else may become a host, or a mistake
// in the secret would send the passcode to a stranger: the error is [fault.Operator] with the reason
// [fault.Credentials].
//
// Regions: developer.clevertap.com/docs/authentication (November 2026).
func Host(region string) (string, error) {
	code := strings.ToLower(secret.Trim(region))
	switch code {
	case "", "eu", "eu1", "global", "none":
		return domain, nil
	case "in", "us", "sg", "sk":
		return code + "1." + domain, nil
	}
	digits := strings.TrimLeft(code, "abcdefghijklmnopqrstuvwxyz")
	letters := len(code) - len(digits)
	if letters < 2 || letters > 5 || len(digits) < 1 || len(digits) > 2 || strings.Trim(digits, "0123456789") != "" {
		return "", fault.New(fault.Operator, fault.Credentials, errRegion)
	}
	return code + "." + domain, nil
}
