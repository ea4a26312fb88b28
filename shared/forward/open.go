package forward

import (
	"errors"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/mapping"
	"github.com/purchasely-clevertap/bridge/shared/message"
	"github.com/purchasely-clevertap/bridge/shared/metric"
	"github.com/purchasely-clevertap/bridge/shared/subscriber"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// errNoName means that a webhook's event has no name, or none that CleverTap takes.
var errNoName = errors.New("event has no name")

// opened is what reading a message yields.
type opened struct {
	app        string // metric.UnknownApp until the app is found in the integration file
	event      string
	eventID    string
	created    int64 // milliseconds since 1970; 0: unknown
	subscriber webhook.Subscriber
	drift      []string

	skip     fault.Reason // why nothing is sent
	accepted Kinds        // at earlier attempts
	pending  *pending     // nil: nothing is sent
	updates  []stateUpdate
}

// pending is what one message wants to send.
type pending struct {
	message         int
	app             string
	to              mapping.Destination
	account         clevertap.Account
	event, charged  []byte           // encoded records; nil: none
	profile, former *mapping.Profile // of the subscriber, and of the one a subscription came from; nil: none
}

// empty reports whether nothing is left to send.
func (p *pending) empty() bool {
	return p.event == nil && p.charged == nil && p.profile == nil && p.former == nil
}

// opener reads the messages of one batch, one after the other.
type opener struct {
	*Handler
	*workspace
	accounts  *accountReads
	delivered map[string]Kinds
	start     time.Time
}

// workspace is the memory of a batch that the next batch uses again: Lambda calls a process with one after the other.
type workspace struct {
	webhook  webhook.Event
	result   mapping.Result
	profiles mapping.Copies // of the results
	texts    []byte         // encoded records
}

func (h *Handler) takeWorkspace() *workspace {
	if w := h.spare.Swap(nil); w != nil {
		return w
	}
	return new(workspace)
}

// returnWorkspace must be called when nothing of the batch is used any more.
func (h *Handler) returnWorkspace(w *workspace) {
	w.profiles.Forget()
	w.texts = w.texts[:0]
	h.spare.Store(w)
}

// keep copies bytes into the workspace; nil stays nil.
func (w *workspace) keep(text []byte) []byte {
	if text == nil {
		return nil
	}
	from := len(w.texts)
	w.texts = append(w.texts, text...)
	return w.texts[from:len(w.texts):len(w.texts)]
}

// openAll reads every message and enters its skip or fault into the ledger.
func (o *opener) openAll(messages []Message, l *ledger) []opened {
	all := make([]opened, len(messages))
	for i := range messages {
		o.open(i, &messages[i], &all[i], l)
	}
	return all
}

// open reads one message. A panic ends this message only.
func (o *opener) open(i int, m *Message, out *opened, l *ledger) {
	defer l.recoverPanic(i)
	if err := o.read(i, m, out); err != nil {
		l.fail(i, fault.Of(err))
		return
	}
	l.skip(i, out.skip)
	l.acceptEarlier(i, out.accepted)
}

// read takes one message through its steps. The error is the message's fault; out holds what is known by then.
func (o *opener) read(i int, m *Message, out *opened) error {
	out.app = metric.UnknownApp
	app := o.Integrations.Apps[m.attribute(message.AttrApp)]
	if app != nil {
		out.app = app.Name
	}
	queued, err := message.Decode(m.Body, m.attribute)
	if err != nil {
		return err
	}
	if app == nil {
		return fault.New(fault.Reject, fault.UnknownApp, nil)
	}
	if !app.Enabled {
		out.skip = fault.Disabled
		return nil
	}
	if err := o.webhook.Read(queued.Body); err != nil {
		return err
	}
	out.event = string(clevertap.Cut(o.webhook.Name, clevertap.MaxEventNameBytes))
	to, err := mapping.Route(&o.webhook, app, func() (bool, error) {
		accounts, err := o.accounts.get(app.Name)
		return accounts.Sandbox != nil, err
	})
	if err != nil {
		return err
	}
	received := o.receivedAt(m, queued.Received)
	o.Mapper.Map(&o.result, &o.webhook, app, to, received, o.explainer(i))
	out.describe(&o.result)
	switch {
	case o.result.Reject != "":
		return fault.New(fault.Reject, o.result.Reject, errNoName)
	case o.result.Skip == fault.EventOff: // for CleverTap; the state has to know all the same
		out.updates = o.updates(i, m, app, received, subscriber.Scope{})
		fallthrough
	case o.result.Skip != "":
		out.skip = o.result.Skip
		return nil
	}
	return o.prepare(i, m, app, to, received, out)
}

// receivedAt is when the receiver took a webhook: by its own word, else by the queue's, else now.
func (o *opener) receivedAt(m *Message, received time.Time) time.Time {
	switch {
	case !received.IsZero():
		return received
	case !m.Sent.IsZero():
		return m.Sent
	default:
		return o.start.Truncate(time.Millisecond)
	}
}

// explainer returns the function that explains a message, nil if there is none.
func (o *opener) explainer(i int) func(mapping.Explanation) {
	if o.Explain == nil {
		return nil
	}
	return func(n mapping.Explanation) { o.Explain(i, n) }
}

// describe keeps what logs and metrics say about the message.
func (out *opened) describe(r *mapping.Result) {
	out.created, out.subscriber = r.Created, r.Subscriber
	if message.LegalID(r.EventID) {
		out.eventID = string(r.EventID)
	}
	out.drift = append(out.drift, r.Drift...)
}

// prepare makes a message's records pending, without those that CleverTap accepted at an earlier attempt.
func (o *opener) prepare(
	i int, m *Message, app *integration.App, to mapping.Destination, received time.Time, out *opened,
) error {
	accounts, err := o.accounts.get(app.Name)
	if err != nil {
		return err
	}
	out.accepted = ParseKinds(m.attribute(message.AttrAccepted))
	if len(o.delivered) > 0 {
		out.accepted |= o.delivered[deliveredKey(m)]
	}
	p := &pending{message: i, app: app.Name, to: to, account: accounts.Production}
	if to == mapping.SandboxAccount {
		p.account = *accounts.Sandbox
	}
	if out.accepted&Event == 0 {
		p.event = o.keep(o.result.Event)
	}
	if out.accepted&Charged == 0 {
		p.charged = o.keep(o.result.Charged)
	}
	if out.accepted&Profile == 0 {
		p.profile, p.former = o.profiles.Of(o.result.Profile), o.profiles.Of(o.result.Other)
	}
	out.pending = p
	oneAccount := accounts.Sandbox != nil && accounts.Sandbox.Key() == accounts.Production.Key()
	out.updates = o.updates(i, m, app, received, mapping.Scope(app, to, oneAccount))
	return nil
}

// updates are what the webhook says about its subscribers' purchases.
func (o *opener) updates(
	i int, m *Message, app *integration.App, received time.Time, scope subscriber.Scope,
) []stateUpdate {
	if o.Subscribers == nil {
		return nil
	}
	var updates []stateUpdate
	for _, u := range o.result.Updates(received) {
		updates = append(updates, stateUpdate{
			ScopedUpdate: subscriber.ScopedUpdate{Update: u.Update, Scope: scope},
			key:          message.SubscriberID(app.Name, u.Subscriber.Kind.String(), u.Subscriber.ID),
			message:      i,
			former:       u.Former,
			// A FIFO queue hands out a subscriber's messages in one batch at a time, but not those of the subscriber from
			// whom a subscription came.
			contended: u.Former || !m.FIFO(),
		})
	}
	return updates
}

// pendingOf returns what is to be sent for the messages that have no fault so far.
func pendingOf(all []opened, l *ledger) []*pending {
	list := make([]*pending, 0, len(all))
	for i := range all {
		if p := all[i].pending; p != nil && !l.failed(i) {
			list = append(list, p)
		}
	}
	return list
}
