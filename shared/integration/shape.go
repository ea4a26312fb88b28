package integration

import (
	"slices"
	"strings"
)

// form is what a key may hold.
type form uint8

const (
	section form = iota // keys of its own, or nothing
	entries             // entries by any name, or nothing
	flag                // true or false
	choice              // one of some words
	text                // a text that may be empty
)

// key is a key of the file: what it may hold, and what holds without it.
type key struct {
	name    string
	form    form
	words   []string // of a choice; the first is the default
	initial string   // the default of a flag or a text
	keys    []key    // of a section
}

// byDefault is what holds without the key.
func (k *key) byDefault() string {
	if k.form == choice {
		return k.words[0]
	}
	return k.initial
}

// The paths of an app's keys, as rules and problems name them.
const (
	enabledPath        = "enabled"
	anonymousPath      = "anonymous"
	sandboxPath        = "sandbox"
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
	{name: "anonymous", form: choice, words: anonymousWords},
	{name: "sandbox", form: choice, words: sandboxWords},
	{name: "server_events", form: section, keys: []key{
		{name: "default", form: choice, words: []string{"send", "skip"}},
		{name: "prefix", form: text},
		{name: "events", form: entries},
		{name: "properties", form: entries},
	}},
	{name: "user_properties", form: section, keys: []key{
		{name: "default", form: choice, words: []string{"published", "all", "none"}},
		{name: "prefix", form: text},
		{name: "properties", form: entries},
	}},
	{name: "revenue", form: section, keys: []key{
		{name: "charged", form: flag, initial: "false"},
		{name: "currency", form: choice, words: currencyWords},
	}},
}

// entryKeys are the keys of an entry.
var entryKeys = []key{
	{name: "send", form: flag, initial: "true"},
	{name: "name", form: text},
}

// keyNames lists the names of keys.
func keyNames(keys []key) []string {
	names := make([]string, len(keys))
	for i := range keys {
		names[i] = keys[i].name
	}
	return names
}

// findKey gives a key by its name, nil if there is none.
func findKey(keys []key, name string) *key {
	i := slices.IndexFunc(keys, func(k key) bool { return k.name == name })
	if i < 0 {
		return nil
	}
	return &keys[i]
}

// sectionOf names the only section that has a key of this name, "" if there is none or more than one.
func sectionOf(name string) string {
	owner := ""
	for i := range appKeys {
		if findKey(appKeys[i].keys, name) == nil {
			continue
		}
		if owner != "" {
			return ""
		}
		owner = appKeys[i].name
	}
	return owner
}

// defaults gives what holds without a file, by path.
func defaults(settings map[string]setting, path string, keys []key) {
	for i := range keys {
		k := &keys[i]
		at := strings.TrimPrefix(path+"."+k.name, ".")
		switch k.form {
		case section:
			defaults(settings, at, k.keys)
		case entries:
		default:
			settings[at] = setting{text: k.byDefault()}
		}
	}
}
