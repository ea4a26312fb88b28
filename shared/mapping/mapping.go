// Package mapping answers what a webhook means in CleverTap: which records, under which identity, names and values.
//
// It decides first what becomes of every attribute, then writes the records from the decisions, then explains the
// decisions if somebody listens. It is pure: the same bytes and the same integration file give the same records, byte
// for byte. Every record has exactly one identity key and stays within CleverTap's limits, and nothing is dropped for
// a reason that cannot be explained. The package does no I/O, never reads the clock, and never guesses an identity.
package mapping

import (
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// Mapper holds what is the same for all webhooks. It is safe for concurrent use.
type Mapper struct {
	catalogue *webhook.Catalogue
	columns   *columns
	policies  sync.Map // *integration.App → *policies
	made      atomic.Int64
}

// maxPolicies bounds the policies that are kept: each change of the settings brings new apps.
const maxPolicies = 200

// New prepares a Mapper.
func New() *Mapper { return &Mapper{catalogue: webhook.EmbeddedCatalogue(), columns: theColumns()} }

// policiesOf returns an app's policies, made when the app is met for the first time.
func (m *Mapper) policiesOf(app *integration.App) *policies {
	if p, ok := m.policies.Load(app); ok {
		return p.(*policies)
	}
	if m.made.Add(1)%maxPolicies == 0 {
		m.policies.Clear()
	}
	p, _ := m.policies.LoadOrStore(app, newPolicies(app, m.catalogue, m.columns))
	return p.(*policies)
}

// Destination is the account that a message's records go to: it decides about money and about the sandbox skip.
type Destination uint8

// The destinations.
const (
	Production     Destination = iota
	SandboxAccount             // sandbox: route, and the secret has a sandbox account
	NoAccount                  // sandbox: route without a sandbox account, or sandbox: skip
)

// The two environments. Any other counts as production for everything but money.
const (
	sandboxEnvironment    = "SANDBOX"
	productionEnvironment = "PRODUCTION"
)

// Route decides where a message goes before it is mapped. sandboxAccount reports whether the app's secret has a
// sandbox account; it is called only if the answer matters, and its error is returned.
func Route(e *webhook.Event, app *integration.App, sandboxAccount func() (bool, error)) (Destination, error) {
	if !app.Enabled || !isSandbox(e.Text(theColumns().environment)) {
		return Production, nil
	}
	switch app.Sandbox {
	case integration.SandboxSend:
		return Production, nil
	case integration.SandboxSkip:
		return NoAccount, nil
	}
	has, err := sandboxAccount()
	if err != nil || !has {
		return NoAccount, err
	}
	return SandboxAccount, nil
}

// isSandbox reports whether a webhook is about a purchase in the sandbox.
func isSandbox(environment []byte) bool {
	return strings.EqualFold(string(environment), sandboxEnvironment)
}

// Known is what is known of a webhook's people beside the webhook.
type Known struct {
	Link       string // the linked CleverTap ID of the subscriber; empty: none
	Suppressed bool   // nothing may be sent about the subscriber

	FormerLink       string // the same of the subscriber from whom a subscription came
	FormerSuppressed bool
}

// mapperRun is one webhook on its way through Map.
type mapperRun struct {
	*Result   // what comes of it, and the memory for that
	col       *columns
	catalogue *webhook.Catalogue
	payload   *webhook.Event
	app       *integration.App
	policies  *policies // the app's
	to        Destination
	known     Known
	explained bool // somebody listens to the explanation

	times        times
	identity     Identity
	addressed    bool // the identity is a CleverTap ID of the payload
	subscription bool // the webhook is not about a one-time purchase, so it may make a profile record
	event        eventDecision
	charged      chargedDecision
}

// Map turns a webhook into records. explain, if not nil, is called for everything that is changed or not sent;
// production passes nil. The same event, app, destination, received and known give the same bytes. r's memory is valid
// until the next Map with the same r.
func (m *Mapper) Map(
	r *Result, e *webhook.Event, app *integration.App, to Destination, received time.Time, known Known,
	explain func(Explanation),
) {
	r.reset()
	run := mapperRun{
		Result: r, col: m.columns, catalogue: m.catalogue, payload: e, app: app, policies: m.policiesOf(app), to: to,
		known: known, explained: explain != nil,
	}
	run.makeRecords(received)
	if explain != nil {
		explainer{&run, explain}.explain()
	}
}

// makeRecords is the route of a webhook, from its times to Charged.
func (run *mapperRun) makeRecords(received time.Time) {
	run.EventID = run.values.keep(run.text(run.col.eventID))
	run.times = run.readTimes(received)
	run.Created = run.times.created
	switch { // the switch of the event comes later: it concerns one record only
	case !run.app.Enabled:
		run.Skip = fault.Disabled
	case run.to == NoAccount:
		run.Skip = fault.Sandbox
	default:
		run.identity, run.addressed, run.Skip = run.identify()
	}
	run.subscription = !run.isOneTime()
	if run.Skip == fault.Suppressed {
		run.suppressed = true
		run.updatePurchase()
		if run.transfer(); run.Other != nil { // the other side's part is all that is sent
			run.Skip = ""
		}
		return
	}
	if run.Skip != "" {
		return
	}
	run.updatePurchase()
	if run.decideEvent(); run.Reject != "" {
		return
	}
	run.decideAttributes()
	run.derive()
	run.countDrift()
	if run.event.Send {
		run.limitProperties()
		run.writeEvent()
	}
	if run.subscription {
		limit(run.decisions, asUserProperty, ruleKeys)
		run.buildProfile()
	}
	run.transfer()
	run.charge()
	if run.Event == nil && run.Profile == nil && run.Other == nil && run.Charged == nil {
		run.Skip = fault.EventOff
	}
}

// times are the times of a webhook in milliseconds.
type times struct {
	created int64 // of the event, else of the purchase; 0 if the webhook has none that CleverTap would take
	sent    int64 // created, else when the webhook was received; its seconds are ts
	order   int64 // by which the states of a user are ordered
}

// readTimes reads each time from its date, else from its milliseconds field. A time after the reception is one of a
// clock that runs ahead, and counts as the reception.
func (run *mapperRun) readTimes(received time.Time) (t times) {
	for _, date := range [...]int{run.col.createdAt, run.col.purchasedAt} {
		if t.created = asTime(webhook.ParseDate(run.payload.Value(date))); t.created == 0 {
			t.created = asTime(webhook.ParseMillis(run.payload.Value(run.millis(date))))
		}
		if t.created != 0 {
			break
		}
	}
	now := received.UnixMilli()
	if t.sent = min(t.created, now); t.sent == 0 {
		t.sent = now
	}
	t.order = min(now, asTime(webhook.ParseMillis(run.payload.Value(run.millis(run.col.createdAt)))))
	if t.order == 0 {
		t.order = t.sent
	}
	return t
}

// asTime returns a time that CleverTap takes as ts, else 0.
func asTime(ms int64, ok bool) int64 {
	if s := seconds(ms); !ok || s < 1 || s > clevertap.MaxTime {
		return 0
	}
	return ms
}

// text is an attribute's text, unescaped, or a number's digits; empty if it has neither.
func (run *mapperRun) text(column int) []byte { return run.payload.Text(column) }

// id is an attribute's text as an id; nil if it is one of those that stand for nobody.
func (run *mapperRun) id(column int) []byte {
	if id := run.text(column); !webhook.Absent(id) {
		return id
	}
	return nil
}

// millis is the column of a date's milliseconds field.
func (run *mapperRun) millis(date int) int { return run.catalogue.Attributes[date].Millis }

// date reads a date of the catalogue, by its milliseconds field if the date itself is missing or cannot be read.
func (run *mapperRun) date(column int) (ms int64, ok bool) {
	if ms, ok = webhook.ParseDate(run.payload.Value(column)); ok {
		return ms, true
	}
	return webhook.ParseMillis(run.payload.Value(run.millis(column)))
}
