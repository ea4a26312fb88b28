package main

import "github.com/go-json-experiment/json/jsontext"

// explanationJSON is what explain --json prints.
type explanationJSON struct {
	Webhooks []verdictJSON `json:"webhooks"`
	Uploads  []uploadJSON  `json:"uploads"`
	States   []stateJSON   `json:"states,omitempty"` // with --state only
}

type stateJSON struct {
	Kind  string         `json:"kind"` // user, anonymous, device or purchase
	ID    string         `json:"id"`
	State jsontext.Value `json:"state"`
}

type verdictJSON struct {
	Event   string     `json:"event"`
	Outcome string     `json:"outcome"`
	Reason  string     `json:"reason"`
	Cause   string     `json:"cause"`
	Account string     `json:"account"`
	Notes   []noteJSON `json:"notes"`
	Drift   []string   `json:"drift"`
	Hints   []string   `json:"hints"`
}

type noteJSON struct {
	Subject string `json:"subject"`
	Name    string `json:"name"`
	Sent    string `json:"sent"`
	Rule    string `json:"rule"`
	Key     string `json:"key"`
	File    string `json:"file"`
	Line    int    `json:"line"`
	Column  int    `json:"column"`
}

type uploadJSON struct {
	Account string         `json:"account"`
	Records int            `json:"records"`
	Bytes   int            `json:"bytes"`
	Body    jsontext.Value `json:"body"`
}

// json is the explanation for programs; lists are never null. file names the integration file.
func (x explanation) json(file string) explanationJSON {
	out := explanationJSON{Webhooks: make([]verdictJSON, 0, len(x.webhooks)), Uploads: make([]uploadJSON, 0, len(x.uploads))}
	for _, v := range x.webhooks {
		j := verdictJSON{Event: v.event, Outcome: v.outcome, Reason: string(v.reason), Account: v.account,
			Notes: make([]noteJSON, 0, len(v.notes)), Drift: v.drift, Hints: v.hints}
		if v.cause != nil {
			j.Cause = v.cause.Error()
		}
		for _, n := range v.notes {
			o := noteJSON{Subject: n.Subject, Name: n.Name, Sent: n.Sent, Rule: n.Rule, Key: n.Origin.Rule, Line: n.Origin.Line, Column: n.Origin.Column}
			if n.Origin.Line > 0 {
				o.File = file
			}
			j.Notes = append(j.Notes, o)
		}
		out.Webhooks = append(out.Webhooks, j)
	}
	for _, u := range x.uploads {
		out.Uploads = append(out.Uploads, uploadJSON{u.account, u.records, len(u.body), u.body})
	}
	for _, a := range x.states {
		out.States = append(out.States, stateJSON{a.subscriber.Kind.String(), a.subscriber.ID, jsontext.Value(a.state.Encode())})
	}
	return out
}
