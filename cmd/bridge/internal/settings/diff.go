package settings

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// Kind is what a change is about.
type Kind string

// The kinds.
const (
	App          Kind = "app"           // Before and After are "absent" and "present"
	Setting      Kind = "setting"       // the name is the key's path, Before and After are its value
	Event        Kind = "event"         // Before and After are the name at CleverTap, empty: not sent
	Property     Kind = "property"      // likewise, of an event's property
	UserProperty Kind = "user_property" // likewise
)

// words are the kinds for people.
var words = map[Kind]string{
	App: "app", Setting: "setting", Event: "event", Property: "property", UserProperty: "user property",
}

// Change is one difference between two integration files, in what they decide and not in how they are written.
type Change struct {
	App    string `json:"app"`
	Kind   Kind   `json:"kind"`
	Name   string `json:"name"`
	Before string `json:"before"`
	After  string `json:"after"`
}

// Diff returns what two integration files decide differently, app by app: first settings, then events, then properties.
func Diff(before, after *integration.File) []Change {
	all := maps.Clone(before.Apps)
	maps.Copy(all, after.Apps)
	changes := []Change{}
	for _, app := range slices.Sorted(maps.Keys(all)) {
		a, b := before.Apps[app], after.Apps[app]
		presence := map[bool]string{true: "present", false: "absent"}
		if a == nil || b == nil {
			changes = append(changes, Change{app, App, app, presence[a != nil], presence[b != nil]})
			continue
		}
		d := differ{app: app, changes: changes}
		d.settings(a, b)
		d.events(a, b)
		d.properties(a, b)
		d.userProperties(a, b)
		changes = d.changes
	}
	return changes
}

// differ collects the changes of an app.
type differ struct {
	app     string
	changes []Change
}

func (d *differ) add(kind Kind, name, before, after string) {
	if before != after {
		d.changes = append(d.changes, Change{d.app, kind, name, before, after})
	}
}

func (d *differ) settings(a, b *integration.App) {
	was, is := scalars(a), scalars(b)
	for i := range was {
		d.add(Setting, was[i].path, was[i].value, is[i].value)
	}
}

type scalar struct{ path, value string }

// scalars are the settings of an app that are no names, by their paths in the file.
func scalars(a *integration.App) []scalar {
	other := a.Event(nil)
	var url, events, timeout string
	if relay := a.Relay; relay != nil {
		url, events, timeout = relay.URL, "all", relay.Timeout.String()
		if relay.Events != nil {
			events = strings.Join(relay.Events, ", ")
		}
	}
	return []scalar{
		{"enabled", strconv.FormatBool(a.Enabled)},
		{"anonymous", string(a.Anonymous)},
		{"clevertap_id", string(a.CleverTapID)},
		{"link_wait", a.LinkWait.String()},
		{"sandbox", string(a.Sandbox)},
		{"relay.url", url},
		{"relay.events", events},
		{"relay.timeout", timeout},
		{"server_events.default", map[bool]string{true: "send", false: "skip"}[other.Send]},
		{"server_events.prefix", other.Name},
		{"revenue.charged", strconv.FormatBool(a.Charged)},
		{"revenue.currency", string(a.Currency)},
	}
}

// sentAs is a name at CleverTap, empty for what is not sent.
func sentAs(send bool, name string) string {
	if !send {
		return ""
	}
	return name
}

// union is the names of both lists, sorted, once each.
func union(a, b []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(slices.Concat(a, b))))
}

func (d *differ) events(a, b *integration.App) {
	for _, name := range union(a.EventNames(), b.EventNames()) {
		was, is := a.Event([]byte(name)), b.Event([]byte(name))
		d.add(Event, name, sentAs(was.Send, was.Name), sentAs(is.Send, is.Name))
	}
}

func (d *differ) properties(a, b *integration.App) {
	known := webhook.EmbeddedCatalogue()
	for i := range known.Attributes {
		was, is := a.Property(i), b.Property(i)
		d.add(Property, known.Attributes[i].Name, sentAs(was.Send, was.Name), sentAs(is.Send, is.Name))
	}
	rule := func(app *integration.App, name string) string {
		if rule := app.NamedProperty([]byte(name)); rule != nil {
			return sentAs(rule.Send, rule.Name)
		}
		return name // what no file names is sent as it is
	}
	for _, name := range union(a.NamedPropertyNames(), b.NamedPropertyNames()) {
		if at := known.Attribute([]byte(name)); at == nil || at.Dynamic() {
			d.add(Property, name, rule(a, name), rule(b, name))
		}
	}
}

func (d *differ) userProperties(a, b *integration.App) {
	known := webhook.EmbeddedCatalogue()
	for i := range known.Attributes {
		was, is := a.UserProperty(i), b.UserProperty(i)
		d.add(UserProperty, known.Attributes[i].Name, sentAs(was.Send, was.Name), sentAs(is.Send, is.Name))
	}
	named := func(app *integration.App) map[string]string {
		names := make(map[string]string)
		for _, p := range app.NamedUserProperties() {
			names[p.Source] = sentAs(p.Send, p.Name)
		}
		return names
	}
	was, is := named(a), named(b)
	for _, name := range union(slices.Collect(maps.Keys(was)), slices.Collect(maps.Keys(is))) {
		d.add(UserProperty, name, was[name], is[name])
	}
}

// maxChanges is how many changes of a kind and an app are shown to people.
const maxChanges = 15

// text is changes for people, empty if there are none.
func text(changes []Change) string {
	var rows [][]string
	app, kind, n := "", Kind(""), 0
	hidden := func() {
		if n > maxChanges {
			rows = append(rows, []string{"  …", fmt.Sprintf("and %d more", n-maxChanges), ""})
		}
	}
	for _, c := range changes {
		if c.App != app {
			hidden()
			rows = append(rows, []string{c.App, "", ""})
		} else if c.Kind != kind {
			hidden()
		}
		if c.App != app || c.Kind != kind {
			app, kind, n = c.App, c.Kind, 0
		}
		if n++; n <= maxChanges {
			rows = append(rows, []string{"  " + words[c.Kind], c.Name, c.value(c.Before) + " → " + c.value(c.After)})
		}
	}
	hidden()
	var b strings.Builder
	for line := range strings.Lines(cli.Table(rows)) {
		b.WriteString(strings.TrimRight(line, " \n") + "\n")
	}
	return b.String()
}

func (c Change) value(v string) string {
	switch {
	case v == "" && c.Kind == Setting:
		return "none"
	case v == "":
		return "not sent"
	case c.Kind == Setting || c.Kind == App:
		return v
	default:
		return strconv.Quote(v)
	}
}

// summary is changes in one line.
func summary(changes []Change) string {
	if len(changes) == 0 {
		return "no decision changes"
	}
	first := changes[0]
	before, after := first.value(first.Before), first.value(first.After)
	line := fmt.Sprintf("%s %s: %s → %s", words[first.Kind], first.Name, before, after)
	if first.Kind != App {
		line = first.App + ": " + line
	}
	if more := len(changes) - 1; more > 0 {
		line += fmt.Sprintf(", and %d more", more)
	}
	return line
}
