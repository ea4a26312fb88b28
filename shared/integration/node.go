package integration

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// maxMerged bounds how many pairs merges may copy: aliases let a small file describe a huge one.
const maxMerged = 100_000

// kind is what a value is.
type kind uint8

const (
	nothing kind = iota
	boolean
	number
	word // a text
	list
	mapping
)

// String is how a problem names what it found.
func (k kind) String() string {
	return [...]string{"nothing", "true or false", "a number", "a text", "a list", "a mapping"}[k]
}

// node is a value of the document, free of anchors, aliases, merges and tags. Aliases share nodes.
type node struct {
	kind  kind
	text  string // a scalar's, as it stands in the file, without quotes
	items []*node
	pairs []pair // a mapping's, in the file's order, merged ones behind its own
	at    place
}

// pair is a key with its value.
type pair struct {
	key   string
	at    place
	value *node
}

// converter turns the library's tree into nodes.
type converter struct {
	*report
	anchors map[string]*node
	path    []string
	merged  int
}

// where is the path of the value at hand.
func (c *converter) where() string { return join(c.path...) }

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
		c.fault(at(n.Start), c.where(), fmt.Sprintf("the tag %s means nothing here", n.Start.Value), "leave it out; quotes make a text of any value")
		return c.convert(n.Value)
	case *ast.MappingKeyNode:
		return c.convert(n.Value)
	case *ast.LiteralNode:
		return &node{kind: word, text: n.Value.Value, at: at(n.Start)}
	case *ast.StringNode:
		return &node{kind: word, text: n.Value, at: at(n.Token)}
	case *ast.BoolNode:
		return &node{kind: boolean, text: n.Token.Value, at: at(n.Token)}
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return &node{kind: number, text: n.GetToken().Value, at: at(n.GetToken())}
	case *ast.NullNode:
		return &node{kind: nothing, text: n.Token.Value} // it stands where its key stands
	default:
		return &node{kind: nothing}
	}
}

// alias gives the value that an anchor before it has named. A value that holds itself has no end, so an anchor counts only
// behind its value.
func (c *converter) alias(n *ast.AliasNode) *node {
	name := n.Value.GetToken().Value
	value, ok := c.anchors[name]
	if !ok {
		c.fault(at(n.Start), c.where(), fmt.Sprintf("the alias *%s stands for nothing", name), fmt.Sprintf("put &%s before a value further up, or write the value here", name))
		return &node{kind: nothing, at: at(n.Start)}
	}
	return value
}

// mapping converts pairs. A key that stands twice is told once, and both values are kept, so that both are checked.
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
			c.fault(keyPlace, c.where(), fmt.Sprintf("the key %q stands here twice, first in line %d", name, first.line), "keep one of them")
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
		c.fault(m.at, c.where(), "<<: merges "+other.kind.String(), "merge a mapping, or a list of mappings")
		return
	}
	for _, p := range other.pairs {
		if c.merged++; c.merged > maxMerged {
			c.fault(m.at, c.where(), "more is merged than any integration file needs", "write the keys out, or merge less")
			return
		}
		if _, own := has[p.key]; !own {
			has[p.key] = p.at
			m.pairs = append(m.pairs, p)
		}
	}
}

// join makes a path of keys; one that holds other characters than names have is quoted.
func join(keys ...string) string {
	quoted := make([]string, len(keys))
	for i, k := range keys {
		quoted[i] = k
		if k == "" || strings.ContainsFunc(k, odd) {
			quoted[i] = strconv.Quote(k)
		}
	}
	return strings.Join(quoted, ".")
}

// odd tells whether a character would blur a path.
func odd(r rune) bool {
	return r != '_' && r != '-' && r != '*' && (r < '0' || '9' < r && r < 'A' || 'Z' < r && r < 'a' || 'z' < r)
}
