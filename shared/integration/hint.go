package integration

import (
	"fmt"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// warn notes what a file may say, and what probably is not meant.
func (l *linter) warn(e *entry, path, message, advice string) {
	l.add(Warning, e.at, l.where(path, e.source), message, advice)
}

// warnings notes names that nobody has heard of, and entries without effect.
func (l *linter) warnings() {
	for i := range l.entries[eventsPath] {
		l.eventWarnings(&l.entries[eventsPath][i])
	}
	for i := range l.entries[propertiesPath] {
		l.propertyWarnings(&l.entries[propertiesPath][i])
	}
	for i := range l.entries[userPropertiesPath] {
		l.userPropertyWarnings(&l.entries[userPropertiesPath][i])
	}
}

func (l *linter) eventWarnings(e *entry) {
	t := l.catalogue.Event([]byte(e.source))
	switch {
	case t != nil && t.Known():
	case t != nil && t.AliasOf != "":
		l.warn(e, eventsPath, e.source+" is another spelling on the vendor's pages", "webhooks say "+t.AliasOf)
	case t != nil:
		l.warn(e, eventsPath, "no page of the vendor confirms the event "+e.source, "it has effect if a webhook says so")
	default:
		l.strange(e, eventsPath, "event", l.catalogue.NearestEvent)
	}
	l.cleaned(e, events)
}

func (l *linter) propertyWarnings(e *entry) {
	name := e.source
	a := l.catalogue.Attribute([]byte(name))
	never := neverSent(l.catalogue, name)
	switch {
	case never != "":
		l.warn(e, propertiesPath, name+" is never sent, "+never, "leave the entry out")
	case alwaysSent(name) && !e.send:
		l.warn(e, propertiesPath, name+" always goes along, send: false has no effect", "leave the entry out; a name may be given")
	case name == deviceType && clevertap.Same(e.name, deviceType):
		l.warn(e, propertiesPath, "device_type is close to a system property of CleverTap and goes as "+purchaseDevice, "choose another name, or leave the entry out")
	case a != nil && a.Dynamic() && a.Name == name:
		l.warn(e, propertiesPath, name+" stands for many names and has no effect", "write the name that webhooks have, such as amount_in_eur")
	case a != nil && a.Type == webhook.Object && e.renamed():
		l.warn(e, propertiesPath, "the parts of "+name+" are sent, each under its own name", "name a part, such as "+name+"_utm_source")
	case a != nil, afterObject(l.catalogue, name) != name:
	case l.catalogue.UserProperty(name) != nil:
		l.warn(e, propertiesPath, name+" is a user property, no property of an event", "write it under user_properties.properties")
	default:
		l.strange(e, propertiesPath, "attribute", l.catalogue.NearestAttribute)
	}
	l.cleaned(e, eventProperties)
}

func (l *linter) userPropertyWarnings(e *entry) {
	name := e.source
	a := l.catalogue.UserProperty(name)
	never := neverSent(l.catalogue, name)
	switch {
	case never != "":
		l.warn(e, userPropertiesPath, name+" is never sent, "+never, "leave the entry out")
	case a == nil && l.catalogue.Attribute([]byte(name)) != nil:
		l.warn(e, userPropertiesPath, name+" is an attribute of events, none of the vendor's user properties", "it is sent all the same if a webhook has it")
	case a == nil:
		l.strange(e, userPropertiesPath, "user property", l.catalogue.NearestProperty)
	case a.Property == webhook.Planned && name != revenueInUSD:
		l.warn(e, userPropertiesPath, "nothing can fill "+name+": the vendor plans it", "leave the entry out")
	}
	l.cleaned(e, userProperties)
}

// strange notes a name that the catalogue does not have. It is taken as it is, because the vendor adds names.
func (l *linter) strange(e *entry, path, noun string, nearest func(string) string) {
	message := fmt.Sprintf("the catalogue knows no %s %s", noun, join(e.source))
	if l.knows(e.at, message) {
		return
	}
	advice := "check its spelling; it has effect if a webhook has it"
	if near := nearest(e.source); near != "" {
		advice = fmt.Sprintf("did you mean %s? It has effect if a webhook has it", near)
	}
	l.warn(e, path, message, advice)
}

// cleaned notes a name that cannot go to CleverTap as it is.
func (l *linter) cleaned(e *entry, f *family) {
	if e.renamed() || !e.send {
		return
	}
	name, changed := clevertap.CleanName(nil, []byte(e.source), f.limit, f.profile)
	switch {
	case !changed:
	case len(name) == 0:
		l.warn(e, f.path, "nothing that CleverTap takes is left of this name, so it is not sent", "give it a name")
	default:
		l.warn(e, f.path, fmt.Sprintf("this name goes as %q", name), "give it a name of your choice")
	}
}

// hints notes choices whose consequence is easily overlooked.
func (l *linter) hints() {
	tell := func(path, message, advice string) {
		s := l.settings[path]
		if s.wrong {
			return
		}
		if !s.at.known() {
			s.at = l.at
		}
		l.add(Hint, s.at, l.where(path), message, advice)
	}
	if l.app.Anonymous == AnonymousIdentity {
		tell(anonymousPath, "subscribers known only by anonymous_user_id get profiles under ids that the app's CleverTap SDK never sets",
			"choose object_id if the app gives this id to CleverTap as its custom id, or skip to wait until they sign in")
	}
	if l.app.Sandbox == SandboxSend {
		tell(sandboxPath, "test purchases go to the production account and can trigger campaigns there",
			"choose route for a sandbox account of their own, or skip")
	}
}
