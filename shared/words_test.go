package shared_test

import (
	"fmt"
	"go/ast"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// words are private metaphors of earlier code, and what is said instead. They are looked for everywhere: in identifiers, comments,
// strings, file names and documents.
var words = map[string]string{
	"corridor": "handler, pipeline", "rooms": "packages", "door": "adapter", "doors": "adapters",
	"holder": "subscriber", "holders": "subscribers", "twin": "milliseconds field", "twins": "milliseconds fields",
	"leaf": "flattened attribute", "treatment": "rule, policy", "treatments": "rules, policies",
	"glance": "ids", "tally": "counts", "lane": "account batch", "lanes": "account batches", "lone": "alone", "blanket": "account rejects all",
	"lineup": "matcher", "halve": "bisect", "halves": "bisects", "forgo": "skip", "judge": "classify, check", "judges": "checks",
	"recall": "load", "haul": "selection", "census": "summary", "doorman": "credential checker", "knock": "check", "vault": "secret store",
	"sealed": "raw", "rehearsal": "recording transport", "survey": "preflight", "story": "generator", "scene": "scenario", "shop": "store",
	"dice": "random source", "deed": "step", "deeds": "steps", "fate": "outcome", "stray": "unexpected", "strays": "unexpected",
	"objection": "warning", "objections": "warnings", "weather": "chaos", "oddity": "edge case", "oddities": "edge cases",
	"mend": "fix", "mends": "fixes", "mended": "fixed", "mending": "fixing", "dear": "expensive", "dearer": "more expensive",
	"dearest": "most expensive", "standin": "fake", "standins": "fakes",
}

// names are ordinary words that were used in a private sense: no type, function or method may be called so.
var names = map[string]string{
	"room": "package", "holding": "table entry, in flight", "claim": "update", "statement": "scoped update", "said": "updates",
	"says": "updates", "places": "attribute index", "branch": "object scope", "loose": "unlisted", "parts": "members", "part": "stored secret",
	"tell": "explain", "note": "explain", "plan": "compiled rules", "row": "rule", "subject": "log fields", "draft": "pending records",
	"standing": "sendable", "book": "tracker", "segment": "chunk", "pair": "sibling", "turn": "position, sequence", "traffic": "account state",
	"face": "record key", "refusal": "unprocessed entry", "passing": "transient", "busy": "throttled", "renew": "refresh credentials",
	"foreign": "misconfigured", "learn": "load", "speaks": "may differ", "confirm": "reconcile", "letter": "received message", "look": "peek",
	"choice": "filter", "home": "region result", "gathering": "upload builder", "memory": "stored state", "offer": "send with retry",
	"walk": "run", "course": "timeline", "world": "assumptions", "visit": "request", "gate": "checks", "trouble": "injected fault",
	"spell": "fault case", "tap": "recorder", "author": "generator", "blank": "space", "observation": "snapshot", "moment": "sample",
	"settle": "a verb that says what happens", "fresh": "new",
}

// phrases are looked for in comments and documents.
var phrases = map[string]string{
	`stand-ins?\b`: "fake", `tells? whether\b`: "reports whether", `\bgoes along\b`: "is sent too", `\bgo along\b`: "are sent too",
	`^// \w+ gives\b`: "returns", `^// \w+ tells\b`: "reports", `^// \w+ says\b`: "reports, returns",
}

// exceptions may say a word: in the files that the pattern matches.
var exceptions = []struct{ word, files, reason string }{
	{"", "shared/words_test.go", "the list itself"},
	{"", "CONTRIBUTING.md", "the glossary"},
}

// pending are words that files which are not rewritten yet still have. It has to become empty.
var pending = map[string]bool{}

// camel finds the words of identifiers and of text.
var camel = regexp.MustCompile(`\p{Lu}+(?:\p{Ll}+)?|\p{Ll}+`)

func split(text string) (words []string) {
	for _, word := range camel.FindAllString(text, -1) {
		// HTTPServer is HTTP and Server.
		upper := strings.IndexFunc(word, unicode.IsLower)
		if upper > 1 {
			words = append(words, strings.ToLower(word[:upper-1]), strings.ToLower(word[upper-1:]))
		} else {
			words = append(words, strings.ToLower(word))
		}
	}
	return words
}

func TestNoPrivateMetaphors(t *testing.T) {
	found := map[string][]string{}
	report := func(file string, line int, word, instead string) {
		for _, e := range exceptions {
			if ok, err := path.Match(e.files, file); err != nil || ok && (e.word == "" || e.word == word) {
				return
			}
		}
		found[word] = append(found[word], fmt.Sprintf("%s:%d: %q is not a word of this project, say: %s", file, line, word, instead))
	}
	for _, file := range files(t, ".go", ".md", ".yml", ".yaml", ".py", ".sh", "Makefile") {
		text, err := os.ReadFile(filepath.Join("..", file))
		if err != nil {
			t.Fatal(err)
		}
		for i, line := range append(strings.Split(string(text), "\n"), file) {
			for _, word := range split(line) {
				if instead, ok := words[word]; ok {
					report(file, i+1, word, instead)
				}
			}
			for phrase, instead := range phrases {
				if regexp.MustCompile(phrase).MatchString(strings.TrimSpace(line)) {
					report(file, i+1, phrase, instead)
				}
			}
		}
	}
	for _, s := range sources(t) {
		ast.Inspect(s.tree, func(n ast.Node) bool {
			var name string
			switch n := n.(type) {
			case *ast.FuncDecl:
				name = n.Name.Name
			case *ast.TypeSpec:
				name = n.Name.Name
			}
			if instead, ok := names[strings.ToLower(name)]; ok {
				report(path.Join(s.folder, s.name), 0, name, instead)
			}
			return true
		})
	}
	for _, word := range slices.Sorted(maps.Keys(found)) {
		if pending[word] {
			continue
		}
		for _, line := range found[word] {
			t.Error(line)
		}
	}
}
