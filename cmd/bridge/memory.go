package main

import (
	"os"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/mapping"
	"github.com/purchasely-clevertap/bridge/shared/subscriber"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// memory is what the subscriber table has of the one user whom the webhooks are about. Of others, such as the one from whom a subscription came,
// it has nothing.
type memory struct{ state subscriber.State }

// stateAfter is what the table has of a user afterwards.
type stateAfter struct {
	subscriber webhook.Subscriber
	state      subscriber.State
}

// The rules of subscriber state, as explain tells them.
const (
	ruleOlder  = "subscriber state: newer things are known about this purchase"
	ruleOthers = "subscriber state: while another purchase is active, an ended one tells no more than that"
	ruleActive = "subscriber state: has_active_subscription tells whether any of the user's purchases is active"
)

// readMemory reads an entry as 'bridge user show' prints it; no path, no memory.
func readMemory(path string) (*memory, error) {
	if path == "" {
		return nil, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, usagef("name a file with an entry; {} is a user of whom nothing is stored", "state: %w", err)
	}
	// The forwarder passes over names that it does not know; here they are mistakes. Show --json has the entry among other things.
	var shown struct {
		State      jsontext.Value `json:"state"`
		Key        jsontext.Value `json:"subscriber"`
		Stored     jsontext.Value `json:"stored"`
		Expires    jsontext.Value `json:"expires"`
		Production jsontext.Value `json:"production"`
		Sandbox    jsontext.Value `json:"sandbox"`
	}
	err = json.Unmarshal(text, &shown, json.RejectUnknownMembers(true), jsontext.AllowDuplicateNames(true))
	if err == nil && shown.State != nil {
		text = shown.State
	}
	state, damage := subscriber.Decode(strings.TrimSpace(string(text)))
	if err == nil {
		err = damage
	}
	if err != nil {
		return nil, usagef(`for example {"production":{"subs_1":{"active":true,"at":"2026-03-14T12:00:00.000Z","rank":"activate"}}}`, "state: this is not what an entry looks like")
	}
	return &memory{state}, nil
}

// hear lets the webhooks change what is stored of their users, and changes what their profiles say, as the forwarder does.
func (m *memory) hear(drafts []drafted, app *integration.App, received time.Time) (after []stateAfter) {
	if m == nil {
		return nil
	}
	type voice struct {
		profile **mapping.Profile
		verdict *verdict
	}
	var subscribers []webhook.Subscriber
	said := make(map[webhook.Subscriber][]subscriber.ScopedUpdate)
	voices := make(map[webhook.Subscriber][]voice)
	for _, d := range drafts {
		for _, s := range d.result.Updates(received) {
			if said[s.Subscriber] == nil {
				subscribers = append(subscribers, s.Subscriber)
			}
			v := voice{&d.result.Profile, d.verdict}
			if s.Former {
				v.profile = &d.result.Other
			}
			said[s.Subscriber] = append(said[s.Subscriber], subscriber.ScopedUpdate{Update: s.Update, Scope: mapping.Scope(app, d.to, false)})
			voices[s.Subscriber] = append(voices[s.Subscriber], v)
		}
	}
	for i, h := range subscribers {
		var before subscriber.State
		if i == 0 {
			before = m.state
		}
		state, answers, _ := before.Merge(said[h])
		for n, v := range voices[h] {
			v.verdict.notes = append(v.verdict.notes, heard(*v.profile, said[h][n].Update, answers[n])...)
			*v.profile = (*v.profile).Apply(answers[n])
		}
		after = append(after, stateAfter{h, state})
	}
	return after
}

// heard is what subscriber state does to a profile, if it does anything.
func heard(p *mapping.Profile, c subscriber.Update, a subscriber.Decision) []mapping.Note {
	switch {
	case p == nil:
		return nil
	case a.Older:
		return []mapping.Note{{Subject: "profile", Rule: ruleOlder}}
	case a.Others:
		return []mapping.Note{{Subject: "user property", Name: "all but has_active_subscription and the user's ids", Rule: ruleOthers}}
	case a.Known && (!c.Known || a.Active != c.Active):
		return []mapping.Note{{Subject: "user property", Name: "has_active_subscription", Sent: "has_active_subscription", Rule: ruleActive}}
	}
	return nil
}

// users tells how many users the webhooks themselves are about.
func users(bodies [][]byte) int {
	seen := make(map[webhook.Subscriber]bool)
	for _, body := range bodies {
		if h := webhook.Peek(body).Subscriber; h.Kind != webhook.NoSubscriber {
			seen[h] = true
		}
	}
	return len(seen)
}
