package main

import (
	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/mapping"
)

// gathering puts the records of several webhooks together, as the forwarder does with a batch: by account, in the order of the
// webhooks, the states of one user merged into one record where the last of them came.
type gathering struct {
	accounts [2]gatheredAccount // by mapping.Destination
}

type gatheredAccount struct {
	slots []slot
	users map[string]int // identity → its profile's slot
}

// slot is one record to be: encoded already, or the states of one user; or nothing, once these have moved on.
type slot struct {
	record []byte
	states []*mapping.Profile
}

// upload is one request's body.
type upload struct {
	account string
	records int
	body    []byte
}

// add takes what one webhook came to. The result must not be used for another webhook afterwards.
func (g *gathering) add(to mapping.Destination, r *mapping.Result) {
	a := &g.accounts[to]
	for _, record := range [][]byte{r.Event, r.Charged} {
		if record != nil {
			a.slots = append(a.slots, slot{record: record})
		}
	}
	for _, profile := range []*mapping.Profile{r.Profile, r.Other} {
		if profile != nil {
			a.addProfile(profile)
		}
	}
}

func (a *gatheredAccount) addProfile(p *mapping.Profile) {
	key := "identity " + string(p.Identity.Value)
	if p.Identity.ObjectID {
		key = "objectId " + string(p.Identity.Value)
	}
	if a.users == nil {
		a.users = make(map[string]int)
	}
	var states []*mapping.Profile
	if earlier, ok := a.users[key]; ok {
		states, a.slots[earlier].states = a.slots[earlier].states, nil
	}
	a.users[key] = len(a.slots)
	a.slots = append(a.slots, slot{states: append(states, p)})
}

// records are the account's records as CleverTap gets them.
func (a *gatheredAccount) records() []clevertap.Record {
	records := make([]clevertap.Record, 0, len(a.slots))
	for i, s := range a.slots {
		switch {
		case s.states != nil:
			s.record = mapping.Merge(nil, s.states)
		case s.record == nil:
			continue // The states went to a later slot.
		}
		records = append(records, clevertap.Record{Key: i, JSON: s.record})
	}
	return records
}

// uploads gives the bodies of the requests that the forwarder would make, per account.
func (g *gathering) uploads() (uploads []upload) {
	for to, a := range g.accounts {
		if records := a.records(); len(records) > 0 {
			uploads = append(uploads, rehearse(accountNames[mapping.Destination(to)], records)...)
		}
	}
	return uploads
}
