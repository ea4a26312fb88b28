package integration

// Anonymous says what to do with a subscriber known only by anonymous_user_id.
type Anonymous uint8

// The choices; the first is the default.
const (
	AnonymousIdentity Anonymous = iota
	AnonymousObjectID
	AnonymousSkip
)

// String is the word in the file.
func (a Anonymous) String() string { return anonymousWords[a] }

// Sandbox says what to do with sandbox purchases.
type Sandbox uint8

// The choices; the first is the default.
const (
	SandboxRoute Sandbox = iota
	SandboxSend
	SandboxSkip
)

// String is the word in the file.
func (s Sandbox) String() string { return sandboxWords[s] }

// Currency says which amount goes into Charged.
type Currency uint8

// The choices; the first is the default.
const (
	CurrencyIntegration Currency = iota
	CurrencyCustomer
)

// String is the word in the file.
func (c Currency) String() string { return currencyWords[c] }

// The words of the choices, in the order of their constants; the first is the default.
var (
	anonymousWords = []string{"identity", "object_id", "skip"}
	sandboxWords   = []string{"route", "send", "skip"}
	currencyWords  = []string{"integration", "customer"}
)

// File is an integration file without errors.
type File struct {
	Path string
	Apps map[string]*App
}
