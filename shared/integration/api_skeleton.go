package integration

// SKELETON: the agreed API of this room. The owner of the room moves each piece into its own file and deletes this one.

// Anonymous says what to do with a holder known only by anonymous_user_id.
type Anonymous uint8

// The choices; the first is the default.
const (
	AnonymousIdentity Anonymous = iota
	AnonymousObjectID
	AnonymousSkip
)

// Sandbox says what to do with sandbox purchases.
type Sandbox uint8

// The choices; the first is the default.
const (
	SandboxRoute Sandbox = iota
	SandboxSend
	SandboxSkip
)

// Currency says which amount goes into Charged.
type Currency uint8

// The choices; the first is the default.
const (
	CurrencyIntegration Currency = iota
	CurrencyCustomer
)

// Origin is where in the file a decision stands; Line 0 means that no line says so and Rule tells the default in words.
type Origin struct {
	Line, Column int
	Rule         string // for example "server_events.events.ACTIVATE.send", "user_properties.default", "the bridge's default"
}

// EventRule is the decision on one event name.
type EventRule struct {
	Send       bool
	Name       string // the name in CleverTap: renamed, or prefix + name; not yet cleaned for names that the catalogue does not know
	Origin     Origin // of the decision to send or not
	NameOrigin Origin
}

// PropertyRule is the decision on one attribute or user property.
type PropertyRule struct {
	Send       bool
	Named      bool   // the file has an entry for it
	Name       string // the name in CleverTap
	Key        []byte // Name as a JSON string with its colon: `"plan":`
	Origin     Origin // of the decision to send or not
	NameOrigin Origin
}

// App is one app's integration with every default filled in and every decision on a catalogued name made.
type App struct {
	Name      string
	Enabled   bool
	Anonymous Anonymous
	Sandbox   Sandbox
	Charged   bool
	Currency  Currency
	// origins for explain: EnabledOrigin, AnonymousOrigin, SandboxOrigin, ChargedOrigin, CurrencyOrigin Origin
	// tables: unexported
}

// Event decides on an event by the name it came with. No allocation for catalogued names and for those the file names.
func (a *App) Event(name []byte) EventRule { panic("skeleton") }

// Property decides on a catalogued attribute as a property of the event, by its index in the webhook catalogue. For rows with dynamic
// names (amount_in_xxx, commitment_*) use NamedProperty with the real name.
func (a *App) Property(index int) *PropertyRule { panic("skeleton") }

// NamedProperty gives the file's entry for an event property by its flat name; nil: the file does not name it. No allocation.
func (a *App) NamedProperty(flat []byte) *PropertyRule { panic("skeleton") }

// UserProperty decides on a catalogued user property by its index in the webhook catalogue.
func (a *App) UserProperty(index int) *PropertyRule { panic("skeleton") }

// NamedUserProperties lists the entries for user properties that the catalogue does not have (the vendor adds some), in the file's order: each is sent, when Send,
// if the payload has a top-level attribute of that name.
func (a *App) NamedUserProperties() []NamedProperty { panic("skeleton") }

// NamedProperty is an entry for a name outside the catalogue.
type NamedProperty struct {
	Source string
	PropertyRule
}

// File is an integration file.
type File struct {
	Path string
	Apps map[string]*App
}

// Severity of a problem.
type Severity uint8

// The severities. Only errors stop the forwarder.
const (
	Error Severity = iota
	Warning
	Hint
)

// Problem is one finding in a file.
type Problem struct {
	Severity     Severity
	Path         string // the file's name
	Line, Column int
	Where        string // the key's path: apps.demo.server_events.events.ACTIVTE
	Message      string // what is wrong
	Advice       string // what would be right
}

// Problems are all findings in the order of their lines. Its Error method has one line for each error.
type Problems []Problem

// Load reads a file: every problem at once. The File is nil if a problem is an error.
func Load(path string, text []byte) (*File, Problems) { panic("skeleton") }

// Names reads the app names only, from any file that gives them, however faulty the rest. The error says why there are none.
func Names(path string, text []byte) ([]string, error) { panic("skeleton") }

// ValidName tells whether an app's name fits ^[a-z0-9][a-z0-9-]{0,62}$.
func ValidName(name string) bool { panic("skeleton") }
