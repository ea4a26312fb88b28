package integration

import (
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// Attributes that the bridge treats in its own way, whatever the default is.
const (
	purchaseToken   = "purchase_token"           // a credential of the buyer's purchase: off unless named
	planPeriodicity = "plan_periodicity"         // made from a distance of dates: off unless named
	revenueInUSD    = "cumulated_revenue_in_usd" // the only planned user property that a payload can fill
	deviceType      = "device_type"              // renamed, since CleverTap has a system property of that name
	purchaseDevice  = "purchase_" + deviceType
	eventID         = "event_id"    // always sent: CleverTap's only means against duplicates
	environment     = "environment" // always sent: it separates test purchases from money
)

func alwaysSent(name string) bool { return name == eventID || name == environment }

// neverSent returns why an attribute is neither a property nor a user property, "" if it may be one.
func neverSent(c *webhook.Catalogue, name string) string {
	switch part := partOfObject(c, name); {
	case name == "api_version", name == "event_name":
		return "it describes the webhook, not the event"
	case part == "clevertap_id", part == "clever_tap_id", part == "integration_clevertap_id":
		return "it addresses the record"
	}
	if a := c.Attribute([]byte(name)); a != nil && a.Type == webhook.Millis {
		return "it repeats " + strings.TrimSuffix(name, "_ms") + ", which is sent as a date"
	}
	return ""
}

// partOfObject returns what follows the name of a catalogued object in a flat name, or the name itself: the member b
// of the object a is called a_b.
func partOfObject(c *webhook.Catalogue, name string) string {
	for i := range c.Attributes {
		a := &c.Attributes[i]
		if part, ok := strings.CutPrefix(name, a.Name+"_"); ok && part != "" && a.Type == webhook.Object {
			return part
		}
	}
	return name
}

// decider makes an App from its part of the file and the catalogue.
type decider struct {
	*appText
	catalogue *webhook.Catalogue
	app       *App
	sent      map[string][]*sentName // by path of the entries
}

// sentName is the name under which an event or a property of the catalogue or the file is sent.
type sentName struct {
	name, source string
	entry        *entry // nil if it is sent by default
}

func decide(text *appText, c *webhook.Catalogue) *decider {
	d := &decider{appText: text, catalogue: c, sent: map[string][]*sentName{}}
	d.app = &App{
		Name:      d.name,
		Enabled:   d.text(enabledPath) == "true",
		Anonymous: Anonymous(d.text(anonymousPath)),
		Sandbox:   Sandbox(d.text(sandboxPath)),
		Charged:   d.text(chargedPath) == "true",
		Currency:  Currency(d.text(currencyPath)),

		CleverTapID: CleverTapIDMode(d.text(cleverTapIDPath)),
		LinkWait:    d.duration(linkWaitPath),
		Relay:       d.relay(),

		EnabledOrigin:   d.origin(enabledPath),
		AnonymousOrigin: d.origin(anonymousPath),
		SandboxOrigin:   d.origin(sandboxPath),
		ChargedOrigin:   d.origin(chargedPath),
		CurrencyOrigin:  d.origin(currencyPath),

		CleverTapIDOrigin: d.origin(cleverTapIDPath),
	}
	d.decideEvents()
	d.decideProperties()
	d.decideUserProperties()
	return d
}

func (d *decider) text(path string) string { return d.settings[path].text }

func (d *decider) duration(path string) time.Duration {
	value, _ := time.ParseDuration(d.text(path)) // it was checked when it was read
	return value
}

// relay returns the back end, nil if there is none.
func (d *decider) relay() *Relay {
	if d.text(relayURLPath) == "" {
		return nil
	}
	r := &Relay{URL: d.text(relayURLPath), Timeout: d.duration(relayTimeoutPath)}
	if list := d.settings[relayEventsPath].list; list != nil {
		r.Events = make([]string, len(list))
		for i, item := range list {
			r.Events[i] = item.text
		}
	}
	return r
}

func (d *decider) origin(path string) Origin {
	s := d.settings[path]
	return originAt(s.at, path+": "+s.text)
}

// prefixOrigin returns where the name of something comes from that is not renamed.
func (d *decider) prefixOrigin(path string) Origin {
	if d.text(path) == "" {
		return builtIn("default: what is not renamed keeps its name")
	}
	return d.origin(path)
}

func originAt(at place, rule string) Origin {
	return Origin{Line: at.line, Column: at.column, Rule: rule}
}

// builtIn makes the origin of a decision that no file can change, or that holds unless one does.
func builtIn(rule string) Origin { return Origin{Rule: "the bridge's " + rule} }

func neverOrigin(name, why string) Origin { return builtIn("rule: " + name + " is never sent, " + why) }

// sendOrigin returns where the entry decides whether something is sent.
func (e *entry) sendOrigin(path string) Origin {
	if e.sendAt.known() {
		return originAt(e.sendAt, path+"."+join(e.source)+".send")
	}
	return originAt(e.at, path+"."+join(e.source))
}

// nameOrigin returns where the entry decides the name.
func (e *entry) nameOrigin(path string) Origin {
	return originAt(e.nameAt, path+"."+join(e.source)+".name")
}

func (d *decider) names(path string) map[string]bool {
	names := make(map[string]bool, len(d.entries[path]))
	for _, e := range d.entries[path] {
		names[e.source] = true
	}
	return names
}

// addSent adds a name to those that are sent, if it is.
func (d *decider) addSent(path string, send bool, name, source string, e *entry) {
	if send {
		d.sent[path] = append(d.sent[path], &sentName{name, source, e})
	}
}

// decideEvents decides on the events of the catalogue and the file, and on all others.
func (d *decider) decideEvents() {
	prefix := d.text(eventPrefixPath)
	other := EventRule{
		Send: d.text(eventDefaultPath) == "send", Name: prefix,
		Origin: d.origin(eventDefaultPath), NameOrigin: d.prefixOrigin(eventPrefixPath),
	}
	rules, named := map[string]EventRule{}, d.names(eventsPath)
	for i := range d.catalogue.Events {
		t := &d.catalogue.Events[i]
		rule := other
		rule.Name += t.Name
		rules[t.Name] = rule
		// The names of events that no webhook is expected to have would forbid good names such as "Renewal".
		d.addSent(eventsPath, rule.Send && t.Known() && !named[t.Name], rule.Name, t.Name, nil)
	}
	for _, e := range d.entries[eventsPath] {
		rule := other
		rule.Send, rule.Origin = e.send, e.sendOrigin(eventsPath)
		rule.Name = cleaned(prefix+e.source, clevertap.MaxEventNameBytes, false)
		if e.renamed() {
			rule.Renamed, rule.Name, rule.NameOrigin = true, e.name, e.nameOrigin(eventsPath)
		}
		rules[e.source] = rule
		d.addSent(eventsPath, rule.Send, rule.Name, e.source, e)
	}
	d.app.events, d.app.otherEvents = rules, other
}

// decideProperties decides on the properties of events. They have no prefix.
func (d *decider) decideProperties() {
	kept := builtIn("default: what is not renamed keeps its name")
	renamedDevice := builtIn("default: device_type goes as purchase_device_type")
	rules := make([]PropertyRule, len(d.catalogue.Attributes))
	names, named := d.names(propertiesPath), make(map[string]*PropertyRule)
	for i := range rules {
		a := &d.catalogue.Attributes[i]
		rule := PropertyRule{
			Send: true, Name: a.Name, Origin: builtIn("default: every property of an event is sent"), NameOrigin: kept,
		}
		switch why := neverSent(d.catalogue, a.Name); {
		case why != "":
			rule.Send, rule.Origin = false, neverOrigin(a.Name, why)
		case a.Derived:
			rule.Send, rule.Origin = false, builtIn("rule: "+a.Name+" is a user property, no property of an event")
		case a.Name == purchaseToken:
			rule.Send, rule.Origin = false, builtIn("default: purchase_token is off unless named")
		case a.Name == deviceType:
			rule.Name, rule.NameOrigin = purchaseDevice, renamedDevice
		}
		rules[i] = rule.withKey()
		// An object is sent as its members, and a pattern under the names it covers.
		byDefault := rule.Send && !names[a.Name] && a.Type != webhook.Object && !a.Dynamic()
		d.addSent(propertiesPath, byDefault, rule.Name, a.Name, nil)
	}
	for _, e := range d.entries[propertiesPath] {
		rule := PropertyRule{Named: true, Send: e.send, Origin: e.sendOrigin(propertiesPath), NameOrigin: kept}
		switch {
		case e.source == deviceType && (!e.renamed() || clevertap.Same(e.name, deviceType)):
			rule.Name, rule.NameOrigin = purchaseDevice, renamedDevice
		case e.renamed():
			rule.Name, rule.NameOrigin = e.name, e.nameOrigin(propertiesPath)
		default:
			rule.Name = cleaned(e.source, clevertap.MaxKeyBytes, false)
		}
		if alwaysSent(e.source) && !e.send {
			rule.Send, rule.Origin = true, builtIn("rule: "+e.source+" is always sent")
		}
		d.forbid(&rule, e)
		named[e.source] = new(rule.withKey())
		if a := d.catalogue.Attribute([]byte(e.source)); a != nil && !a.Dynamic() {
			rules[a.Index] = *named[e.source]
			named[e.source] = &rules[a.Index]
		}
		d.addSent(propertiesPath, rule.Send, rule.Name, e.source, e)
	}
	d.app.properties, d.app.namedProperties = rules, named
}

func (d *decider) decideUserProperties() {
	set, prefix := d.text(userDefaultPath), d.text(userPrefixPath)
	kept := d.prefixOrigin(userPrefixPath)
	rules := make([]PropertyRule, len(d.catalogue.Attributes))
	names := d.names(userPropertiesPath)
	for i := range rules {
		a := &d.catalogue.Attributes[i]
		rule := PropertyRule{Name: prefix + a.Name, Origin: d.origin(userDefaultPath), NameOrigin: kept}
		switch {
		case a.Property == webhook.NoProperty:
			rule.Origin = builtIn("rule: " + a.Name + " is no user property unless named")
		case a.Property == webhook.Planned, a.Name == planPeriodicity: // even under all
			rule.Origin = builtIn("default: " + a.Name + " is off unless named")
		case set == "all", set == "published" && a.Property == webhook.Published:
			rule.Send = true
		default:
			rule.Origin.Rule += " does not include " + a.Name
		}
		rules[i] = rule.withKey()
		d.addSent(userPropertiesPath, rule.Send && !names[a.Name], rule.Name, a.Name, nil)
	}
	for _, e := range d.entries[userPropertiesPath] {
		rule := PropertyRule{
			Named: true, Send: e.send, Name: cleaned(prefix+e.source, clevertap.MaxKeyBytes, true),
			Origin: e.sendOrigin(userPropertiesPath), NameOrigin: kept,
		}
		if e.renamed() {
			rule.Name, rule.NameOrigin = e.name, e.nameOrigin(userPropertiesPath)
		}
		d.forbid(&rule, e)
		if a := d.catalogue.UserProperty(e.source); a != nil {
			rules[a.Index] = rule.withKey()
		} else {
			d.app.namedUserProperties = append(d.app.namedUserProperties, NamedProperty{e.source, rule.withKey()})
		}
		d.addSent(userPropertiesPath, rule.Send, rule.Name, e.source, e)
	}
	d.app.userProperties = rules
}

// forbid switches off what is never sent, and what has no name left.
func (d *decider) forbid(rule *PropertyRule, e *entry) {
	if why := neverSent(d.catalogue, e.source); why != "" {
		rule.Send, rule.Origin = false, neverOrigin(e.source, why)
	}
	rule.Send = rule.Send && rule.Name != ""
}

// withKey returns the rule with the key of its name.
func (p PropertyRule) withKey() PropertyRule {
	key, _ := jsontext.AppendQuote(make([]byte, 0, len(p.Name)+3), p.Name) // fails for invalid UTF-8 only
	p.Key = append(key, ':')
	return p
}

// cleaned removes from a name what CleverTap does not accept.
func cleaned(name string, limit int, profile bool) string {
	clean, _ := clevertap.CleanName(nil, []byte(name), limit, profile)
	return string(clean)
}
