package main

import (
	"slices"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/mapping"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// explanation is what becomes of a batch of webhooks.
type explanation struct {
	webhooks []verdict
	uploads  []upload
	states   []stateAfter // empty without subscriber state
}

// verdict is what becomes of one webhook.
type verdict struct {
	event   string
	outcome string // delivered, skipped or rejected
	reason  fault.Reason
	cause   error  // why it is rejected
	account string // where its records go; "" if nowhere
	notes   []mapping.Note
	drift   []string
	hints   []string
}

// accountNames are the words for where records go.
var accountNames = map[mapping.Destination]string{mapping.Production: "production", mapping.SandboxAccount: "sandbox"}

// explain maps webhooks as the forwarder does, as one batch. memory is nil without subscriber state.
func explain(bodies [][]byte, app *integration.App, sandboxAccount bool, received time.Time, memory *memory) explanation {
	x := explanation{webhooks: make([]verdict, len(bodies))}
	mapper := mapping.New()
	drafts := make([]drafted, 0, len(bodies))
	for i, body := range bodies {
		v := &x.webhooks[i]
		var event webhook.Event
		if err := event.Read(body); err != nil {
			v.outcome, v.reason, v.cause = "rejected", fault.Of(err).Reason, fault.Of(err).Err
			continue
		}
		v.event = string(event.Name)
		// The question after the sandbox account cannot fail here: the answer is given.
		to, _ := mapping.Route(&event, app, func() (bool, error) { return sandboxAccount, nil })
		d := drafted{verdict: v, result: new(mapping.Result), to: to}
		mapper.Map(d.result, &event, app, to, received, func(n mapping.Note) { v.notes = append(v.notes, n) })
		v.drift = d.result.Drift
		v.hints = hints(d.result, app, to)
		drafts = append(drafts, d)
	}
	x.states = memory.hear(drafts, app, received)
	var gathered gathering
	for _, d := range drafts {
		if d.conclude(); d.verdict.outcome == "delivered" {
			d.verdict.account = accountNames[d.to]
			gathered.add(d.to, d.result)
		}
	}
	x.uploads = gathered.uploads()
	return x
}

// drafted is one webhook that could be read, and what it is to come to.
type drafted struct {
	verdict *verdict
	result  *mapping.Result
	to      mapping.Destination
}

// conclude gives the outcome. A webhook of which nothing is left is skipped because its event is off: else that would be left.
func (d drafted) conclude() {
	r, v := d.result, d.verdict
	switch {
	case r.Reject != "":
		v.outcome, v.reason = "rejected", r.Reject
	case r.Skip != "":
		v.outcome, v.reason = "skipped", r.Skip
	case r.Event == nil && r.Charged == nil && r.Profile == nil && r.Other == nil:
		v.outcome, v.reason = "skipped", fault.EventOff
	default:
		v.outcome = "delivered"
	}
}

// rejected tells whether a webhook can never be delivered.
func (x explanation) rejected() bool {
	return slices.ContainsFunc(x.webhooks, func(v verdict) bool { return v.outcome == "rejected" })
}

// hints tells what is right by the rules and yet perhaps not what was meant.
func hints(r *mapping.Result, app *integration.App, to mapping.Destination) (hints []string) {
	switch {
	case r.Skip == fault.Sandbox && app.Sandbox == integration.SandboxRoute && to == mapping.NoAccount:
		hints = append(hints, "with a sandbox account in the app's secret it would go there; --sandbox-account shows how")
	case r.Skip == fault.Disabled:
		hints = append(hints, "enabled: true in the integration file switches the app on")
	}
	if r.Skip == "" && r.Subscriber.Kind == webhook.ByAnonymous && app.Anonymous == integration.AnonymousIdentity {
		hints = append(hints, "anonymous: identity makes a profile under an id that the app's CleverTap SDK sets only if the app hands it over; see docs/guide/identity.md")
	}
	return hints
}
