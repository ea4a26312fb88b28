package holder

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// maxPurchases bounds the entries of one environment. Only a holder who bought over and over has so many; what ended longest ago goes first.
const maxPurchases = 100

// Entry is what is known of one purchase.
type Entry struct {
	Active bool
	At     time.Time // to the millisecond
	Rank   Rank
}

// State is what is stored of one holder: purchases by their ids, sandbox and production apart. The zero State is a holder of whom
// nothing is known.
type State struct {
	Production map[string]Entry
	Sandbox    map[string]Entry
}

// Clone copies the state.
func (s State) Clone() State {
	return State{Production: maps.Clone(s.Production), Sandbox: maps.Clone(s.Sandbox)}
}

// environment gives the purchases among which a claim stands.
func (s *State) environment(sandbox bool) *map[string]Entry {
	if sandbox {
		return &s.Sandbox
	}
	return &s.Production
}

// Apply lets a claim change the state. older tells that the state already knows something newer of this purchase, changed that the
// state is another one now. What loses a tie at the same instant changes nothing, but is not older.
func (s *State) Apply(c Claim) (older, changed bool) {
	if !c.placed() {
		return false, false
	}
	purchases := s.environment(c.Sandbox)
	stored, known := (*purchases)[c.Purchase]
	switch {
	case known && c.At.Before(stored.At):
		return true, false
	case !c.Known, known && c.At.Equal(stored.At) && c.Rank <= stored.Rank:
		return false, false
	}
	if *purchases == nil {
		*purchases = make(map[string]Entry)
	}
	(*purchases)[c.Purchase] = Entry{Active: c.Active, At: c.At, Rank: c.Rank}
	prune(*purchases)
	return false, true
}

// prune forgets what matters least: purchases that are not active before those that are, the oldest first.
func prune(purchases map[string]Entry) {
	if len(purchases) <= maxPurchases {
		return
	}
	ids := slices.SortedFunc(maps.Keys(purchases), func(a, b string) int {
		x, y := purchases[a], purchases[b]
		if x.Active != y.Active {
			if y.Active {
				return -1
			}
			return 1
		}
		return cmp.Or(x.At.Compare(y.At), cmp.Compare(a, b))
	})
	for _, id := range ids[:len(ids)-maxPurchases] {
		delete(purchases, id)
	}
}

// Active tells whether any purchase of the scope's environments is active.
func (s State) Active(scope Scope) bool {
	active := func(purchases map[string]Entry) bool {
		for _, e := range purchases {
			if e.Active {
				return true
			}
		}
		return false
	}
	return scope.Production && active(s.Production) || scope.Sandbox && active(s.Sandbox)
}

// Answer says what the profile record of an event may say, given the state after its claim, and after those of its batch, was applied.
// older is what Apply said.
func (s State) Answer(c Claim, older bool, scope Scope) Answer {
	if older {
		return Answer{Older: true}
	}
	any := s.Active(scope)
	stored, known := (*s.environment(c.Sandbox))[c.Purchase]
	switch {
	case !c.placed() || !known:
		// The stateless rules, but never false while a stored purchase is active.
		ends := c.Known && !c.Active
		return Answer{Others: ends && any, Known: c.Known, Active: c.Active || any && ends}
	case !stored.Active && any:
		return Answer{Others: true, Known: true, Active: true}
	default:
		return Answer{Known: c.Known, Active: any}
	}
}
