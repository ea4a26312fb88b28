package shared_test

import (
	"fmt"
	"go/ast"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// words are private metaphors, and what is said instead. They are looked for everywhere: in identifiers, comments,
// strings, file names and documents.
const words = `
corridor, corridors → handler, pipeline
door, doors → adapter
holder, holders → subscriber
twin, twins → milliseconds field
leaf → flattened attribute
treatment, treatments → rule, policy
glance → ids
tally, tallies → counts
lane, lanes → account batch
blanket → account rejects all
lineup → matcher
forgo, forgoes → skip
recall, recalls → load
haul → selection
census → summary
doorman, knock, knocks → credential checker, check
vault → secret store
sealed → raw secret
rehearsal → recording transport
survey → preflight
story, stories → generator
scene, scenes → scenario
dice → random source
deed, deeds → step
fate, fates → outcome
objection, objections → warning
weather → chaos
oddity, oddities → edge case
standin, standins → fake
mend, mends, mended, mending → fix
dear, dearer, dearest → expensive
`

// names are ordinary words that had a private meaning: no type, function or method may be called so.
const names = `
room → package
holding → table entry, in-flight message
claim, statement, said, says → update, scoped update, updates
places → attribute index
branch, loose, part, parts → object scope, unlisted, stored secret, members
tell, note → explain
plan, row → compiled rules, rule
subject, draft, standing → log fields, pending records, sendable
book → tracker
segment, pair, turn, traffic → chunk, sibling, position, account state
face → record key
lone, halve → rejected alone, bisect
judge → check, classify
shop → store
stray, strays → unexpected record
passing, busy, renew, foreign → transient, throttled, refresh credentials, misconfigured
learn, speaks, confirm → load, may differ, reconcile
letter, look, choice → received message, peek, filter
home → region result
gathering, memory, offer → upload builder, stored state, send with retry
walk, observation → run, snapshot
course, world, moment → timeline, assumptions, sample
visit, gate → request, checks
trouble, spell, tap, author → injected fault, fault case, recorder, generator
blank → space
`

// phrases are looked for everywhere.
const phrases = `
stand-in → fake
tells whether, tell whether → reports whether
goes along, go along → is sent too
`

// exceptions are files that may use words of the list; all of them if word is empty.
var exceptions = []struct{ word, file, reason string }{
	{"", "shared/words_test.go", "the list itself"},
	{"", "CONTRIBUTING.md", "the glossary"},
	{"", "CHANGELOG.md", "names of an earlier release"},
	{"confirm", "cmd/bridge/internal/cli/prompt.go", "an answer to a prompt confirms"},
	{"confirm", "cmd/local/main.go", "an answer to a prompt confirms"},
	{"note", "cmd/bridge/internal/explain/result.go", "explain --json has notes"},
	{"note", "shared/aws/bucket/bucket.go", "a version has a note by its author"},
	{"memory", "functions/internal/lambdatest/function.go", "a process uses memory"},
	{"pair", "shared/integration/yaml.go", "a YAML mapping has pairs"},
	{"part", "shared/metric/metric.go", "a line has parts"},
	{"plan", "shared/webhook/sample/scenario.go", "a subscription has a plan"},
	{"renew", "cmd/bridge/internal/queue/inflight.go", "a lease is renewed"},
	{"row", "cmd/bench/main.go", "a table has rows"},
}

// instead reads a list: what is said instead of each word.
func instead(list string) map[string]string {
	all := map[string]string{}
	for line := range strings.Lines(strings.TrimSpace(list)) {
		old, replacement, _ := strings.Cut(strings.TrimSpace(line), " → ")
		for word := range strings.SplitSeq(old, ", ") {
			all[word] = replacement
		}
	}
	return all
}

var camelCase = regexp.MustCompile(`\p{Lu}*\p{Ll}*`)

// split finds the words of text and of identifiers: HTTPServer is http and server.
func split(line string) (found []string) {
	for _, word := range strings.FieldsFunc(line, func(r rune) bool { return !unicode.IsLetter(r) }) {
		if strings.ToLower(word[1:]) == word[1:] {
			found = append(found, strings.ToLower(word))
			continue
		}
		for _, part := range camelCase.FindAllString(word, -1) {
			if lower := strings.IndexFunc(part, unicode.IsLower); lower > 1 {
				found, part = append(found, strings.ToLower(part[:lower-1])), part[lower-1:]
			}
			found = append(found, strings.ToLower(part))
		}
	}
	return found
}

func TestNoPrivateMetaphors(t *testing.T) {
	found := map[string][]string{}
	report := func(file string, line int, word, replacement string) {
		for _, e := range exceptions {
			if e.file == file && (e.word == "" || e.word == word) {
				return
			}
		}
		found[word] = append(found[word], fmt.Sprintf("%s:%d: %q, better: %s", file, line, word, replacement))
	}
	words, names, phrases := instead(words), instead(names), instead(phrases)
	for _, file := range files(t, ".go", ".md", ".yml", ".yaml", ".py", "Makefile") {
		for i, line := range strings.Split(file+"\n"+read(t, file), "\n") { // The name of the file is line 0.
			for _, word := range split(line) {
				if replacement, ok := words[word]; ok {
					report(file, i, word, replacement)
				}
			}
			for phrase, replacement := range phrases {
				if strings.Contains(strings.ToLower(line), phrase) {
					report(file, i, phrase, replacement)
				}
			}
		}
	}
	for _, s := range sources(t) {
		ast.Inspect(s.tree, func(n ast.Node) bool {
			name := ""
			switch n := n.(type) {
			case *ast.FuncDecl:
				name = n.Name.Name
			case *ast.TypeSpec:
				name = n.Name.Name
			}
			name = strings.ToLower(name)
			if replacement, ok := names[name]; ok {
				report(path.Join(s.folder, s.name), 0, name, replacement)
			}
			return true
		})
	}
	for _, word := range slices.Sorted(maps.Keys(found)) {
		for _, line := range found[word] {
			t.Error(line)
		}
	}
}
