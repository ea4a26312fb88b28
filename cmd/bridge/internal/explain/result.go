package explain

import (
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/stored"
	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/forward"
	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/mapping"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// explanation is what would become of a batch, and what explain --json prints.
type explanation struct {
	File     string       `json:"file"` // the integration file
	App      string       `json:"app"`
	Webhooks []outcome    `json:"webhooks"`
	Uploads  []upload     `json:"uploads"`
	States   []stateAfter `json:"states,omitempty"` // with --state only
}

// outcome is what would become of one webhook.
type outcome struct {
	Event   string   `json:"event"` // empty if the webhook cannot be read
	Outcome string   `json:"outcome"`
	Reason  string   `json:"reason"`
	Cause   string   `json:"cause"`
	Account string   `json:"account"` // empty if nothing is sent
	Records []record `json:"records"`
	Kept    []kept   `json:"kept"` // user properties without a value here, which stay as CleverTap has them
	Notes   []note   `json:"notes"`
	Drift   []string `json:"drift"`
	Hints   []string `json:"hints"`
}

// record is one that CleverTap would get.
type record struct {
	Kind       string     `json:"kind"` // event, charged or profile
	Name       string     `json:"name"` // of the event
	Identity   string     `json:"identity,omitzero"`
	ObjectID   string     `json:"object_id,omitzero"`
	Time       string     `json:"time"`
	Accepted   bool       `json:"accepted"`
	Webhooks   []int      `json:"webhooks"` // counted from 1; a profile may be made of several
	Properties []property `json:"properties"`
}

type property struct {
	Source string         `json:"source"` // Purchasely's name
	Name   string         `json:"name"`   // in CleverTap
	Value  jsontext.Value `json:"value"`
}

type kept struct {
	Source string `json:"source"`
	Name   string `json:"name"`
}

// note says what was dropped or changed, by which rule. File, line and column are those of the integration file.
type note struct {
	Subject string `json:"subject"`
	Name    string `json:"name"`
	Sent    string `json:"sent"` // the name under which it is sent; empty: it is not
	Rule    string `json:"rule"`
	Key     string `json:"key"`
	File    string `json:"file"`
	Line    int    `json:"line"`
	Column  int    `json:"column"`
}

type upload struct {
	Account string         `json:"account"`
	Records int            `json:"records"`
	Bytes   int            `json:"bytes"`
	Body    jsontext.Value `json:"body"`
}

type stateAfter struct {
	Kind  string         `json:"kind"` // user, anonymous, device or purchase
	ID    string         `json:"id"`
	State jsontext.Value `json:"state"` // by account
}

func (x explanation) rejected() bool {
	return slices.ContainsFunc(x.Webhooks, func(o outcome) bool { return o.Outcome == forward.Rejected.String() })
}

// The subjects of notes.
const (
	ofMessage  = "message"
	ofEvent    = "event"
	ofCharged  = "charged"
	ofProfile  = "profile"
	ofProperty = "property"
	ofUser     = "user property"
)

func (o *outcome) addNote(n mapping.Explanation, file string) {
	if a := webhook.EmbeddedCatalogue().UserProperty(n.Name); n.Subject == ofUser && a != nil && cannotBeFilled(a) {
		return
	}
	added := note{n.Subject, n.Name, n.Sent, n.Rule, n.Origin.Rule, "", n.Origin.Line, n.Origin.Column}
	if n.Origin.Line > 0 {
		added.File = file
	}
	o.Notes = append(o.Notes, added)
}

// cannotBeFilled reports whether Purchasely only plans a user property. That nothing fills it is no news.
func cannotBeFilled(a *webhook.Attribute) bool {
	return a.Property == webhook.Planned && a.Name != "cumulated_revenue_in_usd"
}

// complete takes what became of a webhook, and adds hints.
func (o *outcome) complete(r forward.Result, b Batch) {
	var event webhook.Event
	if event.Read(b.Bodies[r.Message]) == nil { // the handler does not name the events of an app that is off
		o.Event = string(event.Name)
	}
	o.Outcome, o.Drift = r.Outcome.String(), r.Drift
	if r.Outcome == forward.Delivered {
		o.Account, _, _ = strings.Cut(r.Account, "/")
	}
	if r.Fault != nil {
		o.Reason = string(r.Fault.Reason)
		if r.Fault.Err != nil {
			o.Cause = r.Fault.Err.Error()
		}
	}
	app := b.File.Apps[b.App]
	for _, made := range r.Records {
		o.Records = append(o.Records, o.newRecord(made, app))
	}
	o.Notes = slices.DeleteFunc(o.Notes, o.contradicted)
	o.addKept(app)
	o.addHints(r, app, b.File.Path)
}

// newRecord reads a record, and finds Purchasely's names of what is in it.
func (o *outcome) newRecord(made forward.Record, app *integration.App) record {
	var sent struct {
		Identity string         `json:"identity"`
		ObjectID string         `json:"objectId"`
		TS       int64          `json:"ts"`
		Name     string         `json:"evtName"`
		Event    jsontext.Value `json:"evtData"`
		Profile  jsontext.Value `json:"profileData"`
	}
	if err := json.Unmarshal(made.JSON, &sent, stored.Lenient...); err != nil {
		panic(err) // the mapping wrote it
	}
	r := record{
		Kind: made.Kind.String(), Name: sent.Name, Identity: sent.Identity, ObjectID: sent.ObjectID,
		Time: time.Unix(sent.TS, 0).UTC().Format(time.RFC3339), Accepted: made.Accepted,
	}
	for _, i := range made.Messages {
		r.Webhooks = append(r.Webhooks, i+1)
	}
	source := map[forward.Kinds]func(string) string{
		forward.Event:   o.sourceOfProperty,
		forward.Profile: func(name string) string { return sourceOfUserProperty(app, name) },
		forward.Charged: sourcesOfCharged(app, sent.Event),
	}[made.Kind]
	for name, value := range members(slices.Concat(sent.Event, sent.Profile)) {
		r.Properties = append(r.Properties, property{source(name), name, value})
	}
	return r
}

// members goes through an object's members in their order.
func members(object jsontext.Value) func(yield func(string, jsontext.Value) bool) {
	return func(yield func(string, jsontext.Value) bool) {
		d := jsontext.NewDecoder(strings.NewReader(string(object)), stored.Lenient...)
		_, _ = d.ReadToken()
		for d.PeekKind() == jsontext.KindString {
			name, _ := d.ReadToken() // it was read before
			text := name.String()
			value, _ := d.ReadValue()
			if !yield(text, value.Clone()) {
				return
			}
		}
	}
}

// sourceOfProperty finds Purchasely's name of a property of the event: the mapping explains every other name.
func (o *outcome) sourceOfProperty(name string) string {
	for _, n := range o.Notes {
		if n.Subject == ofProperty && n.Sent == name {
			return n.Name
		}
	}
	return name
}

// sourceOfUserProperty finds Purchasely's name of a user property. Subscriber state may send one that the mapping did
// not, so the file decides.
func sourceOfUserProperty(app *integration.App, name string) string {
	attributes := webhook.EmbeddedCatalogue().Attributes
	for i := range attributes {
		if a := &attributes[i]; a.Property != webhook.NoProperty && app.UserProperty(i).Name == name {
			return a.Name
		}
	}
	for _, named := range app.NamedUserProperties() {
		if named.Name == name {
			return named.Source
		}
	}
	return name
}

// sourcesOfCharged finds the attributes that Charged is made of.
func sourcesOfCharged(app *integration.App, data jsontext.Value) func(name string) string {
	amount, currency := "amount_in_customer_currency", "customer_currency"
	if app.Currency == integration.CurrencyIntegration {
		for name, value := range members(data) {
			if name == "Currency" {
				amount = "amount_in_" + strings.ToLower(strings.Trim(string(value), `"`))
			}
		}
		currency = amount
	}
	return func(name string) string {
		sources := map[string]string{
			"Amount": amount, "Currency": currency, "Charged ID": "store_transaction_id", "Payment mode": "store",
			"Items": "product, plan, store_product_id",
		}
		if source := sources[name]; source != "" {
			return source
		}
		return name
	}
}

// profile is the record about the webhook's own subscriber, and not the one from whom a subscription came; nil if
// there is none.
func (o *outcome) profile() *record {
	for i := range o.Records {
		r, first := &o.Records[i], o.Records[0]
		sameUser := r.Identity == first.Identity && r.ObjectID == first.ObjectID
		if r.Kind == ofProfile && (first.Kind != ofEvent || sameUser) {
			return r
		}
	}
	return nil
}

func (r *record) has(source string) bool {
	return r != nil && slices.ContainsFunc(r.Properties, func(p property) bool { return p.Source == source })
}

// activeAndIDs are all that a profile says of an ended purchase while another one is active.
var activeAndIDs = []string{"user_id", "anonymous_user_id", "has_active_subscription"}

// isComplete reports whether a profile says more than that.
func (r *record) isComplete() bool {
	return r != nil &&
		slices.ContainsFunc(r.Properties, func(p property) bool { return !slices.Contains(activeAndIDs, p.Source) })
}

// contradicted reports whether a note says that something is not sent which subscriber state sends all the same.
func (o *outcome) contradicted(n note) bool {
	return n.Subject == ofUser && n.Sent == "" && o.profile().has(n.Name)
}

// addKept finds the user properties that the file sends and the webhook has no value of. Nothing documented clears a
// property at CleverTap, so the value of an earlier webhook stays.
func (o *outcome) addKept(app *integration.App) {
	profile := o.profile()
	if !profile.isComplete() || len(profile.Webhooks) > 1 { // another webhook of the batch may have a value
		return
	}
	attributes := webhook.EmbeddedCatalogue().Attributes
	for i := range attributes {
		a := &attributes[i]
		rule := app.UserProperty(i)
		if rule.Send && !a.Derived && !slices.Contains(activeAndIDs, a.Name) && !profile.has(a.Name) {
			o.Kept = append(o.Kept, kept{a.Name, rule.Name})
		}
	}
}

func (o *outcome) addHints(r forward.Result, app *integration.App, file string) {
	hint := func(text string) { o.Hints = append(o.Hints, text) }
	reason := fault.Reason(o.Reason)
	switch {
	case r.Outcome == forward.Skipped && reason == fault.Disabled: // decided before the mapping, which writes the notes
		n := mapping.Explanation{Subject: ofMessage, Rule: o.Reason, Origin: app.EnabledOrigin}
		o.addNote(n, file)
		hint("enabled: true in the integration file switches the app on")
	case r.Outcome == forward.Skipped && reason == fault.Sandbox && app.Sandbox == integration.SandboxRoute:
		hint("with a sandbox account in the app's secret it would go there; --sandbox-account shows how")
	case r.Outcome == forward.Retried && reason == fault.LinkWait:
		hint("it waits for a link to a CleverTap ID, at most for link_wait; an earlier --received shows what happens " +
			"without one")
	case r.Outcome == forward.Delivered && r.Subscriber.Kind == webhook.ByAnonymous &&
		app.Anonymous == integration.AnonymousIdentity:
		hint("anonymous: identity makes a profile under an id that the app's CleverTap SDK sets only if the app hands " +
			"it over; see docs/guide/identity.md")
	}
	for _, made := range o.Records {
		if made.Kind == ofEvent && !made.Accepted && clevertap.ReservedEvent(made.Name) {
			hint("give it another name in the integration file, under server_events.events: " + o.Event +
				": {name: Another Name, known: false}")
		}
	}
}
