package console

import (
	"net/url"
	"strings"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/settings"
	"github.com/purchasely-clevertap/bridge/shared/integration"
)

// nameEditor is the page of a list of names.
type nameEditor struct {
	Title    string
	List     *list
	Groups   []group
	Defaults []option
	Default  string // the option that is chosen
	Was      string // the one that the page shows the effects of
	Prefix   string
	Faults   []fault  // of default and prefix
	Seen     []string // names of webhooks that came lately
	Added    string
	AddName  string

	posted posted
}

func (e *nameEditor) title() string    { return e.Title }
func (e *nameEditor) template() string { return "names" }

// Noun is what the list is of.
func (e *nameEditor) Noun() string { return e.List.noun }

// HasPrefix reports whether the names have one.
func (e *nameEditor) HasPrefix() bool { return e.List.prefix }

func (e *nameEditor) fill(_ settings.Version, app *integration.App, form url.Values) {
	e.Groups, e.Defaults = e.List.entries(app, append(e.Seen, form["source"]...)...), e.List.defaults
	e.Default, e.Prefix = e.List.value(app, "default"), e.List.value(app, "prefix")
	if form != nil {
		e.posted = e.List.read(form)
		e.posted.complete(e)
		e.posted.follow(e.List, app)
		e.posted.show(e.Groups)
		e.Default, e.Prefix = e.posted.byDefault, e.posted.prefix
		e.Added, e.AddName = e.posted.added, e.posted.addedName
	}
	e.Was = e.Default
}

func (e *nameEditor) write(text []byte, app *integration.App) ([]byte, error) {
	return e.List.write(text, app, e.posted)
}

func (e *nameEditor) check(file *integration.File, app string) error {
	return e.List.check(file, app, e.posted)
}

func (e *nameEditor) kinds() []settings.Kind {
	return map[*list][]settings.Kind{
		events: {settings.Event, settings.Setting}, properties: {settings.Property}, userProperties: {settings.UserProperty},
	}[e.List]
}

func (e *nameEditor) attach(where string, f fault) bool {
	for i := range e.Groups {
		for j := range e.Groups[i].Entries {
			entry := &e.Groups[i].Entries[j]
			if key, ok := strings.CutPrefix(where, e.List.path+"."+entry.Source); ok && (key == "" || key[0] == '.') {
				entry.Faults = append(entry.Faults, f)
				return true
			}
		}
	}
	general := where == e.List.section()+".prefix" || where == e.List.section()+".default"
	if general || e.Added != "" && strings.HasPrefix(where, e.List.path+".") && strings.Contains(where, e.Added) {
		e.Faults = append(e.Faults, f)
		return true
	}
	return false
}

func (e *nameEditor) Beside() (list []fieldFaults) {
	if len(e.Faults) > 0 {
		list = append(list, fieldFaults{"prefix", "", e.Faults})
	}
	for _, group := range e.Groups {
		for _, entry := range group.Entries {
			if len(entry.Faults) > 0 {
				list = append(list, fieldFaults{"name-" + entry.Source, entry.Source, entry.Faults})
			}
		}
	}
	return list
}

func (e *nameEditor) carry(from *integration.App, form url.Values) url.Values {
	p := e.List.read(form)
	carried := url.Values{}
	for _, key := range []string{"sample", "webhook", "q", "show", "added", "added.name"} {
		carried[key] = form[key]
	}
	if p.byDefault != e.List.value(from, "default") {
		carried.Set("default", p.byDefault)
	}
	if p.prefix != e.List.value(from, "prefix") {
		carried.Set("prefix", p.prefix)
	}
	for _, source := range p.changed(e.List, from) {
		carried.Add("source", source)
		carried.Set("name."+source, p.names[source])
		if p.on[source] {
			carried.Add("on", source)
		}
	}
	return carried
}

// complete takes over what a form does not have from the page.
func (p *posted) complete(e *nameEditor) {
	if p.byDefault == "" {
		p.byDefault = e.Default
	}
	if p.byDefaultWas == "" {
		p.byDefaultWas = p.byDefault
	}
	if !p.hasPrefix {
		p.prefix = e.Prefix
	}
	for _, group := range e.Groups {
		for _, entry := range group.Entries {
			if _, ok := p.names[entry.Source]; !ok {
				p.names[entry.Source], p.on[entry.Source], p.was[entry.Source] = entry.Name, entry.Send, entry.Send
			}
		}
	}
}

// hide hides what a search leaves out. It stays in the form, so that a search loses nothing.
func (e *nameEditor) hide(query, show string) {
	query = strings.ToLower(strings.TrimSpace(query))
	for i := range e.Groups {
		for j := range e.Groups[i].Entries {
			n := &e.Groups[i].Entries[j]
			text := strings.ToLower(n.Source + " " + n.Name + " " + n.Meaning)
			found := strings.Contains(text, query) || strings.Contains(strings.ReplaceAll(text, "_", " "), query)
			n.Hidden = !found || show == "off" && n.Send || show == "renamed" && n.Name == ""
		}
	}
}
