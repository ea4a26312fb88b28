package integration

import (
	"errors"
	"slices"
	"strings"
)

// Names reads the app names only, from any file that gives them, however faulty the rest. The error says on one line why there
// are none.
//
// A text that is no YAML is read line by line: a typo in one app must not stop the purchases of all.
func Names(path string, text []byte) ([]string, error) {
	r := &report{path: path}
	root := parse(r, text)
	var names []string
	if root == nil {
		names = scan(string(text))
	} else {
		names = keysOfApps(root)
	}
	if len(names) > 0 {
		return names, nil
	}
	if root != nil {
		r = &report{path: path} // what else is wrong does not matter
		read := &reader{report: r}
		if apps := read.file(root); apps != nil {
			for _, p := range apps.pairs {
				read.name(p)
			}
		}
	}
	return nil, errors.New("no app name: " + strings.ReplaceAll(r.sorted().Error(), "\n", " / "))
}

// keysOfApps gives the well-formed keys below apps.
func keysOfApps(root *node) []string {
	var names []string
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

// ValidName tells whether an app's name fits ^[a-z0-9][a-z0-9-]{0,62}$.
func ValidName(name string) bool {
	if name == "" || len(name) > 63 || name[0] == '-' {
		return false
	}
	return !strings.ContainsFunc(name, func(r rune) bool {
		return r != '-' && (r < '0' || '9' < r && r < 'a' || 'z' < r)
	})
}
