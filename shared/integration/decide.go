package integration

import (
	"slices"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// decide fills in the defaults and decides on every name that is known now.
func (d *draft) decide(c *webhook.Catalogue) *App {
	a := &App{
		Name:      d.name,
		Enabled:   d.text(enabledPath) == "true",
		Anonymous: Anonymous(slices.Index(anonymousWords, d.text(anonymousPath))),
		Sandbox:   Sandbox(slices.Index(sandboxWords, d.text(sandboxPath))),
		Charged:   d.text(chargedPath) == "true",
		Currency:  Currency(slices.Index(currencyWords, d.text(currencyPath))),

		EnabledOrigin:   d.origin(enabledPath),
		AnonymousOrigin: d.origin(anonymousPath),
		SandboxOrigin:   d.origin(sandboxPath),
		ChargedOrigin:   d.origin(chargedPath),
		CurrencyOrigin:  d.origin(currencyPath),
	}
	d.decideEvents(a, c)
	d.decideProperties(a, c)
	d.decideUserProperties(a, c)
	return a
}

// text is a setting's value.
func (d *draft) text(path string) string { return d.settings[path].text }

// origin tells where a setting stands, and its value.
func (d *draft) origin(path string) Origin {
	s := d.settings[path]
	return by(s.at, path+": "+s.text)
}

// sendOrigin and nameOrigin tell where an entry decides.
func (e *entry) sendOrigin(path string) Origin {
	if e.sendAt.known() {
		return by(e.sendAt, path+"."+join(e.source)+".send")
	}
	return by(e.at, path+"."+join(e.source))
}

func (e *entry) nameOrigin(path string) Origin {
	return by(e.nameAt, path+"."+join(e.source)+".name")
}

// entry finds the entry for a name, nil if there is none.
func (d *draft) entry(path, source string) *entry {
	list := d.entries[path]
	i := slices.IndexFunc(list, func(e entry) bool { return e.source == source })
	if i < 0 {
		return nil
	}
	return &list[i]
}

// prefixed makes the name of what is not renamed. What is in no catalogue may hold what CleverTap forbids.
func prefixed(prefix, source string, limit int, profile bool) string {
	name, _ := clevertap.CleanName(nil, []byte(prefix+source), limit, profile)
	return string(name)
}

// prefixOrigin tells where the name of something comes from that is not renamed.
func (d *draft) prefixOrigin(path string) Origin {
	if d.text(path) == "" {
		return ours("default: what is not renamed keeps its name")
	}
	return d.origin(path)
}

func (d *draft) decideEvents(a *App, c *webhook.Catalogue) {
	prefix := d.text(eventPrefixPath)
	a.otherEvents = EventRule{
		Send: d.text(eventDefaultPath) == "send", Name: prefix,
		Origin: d.origin(eventDefaultPath), NameOrigin: d.prefixOrigin(eventPrefixPath),
	}
	a.events = make(map[string]EventRule, len(c.Events)+len(d.entries[eventsPath]))
	for i := range c.Events {
		rule := a.otherEvents
		rule.Name += c.Events[i].Name
		a.events[c.Events[i].Name] = rule
	}
	for _, e := range d.entries[eventsPath] {
		rule := a.otherEvents
		rule.Name = prefixed(prefix, e.source, clevertap.MaxEventNameBytes, false)
		if e.renamed() {
			rule.Renamed, rule.Name, rule.NameOrigin = true, e.name, e.nameOrigin(eventsPath)
		}
		rule.Send, rule.Origin = e.send, e.sendOrigin(eventsPath)
		a.events[e.source] = rule
	}
}

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
