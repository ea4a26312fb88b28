package forward

import "strings"

// Kind is a kind of record as the attribute "accepted" names it.
type Kind uint8

// The kinds are bits, so that a set of them is a Kind too.
const (
	Event Kind = 1 << iota
	Profile
	Charged
)

// kindNames in the order in which they are written.
var kindNames = [...]struct {
	kind Kind
	name string
}{{Event, "event"}, {Profile, "profile"}, {Charged, "charged"}}

// String lists the kinds as the attribute "accepted" does: event,profile.
func (k Kind) String() string {
	var names []string
	for _, n := range kindNames {
		if k&n.kind != 0 {
			names = append(names, n.name)
		}
	}
	return strings.Join(names, ",")
}

// ParseKinds reads the attribute. Words that it does not know are passed over.
func ParseKinds(text string) Kind {
	var kinds Kind
	for word := range strings.SplitSeq(text, ",") {
		for _, n := range kindNames {
			if strings.TrimSpace(word) == n.name {
				kinds |= n.kind
			}
		}
	}
	return kinds
}
