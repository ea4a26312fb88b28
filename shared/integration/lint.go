package integration

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// manyEvents is the number of event names from which a file gets a warning, well below CleverTap's limit for an
// account, which other senders share.
const manyEvents = 400

// linter checks the content of an app's part of the file.
type linter struct {
	*report
	*decider
}

// nameSpace is a set of names that are separate from others in CleverTap, with its rules.
type nameSpace struct {
	path       string
	prefixPath string // empty if there is no prefix
	noun       string // with its article
	limit      int    // bytes of a name
	profile    bool
}

var (
	eventNames = &nameSpace{eventsPath, eventPrefixPath, "an event", clevertap.MaxEventNameBytes, false}
	properties = &nameSpace{propertiesPath, "", "a property", clevertap.MaxKeyBytes, false}
	userNames  = &nameSpace{userPropertiesPath, userPrefixPath, "a user property", clevertap.MaxKeyBytes, true}
)

// reserved returns why a name cannot be used because it is CleverTap's own, "" if it is not.
func (n *nameSpace) reserved(name string) (message, advice string) {
	const another = "choose another one, or put a word before it"
	switch {
	case n == eventNames && clevertap.ReservedEvent(name):
		return fmt.Sprintf("%q is the name of an event of CleverTap's own", name), another
	case n == eventNames && clevertap.Same(name, "Charged"):
		return fmt.Sprintf("%q is CleverTap's purchase event, it would count as money", name),
			"choose another one; revenue.charged: true makes Charged of every payment"
	case n == userNames && clevertap.ReservedProfileKey(name):
		return fmt.Sprintf("%q is a profile key of CleverTap's own", name), another
	default:
		return "", ""
	}
}

// lint reports every problem with names, and what is correct but probably not meant.
func (l *linter) lint() {
	for _, n := range []*nameSpace{eventNames, properties, userNames} {
		l.checkPrefix(n)
		for _, e := range l.entries[n.path] {
			if e.renamed() {
				l.checkNewName(n, e)
			}
		}
		l.checkMadeNames(n)
		l.checkUnique(n)
	}
	for _, e := range l.entries[eventsPath] {
		l.warnEvent(e)
	}
	for _, e := range l.entries[propertiesPath] {
		l.warnProperty(e)
	}
	for _, e := range l.entries[userPropertiesPath] {
		l.warnUserProperty(e)
	}
	l.lintRelay()
	if l.app.LinkWait > 0 && l.app.CleverTapID == CleverTapIDNever {
		s := l.settings[linkWaitPath]
		l.add(Warning, s.at, l.where(linkWaitPath), "with clevertap_id: never nothing waits for a link",
			"leave link_wait out, or let clevertap_id be anonymous or always")
	}
	if l.app.Anonymous == AnonymousIdentity {
		l.hint(anonymousPath,
			"subscribers known only by anonymous_user_id get profiles under ids that the app's CleverTap SDK never sets",
			"choose object_id if the app gives this id to CleverTap as its custom id, or skip to wait until they sign in")
	}
	if l.app.Sandbox == SandboxSend {
		l.hint(sandboxPath, "test purchases go to the production account and can trigger campaigns there",
			"choose route for a sandbox account of their own, or skip")
	}
}

func (l *linter) lintRelay() {
	events := l.settings[relayEventsPath]
	if l.settings[relayURLPath].wrong {
		return
	}
	if l.app.Relay == nil {
		if at := cmp.Or(events.at, l.settings[relayTimeoutPath].at); at.known() {
			l.add(Warning, at, l.where("relay"), "there is a relay without a url, so nothing is relayed",
				"write the address of your back end under url")
		}
		return
	}
	if strings.HasPrefix(l.app.Relay.URL, "http:") {
		l.add(Warning, l.settings[relayURLPath].at, l.where(relayURLPath), "the back end is on this machine, without TLS",
			"this is for tests: on AWS the relay takes https only")
	}
	for _, item := range events.list {
		t := l.catalogue.Event([]byte(item.text))
		if t != nil && t.Known() || l.confirmed(item.text) {
			continue
		}
		advice := unknownAdvice(l.catalogue.NearestEvent(item.text),
			fmt.Sprintf("write %s: {known: false} under %s", join(item.text), eventsPath))
		l.add(Warning, item.at, l.where(relayEventsPath), "the catalogue has no event "+join(item.text), advice)
	}
}

// confirmed reports whether the file says that an event is new to the catalogue.
func (l *linter) confirmed(event string) bool {
	return slices.ContainsFunc(l.entries[eventsPath], func(e *entry) bool { return e.source == event && e.isNew })
}

// unknownAdvice is what to do about a name that the catalogue does not have, given the nearest one that it has.
func unknownAdvice(near, confirm string) string {
	if near != "" {
		return "did you mean " + near + "? If the name is right, " + confirm
	}
	return "check its spelling; if the name is right, " + confirm
}

// addKnown is how an entry confirms a name.
const addKnown = "add known: false"

// checkPrefix checks a prefix by itself. A space at its end is meant: "PLY " makes "PLY ACTIVATE".
func (l *linter) checkPrefix(n *nameSpace) {
	s := l.settings[n.prefixPath]
	if s.text == "" {
		return
	}
	where := l.where(n.prefixPath)
	if trimmed := strings.TrimLeftFunc(s.text, unicode.IsSpace); trimmed != s.text {
		l.fault(s.at, where, fmt.Sprintf("the prefix %q begins with a space", s.text), "write "+strconv.Quote(trimmed))
	}
	l.checkCharacters(n, s.at, where, s.text)
}

func (l *linter) checkNewName(n *nameSpace, e *entry) {
	where := l.where(n.path, e.source, "name")
	trimmed := strings.TrimSpace(e.name)
	switch {
	case trimmed == "":
		l.fault(e.nameAt, where, "the name is empty", "write a name, or leave the key out")
		return
	case trimmed != e.name:
		l.fault(e.nameAt, where, strconv.Quote(e.name)+" begins or ends with a space", "write "+strconv.Quote(trimmed))
	}
	l.checkCharacters(n, e.nameAt, where, e.name)
	if len(e.name) > n.limit {
		l.fault(e.nameAt, where, fmt.Sprintf("the name has %d bytes", len(e.name)),
			fmt.Sprintf("take at most %d; letters with accents and other scripts have two to four each", n.limit))
	}
	if message, advice := n.reserved(e.name); message != "" {
		l.fault(e.nameAt, where, message, advice)
	}
}

func (l *linter) checkCharacters(n *nameSpace, at place, where, name string) {
	char := clevertap.Forbidden(name, n.profile)
	if char == 0 {
		if strings.ContainsFunc(name, unicode.IsControl) {
			l.fault(at, where, fmt.Sprintf("%q has a control character", name), "write visible characters in one line")
		}
		return
	}
	advice := "choose another one"
	if clean := cleaned(name, n.limit, n.profile); clean != "" {
		advice = fmt.Sprintf("leave it out, as in %q", clean)
	}
	message := fmt.Sprintf("%q has %q, which CleverTap does not accept in the name of %s", name, char, n.noun)
	l.fault(at, where, message, advice)
}

// renamed reports whether the file has this very name.
func (s *sentName) renamed() bool { return s.entry != nil && s.entry.renamed() }

// place returns where the file has the name; it is unknown if the default sends it.
func (s *sentName) place() place {
	switch {
	case s.entry == nil:
		return place{}
	case s.entry.renamed():
		return s.entry.nameAt
	default:
		return s.entry.at
	}
}

// checkMadeNames checks the names that are made of prefix and source. A fault of the prefix is reported once, for the
// first or the longest name.
func (l *linter) checkMadeNames(n *nameSpace) {
	prefix := l.settings[n.prefixPath]
	longest, reserved := "", false
	for _, s := range l.sent[n.path] {
		if s.renamed() {
			continue
		}
		if prefix.text != "" && len(s.source) > len(longest) {
			longest = s.source
		}
		message, advice := n.reserved(s.name)
		switch {
		case message == "":
		case s.entry != nil:
			l.fault(s.place(), l.where(n.path, s.source), message, advice)
		case !reserved:
			reserved = true
			l.fault(prefix.at, l.where(n.prefixPath), "with the prefix, "+message, "choose another prefix")
		}
	}
	if length := len(prefix.text) + len(longest); longest != "" && length > n.limit {
		l.fault(prefix.at, l.where(n.prefixPath), fmt.Sprintf("with the prefix, %s has %d bytes", longest, length),
			fmt.Sprintf("take a prefix of at most %d bytes, so that no name has more than %d",
				max(0, n.limit-len(longest)), n.limit))
	}
}

// checkUnique reports names that are the same for CleverTap.
func (l *linter) checkUnique(n *nameSpace) {
	first := make(map[string]*sentName, len(l.sent[n.path]))
	for _, s := range l.sent[n.path] {
		folded := string(clevertap.Fold(nil, s.name))
		other := first[folded]
		if folded == "" || other == nil {
			first[folded] = s
			continue
		}
		whose := other.source
		if at := other.place(); at.known() {
			whose = fmt.Sprintf("%s in line %d", whose, at.line)
		}
		where := l.where(n.path, s.source)
		if s.renamed() {
			where += ".name"
		}
		l.fault(s.place(), where,
			fmt.Sprintf("%q is the name of %s, too: CleverTap ignores case and spaces", s.name, whose),
			"give one of them another name, or switch one off with send: false")
	}
	delete(first, "")
	if n == eventNames && len(first) > manyEvents {
		l.add(Warning, l.at, l.where(""), fmt.Sprintf("%d names of events are sent", len(first)),
			fmt.Sprintf("CleverTap takes %d in an account, its own included; switch off what no campaign uses",
				clevertap.MaxEventTypes))
	}
}

// warn reports what a file may say, but probably does not mean.
func (l *linter) warn(n *nameSpace, e *entry, message, advice string) {
	l.add(Warning, e.at, l.where(n.path, e.source), message, advice)
}

func (l *linter) warnEvent(e *entry) {
	t := l.catalogue.Event([]byte(e.source))
	switch {
	case t != nil && t.Known():
		l.hintKnown(eventNames, e)
	case e.isNew:
	case t != nil && t.AliasOf != "":
		l.warn(eventNames, e, e.source+" is another spelling on Purchasely's pages",
			"webhooks say "+t.AliasOf+"; if they do not, "+addKnown)
	case t != nil:
		l.warn(eventNames, e, "no page of Purchasely confirms this event", "if webhooks have it, "+addKnown)
	default:
		l.warnUnknown(eventNames, e, "event", l.catalogue.NearestEvent)
	}
	l.warnCleaned(eventNames, e)
}

func (l *linter) warnProperty(e *entry) {
	name := e.source
	a := l.catalogue.Attribute([]byte(name))
	never := neverSent(l.catalogue, name)
	warn := func(message, advice string) { l.warn(properties, e, message, advice) }
	switch {
	case never != "":
		warn(name+" is never sent, "+never, "leave the entry out")
	case alwaysSent(name) && !e.send:
		warn(name+" is always sent, send: false has no effect", "leave the entry out; it may have a name")
	case name == deviceType && clevertap.Same(e.name, deviceType):
		warn("device_type is close to a system property of CleverTap and goes as "+purchaseDevice,
			"choose another name, or leave the entry out")
	case a != nil && a.Dynamic() && a.Name == name:
		warn(name+" covers many names and has no effect itself",
			"write the name that webhooks have, such as amount_in_eur")
	case a != nil && a.Type == webhook.Object && e.renamed():
		warn("the members of "+name+" are sent, each under its own name", "name a member, such as "+name+"_utm_source")
	case a != nil:
		l.hintKnown(properties, e)
	case e.isNew, partOfObject(l.catalogue, name) != name:
	case l.catalogue.UserProperty(name) != nil:
		warn(name+" is a user property, not a property of an event", "write it under user_properties.properties")
	default:
		l.warnUnknown(properties, e, "attribute", l.catalogue.NearestAttribute)
	}
	l.warnCleaned(properties, e)
}

func (l *linter) warnUserProperty(e *entry) {
	name := e.source
	a := l.catalogue.UserProperty(name)
	never := neverSent(l.catalogue, name)
	switch {
	case never != "":
		l.warn(userNames, e, name+" is never sent, "+never, "leave the entry out")
	case a == nil && l.catalogue.Attribute([]byte(name)) != nil:
		l.add(Hint, e.at, l.where(userNames.path, name),
			name+" is an attribute of events, not one of Purchasely's user properties",
			"it is sent all the same if a webhook has it")
	case a == nil && e.isNew:
	case a == nil:
		l.warnUnknown(userNames, e, "user property", l.catalogue.NearestProperty)
	case a.Property == webhook.Planned && name != revenueInUSD:
		l.warn(userNames, e, "nothing can fill "+name+": Purchasely only plans it", "leave the entry out")
	default:
		l.hintKnown(userNames, e)
	}
	l.warnCleaned(userNames, e)
}

// hintKnown reports a confirmation that is not needed any more.
func (l *linter) hintKnown(n *nameSpace, e *entry) {
	if e.isNew {
		l.add(Hint, e.at, l.where(n.path, e.source), "the catalogue knows "+e.source+" by now", "leave out known: false")
	}
}

// warnUnknown reports a name that the catalogue does not have. It is accepted, because Purchasely adds names.
func (l *linter) warnUnknown(n *nameSpace, e *entry, noun string, nearest func(string) string) {
	message := fmt.Sprintf("the catalogue has no %s %s", noun, join(e.source))
	if l.reported(e.at, message) {
		return // The nearest name is expensive to find.
	}
	l.warn(n, e, message, unknownAdvice(nearest(e.source), addKnown))
}

// warnCleaned reports a name that cannot go to CleverTap as it is.
func (l *linter) warnCleaned(n *nameSpace, e *entry) {
	if e.renamed() || !e.send {
		return
	}
	switch name, changed := clevertap.CleanName(nil, []byte(e.source), n.limit, n.profile); {
	case !changed:
	case len(name) == 0:
		l.warn(n, e, "nothing that CleverTap accepts is left of this name, so it is not sent", "give it a name")
	default:
		l.warn(n, e, fmt.Sprintf("this name goes as %q", name), "give it a name of your choice")
	}
}

// hint reports a choice whose consequence is easily overlooked.
func (l *linter) hint(path, message, advice string) {
	s := l.settings[path]
	if s.wrong {
		return
	}
	l.add(Hint, cmp.Or(s.at, l.at), l.where(path), message, advice)
}
