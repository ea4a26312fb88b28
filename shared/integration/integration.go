// Package integration reads the integration file: which events and properties of which app go to CleverTap, under
// which names.
//
// It promises every problem of a file at once, each with its line, its column and what would be right, a default for
// every key, and a decision for every name. It knows no values of a payload, and no rules for names of its own: they
// are CleverTap's.
package integration

import (
	"cmp"
	"errors"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// File is an integration file without errors.
type File struct {
	Path string
	Apps map[string]*App
}

// Load reads an integration file, and returns all its problems at once. The File is nil if one of them is an error.
// The path is for the problems only, nothing is opened.
func Load(path string, text []byte) (*File, Problems) {
	r := &reader{report: &report{path: path}}
	root := parse(r.report, text)
	if root == nil {
		return nil, r.sorted()
	}
	apps := r.apps(root)
	if apps == nil {
		return nil, r.sorted()
	}
	file := &File{Path: path, Apps: make(map[string]*App, len(apps.pairs))}
	for _, p := range apps.pairs {
		if !r.countPair(p.at) {
			break
		}
		d := decide(r.app(p), webhook.EmbeddedCatalogue())
		(&linter{report: r.report, decider: d}).lint()
		file.Apps[p.key] = d.app
	}
	problems := r.sorted()
	if problems.Failed() {
		return nil, problems
	}
	return file, problems
}

// App is one app's integration with every default filled in and every decision on a name of the catalogue made. It
// does not change, and is safe for concurrent use. What its methods return pointers to must not be changed.
type App struct {
	Name      string
	Enabled   bool
	Anonymous Anonymous
	Sandbox   Sandbox
	Charged   bool
	Currency  Currency

	CleverTapID CleverTapIDMode
	LinkWait    time.Duration // how long an anonymous subscriber's webhook waits for its link
	Relay       *Relay        // nil: webhooks are not relayed

	EnabledOrigin, AnonymousOrigin, SandboxOrigin, ChargedOrigin, CurrencyOrigin, CleverTapIDOrigin Origin

	events      map[string]EventRule // of the catalogue and of the file
	otherEvents EventRule            // of all others; its Name is the prefix

	properties      []PropertyRule // by catalogue index
	namedProperties map[string]*PropertyRule

	userProperties      []PropertyRule // by catalogue index
	namedUserProperties []NamedProperty
}

// Event returns the decision on an event by the name it came with.
func (a *App) Event(name []byte) EventRule {
	if rule, ok := a.events[string(name)]; ok {
		return rule
	}
	rule := a.otherEvents
	rule.Name += string(name)
	return rule
}

// EventNames returns the names of the events that the catalogue or the file has, sorted.
func (a *App) EventNames() []string { return slices.Sorted(maps.Keys(a.events)) }

// NamedPropertyNames returns the flat names of the event properties that the file names, sorted.
func (a *App) NamedPropertyNames() []string { return slices.Sorted(maps.Keys(a.namedProperties)) }

// Property returns the decision on an attribute of the catalogue as a property of the event, by its index. For a
// pattern it is for names without an entry of their own: call NamedProperty with the real name first.
func (a *App) Property(index int) *PropertyRule { return &a.properties[index] }

// NamedProperty returns the decision on an event property that the file names, by its flat name, nil if it does not.
func (a *App) NamedProperty(flat []byte) *PropertyRule { return a.namedProperties[string(flat)] }

// UserProperty returns the decision on an attribute of the catalogue as a user property, by its index. It is never
// sent if it is not one; if the file names it all the same, it is among the NamedUserProperties.
func (a *App) UserProperty(index int) *PropertyRule { return &a.userProperties[index] }

// NamedUserProperties returns the file's entries for user properties that the catalogue does not have, in the file's
// order: each is sent, if Send, when the payload has an attribute of that name at the top level.
func (a *App) NamedUserProperties() []NamedProperty { return a.namedUserProperties }

// Origin is where in the file a decision was made. Without a line, no line of the file did, and Rule is the default.
type Origin struct {
	Line, Column int
	Rule         string // such as "server_events.events.ACTIVATE.send" or "the bridge's default: …"
}

// EventRule is the decision on one event name.
type EventRule struct {
	Send       bool
	Renamed    bool   // the file has the name
	Name       string // in CleverTap; not yet cleaned if neither file nor catalogue knows the event
	Origin     Origin // of the decision to send or not
	NameOrigin Origin
}

// PropertyRule is the decision on one attribute or user property.
type PropertyRule struct {
	Send       bool
	Named      bool   // the file has an entry for it
	Name       string // in CleverTap
	Key        []byte // Name as a JSON string with its colon: `"plan":`
	Origin     Origin // of the decision to send or not
	NameOrigin Origin
}

// NamedProperty is an entry for a name outside the catalogue.
type NamedProperty struct {
	Source string
	PropertyRule
}

// Anonymous is what to do with a subscriber known only by anonymous_user_id.
type Anonymous string

// The choices; the first is the default.
const (
	AnonymousIdentity Anonymous = "identity"
	AnonymousObjectID Anonymous = "object_id"
	AnonymousSkip     Anonymous = "skip"
)

// Sandbox is what to do with sandbox purchases.
type Sandbox string

// The choices; the first is the default.
const (
	SandboxRoute Sandbox = "route"
	SandboxSend  Sandbox = "send"
	SandboxSkip  Sandbox = "skip"
)

// Currency is which amount goes into Charged.
type Currency string

// The choices; the first is the default.
const (
	CurrencyIntegration Currency = "integration"
	CurrencyCustomer    Currency = "customer"
)

// CleverTapIDMode is whose linked CleverTap ID is used.
type CleverTapIDMode string

// The choices; the first is the default.
const (
	CleverTapIDAnonymous CleverTapIDMode = "anonymous" // of subscribers without a user_id
	CleverTapIDAlways    CleverTapIDMode = "always"
	CleverTapIDNever     CleverTapIDMode = "never"
)

// Relay is the customer's own back end.
type Relay struct {
	URL     string
	Events  []string // nil: all
	Timeout time.Duration
}

// Wants reports whether the back end gets an event.
func (r *Relay) Wants(event string) bool { return r.Events == nil || slices.Contains(r.Events, event) }

// What an app's name may be. A regular expression would be compiled at every start of a function.
const (
	maxAppName        = 63
	appNameCharacters = "abcdefghijklmnopqrstuvwxyz0123456789-"
)

// ValidName reports whether an app may have this name.
func ValidName(name string) bool {
	return name != "" && len(name) <= maxAppName && name[0] != '-' && strings.Trim(name, appNameCharacters) == ""
}

// AppNames returns the names of the apps in an integration file, sorted, from any file in which they can
// be found, whatever else is wrong with it. The receiver uses it: a typo in one app must not stop the purchases of
// all. The error is one line with the reason why there is no name. The name of the file is for the error only.
func AppNames(name string, text []byte) ([]string, error) {
	r := &reader{report: &report{path: name}}
	root := parse(r.report, text)
	var keys []string
	if root == nil {
		keys = keysByIndentation(string(text))
	} else {
		keys = keysBelowApps(root)
	}
	names := make(map[string]bool)
	for _, key := range keys {
		if ValidName(key) {
			names[key] = true
		}
	}
	if len(names) > 0 {
		return slices.Sorted(maps.Keys(names)), nil
	}
	if root != nil {
		r.report = &report{path: name} // Only what hides the names is worth reporting.
		if apps := r.apps(root); apps != nil {
			for _, p := range apps.pairs {
				r.checkName(p)
			}
		}
	}
	return nil, errors.New("no app name: " + strings.ReplaceAll(r.sorted().Error(), "\n", " / "))
}

// keysBelowApps returns the keys below apps, which may be there twice.
func keysBelowApps(root *node) (keys []string) {
	for _, p := range root.pairs {
		if p.key != "apps" {
			continue
		}
		for _, app := range p.value.pairs {
			keys = append(keys, app.key)
		}
	}
	return keys
}

// keysByIndentation finds app names in text that is not YAML: the keys that are indented no more than the first key
// below apps:. A missing colon is a typo like any other, and a tab counts as one level of two spaces. In doubt a key
// is taken: one name too many does no harm, since nobody has a secret for it, but an app whose name is missed loses
// its webhooks.
func keysByIndentation(text string) (keys []string) {
	key := regexp.MustCompile(`(?m)^([ \t]*)["']?([^\s"':#]+)["']?[ \t]*(?:[:#]|$)`)
	text = strings.ReplaceAll(strings.TrimPrefix(text, byteOrderMark), "\r", "\n")
	inside, level := false, 0
	for _, match := range key.FindAllStringSubmatch(text, -1) {
		indent, name := len(strings.ReplaceAll(match[1], "\t", "  ")), match[2]
		if indent == 0 {
			// Another key at the margin is probably a mistake inside an app.
			inside = inside || name == "apps"
			continue
		}
		if !inside {
			continue
		}
		level = cmp.Or(level, indent)
		if indent <= level {
			keys = append(keys, name)
		}
	}
	return keys
}
