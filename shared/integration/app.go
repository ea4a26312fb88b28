package integration

// App is one app's integration with every default filled in and every decision on a catalogued name made. It does not
// change, and may be asked by many at once.
type App struct {
	Name      string
	Enabled   bool
	Anonymous Anonymous
	Sandbox   Sandbox
	Charged   bool
	Currency  Currency

	// Where these stand, for an explanation of what they did.
	EnabledOrigin, AnonymousOrigin, SandboxOrigin, ChargedOrigin, CurrencyOrigin Origin

	events      map[string]EventRule // catalogued and named ones
	otherEvents EventRule            // the others; its Name is the prefix

	properties      []PropertyRule // by catalogue index
	namedProperties map[string]*PropertyRule

	userProperties      []PropertyRule // by catalogue index
	namedUserProperties []NamedProperty
}

// Event decides on an event by the name it came with. It does not allocate for catalogued names and for those that the file
// names.
func (a *App) Event(name []byte) EventRule {
	if rule, ok := a.events[string(name)]; ok {
		return rule
	}
	rule := a.otherEvents
	rule.Name += string(name)
	return rule
}

// Property decides on a catalogued attribute as a property of the event, by its index in the webhook catalogue. For rows with
// dynamic names (amount_in_xxx, commitment_*) it is what holds for names without an entry of their own: ask NamedProperty
// with the real name first, and go by the name that came. What it points to must not be changed.
func (a *App) Property(index int) *PropertyRule { return &a.properties[index] }

// NamedProperty gives the file's entry for an event property by its flat name; nil: the file does not name it. It does not
// allocate. What it points to must not be changed.
func (a *App) NamedProperty(flat []byte) *PropertyRule { return a.namedProperties[string(flat)] }

// UserProperty decides on a catalogued user property by its index in the webhook catalogue. A row that is no user property is
// never sent as one by this decision; if the file names it, it is among the NamedUserProperties. What it points to must not
// be changed.
func (a *App) UserProperty(index int) *PropertyRule { return &a.userProperties[index] }

// NamedUserProperties lists the entries for user properties that the catalogue does not have (the vendor adds some), in the
// file's order: each is sent, when Send, if the payload has a top-level attribute of that name. The list must not be changed.
func (a *App) NamedUserProperties() []NamedProperty { return a.namedUserProperties }
