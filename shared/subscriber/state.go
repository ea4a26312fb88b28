package subscriber

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// maxPurchases bounds the entries of one environment. Only a subscriber who bought over and over has so many; what ended longest ago goes first.
const maxPurchases = 100

// Entry is what is known of one purchase.
type Entry struct {
	Active bool
	At     time.Time // to the millisecond
	Rank   Rank
}

// State is what is stored of one subscriber: purchases by their ids, sandbox and production apart. The zero State is a subscriber of whom
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
func (s *State) Apply(c Update) (older, changed bool) {
	if !c.placed() {
		return false, false
	}
	purchases, id := s.environment(c.Sandbox), c.key()
	stored, known := (*purchases)[id]
	switch {
	case known && c.At.Before(stored.At):
		return true, false
	case !c.Known, known && c.At.Equal(stored.At) && c.Rank <= stored.Rank:
		return false, false
	}
	if *purchases == nil {
		*purchases = make(map[string]Entry)
	}
	(*purchases)[id] = Entry{Active: c.Active, At: c.At, Rank: c.Rank}
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
	return scope.Production && anyActive(s.Production, "") || scope.Sandbox && anyActive(s.Sandbox, "")
}

// others tells whether any purchase of the scope's environments is active besides the claim's.
func (s State) others(c Update, scope Scope) bool {
	production, sandbox := c.key(), ""
	if c.Sandbox {
		production, sandbox = sandbox, production
	}
	return scope.Production && anyActive(s.Production, production) || scope.Sandbox && anyActive(s.Sandbox, sandbox)
}

// anyActive looks for an active purchase that is not the one with an id; no purchase's id is empty.
func anyActive(purchases map[string]Entry, but string) bool {
	for id, e := range purchases {
		if e.Active && id != but {
			return true
		}
	}
	return false
}

// Decide says what the profile record of an event may say, given the state after its claim, and after those of its batch, was applied.
// older is what Apply said.
func (s State) Decide(c Update, older bool, scope Scope) Decision {
	if older {
		return Decision{Older: true}
	}
	active := s.Active(scope)
	stored, known := (*s.environment(c.Sandbox))[c.key()]
	switch {
	case !c.placed() || !known:
		// The stateless rules, but never false while a stored purchase is active.
		ends := c.Known && !c.Active
		return Decision{Others: ends && s.others(c, scope), Known: c.Known, Active: c.Active || ends && active}
	case !stored.Active && active:
		return Decision{Others: true, Known: true, Active: true}
	default:
		return Decision{Known: c.Known, Active: active}
	}
}

// Forget makes what is said of purchases after an instant count as said long ago, and tells whether there was any: a clock that ran ahead
// when it was stored must not silence what comes. Whether those purchases are active is all that is still believed.
func (s *State) Forget(after time.Time) (found bool) {
	for _, purchases := range [...]map[string]Entry{s.Production, s.Sandbox} {
		for id, e := range purchases {
			if e.At.After(after) {
				purchases[id] = Entry{Active: e.Active, At: longAgo}
				found = true
			}
		}
	}
	return found
}

// longAgo is before everything that can be said of a purchase.
var longAgo = time.UnixMilli(1).UTC()
