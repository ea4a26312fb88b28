package clevertap

import (
	"unicode"
	"unicode/utf8"
)

// Fold appends a name as CleverTap compares it: without letter case and white space. Two names are one for CleverTap exactly
// if their folds are equal; an underscore counts (docs.clevertap.com/docs/events, November 2026).
func Fold[T ~string | ~[]byte](dst []byte, name T) []byte {
	for i := 0; i < len(name); {
		r, next := folded(name, i)
		if r >= 0 {
			dst = utf8.AppendRune(dst, r)
		}
		i = next
	}
	return dst
}

// Same tells whether CleverTap treats two names as one. It does not allocate.
func Same[T, U ~string | ~[]byte](a T, b U) bool {
	for i, j := 0, 0; ; {
		var x, y rune
		x, i = nextFolded(a, i)
		y, j = nextFolded(b, j)
		if x != y {
			return false
		}
		if x < 0 {
			return true
		}
	}
}

// nextFolded gives the first rune at or after i that counts, in lower case, and the place behind it; -1 at the end.
func nextFolded[T ~string | ~[]byte](name T, i int) (rune, int) {
	for i < len(name) {
		r, next := folded(name, i)
		if r >= 0 {
			return r, next
		}
		i = next
	}
	return -1, i
}

// folded gives the rune at i in lower case, -1 if it is white space, and the place behind it.
func folded[T ~string | ~[]byte](name T, i int) (rune, int) {
	if c := name[i]; c < utf8.RuneSelf {
		switch {
		case c == ' ' || '\t' <= c && c <= '\r':
			return -1, i + 1
		case 'A' <= c && c <= 'Z':
			return rune(c) + ('a' - 'A'), i + 1
		}
		return rune(c), i + 1
	}
	r, size := runeAt(name, i)
	if unicode.IsSpace(r) {
		return -1, i + size
	}
	return unicode.ToLower(r), i + size
}

// runeAt decodes the rune at i of a text of either type without converting all of it.
func runeAt[T ~string | ~[]byte](text T, i int) (rune, int) {
	var few [utf8.UTFMax]byte
	return utf8.DecodeRune(few[:copy(few[:], text[i:])])
}

// Forbidden gives the first character of a name that CleverTap takes in no name of an event or property, and in profiles
// also '#', or 0 if there is none (developer.clevertap.com/docs/upload-events-api, November 2026).
func Forbidden(name string, profile bool) rune {
	for i := range len(name) {
		if c := rune(name[i]); isForbidden(c, profile) {
			return c
		}
	}
	return 0
}

func isForbidden(c rune, profile bool) bool {
	switch c {
	case '%', '<', '>', '!', '|', '&', '.', ':', ';', '$', '\'', '"', '\\':
		return true
	case '#':
		return profile
	}
	return false
}

// CleanName appends a name without forbidden characters and without white space around it, cut at a rune to limit bytes, and
// tells whether that is another name. Nothing may be left of it.
func CleanName(dst, name []byte, limit int, profile bool) (out []byte, changed bool) {
	start := len(dst)
	out = dst
	space := true // what is white space now would stand at the beginning
	for i := 0; i < len(name); {
		r, size := runeAt(name, i)
		switch {
		case isForbidden(r, profile), space && unicode.IsSpace(r):
		default:
			space = false
			out = append(out, name[i:i+size]...)
		}
		i += size
	}
	out = out[:start+len(Cut(out[start:], limit))]
	for len(out) > start {
		r, size := utf8.DecodeLastRune(out[start:])
		if !unicode.IsSpace(r) {
			break
		}
		out = out[:len(out)-size]
	}
	return out, len(out)-start != len(name)
}

// Cut gives the longest beginning of a text that has at most limit bytes and ends between two runes.
func Cut[T ~string | ~[]byte](text T, limit int) T {
	if len(text) <= limit {
		return text
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit]
}
