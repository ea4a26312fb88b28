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

// sniffed is how much of a file says how it is written: more than a webhook's size.
const sniffed = 1 << 20

// Reader reads stored webhooks one after the other, in constant memory: one on each line, or, where the first spreads over several lines,
// JSON documents one behind the other. It keeps account of what it has read, so that reading can be taken up again.
type Reader struct {
	in      *bufio.Reader
	lines   bool // one on each line
	digest  hash.Hash
	pending []byte // read, and not in the digest yet
	offset  int64
	line    int // where the next byte stands
	body    []byte
}

// Webhook is one stored webhook. Its body is valid until the next is read.
type Webhook struct {
	Body    []byte
	TooLong bool
	Line    int // where it begins
	End     int64
	Digest  [sha256.Size]byte // of everything up to its end
}

// NewReader looks at how the input begins.
func NewReader(in io.Reader) *Reader {
	r := &Reader{in: bufio.NewReaderSize(in, sniffed), digest: sha256.New(), line: 1}
	window, _ := r.in.Peek(sniffed) // An error comes back with the first byte that is missing.
	r.lines = oneALine(window)
	return r
}

// oneALine tells how a file is written that begins like this. A damaged first line among whole ones is a damaged line.
func oneALine(window []byte) bool {
	if value, err := jsontext.NewDecoder(bytes.NewReader(window), Lenient...).ReadValue(); err == nil {
		return !bytes.Contains(value, []byte{'\n'})
	}
	for line := range bytes.Lines(window) {
		line = bytes.TrimSpace(line)
		if documents, ok := splitDocuments(line); ok && len(documents) == 1 && line[0] == '{' {
			return true
		}
	}
	return len(bytes.TrimSpace(window)) == 0
}

// Next reads the next webhook, whatever it is worth; the error is [io.EOF] at the end.
func (r *Reader) Next() (Webhook, error) {
	r.body = r.body[:0]
	s := Webhook{}
	var n nesting
	for begun := false; ; {
		c, err := r.in.ReadByte()
		if errors.Is(err, io.EOF) && begun {
			return r.finish(s), nil
		}
		if err != nil {
			return s, err
		}
		if !begun && !blank(c) {
			begun, s.Line = true, r.line
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
			return r.finish(s), nil
		}
	}
}

// Offset is how much has been read.
func (r *Reader) Offset() int64 { return r.offset }

func blank(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

// count takes a byte into account.
func (r *Reader) count(c byte) {
	r.offset++
	if c == '\n' {
		r.line++
	}
	if r.pending = append(r.pending, c); len(r.pending) == 4096 {
		r.settle()
	}
}

func (r *Reader) settle() {
	r.digest.Write(r.pending)
	r.pending = r.pending[:0]
}

func (r *Reader) finish(s Webhook) Webhook {
	r.settle()
	s.TooLong = len(r.body) > message.MaxBody
	s.Body = bytes.TrimRight(r.body, "\r\n")
	s.End = r.offset
	r.digest.Sum(s.Digest[:0])
	return s
}
