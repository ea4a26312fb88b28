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

// holderKey names one user of one lane: states of one user in one invocation become one record.
type holderKey struct {
	lane     int
	objectID bool
	id       string
}

// states are the states of one user in the queue's order and the messages that brought them.
type states struct {
	profiles []*mapping.Profile
	messages []int
	last     int // the draft behind whose records the merged one goes
}

// group turns drafts into the lanes' records, in the queue's order. A user's states become one record, which stands where the last of them
// came and for which all the messages that contributed wait.
func (v *invocation) group(drafts []draft) {
	users := make(map[holderKey]*states)
	for n := range drafts {
		d := &drafts[n]
		for _, p := range [...]*mapping.Profile{d.profile, d.other} {
			if p == nil {
				continue
			}
			key := holderKey{d.lane, p.Identity.ObjectID, string(p.Identity.Value)}
			s := users[key]
			if s == nil {
				s = &states{}
				users[key] = s
			}
			s.profiles, s.messages, s.last = append(s.profiles, p), append(s.messages, d.message), n
		}
	}
	for n := range drafts {
		d := &drafts[n]
		if d.event != nil {
			v.add(d.lane, Event, d.event, d.message)
		}
		if d.charged != nil {
			v.add(d.lane, Charged, d.charged, d.message)
		}
		for _, p := range [...]*mapping.Profile{d.profile, d.other} {
			if p == nil {
				continue
			}
			key := holderKey{d.lane, p.Identity.ObjectID, string(p.Identity.Value)}
			if s := users[key]; s.last == n {
				v.merge(d.lane, s)
			}
		}
	}
}

// standing are the drafts of messages that have no fault so far; the others come back or are rejected.
func (v *invocation) standing() []draft {
	return slices.DeleteFunc(slices.Clone(v.drafts), func(d draft) bool { return v.ledger.failed(d.message) })
}

// merge adds one user's record. A panic ends the messages that contributed, and no others.
func (v *invocation) merge(lane int, s *states) {
	defer v.guard(s.messages...)
	from := len(v.arena)
	v.arena = mapping.Merge(v.arena, s.profiles)
	v.add(lane, Profile, v.arena[from:len(v.arena):len(v.arena)], s.messages...)
}

// add puts a record into its lane and into the ledger.
func (v *invocation) add(lane int, kind Kind, record []byte, messages ...int) {
	l := &v.lanes[lane]
	l.Records = append(l.Records, clevertap.Record{Key: v.ledger.add(kind, messages...), JSON: record})
}
