// Package subscriber answers what is known of a person: which purchases are active and so whether a paying user may be
// called inactive, under which CleverTap ID to address them, whether anything may be sent at all, and what became of
// their webhooks.
//
// It is pure: items of the table and updates go in, new items and decisions come out. The same update twice gives the
// same decision, and an older one never beats a newer one. It does not know how items are stored, and it never reads
// the clock.
package subscriber

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/purchasely-clevertap/bridge/shared/message"
)

// Rank orders events about one purchase at the same instant: the larger one wins.
type Rank uint8

// ACTIVATE and DEACTIVATE outrank all other events, and granting access outranks ending it.
const (
	Other Rank = iota
	OtherGrants
	Deactivate
	Activate
)

// rankNames are how ranks are stored.
var rankNames = [...]string{
	Other: "other", OtherGrants: "other_grants", Deactivate: "deactivate", Activate: "activate",
}

// Update is what one event says about one purchase.
type Update struct {
	Purchase string    // the purchase's id; empty: the event has none
	At       time.Time // the time that makes ts, to the millisecond; zero: the event has none
	Known    bool      // whether Active is known
	Active   bool      // whether the purchase gives access from At on
	Rank     Rank
}

const (
	// maxID bounds the ids of purchases. The stores' have up to 60 characters; nothing from outside may fill a table.
	maxID = 128
	// maxPurchases bounds the purchases of one subscriber. Only somebody who buys over and over has so many.
	maxPurchases = 100
)

// key is what the purchase is stored under.
func (u Update) key() string {
	if len(u.Purchase) <= maxID {
		return u.Purchase
	}
	sum := sha256.Sum256([]byte(u.Purchase))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// comparable reports whether the update can be compared with others about its purchase.
func (u Update) comparable() bool { return u.Purchase != "" && !u.At.IsZero() }

// Until bounds the update's time: a clock that runs ahead must not silence the events of the days to come.
func (u Update) Until(received time.Time) Update {
	if u.At.After(received) {
		u.At = received
	}
	return u
}

// Decision is what the profile record of an event may say.
type Decision struct {
	Older  bool // no profile record: something newer is known about this purchase
	Others bool // only has_active_subscription and the user's ids: another purchase is active, this one is not
	Known  bool // whether Active is sent
	Active bool
	Unsure bool // the stored state could not be read: has_active_subscription is left out rather than false
}

// Purchase is what is known of one purchase.
type Purchase struct {
	Active bool
	At     time.Time // to the millisecond
	Rank   Rank
}

// State is what is stored of one subscriber at one CleverTap account: purchases by their ids. A nil State is a
// subscriber of whom nothing is known.
type State map[string]Purchase

// Apply lets an update change the state. older reports that the state knows something newer about this purchase,
// changed that the state is another one now. What loses a tie at the same instant changes nothing, but is not older.
func (s *State) Apply(u Update) (older, changed bool) {
	if !u.comparable() {
		return false, false
	}
	id := u.key()
	stored, known := (*s)[id]
	switch {
	case known && u.At.Before(stored.At):
		return true, false
	case !u.Known, known && u.At.Equal(stored.At) && u.Rank <= stored.Rank:
		return false, false
	}
	if *s == nil {
		*s = make(State)
	}
	(*s)[id] = Purchase{Active: u.Active, At: u.At, Rank: u.Rank}
	s.prune()
	return false, true
}

// prune forgets what matters least: purchases that are not active before those that are, the oldest first.
func (s State) prune() {
	if len(s) <= maxPurchases {
		return
	}
	ids := slices.SortedFunc(maps.Keys(s), func(a, b string) int {
		x, y := s[a], s[b]
		if x.Active != y.Active {
			if y.Active {
				return -1
			}
			return 1
		}
		return cmp.Or(x.At.Compare(y.At), cmp.Compare(a, b))
	})
	for _, id := range ids[:len(ids)-maxPurchases] {
		delete(s, id)
	}
}

// Active reports whether any purchase is active.
func (s State) Active() bool { return s.activeBut("") }

// activeBut reports whether a purchase other than the one of that id is active. No purchase has an empty id.
func (s State) activeBut(id string) bool {
	for other, p := range s {
		if p.Active && other != id {
			return true
		}
	}
	return false
}

// Decide returns what the profile record of an event may say, given the state after its update, and after those of its
// batch, was applied. older is what Apply returned.
func (s State) Decide(u Update, older bool) Decision {
	if older {
		return Decision{Older: true}
	}
	active := s.Active()
	stored, known := s[u.key()]
	switch {
	case !u.comparable() || !known:
		// The stateless rules, but never false while a stored purchase is active.
		ends := u.Known && !u.Active
		return Decision{Others: ends && s.activeBut(u.key()), Known: u.Known, Active: u.Active || ends && active}
	case !stored.Active && active:
		return Decision{Others: true, Known: true, Active: true}
	default:
		return Decision{Known: u.Known, Active: active}
	}
}

// Merge applies all updates of a batch in the order of time, and decides on each as if it had come alone. But all of
// them say the same about the user: what is true in the end. changed reports whether the state is another one now.
func (s State) Merge(updates []Update) (merged State, decisions []Decision, changed bool) {
	order := make([]int, len(updates))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return updates[a].At.Compare(updates[b].At) })
	merged, decisions = maps.Clone(s), make([]Decision, len(updates))
	for _, i := range order {
		older, applied := merged.Apply(updates[i])
		decisions[i] = merged.Decide(updates[i], older)
		changed = changed || applied
	}
	for i := range decisions {
		decisions[i].Active = merged.Decide(updates[i], false).Active
	}
	return merged, decisions, changed
}

// longAgo is before everything that an event can say about a purchase.
var longAgo = time.UnixMilli(1).UTC()

// Forget makes what is said about purchases after an instant count as said long ago, and reports whether there was
// any: a clock that ran ahead when it was stored must not silence what comes. Only whether those purchases are active
// is still believed.
func (s State) Forget(after time.Time) (found bool) {
	for id, p := range s {
		if p.At.After(after) {
			s[id] = Purchase{Active: p.Active, At: longAgo}
			found = true
		}
	}
	return found
}

// StateAttribute is the attribute that holds a state, as [State.Encode] writes it.
const StateAttribute = "state"

// stateLifetime is how long a state is kept after its last change.
const stateLifetime = 2 * 365 * 24 * time.Hour

// Item is the state as the table has it.
func (s State) Item(now time.Time) Item {
	i := Item{StateAttribute: s.Encode()}
	i.expireAfter(now, stateLifetime)
	return i
}

// stored is a purchase in JSON.
type stored struct {
	Active jsontext.Value `json:"active"`
	At     jsontext.Value `json:"at"`
	Rank   jsontext.Value `json:"rank"`
}

// Encode writes the state as text: {"subs_1":{"active":true,"at":"2026-03-14T12:00:00.000Z","rank":"activate"}}. Equal
// states have equal texts.
func (s State) Encode() string {
	all := make(map[string]stored, len(s))
	for id, p := range s {
		all[id] = stored{
			Active: strconv.AppendBool(nil, p.Active),
			At:     jsontext.Value(`"` + message.FormatTime(p.At) + `"`),
			Rank:   jsontext.Value(`"` + rankNames[p.Rank] + `"`),
		}
	}
	text, err := json.Marshal(all, json.Deterministic(true), jsontext.AllowInvalidUTF8(true))
	if err != nil {
		panic(err) // nothing in it can fail
	}
	return string(text)
}

// Errors of [DecodeState].
var (
	ErrNoState = errors.New("subscriber state cannot be read")
	ErrDamaged = errors.New("subscriber state has purchases that cannot be read")
)

// DecodeState reads what Encode wrote, and what another version wrote or a person has edited. With an error the state
// holds what can be believed: purchases of which it is clear whether they are active. Unless their time is clear, too,
// it is long ago. Unknown names are ignored.
func DecodeState(text string) (State, error) {
	lenient := json.JoinOptions(jsontext.AllowDuplicateNames(true))
	var all map[string]jsontext.Value
	if err := json.Unmarshal([]byte(text), &all, lenient); err != nil || all == nil {
		return nil, ErrNoState
	}
	var s State
	var damaged error
	for id, value := range all {
		var e stored
		p, believed, whole := Purchase{}, false, false
		if json.Unmarshal(value, &e, lenient) == nil {
			p, believed, whole = e.purchase()
		}
		if !whole || id == "" {
			damaged = ErrDamaged
		}
		if believed && id != "" {
			if s == nil {
				s = make(State, len(all))
			}
			s[id] = p
		}
	}
	return s, damaged
}

// purchase reads a stored purchase. believed: it is clear whether it is active; whole: so is everything else.
func (e stored) purchase() (p Purchase, believed, whole bool) {
	p.Active = e.Active.Kind() == 't'
	believed = p.Active || e.Active.Kind() == 'f'
	var text string
	timed, ranked := false, false
	if json.Unmarshal(e.At, &text) == nil {
		at, err := time.Parse(time.RFC3339, text)
		p.At, timed = at.UTC().Truncate(time.Millisecond), err == nil
	}
	if json.Unmarshal(e.Rank, &text) == nil {
		rank := slices.Index(rankNames[:], text)
		p.Rank, ranked = Rank(max(rank, 0)), rank >= 0 //nolint:gosec // an index of four
	}
	if !timed || p.At.Before(longAgo) {
		p.At, timed = longAgo, false
	}
	return p, believed, believed && timed && ranked
}
