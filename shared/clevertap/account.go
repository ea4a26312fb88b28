package clevertap

import (
	"errors"

	"github.com/go-json-experiment/json"

	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/secret"
)

// The faults of a secret's content. Their texts are fixed, because a decoder's own words can quote what it read.
var (
	errSecretForm    = errors.New("clevertap secret: not a JSON object of strings")
	errSecretMissing = errors.New("clevertap secret: account_id or passcode missing")
	errSecretHeader  = errors.New("clevertap secret: account_id or passcode with a character that no header takes")
)

// Account is where records go and with which credentials.
type Account struct {
	Host     string // for example "in1.api.clevertap.com"
	ID       string
	Passcode secret.Value
}

// Key names the account in limits, log lines and metrics: the host and the id. It holds no credentials.
func (a Account) Key() string { return a.Host + "/" + a.ID }

// Equal tells whether two accounts are one, with the same credentials.
func (a Account) Equal(b Account) bool {
	return a.Host == b.Host && a.ID == b.ID && a.Passcode.Equal(b.Passcode)
}

// Accounts is what an app's secret holds.
type Accounts struct {
	Production Account
	Sandbox    *Account // nil: none
}

// credentials is the form of one account in the secret.
type credentials struct {
	Region   string   `json:"region"`
	ID       string   `json:"account_id"`
	Passcode passcode `json:"passcode"`
}

// passcode looks at its text once, on the way into the [secret.Value] that shows it to nobody afterwards.
type passcode struct {
	value secret.Value
	fits  bool
}

// UnmarshalText keeps the text and notes whether a header can carry it.
func (p *passcode) UnmarshalText(text []byte) error {
	p.fits = fitsHeader(text)
	return p.value.UnmarshalText(text)
}

// ParseAccounts reads an app's secret. Its errors are of kind [fault.Operator] and never quote the text: the reason is
// [fault.Secret] for what cannot be read or lacks a part, and [fault.Credentials] for parts that CleverTap cannot have given.
func ParseAccounts(text []byte) (Accounts, error) {
	var form struct {
		credentials
		Sandbox *credentials `json:"sandbox"`
	}
	if err := json.Unmarshal(text, &form); err != nil {
		return Accounts{}, fault.New(fault.Operator, fault.Secret, errSecretForm)
	}
	production, err := form.account()
	if err != nil {
		return Accounts{}, err
	}
	if form.Sandbox == nil {
		return Accounts{Production: production}, nil
	}
	sandbox, err := form.Sandbox.account()
	if err != nil {
		return Accounts{}, err
	}
	return Accounts{Production: production, Sandbox: &sandbox}, nil
}

// account checks one account's parts. What no header can carry is refused here, so that the HTTP client never complains
// about a header in words that hold it.
func (c *credentials) account() (Account, error) {
	if c.ID == "" || c.Passcode.value.Empty() {
		return Account{}, fault.New(fault.Operator, fault.Secret, errSecretMissing)
	}
	host, err := Host(c.Region)
	if err != nil {
		return Account{}, err
	}
	if !fitsHeader(c.ID) || !c.Passcode.fits {
		return Account{}, fault.New(fault.Operator, fault.Credentials, errSecretHeader)
	}
	return Account{Host: host, ID: c.ID, Passcode: c.Passcode.value}, nil
}

// fitsHeader tells whether a text has no control characters.
func fitsHeader[T ~string | ~[]byte](text T) bool {
	for i := range len(text) {
		if text[i] < ' ' || text[i] == 0x7f {
			return false
		}
	}
	return true
}
