package mapping

import (
	"sync"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// Mapper holds what is the same for all webhooks. It is safe for concurrent use.
type Mapper struct {
	catalogue *webhook.Catalogue
	at        *places
	plans     sync.Map // *integration.App → *plan; apps live as long as the process
}

// New prepares a Mapper.
func New() *Mapper { return &Mapper{catalogue: webhook.EmbeddedCatalogue(), at: thePlaces()} }

// planFor gives an app's plan, made when the app is met for the first time.
func (m *Mapper) planFor(app *integration.App) *plan {
	if p, ok := m.plans.Load(app); ok {
		return p.(*plan)
	}
	p, _ := m.plans.LoadOrStore(app, newPlan(app, m.catalogue, m.at))
	return p.(*plan)
}

// work is one webhook on its way into its records.
type work struct {
	*Result
	catalogue *webhook.Catalogue
	at        *places
	plan      *plan
	e         *webhook.Event
	app       *integration.App
	to        Destination
	note      func(Note)

	identity  Identity
	ts        int64  // seconds
	ms        int64  // the time that makes ts, in milliseconds; 0: the webhook has none
	order     int64  // milliseconds by which states are ordered
	addressed bool   // whether the identity is a CleverTap ID of the payload
	purchase  []byte // the purchase's id; empty: the webhook has none
	quiet     bool   // the event is off: what becomes of its properties is no news
	profiled  bool   // whether the webhook may make a profile record
}

// Map turns a webhook into records. note, if not nil, is told everything that is not sent or changed (explain); production passes
// nil. The same event, app, destination and received give the same bytes. r's memory is valid until the next Map with the same r.
func (m *Mapper) Map(
	r *Result, e *webhook.Event, app *integration.App, to Destination, received time.Time, note func(Note),
) {
	w := work{
		Result: r, catalogue: m.catalogue, at: m.at, plan: m.planFor(app), e: e, app: app, to: to, note: note,
	}
	r.reset()
	r.EventID = r.keep(e.Text(m.at.eventID))
	w.clock(received)
	if w.skip() {
		return
	}
	w.claim()
	w.records()
}

// skip finds the first reason to send nothing at all. The events' switches come last, and elsewhere: they concern one record.
func (w *work) skip() bool {
	var origin integration.Origin
	switch {
	case !w.app.Enabled:
		w.Skip, origin = fault.Disabled, w.app.EnabledOrigin
	case w.to == NoAccount:
		w.Skip, origin = fault.Sandbox, w.app.SandboxOrigin
	default:
		if w.identity, w.Skip = w.identify(); w.Skip == fault.Anonymous {
			origin = w.app.AnonymousOrigin
		}
	}
	if w.Skip != "" {
		w.tell(aboutMessage, nil, nil, string(w.Skip), origin)
	}
	return w.Skip != ""
}

// records makes what is to be sent.
func (w *work) records() {
	decision := w.app.Event(w.e.Name)
	if !w.isKnown() {
		w.addDrift(driftEvent, w.e.Name)
	}
	name := w.eventName(&decision)
	if decision.Send && len(name) == 0 {
		w.Reject = fault.Malformed
		w.tell(aboutMessage, w.e.Name, nil, ruleNameless, integration.Origin{})
		return
	}
	// A record that is switched off is made all the same: what the catalogue does not know is counted whatever the file says.
	w.quiet = !decision.Send
	w.profiled = !w.isOneTime()
	w.beginEvent(name)
	w.attributes()
	if decision.Send {
		w.Event = w.endEvent()
	}
	w.finishProfile()
	w.transfer()
	w.charge()
	if w.Event == nil && w.Profile == nil && w.Other == nil && w.Charged == nil {
		w.Skip = fault.EventOff
	}
}
