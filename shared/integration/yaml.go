package integration

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"github.com/purchasely-clevertap/bridge/shared/fault"
)

// maxMerged bounds how many pairs are copied by <<:.
const maxMerged = 100_000

// tooLarge is the advice for a file that is.
const tooLarge = "divide it among several deployments"

// byteOrderMark may be at the beginning of a YAML file.
const byteOrderMark = "\ufeff"

// parse parses text as one YAML document. It returns nil if it is not, and reports why.
func parse(r *report, text []byte) (root *node) {
	if len(text) > maxBytes {
		r.fault(place{}, "", fmt.Sprintf("the file has more than %d bytes", maxBytes), tooLarge)
		return nil
	}
	if IsUTF16(text) {
		r.fault(place{}, "", "the file is UTF-16, not UTF-8", "save the file in the encoding UTF-8")
		return nil
	}
	if at := invalidUTF8(text); at.known() {
		r.fault(at, "", "this byte is not UTF-8", "save the file in the encoding UTF-8")
		return nil
	}
	defer func() {
		if p := recover(); p != nil { // The library has panicked on odd text before.
			root = nil
			why, _ := errors.AsType[*fault.PanicError](fault.Panicked(fault.Reject, p))
			where, _, _ := strings.Cut(why.Stack, " < ")
			r.fault(place{}, "", fmt.Sprintf("the YAML library cannot read this text (%v in %s)", why, where),
				"write it more plainly: block style, no anchors, no tags")
		}
	}()
	tokens := lexer.Tokenize(strings.TrimPrefix(string(text), byteOrderMark))
	if r.exceedsLimits(tokens) {
		return nil
	}
	if at := secondDocument(tokens); at.known() {
		r.fault(at, "", "a second document begins here",
			"keep all apps in one document, under one apps: and without --- between them")
		return nil
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		r.syntax(err)
		return nil
	}
	c := converter{report: r, anchors: map[string]*node{}}
	for _, doc := range file.Docs {
		if _, directive := doc.Body.(*ast.DirectiveNode); doc.Body != nil && !directive {
			return c.convert(doc.Body)
		}
	}
	r.fault(place{}, "", "the file is empty", howToBegin)
	return nil
}

// IsUTF16 reports whether a text begins as UTF-16 does, with its byte order mark or without: one of the first two
// bytes is zero, which text in UTF-8 never has.
func IsUTF16(begin []byte) bool {
	if len(begin) < 2 {
		return false
	}
	a, b := begin[0], begin[1]
	return a == 0xff && b == 0xfe || a == 0xfe && b == 0xff || (a == 0) != (b == 0)
}

// invalidUTF8 finds the first byte that is not UTF-8.
func invalidUTF8(text []byte) place {
	line := 0
	for row := range bytes.SplitSeq(text, []byte("\n")) {
		line++
		for i, char := range string(row) {
			if _, size := utf8.DecodeRune(row[i:]); char == utf8.RuneError && size == 1 {
				return place{line, utf8.RuneCount(row[:i]) + 1}
			}
		}
	}
	return place{}
}

// secondDocument finds where a second document begins. The library would drop some of those silently.
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

// syntax reports the library's error with its place.
func (r *report) syntax(err error) {
	where, message := place{}, "the text cannot be read"
	if known, ok := errors.AsType[yaml.Error](err); ok { // its own text quotes the file, which takes as long as it is
		message = known.GetMessage()
		if t := known.GetToken(); t != nil {
			where = at(t)
		}
	}
	advice := "check indentation, quotes, brackets and the space after every colon, here and on the line above"
	if strings.Contains(message, "'\t'") {
		advice = "indent with spaces, YAML takes no tabs there"
	}
	r.fault(where, "", "not YAML: "+strings.ReplaceAll(message, "\t", `\t`), advice)
}

func at(t *token.Token) place {
	return place{t.Position.Line, max(1, t.Position.Column)}
}

// kind is what a value is.
type kind uint8

const (
	nothing kind = iota
	boolean
	number
	text
	list
	mapping
)

// String returns the kind's name in a problem.
func (k kind) String() string {
	return [...]string{"nothing", "true or false", "a number", "a text", "a list", "a mapping"}[k]
}

// node is a value of the document, without anchors, aliases, merges and tags. Aliases share nodes.
type node struct {
	kind  kind
	text  string // of a scalar, as it is in the file, without quotes
	items []*node
	pairs []pair // of a mapping, in the file's order, merged ones after its own
	at    place
}

// pair is a key with its value.
type pair struct {
	key   string
	at    place
	value *node
}

// found describes a value in a problem.
func (n *node) found() string {
	switch n.kind {
	case text:
		return fmt.Sprintf("%q", n.text)
	case number, boolean:
		return n.text
	default:
		return n.kind.String()
	}
}

// converter turns the library's tree into nodes.
type converter struct {
	report  *report
	anchors map[string]*node
	path    []string // of the present value
	merged  int
}

func (c *converter) fault(at place, message, advice string) {
	c.report.fault(at, join(c.path...), message, advice)
}

func (c *converter) convert(n ast.Node) *node {
	switch n := n.(type) {
	case *ast.MappingNode:
		return c.mapping(n.Values, at(n.Start))
	case *ast.MappingValueNode:
		return c.mapping([]*ast.MappingValueNode{n}, at(n.Key.GetToken()))
	case *ast.SequenceNode:
		l := &node{kind: list, at: at(n.Start)}
		for _, item := range n.Values {
			l.items = append(l.items, c.convert(item))
		}
		return l
	case *ast.AnchorNode:
		value := c.convert(n.Value)
		c.anchors[n.Name.GetToken().Value] = value
		return value
	case *ast.AliasNode:
		return c.alias(n)
	case *ast.TagNode:
		c.fault(at(n.Start), fmt.Sprintf("the tag %s has no meaning here", n.Start.Value),
			"leave it out; quotes make a text of any value")
		return c.convert(n.Value)
	case *ast.MappingKeyNode:
		return c.convert(n.Value)
	case *ast.LiteralNode:
		return &node{kind: text, text: n.Value.Value, at: at(n.Start)}
	case *ast.StringNode:
		return &node{kind: text, text: n.Value, at: at(n.Token)}
	case *ast.BoolNode:
		return &node{kind: boolean, text: n.Token.Value, at: at(n.Token)}
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return &node{kind: number, text: n.GetToken().Value, at: at(n.GetToken())}
	case *ast.NullNode:
		return &node{kind: nothing, text: n.Token.Value} // its place is that of its key
	default:
		return &node{kind: nothing}
	}
}

// alias returns the value of an anchor above it. An anchor counts only after its value, for a value that contains
// itself has no end.
func (c *converter) alias(n *ast.AliasNode) *node {
	name := n.Value.GetToken().Value
	value, ok := c.anchors[name]
	if !ok {
		c.fault(at(n.Start), fmt.Sprintf("the alias *%s is not defined", name),
			fmt.Sprintf("put &%s before a value further up, or write the value here", name))
		return &node{kind: nothing, at: at(n.Start)}
	}
	return value
}

// mapping converts pairs. Of a key that is there twice both values are kept, so that both are checked.
func (c *converter) mapping(values []*ast.MappingValueNode, begin place) *node {
	m := &node{kind: mapping, at: begin}
	own := make(map[string]place, len(values))
	var merges []*node
	for _, v := range values {
		keyPlace := at(v.Key.GetToken())
		if v.Key.IsMergeKey() {
			if merged := c.convert(v.Value); merged.kind == list {
				merges = append(merges, merged.items...)
			} else {
				merges = append(merges, merged)
			}
			continue
		}
		name := c.convert(v.Key).text // the text alone, so that 2024 and "2024" are one key
		c.path = append(c.path, name)
		if first, twice := own[name]; twice {
			c.fault(keyPlace, fmt.Sprintf("the key %q is there twice, first in line %d", name, first.line), "keep one")
		} else {
			own[name] = keyPlace
		}
		value := c.convert(v.Value)
		c.path = c.path[:len(c.path)-1]
		if !value.at.known() {
			value.at = keyPlace
		}
		m.pairs = append(m.pairs, pair{name, keyPlace, value})
	}
	if len(m.pairs) > 0 {
		m.at = m.pairs[0].at
	}
	for _, other := range merges {
		c.merge(m, other, own)
	}
	return m
}

// merge adds to m what it does not have itself.
func (c *converter) merge(m, other *node, has map[string]place) {
	if other.kind != mapping {
		c.fault(m.at, "<<: merges "+other.kind.String(), "merge a mapping, or a list of mappings")
		return
	}
	for _, p := range other.pairs {
		if c.merged++; c.merged > maxMerged {
			c.fault(m.at, "more is merged than any integration file needs", "write the keys out, or merge less")
			return
		}
		if _, own := has[p.key]; !own {
			has[p.key] = p.at
			m.pairs = append(m.pairs, p)
		}
	}
}

// join joins keys into a path. A key with characters that names do not have is quoted.
func join(keys ...string) string {
	quoted := make([]string, len(keys))
	for i, k := range keys {
		quoted[i] = k
		plain := strings.Trim(k, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-*") == ""
		if k == "" || !plain {
			quoted[i] = strconv.Quote(k)
		}
	}
	return strings.Join(quoted, ".")
}
