package clevertap

import "io"

// body reads an upload's request out of its records without copying them together: a batch is held in memory once. Neither
// the records nor the slice may change any more, because the transport may go on reading for a while after it gave up.
type body struct {
	records []*item
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
	last := 2 * len(b.records)
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
		b.rest = b.records[b.part/2].JSON
	}
	b.part++
	return true
}
