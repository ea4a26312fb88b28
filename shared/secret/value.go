// Package secret holds secrets that cannot be printed, and caches them.
//
// It promises that nothing prints a [Value], in whatever way, and that a [Cache] makes one read of a secret at
// a time and uses the old value while reads fail. It does not know where secrets come from: the fetch is
// injected.
package secret

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// placeholder is printed for every Value.
const placeholder = "[secret]"

// Value holds a secret text behind a pointer, so that fmt, slog and JSON show a placeholder or an address, also
// from inside an unexported field. The zero Value is empty. Values must be compared with [Value.Equal], not
// with ==.
type Value struct{ text *string }

// New wraps a text.
func New(text string) Value { return Value{&text} }

// Reveal returns the text. Production code calls it in two places, for the MAC and the request's header; a test
// counts.
func (v Value) Reveal() string {
	if v.text == nil {
		return ""
	}
	return *v.text
}

// Empty reports whether there is no text.
func (v Value) Empty() bool { return v.text == nil || *v.text == "" }

// Equal reports whether two Values hold the same text, not in constant time: both are ours.
func (v Value) Equal(w Value) bool {
	return v.text == w.text || (v.Empty() && w.Empty()) || (!v.Empty() && !w.Empty() && *v.text == *w.text)
}

// String returns the placeholder.
func (v Value) String() string { return placeholder }

// GoString returns the placeholder.
func (v Value) GoString() string { return placeholder }

// MarshalText returns the placeholder.
func (v Value) MarshalText() ([]byte, error) { return []byte(placeholder), nil }

// UnmarshalText fills the Value straight from JSON, so that no plain text travels between packages, and trims it.
func (v *Value) UnmarshalText(text []byte) error {
	s := Trim(string(text))
	v.text = &s
	return nil
}

// Trim takes off what nobody sees around a secret and what comes along when one is pasted: white space of every kind,
// a byte order mark, other characters without a width.
func Trim(text string) string { return strings.TrimFunc(text, unseen) }

func unseen(r rune) bool { return unicode.IsSpace(r) || unicode.In(r, unicode.Cf, unicode.Zs) }

// quotes are the marks that a text may be pasted with, each with the one that closes it.
var quotes = map[rune]rune{'"': '"', '\'': '\'', '`': '`', '“': '”', '„': '“', '‘': '’', '«': '»'}

// Quoted reports whether the text is in quotation marks. They may belong to the secret, and rarely do.
func (v Value) Quoted() bool {
	if v.Empty() {
		return false
	}
	first, size := utf8.DecodeRuneInString(*v.text)
	last, _ := utf8.DecodeLastRuneInString((*v.text)[size:])
	return quotes[first] == last && last != 0
}
