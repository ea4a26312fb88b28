package main

import (
	"slices"
	"strings"

	"github.com/purchasely-clevertap/bridge/shared/integration"
)

// appNames reads the names of the apps. Reading YAML takes half a millisecond of every start, so a file that is written as plainly as
// the one that comes with the function is not read as YAML; every other file is.
func appNames(path, text string) ([]string, error) {
	if names := plainNames(text); names != nil {
		return names, nil
	}
	return integration.Names(path, []byte(text))
}

// plainNames gives the keys below apps: if they stand one to a line, indented alike, and nothing else in the file can be taken for
// one. In the least doubt it gives nil.
func plainNames(text string) []string {
	if strings.ContainsFunc(text, unusual) {
		return nil
	}
	var names []string
	level := -1 // of the names; -1 before apps:, 0 until the first of them
	for line := range strings.SplitSeq(text, "\n") {
		body := strings.TrimLeft(line, " ")
		indent := len(line) - len(body)
		body, ok := withoutComment(body)
		switch {
		case !ok:
			return nil
		case body == "", level > 0 && indent > level:
			continue
		case level < 0 && indent == 0 && body == "apps:":
			level = 0
			continue
		case level == 0:
			level = indent
		}
		name, rest, found := strings.Cut(body, ":")
		if level <= 0 || indent < level || !found || rest != "" && rest[0] != ' ' || !integration.ValidName(name) {
			return nil
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// unusual tells whether a character may mean something between lines that it does not mean to an eye.
func unusual(r rune) bool {
	return r < ' ' && r != '\n' || r == 0x7f || r == '\u0085' || r == '\u2028' || r == '\u2029'
}

// withoutComment cuts a line's comment off. It is not ok if what remains may go on in the next line, as an open quote, an open brace
// or a block of text does, or may stand for something that is written elsewhere.
func withoutComment(body string) (_ string, ok bool) {
	if strings.HasPrefix(body, "#") {
		return "", true
	}
	body, _, _ = strings.Cut(body, " #")
	quotes, braces := strings.Count(body, `"`), strings.Count(body, "{")
	switch {
	case strings.ContainsAny(body, "'|>&*!%@`?\\[]"), quotes%2 != 0:
		return "", false
	case braces != strings.Count(body, "}"), braces > 1, braces > 0 && quotes > 0, strings.Index(body, "{") > strings.Index(body, "}"):
		return "", false
	default:
		return strings.TrimRight(body, " "), true
	}
}
