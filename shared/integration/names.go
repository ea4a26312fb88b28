package integration

import (
	"cmp"
	"errors"
	"regexp"
	"slices"
	"strings"
)

var appName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)

// ValidName reports whether an app may have this name.
func ValidName(name string) bool { return appName.MatchString(name) }

// AppNames returns the names of the apps in an integration file, without duplicates, from any file in which they can be found,
// whatever else is wrong with it. The receiver uses it: a typo in one app must not stop the purchases of all.
// The error has one line, which says why there is no name. The name of the file is for the error only.
func AppNames(name string, text []byte) ([]string, error) {
	r := &reader{report: &report{path: name}}
	root := parse(r.report, text)
	var names []string
	if root == nil {
		names = namesByIndentation(string(text))
	} else {
		names = namesBelowApps(root)
	}
	if len(names) > 0 {
		return names, nil
	}
	if root != nil {
		r.report = &report{path: name} // Only what hides the names is worth reporting.
		if apps := r.file(root); apps != nil {
			for _, p := range apps.pairs {
				r.name(p)
			}
		}
	}
	return nil, errors.New("no app name: " + strings.ReplaceAll(r.sorted().Error(), "\n", " / "))
}

// namesBelowApps returns the valid keys below apps, which may be there twice.
func namesBelowApps(root *node) (names []string) {
	for _, p := range root.pairs {
		if p.key != "apps" {
			continue
		}
		for _, app := range p.value.pairs {
			if ValidName(app.key) && !slices.Contains(names, app.key) {
				names = append(names, app.key)
			}
		}
	}
	return names
}

// Names is AppNames under its former name.
func Names(name string, text []byte) ([]string, error) { return AppNames(name, text) }

// namesByIndentation finds app names in text that is not YAML: the keys that are indented no more than the first key below
// apps:. A missing colon is a typo like any other, and a tab counts as one level of two spaces. In doubt a key is taken: one name
// too many does no harm, since nobody has a secret for it, but an app whose name is missed loses its webhooks.
func namesByIndentation(text string) (names []string) {
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
		if indent <= level && ValidName(name) && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}
