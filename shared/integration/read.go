package integration

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/network"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// key is a key of the file: what it may hold, and its default.
type key struct {
	name    string
	form    form
	words   []string // of a choice; the first is the default
	initial string   // the default of another form
	keys    []key    // of a section

	least, most time.Duration // of a duration
}

// form is what a key may hold.
type form uint8

const (
	section   form = iota // keys of its own, or nothing
	entryList             // entries by any name, or nothing
	flag                  // true or false
	choice                // one of some words
	anyString             // a text that may be empty
	duration              // such as 90s or 1h30m
	address               // a URL of a back end, or nothing
	eventList             // all, or a list of event names
)

// The paths of an app's keys, as rules and problems name them.
const (
	enabledPath        = "enabled"
	anonymousPath      = "anonymous"
	sandboxPath        = "sandbox"
	cleverTapIDPath    = "clevertap_id"
	linkWaitPath       = "link_wait"
	relayURLPath       = "relay.url"
	relayEventsPath    = "relay.events"
	relayTimeoutPath   = "relay.timeout"
	eventDefaultPath   = "server_events.default"
	eventPrefixPath    = "server_events.prefix"
	eventsPath         = "server_events.events"
	propertiesPath     = "server_events.properties"
	userDefaultPath    = "user_properties.default"
	userPrefixPath     = "user_properties.prefix"
	userPropertiesPath = "user_properties.properties"
	chargedPath        = "revenue.charged"
	currencyPath       = "revenue.currency"
)

// appKeys are the keys of an app: the whole format, which the schema for editors repeats.
var appKeys = []key{
	{name: "enabled", form: flag, initial: "true"},
	{name: "anonymous", form: choice, words: []string{"identity", "object_id", "skip"}},
	{name: "sandbox", form: choice, words: []string{"route", "send", "skip"}},
	{name: "clevertap_id", form: choice, words: []string{"anonymous", "always", "never"}},
	{name: "link_wait", form: duration, initial: "0s", most: 2 * time.Hour},
	{name: "relay", form: section, keys: []key{
		{name: "url", form: address},
		{name: "events", form: eventList, initial: allEvents},
		{name: "timeout", form: duration, initial: "8s", least: time.Second, most: 25 * time.Second},
	}},
	{name: "server_events", form: section, keys: []key{
		{name: "default", form: choice, words: []string{"send", "skip"}},
		{name: "prefix", form: anyString},
		{name: "events", form: entryList},
		{name: "properties", form: entryList},
	}},
	{name: "user_properties", form: section, keys: []key{
		{name: "default", form: choice, words: []string{"published", "all", "none"}},
		{name: "prefix", form: anyString},
		{name: "properties", form: entryList},
	}},
	{name: "revenue", form: section, keys: []key{
		{name: "charged", form: flag, initial: "false"},
		{name: "currency", form: choice, words: []string{"integration", "customer"}},
	}},
}

// entryKeys are the keys of an entry.
var entryKeys = []key{
	{name: "send", form: flag, initial: "true"},
	{name: "name", form: anyString},
	{name: "known", form: flag, initial: "true"},
}

// allEvents is the word for every event.
const allEvents = "all"

// byDefault returns the value that holds without the key.
func (k *key) byDefault() string {
	if k.form == choice {
		return k.words[0]
	}
	return k.initial
}

// findKey returns the key of a name, nil if there is none.
func findKey(keys []key, name string) *key {
	i := slices.IndexFunc(keys, func(k key) bool { return k.name == name })
	if i < 0 {
		return nil
	}
	return &keys[i]
}

// appText is the part of the file about one app, before anything is decided.
type appText struct {
	name     string
	at       place
	settings map[string]setting  // by path, with defaults
	entries  map[string][]*entry // by path, in the file's order
}

// setting is the value of a key that is no section.
type setting struct {
	text  string
	list  []listItem // of an eventList that is not all
	at    place      // unknown for a default
	wrong bool       // the file has a wrong value; text is the default
}

// listItem is one entry of a list.
type listItem struct {
	text string
	at   place
}

// entry is the part of the file about one event or property.
type entry struct {
	source string // Purchasely's name
	at     place
	send   bool
	sendAt place // unknown if the entry does not have send
	name   string
	nameAt place // unknown if the entry does not have a name
	isNew  bool  // known: false confirms a name that the catalogue does not have
}

func (e *entry) renamed() bool { return e.nameAt.known() }

// where returns the path of one of the app's keys.
func (a *appText) where(path string, keys ...string) string {
	where := join("apps", a.name)
	if path != "" {
		where += "." + path
	}
	if len(keys) > 0 {
		where += "." + join(keys...)
	}
	return where
}

// setDefaults sets what holds without a file.
func (a *appText) setDefaults(path string, keys []key) {
	for i := range keys {
		switch k := &keys[i]; k.form {
		case section:
			a.setDefaults(path+k.name+".", k.keys)
		case entryList:
		default:
			a.settings[path+k.name] = setting{text: k.byDefault()}
		}
	}
}

// maxPairs bounds how many pairs are read, since aliases let a small file describe a huge one.
const maxPairs = 100_000

// reader turns nodes into appTexts.
type reader struct {
	*report
	pairs int
}

// countPair reports whether one more pair may be read.
func (r *reader) countPair(at place) bool {
	r.pairs++
	if r.pairs == maxPairs {
		r.fault(at, "", fmt.Sprintf("the file describes more than %d keys", maxPairs), tooLarge)
	}
	return r.pairs < maxPairs
}

// howToBegin is the advice for a file without apps.
const howToBegin = "begin with apps: and the name of an app below it"

// apps finds the apps in the document. It returns nil if there are none, and reports why.
func (r *reader) apps(root *node) (apps *node) {
	if root.kind != mapping {
		r.fault(root.at, "", "the file is "+root.kind.String()+", not a mapping", howToBegin)
		return nil
	}
	for _, p := range root.pairs {
		if p.key == "apps" {
			apps = p.value
			continue
		}
		advice := "the only key here is apps"
		if webhook.Nearest(p.key, []string{"apps"}) != "" {
			advice = "did you mean apps?"
		}
		r.fault(p.at, join(p.key), fmt.Sprintf("unknown key %q", p.key), advice)
	}
	const example = "write an app's name below apps, such as demo: {}"
	switch {
	case apps == nil:
		r.fault(root.at, "", "the key apps is missing", howToBegin)
	case apps.kind != mapping && apps.kind != nothing:
		r.fault(apps.at, "apps", "apps is "+apps.kind.String()+", not a mapping", example)
	case len(apps.pairs) == 0:
		r.fault(apps.at, "apps", "there is no app", example)
	default:
		return apps
	}
	return nil
}

func (r *reader) checkName(p pair) {
	if !ValidName(p.key) {
		r.fault(p.at, join("apps", p.key), fmt.Sprintf("%q cannot be an app's name", p.key),
			"take 1 to 63 of a-z, 0-9 and -, the first not a hyphen")
	}
}

// app reads one app, even if its name is wrong.
func (r *reader) app(p pair) *appText {
	r.checkName(p)
	a := &appText{name: p.key, at: p.at, settings: map[string]setting{}, entries: map[string][]*entry{}}
	a.setDefaults("", appKeys)
	r.section(a, "", appKeys, p.value)
	return a
}

// section reads the keys of a section; the path of the app itself is "".
func (r *reader) section(a *appText, path string, keys []key, n *node) {
	if !r.hasKeys(a, path, n) {
		return
	}
	for _, p := range n.pairs {
		if !r.countPair(p.at) {
			return
		}
		at := strings.TrimPrefix(path+"."+p.key, ".")
		switch k := findKey(keys, p.key); {
		case k == nil:
			r.unknownKey(p.at, a.where(path, p.key), p.key, keys)
		case k.form == section:
			r.section(a, at, k.keys, p.value)
		case k.form == entryList:
			r.entries(a, at, p.value)
		default:
			s, ok := r.setting(p, k, a.where(at))
			if !ok {
				s = setting{text: k.byDefault(), at: p.at, wrong: true}
			}
			a.settings[at] = s
		}
	}
}

// hasKeys reports whether there are keys to read. A section that holds nothing is complete.
func (r *reader) hasKeys(a *appText, path string, n *node) bool {
	if n.kind != mapping && n.kind != nothing {
		r.fault(n.at, a.where(path), "this is "+n.kind.String()+", but keys are expected",
			"write the keys below it, or {} for the defaults")
	}
	return n.kind == mapping
}

// entries reads the entries of events or properties. Of equal ones, which are a fault already, the first is kept.
func (r *reader) entries(a *appText, path string, n *node) {
	if !r.hasKeys(a, path, n) {
		return
	}
	seen := make(map[string]bool, len(n.pairs))
	for _, p := range n.pairs {
		if !r.countPair(p.at) {
			return
		}
		if e := r.entry(a, path, p); !seen[e.source] {
			a.entries[path] = append(a.entries[path], e)
			seen[e.source] = true
		}
	}
}

func (r *reader) entry(a *appText, path string, p pair) *entry {
	e := &entry{source: p.key, at: p.at, send: true}
	where := a.where(path, p.key)
	if strings.TrimSpace(p.key) == "" {
		r.fault(p.at, where, "the name is empty", "write Purchasely's name of what is meant")
	}
	if p.value.kind != mapping && p.value.kind != nothing {
		r.fault(p.value.at, where, "this is "+p.value.kind.String()+", but send and name are expected",
			"write {send: false}, {name: Another Name} or {}")
	}
	for _, q := range p.value.pairs {
		if !r.countPair(q.at) {
			break
		}
		k := findKey(entryKeys, q.key)
		if k == nil {
			r.unknownKey(q.at, where+"."+join(q.key), q.key, entryKeys)
			continue
		}
		s, ok := r.setting(q, k, where+"."+q.key)
		switch {
		case !ok:
		case q.key == "send":
			e.send, e.sendAt = s.text == "true", q.at
		case q.key == "known":
			e.isNew = s.text == "false"
		default:
			e.name, e.nameAt = s.text, s.at
		}
	}
	return e
}

// setting reads the value of a key that is no section. If it is wrong, it is not ok, and is reported.
func (r *reader) setting(p pair, k *key, where string) (s setting, ok bool) {
	n := p.value
	problem, advice := k.name+" is "+n.found(), ""
	switch k.form {
	case flag:
		if n.kind == boolean {
			return setting{text: strings.ToLower(n.text), at: p.at}, true
		}
		advice = "write true or false"
		if n.kind == text {
			advice += ", without quotes"
		}
	case choice:
		if n.kind == text && slices.Contains(k.words, n.text) {
			return setting{text: n.text, at: p.at}, true
		}
		last := len(k.words) - 1
		words := strings.Join(k.words[:last], ", ") + " or " + k.words[last]
		advice = "write " + words
		if near := webhook.Nearest(n.text, k.words); n.kind == text && near != "" {
			advice = fmt.Sprintf("did you mean %s? It takes %s", near, words)
		}
	case duration:
		d, err := time.ParseDuration(n.text)
		switch {
		case n.kind != text || err != nil:
			advice = "write a number with a unit, such as 90s, 15m or 1h30m"
		case d < k.least || d > k.most:
			advice = fmt.Sprintf("take %s to %s", PlainDuration(k.least), PlainDuration(k.most))
		default:
			return setting{text: n.text, at: n.at}, true
		}
	case address:
		if n.kind == text {
			if problem, advice = checkAddress(k.name, n.text); problem == "" {
				return setting{text: n.text, at: n.at}, true
			}
		} else {
			advice = "write the https address of your back end, in quotes"
		}
	case eventList:
		return r.eventList(n, k, where)
	default:
		if n.kind == text {
			return setting{text: n.text, at: n.at}, true
		}
		problem += ", not a text"
		advice = "write a text, or leave the key out"
		if n.kind == number || n.kind == boolean {
			advice = fmt.Sprintf("put it in quotes: %q", n.text)
		}
	}
	r.fault(n.at, where, problem, advice)
	return setting{}, false
}

// eventList reads all, or a list of event names.
func (r *reader) eventList(n *node, k *key, where string) (setting, bool) {
	const advice = "write all, or a list such as [ACTIVATE, DEACTIVATE]"
	if n.kind == text && n.text == allEvents {
		return setting{text: allEvents, at: n.at}, true
	}
	if n.kind != list {
		r.fault(n.at, where, k.name+" is "+n.found(), advice)
		return setting{}, false
	}
	s := setting{at: n.at, list: []listItem{}}
	for _, item := range n.items {
		if !r.countPair(item.at) {
			break
		}
		if item.kind != text || strings.TrimSpace(item.text) == "" {
			r.fault(item.at, where, "an event's name is "+item.found(), advice)
			continue
		}
		s.list = append(s.list, listItem{item.text, item.at})
	}
	return s, true
}

// PlainDuration writes a duration as a person does: 2h instead of 2h0m0s.
func PlainDuration(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// checkAddress returns what is wrong with a back end's address, "" if nothing is.
func checkAddress(name, text string) (problem, advice string) {
	const example = "write an address such as https://api.example.com/purchasely"
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "" || strings.TrimSpace(text) != text:
		return name + " is not an address", example
	case u.User != nil:
		return name + " has a user or a password in it, which logs and error messages show",
			"sign requests instead: the secret <app>/relay makes the bridge sign them"
	case u.Fragment != "":
		return name + " has a fragment, which is never sent", "leave out # and what follows"
	case u.Scheme == "https":
		return "", ""
	case u.Scheme == "http" && network.IsLoopback(u.Hostname()):
		return "", "" // for tests, where the relay is allowed to reach private addresses
	}
	return name + " does not begin with https://", example
}

// unknownKey reports a key that does not exist here, with the nearest one, or with the sections that have it.
func (r *reader) unknownKey(at place, where, name string, keys []key) {
	names := make([]string, len(keys))
	for i := range keys {
		names[i] = keys[i].name
	}
	var owners []string
	for i := range appKeys {
		if findKey(appKeys[i].keys, name) != nil {
			owners = append(owners, appKeys[i].name)
		}
	}
	advice := "the keys here are " + strings.Join(names, ", ")
	if near := webhook.Nearest(name, names); near != "" {
		advice = "did you mean " + near + "?"
	} else if len(owners) > 0 {
		advice = name + " belongs under " + strings.Join(owners, " or ")
	}
	r.fault(at, where, fmt.Sprintf("unknown key %q", name), advice)
}
