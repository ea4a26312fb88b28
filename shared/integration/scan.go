package integration

import (
	"slices"
	"strings"
)

// scan finds app names in a text that is no YAML: the keys at the first indentation below an apps: at the left margin. In
// doubt it takes a name too many, because an unknown app's webhooks are refused, and for a surplus name nobody has a secret.
func scan(source string) []string {
	var names []string
	inside, level := false, 0
	for line := range strings.FieldsFuncSeq(strings.TrimPrefix(source, byteOrderMark), func(r rune) bool { return r == '\n' || r == '\r' }) {
		body := strings.TrimLeft(line, " \t")
		key := scanKey(body)
		indent := line[:len(line)-len(body)]
		switch {
		case key == "":
			continue
		case indent == "":
			// What else stands at the margin is a mistake inside an app, as likely as not.
			inside = inside || key == "apps"
			continue
		case !inside:
			continue
		case level == 0:
			level = depth(indent, 0)
		}
		column, exact := depth(indent, level), !strings.Contains(indent, "\t")
		if column > level || !ValidName(key) || slices.Contains(names, key) {
			continue
		}
		if exact && column == level || !ownWord(key) {
			names = append(names, key)
		}
	}
	return names
}

// depth counts an indentation in columns. A tab, which YAML does not take, was meant as one level.
func depth(indent string, level int) int {
	if level == 0 {
		level = 2
	}
	return strings.Count(indent, " ") + level*strings.Count(indent, "\t")
}

// scanKey gives the key at the beginning of a line, "" for a comment. A missing colon is a typo, too.
func scanKey(body string) string {
	if body == "" || body[0] == '#' {
		return ""
	}
	if quote := body[0]; quote == '"' || quote == '\'' {
		key, _, _ := strings.Cut(body[1:], string(quote))
		return key
	}
	if end := strings.IndexAny(body, ":#"); end >= 0 {
		body = body[:end]
	}
	return strings.TrimRight(body, " \t")
}

// ownWord tells whether a word is a key of the format, which out of place is more likely than an app of that name.
func ownWord(word string) bool {
	return findKey(entryKeys, word) != nil || findKey(appKeys, word) != nil ||
		slices.ContainsFunc(appKeys, func(k key) bool { return findKey(k.keys, word) != nil })
}
