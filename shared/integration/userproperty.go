package integration

import (
	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// decideUserProperties decides on the user properties.
func (d *draft) decideUserProperties(a *App, c *webhook.Catalogue) {
	set, prefix := d.text(userDefaultPath), d.text(userPrefixPath)
	kept := d.prefixOrigin(userPrefixPath)
	standing := d.origin(userDefaultPath)
	a.userProperties = make([]PropertyRule, len(c.Attributes))
	for i := range c.Attributes {
		row := &c.Attributes[i]
		rule := PropertyRule{Send: inDefault(row, set), Name: prefix + row.Name, Origin: standing, NameOrigin: kept}
		switch {
		case rule.Send:
		case row.Property == webhook.NoProperty:
			rule.Origin = ours("rule: " + row.Name + " is no user property unless named")
		case onlyNamed(row):
			rule.Origin = ours("default: " + row.Name + " is off unless named")
		default:
			rule.Origin.Rule += " does not include " + row.Name
		}
		rule.encode()
		a.userProperties[i] = rule
	}
	for _, e := range d.entries[userPropertiesPath] {
		rule := d.userProperty(c, &e, prefix, kept)
		if row := c.UserProperty(e.source); row != nil {
			a.userProperties[row.Index] = rule
		} else {
			a.namedUserProperties = append(a.namedUserProperties, NamedProperty{Source: e.source, PropertyRule: rule})
		}
	}
}

// userProperty decides on a user property that has an entry.
func (d *draft) userProperty(c *webhook.Catalogue, e *entry, prefix string, kept Origin) PropertyRule {
	rule := PropertyRule{
		Named: true, Send: e.send, Name: prefixed(prefix, e.source, clevertap.MaxKeyBytes, true),
		Origin: e.sendOrigin(userPropertiesPath), NameOrigin: kept,
	}
	if e.renamed() {
		rule.Name, rule.NameOrigin = e.name, e.nameOrigin(userPropertiesPath)
	}
	if why := neverSent(c, e.source); why != "" {
		rule.Send, rule.Origin = false, ours("rule: "+e.source+" is never sent, "+why)
	}
	rule.Send = rule.Send && rule.Name != ""
	rule.encode()
	return rule
}
