package clevertap

import (
	"errors"
	"io"
	"sync"
)

// content is what an upload sends, for as long as the attempt lasts. A transport may go on reading a request for a while after it gave
// up; from release on it finds nothing more to read, so that the records' memory can be used again.
type content struct {
	mu      sync.Mutex
	records []*item
	over    bool
}

// errOver is what a transport reads that has been given up.
var errOver = errors.New("upload: attempt is over")

// release ends the attempt. No record is being read when it returns, and none will be.
func (c *content) release() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.records, c.over = nil, true
}

// open gives a reader from the beginning.
func (c *content) open() (io.ReadCloser, error) { return &body{content: c}, nil }

// body reads an upload's request out of its records without copying them together: a batch is held in memory once.
type body struct {
	content *content
	part    int    // the next one: opening, then records with commas between them, then closing
	rest    []byte // of the part before
}

// size is the number of bytes that reading gives.
func size(records []*item) int64 {
	bytes := len(opening) + len(closing) + (len(records)-1)*len(comma)
	for _, r := range records {
		bytes += len(r.JSON)
	}
	return int64(bytes)
}

// Read fills p as far as there is something.
func (b *body) Read(p []byte) (n int, err error) {
	b.content.mu.Lock()
	defer b.content.mu.Unlock()
	if b.content.over {
		return 0, errOver
	}
	for n < len(p) {
		if len(b.rest) == 0 && !b.advance() {
			if n == 0 {
				err = io.EOF
			}
			return n, err
		}
		copied := copy(p[n:], b.rest)
		b.rest = b.rest[copied:]
		n += copied
	}
	return n, nil
}

// Close does nothing: there is nothing to release.
func (b *body) Close() error { return nil }

// advance goes to the next part, and tells whether there was one.
func (b *body) advance() bool {
	last := 2 * len(b.content.records)
	switch {
	case b.part > last:
		return false
	case b.part == 0:
		b.rest = opening
	case b.part == last:
		b.rest = closing
	case b.part%2 == 0:
		b.rest = comma
	default:
		b.rest = b.content.records[b.part/2].JSON
	}
	b.part++
	return true
}
