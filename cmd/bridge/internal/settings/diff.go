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

var catalogue = webhook.EmbeddedCatalogue()

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
		add := func(kind Kind, name, was, is string) {
			if was != is {
				changes = append(changes, Change{app, kind, name, was, is})
			}
		}
		a, b := before.Apps[app], after.Apps[app]
		if a == nil || b == nil {
			presence := map[bool]string{true: "present", false: "absent"}
			add(App, app, presence[a != nil], presence[b != nil])
			continue
		}
		was, is := scalars(a), scalars(b)
		for i := range was {
			add(Setting, was[i].path, was[i].value, is[i].value)
		}
		for _, kind := range []Kind{Event, Property, UserProperty} {
			for _, name := range kind.names(a, b) {
				add(kind, name, kind.Decide(a, name).sentAs(), kind.Decide(b, name).sentAs())
			}
		}
	}
	return changes
}

// Value is what an app says for the setting at a path in the file, if that is no name.
func Value(a *integration.App, path string) string {
	values := scalars(a)
	return values[slices.IndexFunc(values, func(s scalar) bool { return s.path == path })].value
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

// names are those about which two apps may decide differently: the catalogue's, then those of the files alone.
func (k Kind) names(a, b *integration.App) (names []string) {
	var files []string
	for _, app := range []*integration.App{a, b} {
		switch k {
		case Event:
			files = append(files, app.EventNames()...)
		case Property:
			files = append(files, app.NamedPropertyNames()...)
		case UserProperty:
			for _, p := range app.NamedUserProperties() {
				files = append(files, p.Source)
			}
		}
	}
	for i := range catalogue.Attributes {
		name := catalogue.Attributes[i].Name
		if k == Property || k == UserProperty && catalogue.UserProperty(name) != nil {
			names = append(names, name)
		}
	}
	slices.Sort(files)
	for _, name := range slices.Compact(files) {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// Decision is what an app decides about a name.
type Decision struct {
	Send    bool
	Name    string // at CleverTap
	Renamed bool   // the file gives it that name
	Rule    string // by which it is sent or not, such as "server_events.events.ACTIVATE.send"
}

// Decide returns what an app decides about the name of an event, a property or a user property.
func (k Kind) Decide(a *integration.App, name string) Decision {
	of := func(r *integration.PropertyRule) Decision {
		return Decision{r.Send, r.Name, strings.HasSuffix(r.NameOrigin.Rule, ".name"), r.Origin.Rule}
	}
	switch k {
	case Event:
		r := a.Event([]byte(name))
		return Decision{r.Send, r.Name, r.Renamed, r.Origin.Rule}
	case Property:
		if r := a.NamedProperty([]byte(name)); r != nil {
			return of(r)
		}
		if known := catalogue.Attribute([]byte(name)); known != nil && !known.Dynamic() {
			return of(a.Property(known.Index))
		}
		return Decision{Send: true, Name: name} // what no file names is sent as it is
	default:
		if known := catalogue.UserProperty(name); known != nil {
			return of(a.UserProperty(known.Index))
		}
		for _, named := range a.NamedUserProperties() {
			if named.Source == name {
				return of(&named.PropertyRule)
			}
		}
		return Decision{Name: name}
	}
}

// sentAs is the name at CleverTap, empty for what is not sent.
func (d Decision) sentAs() string {
	if !d.Send {
		return ""
	}
	return d.Name
}

// maxChanges is how many changes of a kind and an app are shown to people.
const maxChanges = 15

// text is changes for people, empty if there are none.
func text(changes []Change) string {
	var rows [][]string
	app, kind, n := "", Kind(""), 0
	for i, c := range changes {
		if c.App != app {
			rows = append(rows, []string{c.App, "", ""})
		}
		if c.App != app || c.Kind != kind {
			app, kind, n = c.App, c.Kind, 0
		}
		if n++; n <= maxChanges {
			rows = append(rows, []string{"  " + words[c.Kind], c.Name, c.value(c.Before) + " → " + c.value(c.After)})
		}
		last := i == len(changes)-1 || changes[i+1].App != app || changes[i+1].Kind != kind
		if last && n > maxChanges {
			rows = append(rows, []string{"  …", fmt.Sprintf("and %d more", n-maxChanges), ""})
		}
	}
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
