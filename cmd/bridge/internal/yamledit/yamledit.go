// Package yamledit changes single values of a YAML text and leaves every other byte as it is: comments, blank lines,
// quotes and the order of keys.
//
// It promises that a change touches the lines of its own key only, or fails with a sentence that says which line it
// cannot change. It knows mappings and scalars. What stands behind an anchor, an alias or a tag it leaves alone.
package yamledit

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// ErrComment is returned by Delete where a comment would be deleted as well.
var ErrComment = errors.New("there is a comment beside it")

// Keys returns the keys below a path that the text itself has: what is merged into it does not count.
func Keys(text []byte, path ...string) (keys []string) {
	d, err := parse(text)
	if err != nil {
		return nil
	}
	_, p, rest := d.follow(path)
	if p == nil || len(rest) > 0 {
		return nil
	}
	if m := d.mappingOf(p.Value, false); m != nil {
		for _, pair := range m.pairs {
			keys = append(keys, keyOf(pair))
		}
	}
	return keys
}

// Set gives the key at a path a value, which is written as it is given: a scalar, or a mapping in braces. Missing keys
// on the way are added.
func Set(text []byte, value string, path ...string) ([]byte, error) {
	d, err := parse(text)
	if err != nil {
		return nil, err
	}
	m, p, rest := d.follow(path)
	switch {
	case p == nil:
		return d.add(m, rest, value)
	case len(rest) > 0:
		return d.begin(p, m, rest, value)
	default:
		return d.replace(p, value)
	}
}

// Delete removes the key at a path with its value. It is no error if there is none.
func Delete(text []byte, path ...string) ([]byte, error) {
	d, err := parse(text)
	if err != nil {
		return nil, err
	}
	m, p, rest := d.follow(path)
	if p == nil || len(rest) > 0 {
		return text, nil
	}
	return d.remove(m, p)
}

// Scalar writes a text so that YAML reads it as this very text: plain if that is safe, else in double quotes.
func Scalar(text string) string {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	plain := text != "" && strings.Trim(text, letters+"0123456789_- ") == "" && strings.TrimSpace(text) == text &&
		strings.ContainsAny(text[:1], letters)
	switch strings.ToLower(text) {
	case "true", "false", "yes", "no", "on", "off", "null", "y", "n":
		plain = false
	}
	if plain {
		return text
	}
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range strings.ToValidUTF8(text, string(utf8.RuneError)) {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < ' ' || r == 0x7f || r == 0x85 || r == 0x2028 || r == 0x2029 || r == 0xfeff:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// document is a text with its tree.
type document struct {
	text  string
	lines []int // where each line begins
	root  *mapping
}

// mapping is one mapping of the document.
type mapping struct {
	pairs  []*ast.MappingValueNode
	flow   bool             // it, or one around it, is in braces
	braces *ast.MappingNode // with its own braces; nil without
}

// isEmptyLine reports whether it is empty braces on one line.
func (m *mapping) isEmptyLine() bool {
	return len(m.pairs) == 0 && m.braces != nil && m.braces.Start.Position.Line == m.braces.End.Position.Line
}

// find returns the pair with a key; nil if there is none.
func (m *mapping) find(key string) *ast.MappingValueNode {
	for _, p := range m.pairs {
		if keyOf(p) == key {
			return p
		}
	}
	return nil
}

func keyOf(p *ast.MappingValueNode) string { return p.Key.GetToken().Value }

func parse(text []byte) (d *document, err error) {
	d = &document{text: string(text), lines: []int{0}}
	for i := range d.text {
		if d.text[i] == '\n' {
			d.lines = append(d.lines, i+1)
		}
	}
	defer func() {
		if recover() != nil { // the library has panicked on odd text before
			err = errors.New("the YAML library cannot read this text")
		}
	}()
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		return nil, errors.New("this is not YAML")
	}
	d.root = &mapping{}
	for _, doc := range file.Docs {
		if m := d.mappingOf(doc.Body, false); m != nil {
			d.root = m
		}
	}
	return d, nil
}

// follow finds as much of a path as the text has. It returns the last mapping on the way, the pair in it that the path
// names, nil if it has none, and the keys for which there is no pair yet.
func (d *document) follow(path []string) (m *mapping, p *ast.MappingValueNode, rest []string) {
	m = d.root
	for i, key := range path {
		if p = m.find(key); p == nil {
			return m, nil, path[i:]
		}
		below := d.mappingOf(p.Value, m.flow)
		if i == len(path)-1 || below == nil || !m.flow && below.isEmptyLine() {
			return m, p, path[i+1:]
		}
		m = below
	}
	return m, p, nil
}

// mappingOf returns a node's pairs; nil if it is no mapping.
func (d *document) mappingOf(n ast.Node, inFlow bool) *mapping {
	switch n := n.(type) {
	case *ast.MappingNode:
		m := &mapping{pairs: n.Values, flow: inFlow || n.IsFlowStyle}
		if n.IsFlowStyle {
			m.braces = n
		}
		return m
	case *ast.MappingValueNode:
		return &mapping{pairs: []*ast.MappingValueNode{n}, flow: inFlow}
	default:
		return nil
	}
}

// offset is where a token begins in the text.
func (d *document) offset(t *token.Token) int {
	begin := d.lines[t.Position.Line-1]
	for range t.Position.Column - 1 {
		if begin >= len(d.text) {
			return len(d.text)
		}
		_, size := utf8.DecodeRuneInString(d.text[begin:])
		begin += size
	}
	return begin
}

// cannot says that a pair cannot be changed.
func cannot(p *ast.MappingValueNode) error {
	return fmt.Errorf("line %d is written with an anchor or the like, and left alone: change it in the file itself",
		p.Key.GetToken().Position.Line)
}

// scalar is where a pair's value is, if it is a scalar on one line.
func (d *document) scalar(p *ast.MappingValueNode) (begin, end int, err error) {
	if !isScalar(p.Value) {
		return 0, 0, cannot(p)
	}
	t := p.Value.GetToken()
	begin = d.offset(t)
	rest := d.text[begin:]
	switch {
	case strings.HasPrefix(rest, `"`):
		for i := 1; i < len(rest); i++ {
			switch rest[i] {
			case '\\':
				i++
			case '"':
				return begin, begin + i + 1, nil
			}
		}
	case strings.HasPrefix(rest, "'"):
		for i := 1; i < len(rest); i++ {
			if rest[i] != '\'' {
				continue
			}
			if !strings.HasPrefix(rest[i+1:], "'") {
				return begin, begin + i + 1, nil
			}
			i++
		}
	case t.Value != "" && strings.HasPrefix(rest, t.Value) && !strings.ContainsAny(rest[:1], "&*!|>"):
		return begin, begin + len(t.Value), nil
	}
	return 0, 0, cannot(p)
}

// valueEnd is where a pair's value ends.
func (d *document) valueEnd(p *ast.MappingValueNode) (int, error) {
	if m, ok := p.Value.(*ast.MappingNode); ok && m.IsFlowStyle {
		return d.offset(m.End) + 1, nil
	}
	if _, null := p.Value.(*ast.NullNode); null {
		_, end := d.null(p)
		return end, nil
	}
	_, end, err := d.scalar(p)
	return end, err
}

func isScalar(n ast.Node) bool {
	switch n.(type) {
	case *ast.StringNode, *ast.BoolNode, *ast.IntegerNode, *ast.FloatNode:
		return true
	}
	return false
}

// null is the text of a missing value, with the space before it: empty, or the word for it.
func (d *document) null(p *ast.MappingValueNode) (begin, end int) {
	begin = d.offset(p.Start) + 1 // behind the colon
	end = begin
	rest := strings.TrimLeft(d.text[begin:], " ")
	for _, word := range []string{"null", "Null", "NULL", "~"} {
		if strings.HasPrefix(rest, word) {
			end = len(d.text) - len(rest) + len(word)
		}
	}
	return begin, end
}

func (d *document) splice(begin, end int, text string) []byte {
	return []byte(d.text[:begin] + text + d.text[end:])
}

// replace gives a pair another value.
func (d *document) replace(p *ast.MappingValueNode, value string) ([]byte, error) {
	if _, null := p.Value.(*ast.NullNode); null {
		begin, end := d.null(p)
		return d.splice(begin, end, " "+value), nil
	}
	begin, end, err := d.scalar(p)
	if err != nil {
		return nil, err
	}
	return d.splice(begin, end, value), nil
}

// add adds keys to a mapping that has none of them.
func (d *document) add(m *mapping, path []string, value string) ([]byte, error) {
	if len(m.pairs) == 0 && m.braces == nil {
		return nil, errors.New("the file has no keys: begin with apps: and the name of an app below it")
	}
	if m.braces == nil {
		first := m.pairs[0].Key.GetToken()
		last := m.pairs[len(m.pairs)-1].Key.GetToken()
		return d.addLines(d.lastLine(last), first.Position.Column-1, path, value), nil
	}
	text := inBraces(path, value)
	if len(m.pairs) == 0 {
		at := d.offset(m.braces.End)
		return d.splice(at, at, text), nil
	}
	at, err := d.valueEnd(m.pairs[len(m.pairs)-1])
	if err != nil {
		return nil, err
	}
	return d.splice(at, at, ", "+text), nil
}

// begin gives a pair without a value, or with empty braces, a mapping.
func (d *document) begin(p *ast.MappingValueNode, m *mapping, path []string, value string) ([]byte, error) {
	var begin, end int
	switch now := p.Value.(type) {
	case *ast.NullNode:
		begin, end = d.null(p)
	case *ast.MappingNode:
		begin, end = d.offset(p.Start)+1, d.offset(now.End)+1
	default:
		return nil, cannot(p)
	}
	if m.flow {
		return d.splice(begin, end, " {"+inBraces(path, value)+"}"), nil
	}
	key := p.Key.GetToken()
	again := &document{text: string(d.splice(begin, end, "")), lines: d.lines[:key.Position.Line]}
	return again.addLines(key.Position.Line, key.Position.Column+1, path, value), nil
}

func inBraces(path []string, value string) string {
	text := Scalar(path[len(path)-1]) + ": " + value
	for i := len(path) - 2; i >= 0; i-- {
		text = Scalar(path[i]) + ": {" + text + "}"
	}
	return text
}

// addLines adds keys, each on its own line and the last with the value, after a line.
func (d *document) addLines(after, indent int, path []string, value string) []byte {
	ending := "\n"
	if strings.Contains(d.text, "\r\n") {
		ending = "\r\n"
	}
	at := len(d.text)
	begin := d.lines[after-1]
	if i := strings.IndexByte(d.text[begin:], '\n'); i >= 0 {
		at = begin + i + 1
	}
	var b strings.Builder
	if at == len(d.text) && !strings.HasSuffix(d.text, "\n") {
		b.WriteString(ending)
	}
	for i, key := range path {
		b.WriteString(strings.Repeat(" ", indent+2*i) + Scalar(key) + ":")
		if i == len(path)-1 {
			b.WriteString(" " + value)
		}
		b.WriteString(ending)
	}
	return d.splice(at, at, b.String())
}

// lastLine is the last line of the pair whose key is on a line of its own; comments after it are not its own.
func (d *document) lastLine(key *token.Token) int {
	last := key.Position.Line
	for line := last + 1; line <= len(d.lines); line++ {
		text := d.line(line)
		trimmed := strings.TrimSpace(text)
		if trimmed == "" || strings.HasPrefix(trimmed, "#") {
			continue
		}
		closes := strings.HasPrefix(trimmed, "}") || strings.HasPrefix(trimmed, "]")
		if !closes && len(text)-len(strings.TrimLeft(text, " ")) < key.Position.Column {
			break
		}
		last = line
	}
	return last
}

// line is a line's text.
func (d *document) line(number int) string {
	line, _, _ := strings.Cut(d.text[d.lines[number-1]:], "\n")
	return line
}

// remove removes a pair of a mapping.
func (d *document) remove(m *mapping, p *ast.MappingValueNode) ([]byte, error) {
	key := p.Key.GetToken()
	begin, end := d.lines[key.Position.Line-1], len(d.text)
	if m.flow {
		var err error
		begin = d.offset(key)
		if end, err = d.valueEnd(p); err != nil {
			return nil, err
		}
		if rest := strings.TrimLeft(d.text[end:], " "); strings.HasPrefix(rest, ",") {
			end = len(d.text) - len(strings.TrimLeft(rest[1:], " "))
		} else if before := strings.TrimRight(d.text[:begin], " "); strings.HasSuffix(before, ",") {
			begin = len(strings.TrimRight(before[:len(before)-1], " "))
		}
	} else if last := d.lastLine(key); last < len(d.lines) {
		end = d.lines[last]
	}
	if strings.Contains(d.text[begin:end], "#") {
		return nil, ErrComment
	}
	return d.splice(begin, end, ""), nil
}
