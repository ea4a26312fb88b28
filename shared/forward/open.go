package forward

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/mapping"
	"github.com/purchasely-clevertap/bridge/shared/message"
	"github.com/purchasely-clevertap/bridge/shared/metric"
	"github.com/purchasely-clevertap/bridge/shared/subscriber"
)

// panicsRetried is how often a message on which the code panics comes back before it is rejected: the next version may read it, and so may
// this one if the panic had another cause.
const panicsRetried = 4

// errNothing says that nothing can be made of a webhook although it is JSON: its event has no name that CleverTap takes.
var errNothing = errors.New("event has no name")

// subject is what the logs and metrics say about a message.
type subject struct {
	app     string // metric.UnknownApp until the app is found in the integration file
	event   []byte
	eventID []byte
	created int64 // milliseconds since 1970; 0: unknown
}

// open turns one message into records, a skip or a fault, which go into the ledger. A panic ends this message only.
func (v *invocation) open(ctx context.Context, i int) {
	v.subjects[i].app = metric.UnknownApp
	defer v.guard(i)
	app := v.handler.Integrations.Apps[string(v.batch.messages[i].attribute(message.AttrApp))]
	if app != nil {
		v.subjects[i].app = app.Name
	}
	if err := v.read(ctx, i, app); err != nil {
		v.ledger.fail(i, fault.Of(err))
	}
}

// guard turns a panic into a fault of the messages.
func (v *invocation) guard(messages ...int) {
	if p := recover(); p != nil {
		v.blame(p, messages...)
	}
}

// blame makes the messages answer for a panic. What the panic says may quote a body: only its type is kept.
func (v *invocation) blame(p any, messages ...int) {
	for _, i := range messages {
		kind := fault.Retry
		if v.batch.messages[i].Receives > panicsRetried {
			kind = fault.Reject
		}
		v.ledger.fail(i, fault.New(kind, fault.Panic, fmt.Errorf("panic of type %T", p)))
	}
}

// read does the steps of one message of an app, nil if the integration file does not have it, in their order.
func (v *invocation) read(ctx context.Context, i int, app *integration.App) error {
	q := &v.batch.messages[i]
	m, err := message.Decode(q.Body, q.attribute)
	if err != nil {
		return err
	}
	if app == nil {
		return fault.New(fault.Reject, fault.UnknownApp, nil)
	}
	if !app.Enabled {
		v.ledger.skip(i, fault.Disabled)
		return nil
	}
	if err := v.event.Read(m.Body); err != nil {
		return err
	}
	v.subjects[i].event = v.keep(clevertap.Cut(v.event.Name, clevertap.MaxEventNameBytes))
	to, err := mapping.Route(&v.event, app, func() (bool, error) {
		accounts, err := v.accounts(ctx, app.Name)
		return accounts.Sandbox != nil, err
	})
	if err != nil {
		return err
	}
	v.received = v.receivedAt(q, m.Received)
	v.handler.Mapper.Map(&v.result, &v.event, app, to, v.received, nil)
	v.describe(i)
	if v.result.Reject != "" {
		return fault.New(fault.Reject, v.result.Reject, errNothing)
	}
	if v.result.Skip != "" {
		v.ledger.skip(i, v.result.Skip)
		if v.result.Skip == fault.EventOff {
			v.state(i, -1, app.Name, subscriber.Scope{})
		}
		return nil
	}
	return v.draft(ctx, i, app, to)
}

// receivedAt is when the receiver took a webhook: as it says itself, else as the queue does, else now.
func (v *invocation) receivedAt(q *Queued, said time.Time) time.Time {
	switch {
	case !said.IsZero():
		return said
	case q.Sent > 0:
		return time.UnixMilli(q.Sent)
	default:
		return v.start.Truncate(time.Millisecond)
	}
}

// describe keeps what the logs and metrics say.
func (v *invocation) describe(i int) {
	s := &v.subjects[i]
	s.created = v.result.Created
	if message.LegalID(v.result.EventID) {
		s.eventID = v.keep(v.result.EventID)
	}
	for _, name := range v.result.Drift {
		v.tally.drift(s.app, name)
	}
}

// draft keeps a message's records until all messages are open, less those that CleverTap took at an earlier attempt.
func (v *invocation) draft(ctx context.Context, i int, app *integration.App, to mapping.Destination) error {
	accounts, err := v.accounts(ctx, app.Name)
	if err != nil {
		return err
	}
	account := accounts.Production
	if to == mapping.SandboxAccount {
		account = *accounts.Sandbox
	}
	q := &v.batch.messages[i]
	taken := ParseKinds(string(q.attribute(message.AttrAccepted)))
	if len(v.noted) > 0 {
		taken |= v.noted[noteKey(q)]
	}
	v.ledger.accept(i, taken)
	d := draft{message: i, lane: v.lane(account, app.Name, to)}
	if taken&Event == 0 {
		d.event = v.keep(v.result.Event)
	}
	if taken&Charged == 0 {
		d.charged = v.keep(v.result.Charged)
	}
	if taken&Profile == 0 {
		d.profile, d.other = v.copies.Of(v.result.Profile), v.copies.Of(v.result.Other)
	}
	v.drafts = append(v.drafts, d)
	v.state(i, len(v.drafts)-1, app.Name, mapping.Scope(app, to, accounts.Sandbox != nil && accounts.Sandbox.Key() == accounts.Production.Key()))
	return nil
}

// keep copies bytes out of the mapper's memory; nil stays nil.
func (v *invocation) keep(text []byte) []byte {
	if text == nil {
		return nil
	}
	from := len(v.arena)
	v.arena = append(v.arena, text...)
	return v.arena[from:len(v.arena):len(v.arena)]
}
