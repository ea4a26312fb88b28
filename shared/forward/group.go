package forward

import (
	"slices"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/mapping"
)

// draft is what one message wants to send.
type draft struct {
	message        int
	lane           int
	event, charged []byte
	profile, other *mapping.Profile
}

// user names one user of one lane: states of one user in one invocation become one record.
type user struct {
	lane     int
	objectID bool
	id       string
}

// state is one state of a user.
type state struct {
	profile *mapping.Profile
	message int
	draft   int
	before  int  // the user's state before this one; noState: none
	last    bool // the user has no later one
}

const noState = -1

// grouping is what turns drafts into records. It keeps its memory from one time to the next.
type grouping struct {
	states   []state
	latest   map[user]int // each user's last state
	profiles []*mapping.Profile
	messages []int
}

// group turns drafts into the lanes' records, in the queue's order. A user's states become one record, which stands where the last of them
// came and for which all the messages that contributed wait.
func (v *invocation) group(drafts []draft) {
	g := &v.grouping
	g.begin(drafts)
	next := 0
	for n := range drafts {
		d := &drafts[n]
		if d.event != nil {
			v.add(d.lane, Event, d.event, d.message)
		}
		if d.charged != nil {
			v.add(d.lane, Charged, d.charged, d.message)
		}
		for ; next < len(g.states) && g.states[next].draft == n; next++ {
			if g.states[next].last {
				v.merge(d.lane, next)
			}
		}
	}
}

// begin lists the drafts' states and links those of one user.
func (g *grouping) begin(drafts []draft) {
	g.states = g.states[:0]
	if g.latest == nil {
		g.latest = make(map[user]int)
	}
	clear(g.latest)
	for n := range drafts {
		d := &drafts[n]
		for _, p := range [...]*mapping.Profile{d.profile, d.other} {
			if p == nil {
				continue
			}
			u := user{d.lane, p.Identity.ObjectID, string(p.Identity.Value)}
			before, known := g.latest[u]
			if known {
				g.states[before].last = false
			} else {
				before = noState
			}
			g.latest[u] = len(g.states)
			g.states = append(g.states, state{p, d.message, n, before, true})
		}
	}
}

// of lists a user's states and the messages that brought them, given the last of them.
func (g *grouping) of(last int) ([]*mapping.Profile, []int) {
	g.profiles, g.messages = g.profiles[:0], g.messages[:0]
	for i := last; i != noState; i = g.states[i].before {
		g.profiles, g.messages = append(g.profiles, g.states[i].profile), append(g.messages, g.states[i].message)
	}
	slices.Reverse(g.profiles)
	slices.Reverse(g.messages)
	return g.profiles, g.messages
}

// end forgets the users.
func (g *grouping) end() {
	clear(g.states)
	clear(g.latest)
	clear(g.profiles)
}

// standing are the drafts of messages that have no fault so far; the others come back or are rejected.
func (v *invocation) standing() []draft {
	return slices.DeleteFunc(slices.Clone(v.drafts), func(d draft) bool { return v.ledger.failed(d.message) })
}

// merge adds one user's record. A panic ends the messages that contributed, and no others.
func (v *invocation) merge(lane, last int) {
	profiles, messages := v.grouping.of(last)
	defer v.guard(messages...)
	from := len(v.arena)
	v.arena = mapping.Merge(v.arena, profiles)
	v.add(lane, Profile, v.arena[from:len(v.arena):len(v.arena)], messages...)
}

// add puts a record into its lane and into the ledger.
func (v *invocation) add(lane int, kind Kind, record []byte, messages ...int) {
	l := &v.lanes[lane]
	l.Records = append(l.Records, clevertap.Record{Key: v.ledger.add(kind, messages...), JSON: record})
}
