package clevertaptest

import (
	"bytes"
	"errors"
	"io"
	"sync"

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
	decoder jsontext.Decoder
	body    []byte
	pile    []node   // members of the objects that are still open
	blocks  [][]node // room for members, filled one block after the other
	block   int
}

// blockSize is how many members a block has room for.
const blockSize = 1024

// parsers keeps the room that a request needed for the next one.
var parsers = sync.Pool{New: func() any { return new(parser) }}

// parse reads a whole body. The nodes are good until free is called.
func parse(body []byte) (n node, free func(), err error) {
	p, _ := parsers.Get().(*parser)
	p.body = body
	p.decoder.Reset(bytes.NewBuffer(body))
	if n, err = p.value(); err == nil {
		if _, end := p.decoder.ReadToken(); !errors.Is(end, io.EOF) {
			err = errTrailing
		}
	}
	return n, p.free, err
}

// free empties the parser, so that it holds no body fast, and gives it to whoever comes next.
func (p *parser) free() {
	for i := range p.blocks {
		clear(p.blocks[i])
		p.blocks[i] = p.blocks[i][:0]
	}
	clear(p.pile[:cap(p.pile)])
	p.body, p.pile, p.block = nil, p.pile[:0], 0
	p.decoder.Reset(bytes.NewBuffer(nil))
	parsers.Put(p)
}

func (p *parser) value() (n node, err error) {
	n.kind = p.decoder.PeekKind()
	if n.kind == '{' || n.kind == '[' {
		n.raw, n.kids, err = p.members(n.kind)
		return n, err
	}
	if n.raw, err = p.scalar(); err == nil && n.kind == '"' {
		n.text, err = unquote(n.raw)
	}
	return n, err
}

// members reads an object or an array to its end.
func (p *parser) members(kind jsontext.Kind) (raw []byte, kids []node, err error) {
	bottom := len(p.pile)
	if _, err := p.decoder.ReadToken(); err != nil {
		return nil, nil, err
	}
	start := p.offset() - 1
	for end := kind + 2; p.decoder.PeekKind() != end; { // In ASCII "}" is two after "{", and "]" two after "[".
		var key []byte
		if kind == '{' {
			if key, err = p.scalar(); err == nil {
				key, err = unquote(key)
			}
			if err != nil {
				return nil, nil, err
			}
		}
		kid, err := p.value()
		if err != nil {
			return nil, nil, err
		}
		kid.key = key
		p.pile = append(p.pile, kid)
	}
	if _, err := p.decoder.ReadToken(); err != nil {
		return nil, nil, err
	}
	raw = p.body[start:p.offset():p.offset()]
	kids = p.keep(p.pile[bottom:])
	p.pile = p.pile[:bottom]
	return raw, kids, nil
}

// keep copies finished members out of the pile.
func (p *parser) keep(members []node) []node {
	for p.block < len(p.blocks) && len(members) > cap(p.blocks[p.block])-len(p.blocks[p.block]) {
		p.block++
	}
	if p.block == len(p.blocks) {
		p.blocks = append(p.blocks, make([]node, 0, max(blockSize, len(members))))
	}
	block := p.blocks[p.block]
	start := len(block)
	p.blocks[p.block] = append(block, members...)
	return p.blocks[p.block][start:len(p.blocks[p.block]):len(p.blocks[p.block])]
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
