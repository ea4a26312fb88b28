package webhook

import (
	"encoding/binary"
	"math/bits"
)

// names finds attributes by their exact name. Every webhook asks for some forty names, so this is a table with a hash that reads
// sixteen bytes of a name at most: a third of the time of a map. It is filled once and never full, so every search ends.
type names struct {
	slots []*Attribute // a power of two, at least three times as many as there are names
	mask  uint64       // what is left of a hash to be a place among the slots
	shift int          // how far a hash is moved before, since its upper bits are the better ones
}

func newNames(attributes []Attribute) names {
	size := bits.Len(uint(3 * len(attributes)))
	n := names{slots: make([]*Attribute, 1<<size), mask: 1<<size - 1, shift: 64 - size}
	for i := range attributes {
		if a := &attributes[i]; !a.Derived && !a.dynamic {
			*n.slot(a.text) = a
		}
	}
	return n
}

// find gives the attribute of a name, nil if there is none.
func (n *names) find(name []byte) *Attribute { return *n.slot(name) }

// slot is where a name is or would be.
func (n *names) slot(name []byte) **Attribute {
	for i := hash(name) >> n.shift; ; i++ {
		slot := &n.slots[i&n.mask]
		if *slot == nil || (*slot).Name == string(name) {
			return slot
		}
	}
}

// hash mixes a name's length with its first and its last eight bytes, which tell the vendor's names apart.
func hash(name []byte) uint64 {
	const odd = 0x9e3779b97f4a7c15 // 2^64 divided by the golden ratio
	first, last := uint64(0), uint64(0)
	if n := len(name); n >= 8 {
		first, last = binary.LittleEndian.Uint64(name), binary.LittleEndian.Uint64(name[n-8:])
	} else {
		for _, c := range name {
			first = first<<8 | uint64(c)
		}
	}
	return ((first^uint64(len(name)))*odd ^ last) * odd
}
