package integration

import (
	"fmt"
	"strings"
)

// maxPairs bounds how many pairs are read: aliases let a small file describe a huge one.
const maxPairs = 100_000

// draft is what the file says of one app, before anything is decided.
type draft struct {
	name     string
	at       place
	settings map[string]setting // by path
	entries  map[string][]entry // by path, in the file's order
}

// setting is the value of a key that is no section.
type setting struct {
	text  string
	at    place // nowhere: the default
	wrong bool  // the file has a value that is none; text is the default
}

// entry is what the file says of one event or property.
type entry struct {
	source string // the vendor's name
	at     place
	send   bool
	sendAt place // nowhere: the entry does not say
	name   string
	nameAt place // nowhere: it is not renamed
}

// renamed tells whether the entry gives a name.
func (e *entry) renamed() bool { return e.nameAt.known() }

// reader turns nodes into drafts.
type reader struct {
	*report
	pairs int
}

// file finds the apps in the document; nil: there are none, and the report says why.
func (r *reader) file(root *node) (apps *node) {
	const begin = "begin with apps: and the name of an app below it"
	if root.kind != mapping {
		r.fault(root.at, "", "the file is "+root.kind.String()+", not a mapping", begin)
		return nil
	}
	for _, p := range root.pairs {
		if p.key == "apps" {
			apps = p.value
			continue
		}
		advice := "the only key here is apps"
		if nearest(p.key, []string{"apps"}) != "" {
			advice = "did you mean apps?"
		}
		r.fault(p.at, join(p.key), fmt.Sprintf("unknown key %q", p.key), advice)
	}
	const example = "write an app's name below apps, such as demo: {}"
	switch {
	case apps == nil:
		r.fault(root.at, "", "the key apps is missing", begin)
		return nil
	case apps.kind == nothing, apps.kind == mapping && len(apps.pairs) == 0:
		r.fault(apps.at, "apps", "there is no app", example)
		return nil
	case apps.kind != mapping:
		r.fault(apps.at, "apps", "apps holds "+apps.kind.String()+", not a mapping", example)
		return nil
	}
	return apps
}

// name judges an app's name.
func (r *reader) name(p pair) {
	if !ValidName(p.key) {
		r.fault(p.at, join("apps", p.key), fmt.Sprintf("%q cannot be an app's name", p.key),
			"take 1 to 63 of a-z, 0-9 and -, the first not a hyphen")
	}
}

// app reads one app, also if its name is wrong.
func (r *reader) app(p pair) *draft {
	r.name(p)
	d := &draft{name: p.key, at: p.at, settings: map[string]setting{}, entries: map[string][]entry{}}
	defaults(d.settings, "", appKeys)
	r.section(d, "", appKeys, p.value)
	return d
}

// afford counts a pair and tells whether there may be one more.
func (r *reader) afford(at place) bool {
	r.pairs++
	if r.pairs == maxPairs {
		r.fault(at, "", fmt.Sprintf("the file describes more than %d keys", maxPairs), "divide it among several deployments")
	}
	return r.pairs < maxPairs
}

// section reads the keys of a section, "" being the app itself.
func (r *reader) section(d *draft, path string, keys []key, n *node) {
	if !r.holds(d, path, n) {
		return
	}
	for _, p := range n.pairs {
		if !r.afford(p.at) {
			return
		}
		at := strings.TrimPrefix(path+"."+p.key, ".")
		k := findKey(keys, p.key)
		switch {
		case k == nil:
			r.unknown(p.at, d.where(path, p.key), p.key, keys)
		case k.form == section:
			r.section(d, at, k.keys, p.value)
		case k.form == entries:
			r.entries(d, at, p.value)
		default:
			s, ok := r.setting(p, k, d.where(at))
			if !ok {
				s = setting{text: k.byDefault(), at: p.at, wrong: true}
			}
			d.settings[at] = s
		}
	}
}

// holds tells whether there are keys to read; a section that holds nothing is complete.
func (r *reader) holds(d *draft, path string, n *node) bool {
	if n.kind != mapping && n.kind != nothing {
		r.fault(n.at, d.where(path), n.kind.String()+" stands where keys are expected", "write the keys below it, or {} for the defaults")
	}
	return n.kind == mapping
}

// entries reads the entries of events or properties.
func (r *reader) entries(d *draft, path string, n *node) {
	if !r.holds(d, path, n) {
		return
	}
	seen := make(map[string]bool, len(n.pairs))
	for _, p := range n.pairs {
		if !r.afford(p.at) {
			return
		}
		e := r.entry(d, path, p)
		if !seen[e.source] { // a second one has been told
			d.entries[path] = append(d.entries[path], e)
		}
		seen[e.source] = true
	}
}

func (r *reader) entry(d *draft, path string, p pair) entry {
	e := entry{source: p.key, at: p.at, send: true}
	where := d.where(path, p.key)
	if strings.TrimSpace(p.key) == "" {
		r.fault(p.at, where, "the name is blank", "write the vendor's name of what is meant")
	}
	if p.value.kind != mapping {
		if p.value.kind != nothing {
			r.fault(p.value.at, where, p.value.kind.String()+" stands where send and name are expected", "write {send: false}, {name: Another Name} or {}")
		}
		return e
	}
	for _, q := range p.value.pairs {
		if !r.afford(q.at) {
			break
		}
		k := findKey(entryKeys, q.key)
		if k == nil {
			r.unknown(q.at, where+"."+join(q.key), q.key, entryKeys)
			continue
		}
		s, ok := r.setting(q, k, where+"."+q.key)
		switch {
		case !ok:
		case q.key == "send":
			e.send, e.sendAt = s.text == "true", q.at
		default:
			e.name, e.nameAt = s.text, s.at
		}
	}
	return e
}

// where is the path of one of the app's keys.
func (d *draft) where(path string, keys ...string) string {
	where := join("apps", d.name)
	if path != "" {
		where += "." + path
	}
	if len(keys) > 0 {
		where += "." + join(keys...)
	}
	return where
}
