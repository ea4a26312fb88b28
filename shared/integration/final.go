package integration

import (
	"fmt"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// final is a name as it is sent.
type final struct {
	name   string
	source string
	entry  *entry // nil: the file has none, the default sends it
}

// place is where the file gives the name, nowhere if the default does.
func (f *final) place() place {
	switch {
	case f.entry == nil:
		return place{}
	case f.entry.renamed():
		return f.entry.nameAt
	default:
		return f.entry.at
	}
}

// called tells whether the file gives this very name, which is judged by itself.
func (f *final) called() bool { return f.entry != nil && f.entry.renamed() }

// sentEvents lists the events that are sent, those by default first. Names that no webhook is expected to have are left out:
// they would forbid good names such as "Renewal".
func (l *linter) sentEvents() []final {
	var finals []final
	for i := range l.catalogue.Events {
		t := &l.catalogue.Events[i]
		if rule := l.app.events[t.Name]; rule.Send && t.Known() && l.entry(eventsPath, t.Name) == nil {
			finals = append(finals, final{name: rule.Name, source: t.Name})
		}
	}
	return append(finals, l.entered(eventsPath, func(e *entry) (bool, string) {
		rule := l.app.events[e.source]
		return rule.Send, rule.Name
	})...)
}

// sentProperties lists the event properties that are sent. Objects and patterns are left out: their names are never sent.
func (l *linter) sentProperties() []final {
	var finals []final
	for i := range l.catalogue.Attributes {
		a := &l.catalogue.Attributes[i]
		if rule := l.app.Property(i); rule.Send && !rule.Named && a.Type != webhook.Object && !a.Dynamic() {
			finals = append(finals, final{name: rule.Name, source: a.Name})
		}
	}
	return append(finals, l.entered(propertiesPath, func(e *entry) (bool, string) {
		rule := l.app.namedProperties[e.source]
		return rule.Send, rule.Name
	})...)
}

// sentUserProperties lists the user properties that are sent.
func (l *linter) sentUserProperties() []final {
	var finals []final
	for i := range l.catalogue.Attributes {
		if rule := l.app.UserProperty(i); rule.Send && !rule.Named {
			finals = append(finals, final{name: rule.Name, source: l.catalogue.Attributes[i].Name})
		}
	}
	others := l.app.namedUserProperties // in the order of the entries
	return append(finals, l.entered(userPropertiesPath, func(e *entry) (bool, string) {
		if row := l.catalogue.UserProperty(e.source); row != nil {
			rule := l.app.UserProperty(row.Index)
			return rule.Send, rule.Name
		}
		rule := &others[0]
		others = others[1:]
		return rule.Send, rule.Name
	})...)
}

// entered lists the names that entries send.
func (l *linter) entered(path string, decided func(*entry) (send bool, name string)) []final {
	var finals []final
	for i := range l.entries[path] {
		e := &l.entries[path][i]
		if send, name := decided(e); send {
			finals = append(finals, final{name: name, source: e.source, entry: e})
		}
	}
	return finals
}

// made judges the names that are made of prefix and source. A fault of the prefix is told once, by its longest or first victim.
func (l *linter) made(f *family, finals []final) {
	prefix := l.settings[f.prefixPath]
	var longest, takenOne final
	for _, one := range finals {
		if one.called() {
			continue
		}
		if prefix.text != "" && len(one.source) > len(longest.source) {
			longest = one
		}
		message, advice := f.taken(one.name)
		switch {
		case message == "":
		case one.entry != nil:
			l.fault(one.place(), l.where(f.path, one.source), message, advice)
		case takenOne.name == "":
			takenOne = one
			l.fault(prefix.at, l.where(f.prefixPath), "with the prefix, "+message, "choose another prefix")
		}
	}
	if length := len(prefix.text) + len(longest.source); longest.source != "" && length > f.limit {
		l.fault(prefix.at, l.where(f.prefixPath), fmt.Sprintf("with the prefix, %s has %d bytes", longest.source, length),
			fmt.Sprintf("take a prefix of at most %d bytes, so that no name has more than %d", max(0, f.limit-len(longest.source)), f.limit))
	}
}

// clashes notes names that are one for CleverTap.
func (l *linter) clashes(f *family, finals []final) {
	first := make(map[string]*final, len(finals))
	for i := range finals {
		one := &finals[i]
		folded := string(clevertap.Fold(nil, one.name))
		other, taken := first[folded]
		switch {
		case folded == "":
		case !taken:
			first[folded] = one
		default:
			whose := other.source
			if at := other.place(); at.known() {
				whose = fmt.Sprintf("%s in line %d", whose, at.line)
			}
			where := l.where(f.path, one.source)
			if one.called() {
				where += ".name"
			}
			l.fault(one.place(), where, fmt.Sprintf("%q is the name of %s, too: CleverTap ignores case and spaces", one.name, whose),
				"give one of them another name, or switch one off with send: false")
		}
	}
	if f == events && len(first) > manyEvents {
		l.add(Warning, l.at, l.where(""), fmt.Sprintf("%d names of events are sent", len(first)),
			fmt.Sprintf("CleverTap takes %d in an account, its own included; switch off what no campaign uses", clevertap.MaxEventTypes))
	}
}

// manyEvents is the number of event names from which on a file is warned, well below CleverTap's limit for an account, which
// other senders share.
const manyEvents = 400
