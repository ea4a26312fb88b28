package integration

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// The YAML library recurses with the nesting, without a limit of its own, and its time grows with the square of it and of
// the number of keys side by side; a text made for it would stop the process beyond recovery. No integration file comes near
// these limits: 250 apps with ninety entries each have 1 MiB, and the deepest value stands at the sixth level.
const (
	maxBytes   = 1 << 20
	maxNesting = 64
)

// byteOrderMark may stand at the beginning of a YAML file.
const byteOrderMark = "\ufeff"

// parse reads a text as one YAML document. It gives nil if that is not what it is, and the report says why.
func parse(r *report, text []byte) (root *node) {
	source, ok := readable(r, text)
	if !ok {
		return nil
	}
	defer func() {
		// The library has panicked on odd texts before. For the user that is a text it cannot read.
		if recover() != nil {
			root = nil
			r.fault(place{}, "", "the YAML library cannot read this text", "write it more plainly: block style, no anchors, no tags")
		}
	}()
	tokens := lexer.Tokenize(source)
	if at := tooDeep(tokens); at.known() {
		r.fault(at, "", fmt.Sprintf("values are nested more than %d deep", maxNesting), "close a bracket, or take the list apart")
		return nil
	}
	if at := secondDocument(tokens); at.known() {
		r.fault(at, "", "a second document begins here", "keep all apps in one document, under one apps: and without --- between them")
		return nil
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		syntax(r, err)
		return nil
	}
	c := converter{report: r, anchors: map[string]*node{}}
	for _, doc := range file.Docs {
		if _, directive := doc.Body.(*ast.DirectiveNode); doc.Body != nil && !directive {
			return c.convert(doc.Body)
		}
	}
	r.fault(place{}, "", "the file is empty", "begin with apps: and the name of an app below it")
	return nil
}

// readable checks what the library would take without a word: size and encoding.
func readable(r *report, text []byte) (string, bool) {
	if len(text) > maxBytes {
		r.fault(place{}, "", fmt.Sprintf("the file has more than %d bytes", maxBytes), "divide it among several deployments")
		return "", false
	}
	line, column := 1, 1
	for rest := text; len(rest) > 0; {
		char, size := utf8.DecodeRune(rest)
		if char == utf8.RuneError && size == 1 {
			r.fault(place{line, column}, "", "this byte is not UTF-8", "save the file in the encoding UTF-8")
			return "", false
		}
		column++
		if char == '\n' {
			line, column = line+1, 1
		}
		rest = rest[size:]
	}
	return strings.TrimPrefix(string(text), byteOrderMark), true
}

// tooDeep finds the place where the nesting passes its limit. On a line of its own every level needs a deeper indentation,
// so that the file's size bounds the nesting; these tokens nest without.
func tooDeep(tokens token.Tokens) place {
	brackets, run := 0, 0
	for _, t := range tokens {
		switch t.Type {
		case token.MappingStartType, token.SequenceStartType:
			brackets++
		case token.MappingEndType, token.SequenceEndType:
			brackets--
		case token.SequenceEntryType, token.MappingKeyType, token.TagType, token.AnchorType:
			run++
		default:
			run = 0
		}
		if brackets+run > maxNesting {
			return at(t)
		}
	}
	return place{}
}

// secondDocument finds where a second document begins. The library would drop some of those without a word.
func secondDocument(tokens token.Tokens) place {
	begun, ended, directive := false, false, 0
	for _, t := range tokens {
		switch {
		case t.Type == token.DirectiveType:
			directive = t.Position.Line
		case t.Type == token.CommentType, t.Position.Line == directive:
		case t.Type == token.DocumentEndType:
			ended = true
		case ended, begun && t.Type == token.DocumentHeaderType:
			return at(t)
		default:
			begun = true
		}
	}
	return place{}
}

// syntax notes the library's error with its place.
func syntax(r *report, err error) {
	where, message := place{}, err.Error()
	if known, ok := errors.AsType[yaml.Error](err); ok {
		message = known.GetMessage()
		if t := known.GetToken(); t != nil {
			where = at(t)
		}
	}
	advice := "check indentation, quotes, brackets and the space behind every colon, here and on the line above"
	if strings.Contains(message, "'\t'") {
		advice = "indent with spaces, YAML takes no tabs there"
	}
	r.fault(where, "", "not YAML: "+strings.ReplaceAll(message, "\t", `\t`), advice)
}

// at is a token's place.
func at(t *token.Token) place {
	return place{t.Position.Line, max(1, t.Position.Column)}
}
