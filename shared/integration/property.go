package integration

import (
	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// decideProperties decides on the properties of events. They have no prefix.
func (d *draft) decideProperties(a *App, c *webhook.Catalogue) {
	kept := ours("default: what is not renamed keeps its name")
	a.properties = make([]PropertyRule, len(c.Attributes))
	a.namedProperties = make(map[string]*PropertyRule, len(d.entries[propertiesPath]))
	for i := range c.Attributes {
		name := c.Attributes[i].Name
		rule := PropertyRule{Send: true, Name: name, Origin: ours("default: every property of an event is sent"), NameOrigin: kept}
		switch why := neverSent(c, name); {
		case why != "":
			rule.Send, rule.Origin = false, ours("rule: "+name+" is never sent, "+why)
		case c.Attributes[i].Derived:
			rule.Send, rule.Origin = false, ours("rule: "+name+" is a user property, no property of an event")
		case name == purchaseToken:
			rule.Send, rule.Origin = false, ours("default: purchase_token is off unless named")
		case name == deviceType:
			rule.Name, rule.NameOrigin = purchaseDevice, ours("default: device_type goes as purchase_device_type")
		}
		rule.encode()
		a.properties[i] = rule
	}
	for _, e := range d.entries[propertiesPath] {
		row := c.Attribute([]byte(e.source))
		rule := new(PropertyRule)
		if row != nil && !row.Dynamic() {
			rule = &a.properties[row.Index]
		}
		*rule = d.property(c, &e, kept)
		a.namedProperties[e.source] = rule
	}
}

// property decides on an event property that has an entry.
func (d *draft) property(c *webhook.Catalogue, e *entry, kept Origin) PropertyRule {
	rule := PropertyRule{Named: true, Send: e.send, Origin: e.sendOrigin(propertiesPath), NameOrigin: kept}
	switch {
	case e.source == deviceType && (!e.renamed() || clevertap.Same(e.name, deviceType)):
		rule.Name, rule.NameOrigin = purchaseDevice, ours("default: device_type goes as purchase_device_type")
	case e.renamed():
		rule.Name, rule.NameOrigin = e.name, e.nameOrigin(propertiesPath)
	default:
		rule.Name = prefixed("", e.source, clevertap.MaxKeyBytes, false)
	}
	if why := neverSent(c, e.source); why != "" {
		rule.Send, rule.Origin = false, ours("rule: "+e.source+" is never sent, "+why)
	}
	if alwaysSent(e.source) && !e.send {
		rule.Send, rule.Origin = true, ours("rule: "+e.source+" always goes along")
	}
	rule.Send = rule.Send && rule.Name != ""
	rule.encode()
	return rule
}
