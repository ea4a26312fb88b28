package integration

import (
	"fmt"
	"slices"
	"strings"
)

// setting reads the value of a key that is no section. Without ok it is wrong, and the report says so.
func (r *reader) setting(p pair, k *key, where string) (s setting, ok bool) {
	n := p.value
	switch k.form {
	case flag:
		if n.kind == boolean {
			return setting{text: strings.ToLower(n.text), at: p.at}, true
		}
		advice := "write true or false"
		if n.kind == word {
			advice += ", without quotes"
		}
		r.fault(n.at, where, k.name+" is "+n.found(), advice)
	case choice:
		if n.kind == word && slices.Contains(k.words, n.text) {
			return setting{text: n.text, at: p.at}, true
		}
		advice := "write " + oneOf(k.words)
		if near := nearest(n.text, k.words); n.kind == word && near != "" {
			advice = fmt.Sprintf("did you mean %s? It takes %s", near, oneOf(k.words))
		}
		r.fault(n.at, where, k.name+" is "+n.found(), advice)
	default:
		if n.kind == word {
			return setting{text: n.text, at: n.at}, true
		}
		advice := "write a text, or leave the key out"
		if n.kind == number || n.kind == boolean {
			advice = fmt.Sprintf("put it in quotes: %q", n.text)
		}
		r.fault(n.at, where, k.name+" is "+n.found()+", not a text", advice)
	}
	return setting{}, false
}

// found says what stands there instead.
func (n *node) found() string {
	switch n.kind {
	case word:
		return fmt.Sprintf("%q", n.text)
	case number, boolean:
		return n.text
	default:
		return n.kind.String()
	}
}

// unknown notes a key that does not exist here, with the nearest one, or the place where it would.
func (r *reader) unknown(at place, where, name string, keys []key) {
	names := keyNames(keys)
	advice := "the keys here are " + strings.Join(names, ", ")
	if near := nearest(name, names); near != "" {
		advice = "did you mean " + near + "?"
	} else if owner := sectionOf(name); owner != "" {
		advice = name + " stands under " + owner
	}
	r.fault(at, where, fmt.Sprintf("unknown key %q", name), advice)
}

// oneOf lists words for a choice.
func oneOf(words []string) string {
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}
