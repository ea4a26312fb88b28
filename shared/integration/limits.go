package integration

import (
	"fmt"
	"maps"

	"github.com/goccy/go-yaml/token"
)

// The YAML library recurses without a limit of its own, its time grows with the square of the nesting, of the number
// of keys side by side and of the number of values that are left out, and aliases let a small file describe a huge
// one; text made for that would stop the process beyond recovery. No integration file comes near these limits: 250
// apps with ninety entries each are 1 MiB, and the deepest value is on the sixth level.
const (
	maxBytes   = 1 << 20
	maxNesting = 64
	maxWidth   = 5000 // keys or items of one value
	maxEmpty   = 2000 // keys and items without a value
)

// exceedsLimits reports whether the library must not parse the tokens, and why.
func (r *report) exceedsLimits(tokens token.Tokens) bool {
	if at := tooDeep(tokens); at.known() {
		r.fault(at, "", fmt.Sprintf("values are nested more than %d deep", maxNesting),
			"close a bracket, or take the list apart")
		return true
	}
	if at := tooWide(tokens); at.known() {
		r.fault(at, "", fmt.Sprintf("more than %d keys or items stand side by side", maxWidth), tooLarge)
		return true
	}
	if at := tooEmpty(tokens); at.known() {
		r.fault(at, "", fmt.Sprintf("more than %d keys or items have no value", maxEmpty), "leave them out, or write {}")
		return true
	}
	return false
}

// tooDeep finds where the nesting passes its limit. On a line of its own every level needs a deeper indentation, so
// that the file's size bounds the nesting; these tokens nest without.
func tooDeep(tokens token.Tokens) place {
	brackets, run := 0, 0
	for _, t := range tokens {
		switch t.Type {
		case token.MappingStartType, token.SequenceStartType:
			brackets++
		case token.MappingEndType, token.SequenceEndType:
			brackets--
		case token.SequenceEntryType, token.MappingKeyType, token.TagType, token.AnchorType:
			run++
		default:
			run = 0
		}
		if brackets+run > maxNesting {
			return at(t)
		}
	}
	return place{}
}

// tooWide finds where the keys or items of one value pass their limit. Between brackets they are counted by their
// commas; on lines of their own those of one value begin in one column, with none in a smaller column between them.
func tooWide(tokens token.Tokens) place {
	var brackets []int         // how many there are so far, the innermost at the end
	lines := make(map[int]int) // the same by their columns
	for _, t := range tokens {
		count := 0
		switch innermost := len(brackets) - 1; {
		case startsBrackets(t):
			brackets = append(brackets, 0)
		case innermost >= 0 && endsBrackets(t):
			brackets = brackets[:innermost]
		case innermost >= 0 && t.Type == token.CollectEntryType:
			brackets[innermost]++
			count = brackets[innermost]
		case innermost < 0 && beginsValue(t):
			column := beginning(t)
			maps.DeleteFunc(lines, func(other, _ int) bool { return other > column })
			lines[column]++
			count = lines[column]
		}
		if count > maxWidth {
			return at(t)
		}
	}
	return place{}
}

// tooEmpty finds where the keys and items without a value pass their limit.
func tooEmpty(tokens token.Tokens) place {
	empty := 0
	var before *token.Token // without comments
	var braces []bool       // of the brackets around the token
	for _, t := range tokens {
		if t.Type == token.CommentType {
			continue
		}
		ends := t.Type == token.CollectEntryType || endsBrackets(t)
		if before != nil && (beginsValue(before) && (ends || isBelow(t, before)) ||
			ends && len(braces) > 0 && braces[len(braces)-1] && startsKey(before.Prev)) {
			empty++
		}
		if empty > maxEmpty {
			return at(t)
		}
		switch {
		case startsBrackets(t):
			braces = append(braces, t.Type == token.MappingStartType)
		case endsBrackets(t) && len(braces) > 0:
			braces = braces[:len(braces)-1]
		}
		before = t
	}
	return place{}
}

func startsBrackets(t *token.Token) bool {
	return t.Type == token.MappingStartType || t.Type == token.SequenceStartType
}

func endsBrackets(t *token.Token) bool {
	return t.Type == token.MappingEndType || t.Type == token.SequenceEndType
}

// beginsValue reports whether the value of a key or an item follows a token.
func beginsValue(t *token.Token) bool {
	return t.Type == token.MappingValueType || t.Type == token.SequenceEntryType || t.Type == token.MappingKeyType
}

// beginning returns the column of the key or the item whose value follows a token.
func beginning(t *token.Token) int {
	if t.Type == token.MappingValueType && t.Prev != nil {
		return t.Prev.Position.Column
	}
	return t.Position.Column
}

// isBelow reports whether a token is on a later line than the key or item whose value would follow, and not inside of
// it.
func isBelow(t, key *token.Token) bool {
	return t.Position.Line > key.Position.Line && t.Position.Column <= beginning(key)
}

// startsKey reports whether a key follows a token between braces.
func startsKey(t *token.Token) bool {
	return t != nil && (t.Type == token.MappingStartType || t.Type == token.CollectEntryType)
}
