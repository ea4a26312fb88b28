package journal

import (
	"strings"
	"time"
)

// Form is an entry as commands print it for programs.
type Form struct {
	App      string    `json:"app"`
	Event    string    `json:"event"`
	EventID  string    `json:"event_id"` // or a hash of the webhook, where it has none
	Created  time.Time `json:"created,omitzero"`
	Received time.Time `json:"received"`
	Settled  time.Time `json:"settled"`
	Outcome  string    `json:"outcome"`
	Reason   string    `json:"reason,omitzero"`
	Code     string    `json:"code,omitzero"`
	Because  string    `json:"because,omitzero"` // the reason in words
	Account  string    `json:"account,omitzero"`
	Records  []string  `json:"records"`       // that CleverTap has
	Name     string    `json:"name,omitzero"` // of the event at CleverTap, where it is another one
	Active   *bool     `json:"active"`        // whether the person was then; null: unknown
	Attempt  int       `json:"attempt"`
	Settings string    `json:"settings"`
	Other    string    `json:"other,omitzero"` // of a transfer: the other side's subscriber
	HasBody  bool      `json:"has_body"`
}

// Form is the entry for programs.
func (e Entry) Form() Form {
	f := Form{
		App: e.App, Event: e.Event.Event, EventID: e.EventID, Created: e.Created, Received: e.Received, Settled: e.Settled,
		Outcome: e.Outcome, Reason: e.Reason, Code: e.Code, Account: e.Account, Records: []string{}, Name: e.Name,
		Attempt: e.Attempt, Settings: e.Settings, Other: e.Other, HasBody: e.Body != nil,
	}
	if e.Records != "" {
		f.Records = strings.Split(e.Records, ",")
	}
	if e.Reason != "" {
		f.Because = Because(e.Reason, e.Code)
	}
	if e.Active != "" {
		f.Active = new(e.Active == "true")
	}
	return f
}
