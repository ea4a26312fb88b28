package console

import (
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/settings"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/yamledit"
	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// list is one of the lists of names that the integration file has: events, their properties, user properties.
type list struct {
	kind     settings.Kind
	path     string // in the file, below the app
	noun     string
	defaults []option                                              // for names that the file does not have
	general  func(app *integration.App) (byDefault, prefix string) // what an app says of all names; nil: nothing
	groups   func(app *integration.App) []group
	known    func(source string) bool // the catalogue has it
}

// option is one value of a choice.
type option struct{ Value, Label, Explanation string }

// group is some of a list's names under a heading.
type group struct {
	Title, Explanation string
	Entries            []*entry
}

// entry is a name, and what is decided about it.
type entry struct {
	Source, Meaning, Badge string
	naming                        // as the page shows it
	Default                string // its name in CleverTap without a new one
	Locked                 string // why it cannot be switched
	Faults                 []fault
	Hidden                 bool

	now   naming // what the app decides
	named bool   // the file has it
}

// naming is whether something is sent, and under which name.
type naming struct {
	Send bool
	Name string // the new one, empty if there is none
}

// all are the entries of groups.
func all(groups []group) iter.Seq[*entry] {
	return func(yield func(*entry) bool) {
		for _, g := range groups {
			for _, e := range g.Entries {
				if !yield(e) {
					return
				}
			}
		}
	}
}

// fault is a problem that lint has found.
type fault struct {
	Severity, Message, Advice string
	Line                      int
}

var catalogue = webhook.EmbeddedCatalogue()

var events = &list{
	kind: settings.Event, path: "server_events.events", noun: "event",
	defaults: []option{
		{"send", "Send them", "What Purchasely adds arrives by itself."},
		{"skip", "Leave them out", "Only what is switched on here is sent."},
	},
	general: func(app *integration.App) (byDefault, prefix string) {
		return settings.Value(app, "server_events.default"), settings.Value(app, "server_events.prefix")
	},
	groups: eventGroups,
	known:  func(source string) bool { t := catalogue.Event([]byte(source)); return t != nil && t.Known() },
}

var properties = &list{
	kind: settings.Property, path: "server_events.properties", noun: "property",
	groups: propertyGroups, known: isAttribute,
}

var userProperties = &list{
	kind: settings.UserProperty, path: "user_properties.properties", noun: "user property",
	defaults: []option{
		{"published", "The documented ones", "The 12 that Purchasely documents."},
		{"all", "All of them", "Those that Purchasely has not announced yet, too."},
		{"none", "None", "Only what is switched on here is sent."},
	},
	general: userDefaults, groups: userPropertyGroups,
	known: func(source string) bool { return catalogue.UserProperty(source) != nil || isAttribute(source) },
}

func isAttribute(source string) bool { return catalogue.Attribute([]byte(source)) != nil }

// section is the list's part of an app: server_events or user_properties.
func (l *list) section() string { section, _, _ := strings.Cut(l.path, "."); return section }

// keys are the keys of a path below an app.
func keys(app, path string) []string {
	return append([]string{"apps", app}, strings.Split(path, ".")...)
}

func eventGroups(app *integration.App) []group {
	groups := []group{
		{Title: "Access",
			Explanation: "The purchase opens or closes access. The user property has_active_subscription says the same."},
		{Title: "Subscription", Explanation: "Started, renewed, cancelled, paused, refunded, transferred."},
		{Title: "Offers", Explanation: "Trials, introductory offers, promo codes and promotional offers."},
		{Title: "Money", Explanation: "A payment or a refund, with its amount."},
		{Title: "Version 2", Explanation: "What webhooks of Purchasely's older version are called."},
		{Title: "Other names", Explanation: "They stand on Purchasely's pages, but webhooks are not expected to have them."},
		{Title: "In the file only", Explanation: "The file names them, and the catalogue does not have them."},
	}
	of := map[string]int{"entitlement": 0, "lifecycle": 1, "offer": 2, "transaction": 3}
	for i := range catalogue.Events {
		t := &catalogue.Events[i]
		in := of[t.Family]
		if t.Status == "legacy_v2" {
			in = 4
		} else if !t.Known() {
			in = 5
		}
		e := entry{Source: t.Name, Meaning: t.Meaning}
		if t.Status == "new" {
			e.Badge = "new"
		}
		groups[in].Entries = append(groups[in].Entries, &e)
	}
	for _, name := range app.EventNames() {
		if catalogue.Event([]byte(name)) == nil {
			groups[6].Entries = append(groups[6].Entries, &entry{Source: name})
		}
	}
	return groups
}

// An attribute's kind, by how its name begins or by its type, is the group that it stands in.
func propertyGroups(app *integration.App) []group {
	groups := []group{
		{Title: "The subscriber and the purchase"},
		{Title: "Dates"},
		{Title: "Money"},
		{Title: "Yes or no"},
		{Title: "In the file only",
			Explanation: "Amounts in a currency, members of objects, and names that the catalogue does not have."},
	}
	for i := range catalogue.Attributes {
		a := &catalogue.Attributes[i]
		if a.Derived || a.Dynamic() || a.Type == webhook.Millis {
			continue
		}
		in := 0
		switch {
		case a.Type == webhook.Date:
			in = 1
		case strings.Contains(a.Name, "amount"), strings.Contains(a.Name, "revenue"), strings.Contains(a.Name, "currency"):
			in = 2
		case a.Type == webhook.Boolean:
			in = 3
		}
		groups[in].Entries = append(groups[in].Entries, &entry{Source: a.Name, Meaning: a.Note})
	}
	for _, name := range app.NamedPropertyNames() {
		if a := catalogue.Attribute([]byte(name)); a == nil || a.Dynamic() {
			groups[4].Entries = append(groups[4].Entries, &entry{Source: name})
		}
	}
	return groups
}

func userPropertyGroups(app *integration.App) []group {
	of := map[webhook.Property]int{webhook.Published: 0, webhook.Draft: 1, webhook.DraftHidden: 1, webhook.Planned: 2}
	groups := []group{
		{Title: "Documented", Explanation: "Purchasely's published set."},
		{Title: "Not announced yet", Explanation: "Purchasely prepares them. Webhooks have the values already."},
		{Title: "Planned", Explanation: "Purchasely only plans them, and most have no value yet."},
		{Title: "In the file only", Explanation: "The file names them, and Purchasely's lists of user properties do not."},
	}
	for i := range catalogue.Attributes {
		a := &catalogue.Attributes[i]
		if in, ok := of[a.Property]; ok {
			groups[in].Entries = append(groups[in].Entries, &entry{Source: a.Name, Meaning: a.Note})
		}
	}
	for _, named := range app.NamedUserProperties() {
		groups[3].Entries = append(groups[3].Entries, &entry{Source: named.Source})
	}
	return groups
}

// entries returns the list's names, and those that were seen and are on no list, with what an app decides about them.
func (l *list) entries(app *integration.App, seen ...string) []group {
	groups := append(l.groups(app), group{Title: "Seen, and not on any list",
		Explanation: "Webhooks have had these names lately. They are treated like all that is not named."})
	for _, source := range seen {
		known := func(g group) bool {
			return slices.ContainsFunc(g.Entries, func(e *entry) bool { return e.Source == source })
		}
		if !slices.ContainsFunc(groups, known) {
			last := &groups[len(groups)-1]
			last.Entries = append(last.Entries, &entry{Source: source, Badge: "seen"})
		}
	}
	plain := l.app(l.generally(app))
	for e := range all(groups) {
		is := l.kind.Decide(app, e.Source)
		if e.Send = is.Send; is.Renamed {
			e.Name = is.Name
		}
		e.now, e.named = e.naming, strings.HasPrefix(is.Rule, l.path)
		e.Default, e.Locked = l.kind.Decide(plain, e.Source).Name, locked()[l.path+"."+e.Source]
	}
	return slices.DeleteFunc(groups, func(g group) bool { return len(g.Entries) == 0 })
}

// app is an app whose file says nothing but a default and a prefix of this list.
func (l *list) app(byDefault, prefix string) *integration.App {
	file, _ := integration.Load("x", l.text(byDefault, prefix))
	if file == nil { // the prefix makes a name that cannot be
		return l.app(byDefault, "")
	}
	return file.Apps["x"]
}

// text is a file that says nothing but a default, a prefix, and entries of this list.
func (l *list) text(byDefault, prefix string, entries ...string) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "apps:\n  x:\n    %s:\n", l.section())
	if byDefault != "" {
		fmt.Fprintf(&b, "      default: %s\n", yamledit.Scalar(byDefault))
	}
	if prefix != "" {
		fmt.Fprintf(&b, "      prefix: %s\n", yamledit.Scalar(prefix))
	}
	_, last, _ := strings.Cut(l.path, ".")
	fmt.Fprintf(&b, "      %s: {%s}\n", last, strings.Join(entries, ", "))
	return []byte(b.String())
}

// locked says why names cannot be switched, by their paths below an app: lint says that it would have no effect.
var locked = sync.OnceValue(func() map[string]string {
	reasons := map[string]string{}
	for _, l := range []*list{properties, userProperties} {
		for _, send := range []bool{true, false} {
			var entries []string
			for e := range all(l.groups(l.app("", ""))) {
				entries = append(entries, fmt.Sprintf("%s: {send: %v}", yamledit.Scalar(e.Source), send))
			}
			_, problems := integration.Load("x", l.text("", "", entries...))
			for _, p := range problems {
				if path, ok := strings.CutPrefix(p.Where, "apps.x."); ok && p.Severity == integration.Warning {
					reasons[path] = plain(p.Message)
				}
			}
		}
	}
	return reasons
})

// generally is what an app says of all names of the list.
func (l *list) generally(app *integration.App) (byDefault, prefix string) {
	if l.general == nil {
		return "", ""
	}
	return l.general(app)
}

// userDefaults finds the default and the prefix of user properties in the decisions on those that have no entry.
func userDefaults(app *integration.App) (byDefault, prefix string) {
	byDefault = "published"
	for i := range catalogue.Attributes {
		r := app.UserProperty(i)
		if name, word, ok := strings.Cut(r.Origin.Rule, ": "); ok && name == "user_properties.default" {
			byDefault, _, _ = strings.Cut(word, " ")
		}
		if before, ok := strings.CutSuffix(r.Name, catalogue.Attributes[i].Name); ok && !r.Named {
			prefix = before
		}
	}
	return byDefault, prefix
}
