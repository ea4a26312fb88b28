// Package stored reads the webhooks that a file holds.
//
// It promises that nothing but white space and byte order marks between them is lost, that they keep their order, and
// a memory that does not grow with the file. It does not judge them. It is apart from the commands so that fuzzing it
// does not instrument everything that these are made of.
package stored

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"hash"
	"io"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/purchasely-clevertap/bridge/shared/message"
)

// Lenient are the options for what webhooks may hold; whether it is well formed is for the mapping to say.
var Lenient = []jsontext.Options{jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)}

// window is how much of a file decides how it is read: more than a webhook's size.
const window = 1 << 20

// byteOrderMark is what some editors write at the beginning of a file.
const byteOrderMark = "\ufeff"

// Reader reads stored webhooks one after the other: one on each line or, if the first line is not one,
// JSON documents one after the other. It keeps account of what it has read, so that reading can be resumed.
type Reader struct {
	in     *bufio.Reader
	lines  bool // one on each line
	digest hash.Hash
	hashed *bufio.Writer // to the digest
	offset int64
	line   int // of the next byte
	body   []byte
}

// Webhook is one stored webhook. Its body is valid until the next is read.
type Webhook struct {
	Body    []byte
	TooLong bool
	Line    int // where it begins
	End     int64
	Digest  [sha256.Size]byte // of everything up to its end
}

// NewReader looks at the beginning of the input.
func NewReader(in io.Reader) *Reader {
	r := &Reader{in: bufio.NewReaderSize(in, window), digest: sha256.New(), line: 1}
	r.hashed = bufio.NewWriter(r.digest)
	begin, _ := r.in.Peek(window) // an error comes back with the first byte that is missing
	r.lines = onePerLine(begin)
	return r
}

// onePerLine reports whether a file that begins like this has one webhook on each line. A damaged first line among
// whole ones is a damaged line.
func onePerLine(begin []byte) bool {
	begin = bytes.TrimPrefix(begin, []byte(byteOrderMark))
	decoder := jsontext.NewDecoder(bytes.NewReader(begin), Lenient...)
	if value, err := decoder.ReadValue(); err == nil {
		line, _, _ := bytes.Cut(begin[decoder.InputOffset():], []byte{'\n'})
		return !bytes.Contains(value, []byte{'\n'}) && len(bytes.TrimSpace(line)) == 0
	}
	for line := range bytes.Lines(begin) {
		line = bytes.TrimSpace(line)
		if value := jsontext.Value(line); value.Kind() == '{' && value.IsValid(Lenient...) {
			return true
		}
	}
	return len(bytes.TrimSpace(begin)) == 0
}

// Next reads the next webhook, whatever it is worth; the error is [io.EOF] at the end.
func (r *Reader) Next() (Webhook, error) {
	r.body = r.body[:0]
	var w Webhook
	var n nesting
	for begun := false; ; {
		c, err := r.in.ReadByte()
		if errors.Is(err, io.EOF) && begun {
			return r.finish(w), nil
		}
		if err != nil {
			return w, err
		}
		if !begun && r.skipByteOrderMark(c) {
			continue
		}
		if !begun && !isSpace(c) {
			begun, w.Line = true, r.line
		}
		r.count(c)
		if !begun {
			continue
		}
		if len(r.body) <= message.MaxBody {
			r.body = append(r.body, c)
		}
		closed := n.read(c)
		if c == '\n' && (r.lines || !n.opened) || closed && !r.lines {
			return r.finish(w), nil
		}
	}
}

// Split returns the bodies of all webhooks in a text.
func Split(text []byte) (bodies [][]byte) {
	r := NewReader(bytes.NewReader(text))
	for {
		w, err := r.Next()
		if err != nil { // the end: nothing else goes wrong in memory
			return bodies
		}
		bodies = append(bodies, bytes.Clone(w.Body))
	}
}

// Offset is how much has been read.
func (r *Reader) Offset() int64 { return r.offset }

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

// skipByteOrderMark skips a mark before a webhook, as where files that begin with one were joined. c is the byte that
// was read last.
func (r *Reader) skipByteOrderMark(c byte) bool {
	const n = len(byteOrderMark)
	if rest, _ := r.in.Peek(n - 1); c != byteOrderMark[0] || string(rest) != byteOrderMark[1:] {
		return false
	}
	_, _ = r.in.Discard(n - 1) // they are there
	for i := range n {
		r.count(byteOrderMark[i])
	}
	return true
}

func (r *Reader) count(c byte) {
	r.offset++
	if c == '\n' {
		r.line++
	}
	_ = r.hashed.WriteByte(c) // a hash takes everything
}

func (r *Reader) finish(w Webhook) Webhook {
	_ = r.hashed.Flush()
	w.TooLong = len(r.body) > message.MaxBody
	w.Body = bytes.TrimRight(r.body, "\r\n")
	w.End = r.offset
	r.digest.Sum(w.Digest[:0])
	return w
}

// nesting follows brackets outside of strings to find a document's end.
type nesting struct {
	depth             int
	inString, escaped bool
	opened            bool
}

// read takes the next byte and reports whether it closes the document.
func (n *nesting) read(c byte) bool {
	switch {
	case n.escaped:
		n.escaped = false
	case n.inString && c == '\\':
		n.escaped = true
	case c == '"':
		n.inString = !n.inString
	case n.inString:
	case c == '{' || c == '[':
		n.depth++
		n.opened = true
	case c == '}' || c == ']':
		n.depth--
		return n.depth <= 0
	}
	return false
}
