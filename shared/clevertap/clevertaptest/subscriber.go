package clevertaptest

import (
	"maps"
	"slices"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Profile is a user as all accepted records together made it.
type Profile struct {
	Account string                    `json:"account"`
	Key     string                    `json:"key"` // identity, objectId, FBID or GPID
	ID      string                    `json:"id"`
	Data    map[string]jsontext.Value `json:"data"`    // merged profile data
	Unknown bool                      `json:"unknown"` // the account did not know the id: a new profile, perhaps a stray one
	Request int                       `json:"request"` // that created it
	Records int                       `json:"records"` // events and profiles
}

// Deletion is one user whose deletion was accepted.
type Deletion struct {
	Account string    `json:"account"`
	Request int       `json:"request"`
	Time    time.Time `json:"time"`
	Key     string    `json:"key"` // identity or guid
	ID      string    `json:"id"`
}

// subscriber finds or creates a record's user and merges what the record says.
func (a *account) merge(f *finding, request int) {
	at := subscriber{f.key, f.id}
	p := a.subscribers[at]
	if p == nil {
		p = &Profile{Account: a.now.ID, Key: f.key, ID: f.id, Data: map[string]jsontext.Value{}, Unknown: !a.known[f.id], Request: request}
		a.subscribers[at] = p
		a.subscriberList = append(a.subscriberList, p)
	}
	p.Records++
	if f.kind != "profile" {
		return
	}
	for i := range f.data.kids {
		p.Data[string(f.data.kids[i].key)] = slices.Clone(f.data.kids[i].raw)
	}
}

// forget takes a user away. One that nobody knows is forgotten all the same.
func (a *account) forget(at subscriber) {
	delete(a.subscribers, at)
	a.subscriberList = slices.DeleteFunc(a.subscriberList, func(p *Profile) bool { return p.Key == at.key && p.ID == at.id })
}

// Profiles gives the users of all accounts as they stand, in order of creation within each account.
func (s *Server) Profiles() []Profile {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []Profile
	for _, a := range s.order {
		for _, p := range a.subscriberList {
			shown := *p
			shown.Data = maps.Clone(p.Data)
			all = append(all, shown)
		}
	}
	return all
}

// Unknown gives the profiles that were created by an id which the account did not know.
func (s *Server) Unknown() []Profile {
	return slices.DeleteFunc(s.Profiles(), func(p Profile) bool { return !p.Unknown })
}

// Deletions gives the deleted users in order.
func (s *Server) Deletions() []Deletion {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.deletions)
}
