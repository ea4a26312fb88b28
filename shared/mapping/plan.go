package mapping

import (
	"slices"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// plan is what one app's file decides on every row of the catalogue, made once per app.
type plan struct {
	rows    []row       // by catalogue index
	derived []derivable // in the catalogue's order
	extras  []extra     // user properties that only the file knows
	naming  integration.Origin
}

// derivable is a user property that the mapping makes.
type derivable struct {
	row    int
	source []byte
}

// treatment is what becomes of an attribute whatever the file says.
type treatment uint8

const (
	ordinary treatment = iota
	never              // not a property: an address
	always             // cannot be switched off, and nothing else can have its name
	dynamic            // the row is a pattern; the file is asked by the real name
)

// row is the decision on one row of the catalogue.
type row struct {
	treatment treatment
	property  rule
	user      rule
	userName  string // user.name once more, as entries have it
	isUser    bool   // whether it is a user property at all
	isID      bool   // whether it is one of the user's ids
}

// extra is a user property that the catalogue does not have.
type extra struct {
	source []byte
	name   string
	rule   rule
}

// newPlan asks the file about every row.
func newPlan(app *integration.App, c *webhook.Catalogue, at *places) *plan {
	p := &plan{rows: make([]row, len(c.Attributes)), naming: app.Event(nil).NameOrigin}
	for i := range c.Attributes {
		a := &c.Attributes[i]
		r := &p.rows[i]
		if a.Property != webhook.NoProperty {
			u := app.UserProperty(i)
			r.isUser, r.user, r.userName = true, newRule(u), u.Name
			r.isID = i == at.userID || i == at.anonymousID
		}
		switch {
		case a.Derived:
			p.derived = append(p.derived, derivable{i, []byte(a.Name)})
			continue
		case a.Dynamic():
			r.treatment = dynamic
		case slices.Contains(at.cleverTapIDs[:], i):
			r.treatment = never
		case i == at.eventID, i == at.environment:
			r.treatment = always
		}
		r.property = newRule(app.Property(i))
	}
	for _, named := range app.NamedUserProperties() {
		d := newRule(&named.PropertyRule)
		if clevertap.ReservedProfileKey(named.Name) {
			d.send, d.why = false, ruleReserved
		}
		p.extras = append(p.extras, extra{[]byte(named.Source), named.Name, d})
	}
	return p
}

// renames tells whether the file gives an event a name of its own, and not just the prefix that all others have.
func (p *plan) renames(d *integration.EventRule) bool { return d.NameOrigin != p.naming }
