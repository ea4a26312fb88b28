// Package secret holds what must not be seen, and keeps it for a while.
//
// It promises that nothing prints a [Value], by whatever road, and that a [Cache] reads each secret once at a time and
// goes on with the old value while a refresh fails. It does not know where secrets come from: the fetch is injected.
package secret

// placeholder is all that a Value ever shows.
const placeholder = "[secret]"

// Value holds a secret text behind a pointer, so that fmt, slog and JSON show a placeholder or an address, also from
// inside an unexported field. The zero Value is empty. Values must be compared with [Value.Equal], not with ==.
type Value struct{ text *string }

// New wraps a text.
func New(text string) Value { return Value{&text} }

// Reveal gives the text. Production code calls it in two places, for the MAC and for the request's header; a test counts.
func (v Value) Reveal() string {
	if v.text == nil {
		return ""
	}
	return *v.text
}

// Empty tells whether there is no text.
func (v Value) Empty() bool { return v.text == nil || *v.text == "" }

// Equal tells whether two Values hold the same text. Not in constant time: both sides are ours.
func (v Value) Equal(w Value) bool {
	return v.text == w.text || (v.Empty() && w.Empty()) || (!v.Empty() && !w.Empty() && *v.text == *w.text)
}

// String shows the placeholder.
func (v Value) String() string { return placeholder }

// GoString shows the placeholder.
func (v Value) GoString() string { return placeholder }

// MarshalText shows the placeholder.
func (v Value) MarshalText() ([]byte, error) { return []byte(placeholder), nil }

// UnmarshalText fills the Value straight from JSON, so that no plain text travels between packages.
func (v *Value) UnmarshalText(text []byte) error {
	s := string(text)
	v.text = &s
	return nil
}
