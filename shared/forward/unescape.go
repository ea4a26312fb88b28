package forward

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// unescape unescapes a webhook's quotes and line ends, several times as fast as a reader that is ready for everything: what lies between
// two escapes, it copies in words of eight bytes. It tells whether there was nothing else to be unescaped.
func (w *walker) unescape(text []byte, first int) bool {
	from := len(w.arena)
	w.arena = slices.Grow(w.arena, len(text))
	out := w.arena[from : from+len(text)]
	n := copy(out, text[:first])
	for i := first; i < len(text); {
		if i+word <= len(text) {
			eight := binary.LittleEndian.Uint64(text[i:])
			binary.LittleEndian.PutUint64(out[n:], eight) // what is too much of it is written over
			clean := cleanBytes(eight)
			i, n = i+clean, n+clean
			if clean == word {
				continue
			}
		}
		c := text[i]
		i++
		if c == '\\' {
			c = unescaped[text[i]] // there is another one: the decoder has seen to it
			if c == 0 {
				return false
			}
			i++
		}
		out[n] = c
		n++
	}
	w.arena = w.arena[:from+n]
	return true
}

// unescaped is what stands for an escape of one character; 0: it is none, or not a webhook's.
var unescaped = [256]byte{'"': '"', '\\': '\\', '/': '/', 'n': '\n', 'r': '\r', 't': '\t'}

// word is how many bytes are looked at together.
const word = 8

// cleanBytes counts the bytes of a little-endian word before the first backslash. A byte of the difference to eight backslashes is zero
// where there is one, and only borrowing from there sets a high bit that was not set.
func cleanBytes(eight uint64) int {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	difference := eight ^ ones*'\\'
	return bits.TrailingZeros64((difference-ones)&^difference&highs) / 8
}
