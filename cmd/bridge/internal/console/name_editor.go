package console

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/settings"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/yamledit"
	"github.com/purchasely-clevertap/bridge/shared/integration"
)

// nameEditor is the page of a list of names.
type nameEditor struct {
	*list
	Groups  []group
	Default string // the option that is chosen
	Was     string // the one that the page shows the effects of
	Prefix  string
	Faults  []fault  // of default and prefix
	Seen    []string // names of webhooks that came lately
	Added   string
	AddName string
}

// Noun is what the list is of.
func (e *nameEditor) Noun() string { return e.noun }

// Defaults are what can happen to names that are not on the list.
func (e *nameEditor) Defaults() []option { return e.defaults }

func (e *nameEditor) fill(_ []byte, app *integration.App, form url.Values) {
	e.Groups = e.entries(app, append(e.Seen, form["source"]...)...)
	e.Default, e.Prefix = e.generally(app)
	if form != nil {
		e.take(form)
	}
	e.Was = e.Default
}

// take puts what was posted into the list. Names that nobody has touched follow a new default.
func (e *nameEditor) take(form url.Values) {
	e.Default = cmp.Or(form.Get("default"), e.Default)
	if form.Has("prefix") {
		e.Prefix = form.Get("prefix")
	}
	e.Added, e.AddName = strings.TrimSpace(form.Get("added")), strings.TrimSpace(form.Get("added.name"))
	before, after := e.app(cmp.Or(form.Get("default.was"), e.Default), ""), e.app(e.Default, "")
	for n := range all(e.Groups) {
		if !slices.Contains(form["source"], n.Source) {
			continue
		}
		n.Name = strings.TrimSpace(form.Get("name." + n.Source))
		if n.Locked != "" {
			continue
		}
		n.Send = slices.Contains(form["on"], n.Source)
		touched := n.Send != slices.Contains(form["was"], n.Source)
		if !n.named && !touched && n.Send == e.kind.Decide(before, n.Source).Send {
			n.Send = e.kind.Decide(after, n.Source).Send
		}
	}
}

// carry posts again what differs from an app's.
func (e *nameEditor) carry(from *integration.App, form url.Values) url.Values {
	e.fill(nil, from, form)
	carried := url.Values{"added": form["added"], "added.name": form["added.name"]}
	byDefault, prefix := e.generally(from)
	if e.Default != byDefault {
		carried.Set("default", e.Default)
	}
	if e.Prefix != prefix {
		carried.Set("prefix", e.Prefix)
	}
	for n := range all(e.Groups) {
		if n.naming == n.now {
			continue
		}
		carried.Add("source", n.Source)
		carried.Set("name."+n.Source, n.Name)
		if n.Send {
			carried.Add("on", n.Source)
		}
	}
	return carried
}

func (e *nameEditor) write(text []byte, app *integration.App) ([]byte, error) {
	d := fileChange{text: text}
	byDefault, prefix := e.generally(app)
	if e.Default != byDefault {
		d.set(yamledit.Scalar(e.Default), keys(app.Name, e.section()+".default")...)
	}
	if path := keys(app.Name, e.section()+".prefix"); e.Prefix != prefix && (e.Prefix != "" || !d.remove(path...)) {
		d.set(yamledit.Scalar(e.Prefix), path...)
	}
	plain := e.app(e.Default, e.Prefix)
	list := keys(app.Name, e.path)
	written := yamledit.Keys(text, list...)
	for n := range all(e.Groups) {
		path, has := append(list, n.Source), slices.Contains(written, n.Source)
		e.writeEntry(&d, n, path, has, e.kind.Decide(plain, n.Source))
	}
	switch {
	case e.Added == "":
	case slices.Contains(yamledit.Keys(d.text, list...), e.Added):
		d.err = fmt.Errorf("%s is in the file already", e.Added)
	default:
		d.set(e.newEntry(e.Added, naming{true, e.AddName}, true), append(list, e.Added)...)
	}
	return d.text, d.err
}

// writeEntry writes one name's decision. has is whether the file has an entry, plain what holds without one.
func (e *nameEditor) writeEntry(d *fileChange, n *entry, path []string, has bool, plain settings.Decision) {
	want := n.naming
	if want.Name == plain.Name && n.now.Name == "" {
		want.Name = "" // it is called so anyway
	}
	isPlain := want == naming{plain.Send, ""}
	switch {
	case !has && !isPlain:
		d.set(e.newEntry(n.Source, want, want.Send != plain.Send), path...)
		return
	case !has, want == n.now:
		return
	}
	if isPlain && !slices.Contains(yamledit.Keys(d.text, path...), "known") && d.remove(path...) {
		return
	}
	if want.Send != n.now.Send {
		d.set(strconv.FormatBool(want.Send), append(path, "send")...)
	}
	name := append(path, "name")
	if want.Name != n.now.Name && (want.Name != "" || !d.remove(name...)) {
		d.set(yamledit.Scalar(cmp.Or(want.Name, plain.Name)), name...)
	}
}

// newEntry is what is written for a name that the file does not have yet.
func (e *nameEditor) newEntry(source string, want naming, saySend bool) string {
	var keys []string
	if saySend {
		keys = append(keys, "send: "+strconv.FormatBool(want.Send))
	}
	if want.Name != "" {
		keys = append(keys, "name: "+yamledit.Scalar(want.Name))
	}
	if !e.known(source) {
		keys = append(keys, "known: false") // lint takes it for a typo otherwise
	}
	return "{" + strings.Join(keys, ", ") + "}"
}

// check compares a changed file with what was meant: an anchor or a merge can stand in the way.
func (e *nameEditor) check(app *integration.App) error {
	for n := range all(e.Groups) {
		got := e.kind.Decide(app, n.Source)
		if n.Locked == "" && got.Send != n.Send || n.Name != "" && got.Name != n.Name {
			return fmt.Errorf("%s is written with an anchor or the like, and left alone: change it in the file itself", n.Source)
		}
	}
	return nil
}

func (e *nameEditor) attach(where string, f fault) bool {
	for n := range all(e.Groups) {
		if key, ok := strings.CutPrefix(where, e.path+"."+n.Source); ok && (key == "" || key[0] == '.') {
			n.Faults = append(n.Faults, f)
			return true
		}
	}
	general := where == e.section()+".prefix" || where == e.section()+".default"
	if general || e.Added != "" && strings.HasPrefix(where, e.path+".") && strings.Contains(where, e.Added) {
		e.Faults = append(e.Faults, f)
		return true
	}
	return false
}

func (e *nameEditor) Beside() []fieldFaults {
	list := []fieldFaults{{"prefix", "", e.Faults}}
	for n := range all(e.Groups) {
		list = append(list, fieldFaults{"name-" + n.Source, n.Source, n.Faults})
	}
	return list
}

// hide hides what a search leaves out. It stays in the form, so that a search loses nothing.
func (e *nameEditor) hide(query, show string) {
	query = strings.ToLower(strings.TrimSpace(query))
	for n := range all(e.Groups) {
		text := strings.ToLower(n.Source + " " + n.Name + " " + n.Meaning)
		found := strings.Contains(text, query) || strings.Contains(strings.ReplaceAll(text, "_", " "), query)
		n.Hidden = !found || show == "off" && n.Send || show == "renamed" && n.Name == ""
	}
}
