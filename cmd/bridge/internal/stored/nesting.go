package stored

// nesting follows brackets outside of strings, to find a document's end.
type nesting struct {
	depth         int
	text, escaped bool
	opened        bool
}

// read takes the next byte and tells whether it closes the document.
func (n *nesting) read(c byte) bool {
	switch {
	case n.escaped:
		n.escaped = false
	case n.text && c == '\\':
		n.escaped = true
	case c == '"':
		n.text = !n.text
	case n.text:
	case c == '{' || c == '[':
		n.depth++
		n.opened = true
	case c == '}' || c == ']':
		n.depth--
		return n.depth <= 0
	}
	return false
}
