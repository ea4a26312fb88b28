package clevertaptest

import (
	"bytes"
	"errors"
	"io"

	"github.com/go-json-experiment/json/jsontext"
)

var errTrailing = errors.New("data after the end")

// node is a JSON value as it was sent, members in their order.
type node struct {
	kind jsontext.Kind
	key  []byte // its name in the object around it, decoded
	raw  []byte // its bytes, as sent
	text []byte // a string's value, decoded
	kids []node
}

// find gives the member of that exact name, nil if there is none.
func (n *node) find(key string) *node {
	for i := range n.kids {
		if string(n.kids[i].key) == key {
			return &n.kids[i]
		}
	}
	return nil
}

// parser reads nodes out of a body. It refuses what a strict JSON reader refuses: duplicate names at any depth, invalid
// UTF-8, lone surrogates, a byte order mark, comments, trailing commas, trailing data.
type parser struct {
	decoder *jsontext.Decoder
	body    []byte
	pile    []node // members of the objects that are still open
	spare   []node // room for members, cut off piece by piece
}

// parse reads a whole body.
func parse(body []byte) (node, error) {
	p := parser{decoder: jsontext.NewDecoder(bytes.NewBuffer(body)), body: body}
	var n node
	if err := p.value(&n); err != nil {
		return n, err
	}
	if _, err := p.decoder.ReadToken(); err != io.EOF {
		return n, errTrailing
	}
	return n, nil
}

func (p *parser) value(n *node) error {
	n.kind = p.decoder.PeekKind()
	if n.kind == '{' || n.kind == '[' {
		return p.members(n)
	}
	var err error
	if n.raw, err = p.scalar(); err == nil && n.kind == '"' {
		n.text, err = unquote(n.raw)
	}
	return err
}

// members reads an object or an array to its end.
func (p *parser) members(n *node) error {
	bottom := len(p.pile)
	if _, err := p.decoder.ReadToken(); err != nil {
		return err
	}
	start := p.offset() - 1
	for end := n.kind + 2; p.decoder.PeekKind() != end; { // In ASCII "}" is two after "{", and "]" two after "[".
		var kid node
		if n.kind == '{' {
			name, err := p.scalar()
			if err != nil {
				return err
			}
			if kid.key, err = unquote(name); err != nil {
				return err
			}
		}
		if err := p.value(&kid); err != nil {
			return err
		}
		p.pile = append(p.pile, kid)
	}
	if _, err := p.decoder.ReadToken(); err != nil {
		return err
	}
	n.raw = p.body[start:p.offset():p.offset()]
	n.kids = p.keep(p.pile[bottom:])
	p.pile = p.pile[:bottom]
	return nil
}

// keep copies finished members out of the pile.
func (p *parser) keep(members []node) []node {
	if len(members) > cap(p.spare)-len(p.spare) {
		p.spare = make([]node, 0, max(256, len(members)))
	}
	start := len(p.spare)
	p.spare = append(p.spare, members...)
	return p.spare[start:len(p.spare):len(p.spare)]
}

func (p *parser) offset() int { return int(p.decoder.InputOffset()) }

// scalar reads one value and gives its bytes within the body, which outlive the decoder's own.
func (p *parser) scalar() ([]byte, error) {
	v, err := p.decoder.ReadValue()
	if err != nil {
		return nil, err
	}
	end := p.offset()
	return p.body[end-len(v) : end : end], nil
}

// unquote decodes a JSON string, without a copy if nothing in it is escaped.
func unquote(raw []byte) ([]byte, error) {
	if len(raw) >= 2 && raw[0] == '"' && bytes.IndexByte(raw, '\\') < 0 {
		return raw[1 : len(raw)-1 : len(raw)-1], nil
	}
	return jsontext.AppendUnquote(nil, raw)
}
