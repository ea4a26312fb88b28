package integration

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// linter judges what an app's part of the file says, beyond its shape.
type linter struct {
	*report
	*draft
	app       *App
	catalogue *webhook.Catalogue
}

// lint notes every problem with names, and what is right but may not be meant.
func (l *linter) lint() {
	for _, f := range []*family{events, eventProperties, userProperties} {
		l.prefix(f)
		for i := range l.entries[f.path] {
			l.given(f, &l.entries[f.path][i])
		}
		finals := f.finals(l)
		l.made(f, finals)
		l.clashes(f, finals)
	}
	l.warnings()
	l.hints()
}

// family is a set of names that CleverTap keeps apart from others, with its rules.
type family struct {
	path       string
	prefixPath string // empty: there is no prefix
	noun       string
	limit      int // bytes of a name
	profile    bool
	taken      func(name string) (message, advice string) // why CleverTap's own names cannot be used, "" if this is none
	finals     func(*linter) []final
}

var (
	events = &family{
		path: eventsPath, prefixPath: eventPrefixPath, noun: "event",
		limit: clevertap.MaxEventNameBytes, taken: takenEvent, finals: (*linter).sentEvents,
	}
	eventProperties = &family{
		path: propertiesPath, noun: "property",
		limit: clevertap.MaxKeyBytes, taken: takenProperty, finals: (*linter).sentProperties,
	}
	userProperties = &family{
		path: userPropertiesPath, prefixPath: userPrefixPath, noun: "user property", profile: true,
		limit: clevertap.MaxKeyBytes, taken: takenProfileKey, finals: (*linter).sentUserProperties,
	}
)

func takenEvent(name string) (message, advice string) {
	switch {
	case clevertap.ReservedEvent(name):
		return fmt.Sprintf("%q is the name of an event of CleverTap's own", name), "choose another one, or put a word before it"
	case clevertap.Same(name, "Charged"):
		return fmt.Sprintf("%q is CleverTap's purchase event, it would count as money", name), "choose another one; revenue.charged: true makes Charged of every payment"
	}
	return "", ""
}

func takenProperty(string) (message, advice string) { return "", "" }

func takenProfileKey(name string) (message, advice string) {
	if clevertap.ReservedProfileKey(name) {
		return fmt.Sprintf("%q is a profile key of CleverTap's own", name), "choose another one, or put a word before it"
	}
	return "", ""
}

// given judges the name that an entry gives.
func (l *linter) given(f *family, e *entry) {
	if !e.renamed() {
		return
	}
	where := l.where(f.path, e.source, "name")
	trimmed := strings.TrimSpace(e.name)
	switch {
	case trimmed == "":
		l.fault(e.nameAt, where, "the name is empty", "write a name, or leave the key out")
		return
	case trimmed != e.name:
		l.fault(e.nameAt, where, fmt.Sprintf("%q has a blank at its end or beginning", e.name), fmt.Sprintf("write %q", trimmed))
	}
	l.characters(f, e.nameAt, where, e.name)
	if len(e.name) > f.limit {
		l.fault(e.nameAt, where, fmt.Sprintf("the name has %d bytes", len(e.name)),
			fmt.Sprintf("take at most %d; letters with accents and other scripts have two to four each", f.limit))
	}
	if message, advice := f.taken(e.name); message != "" {
		l.fault(e.nameAt, where, message, advice)
	}
}

// prefix judges a family's prefix by itself. A blank at its end is meant: "PLY " makes "PLY ACTIVATE".
func (l *linter) prefix(f *family) {
	s := l.settings[f.prefixPath]
	if s.text == "" {
		return
	}
	where := l.where(f.prefixPath)
	if trimmed := strings.TrimLeftFunc(s.text, unicode.IsSpace); trimmed != s.text {
		l.fault(s.at, where, fmt.Sprintf("the prefix %q begins with a blank", s.text), fmt.Sprintf("write %q", trimmed))
	}
	l.characters(f, s.at, where, s.text)
}

// characters judges the characters of a name or a prefix.
func (l *linter) characters(f *family, at place, where, name string) {
	char := clevertap.Forbidden(name, f.profile)
	if char == 0 {
		if i := strings.IndexFunc(name, unicode.IsControl); i >= 0 {
			l.fault(at, where, fmt.Sprintf("%q holds a control character", name), "write it in one line of visible characters")
		}
		return
	}
	clean, _ := clevertap.CleanName(nil, []byte(name), f.limit, f.profile)
	advice := "choose another one"
	if len(clean) > 0 {
		advice = fmt.Sprintf("leave it out, as in %q", clean)
	}
	l.fault(at, where, fmt.Sprintf("%q holds %q, which CleverTap takes in no name of %s", name, char, article(f.noun)), advice)
}

// article puts a noun's article before it.
func article(noun string) string {
	if strings.ContainsRune("aeio", rune(noun[0])) {
		return "an " + noun
	}
	return "a " + noun
}
