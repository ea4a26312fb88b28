package forward

import (
	"cmp"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/mapping"
	"github.com/purchasely-clevertap/bridge/shared/message"
	"github.com/purchasely-clevertap/bridge/shared/metric"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// reading is one message that has been read: whose it is, and where its records would go.
type reading struct {
	message   *Message
	app       *integration.App // nil: the integration file does not have it
	webhook   *webhook.Event   // nil: not kept
	name      string           // of the event, for logs
	eventID   string
	body      []byte
	received  time.Time
	people    people
	heartbeat bool     // it is a heartbeat, and no webhook of Purchasely
	repeated  bool     // it has been here before
	delivery  delivery // what the table has of its earlier attempts
	accepted  Kinds    // what CleverTap has accepted of it by then

	to         mapping.Destination
	account    *clevertap.Account // nil: nothing can be sent
	accountErr error              // why the account is not known
}

// appName is the app's name in logs and metrics: strangers must not make up metrics.
func (r *reading) appName() string {
	if r.app == nil {
		return metric.UnknownApp
	}
	return r.app.Name
}

// keptWebhooks bounds the memory of a batch at Lambda's limit, which has thousands of webhooks: what comes later is
// read again.
const keptWebhooks = 1000

// workspace is the memory of a batch that the next batch uses again: Lambda calls a process with one after the other.
type workspace struct {
	webhooks []webhook.Event // of the first messages
	webhook  webhook.Event   // of the one at hand
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

// returnWorkspace must be called when nobody uses anything of the batch any more.
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

// readAll reads every message and enters its skip or fault into the ledger.
func readAll(
	messages []Message, apps map[string]*integration.App, accounts *accountReads,
	w *workspace, start time.Time, l *ledger,
) []reading {
	if missing := min(len(messages), keptWebhooks) - len(w.webhooks); missing > 0 {
		w.webhooks = append(w.webhooks, make([]webhook.Event, missing)...)
	}
	all := make([]reading, len(messages))
	for i := range messages {
		m, r := &messages[i], &all[i]
		*r = reading{message: m, app: apps[m.Attribute(message.AttrApp)], received: receivedAt(m, start)}
		if i < len(w.webhooks) {
			r.webhook = &w.webhooks[i]
		}
		r.enter(i, accounts, cmp.Or(r.webhook, &w.webhook), l)
	}
	return all
}

// enter reads the message and enters its skip or fault into the ledger. A panic ends this message only.
func (r *reading) enter(i int, accounts *accountReads, e *webhook.Event, l *ledger) {
	defer l.recoverPanic(i)
	skip, err := r.read(accounts, e)
	if err != nil {
		l.fail(i, fault.Of(err))
	}
	l.skip(i, skip)
}

// read does the steps of one message in their order. The error is the message's fault; the reading holds what is known
// by then.
func (r *reading) read(accounts *accountReads, e *webhook.Event) (skip fault.Reason, err error) {
	queued, err := message.Decode(r.message.Body, r.message.Attribute)
	if err != nil {
		return "", err
	}
	r.body = queued.Body
	if r.app == nil {
		return "", fault.New(fault.Reject, fault.UnknownApp, nil)
	}
	r.repeated = r.message.Receives > 1 || sentAgain(r.message)
	if !r.app.Enabled {
		r.identify(webhook.Peek(r.body))
		return fault.Disabled, nil
	}
	if err := e.Read(r.body); err != nil {
		return "", err
	}
	if string(e.Name) == webhook.Heartbeat {
		r.heartbeat = true
		r.identify(webhook.Peek(r.body))
		return "", nil
	}
	r.people = peopleOf(e)
	r.name = string(clevertap.Cut(e.Name, clevertap.MaxEventNameBytes))
	return "", r.route(accounts, e)
}

// identify takes over the ids of a webhook that is not read any further.
func (r *reading) identify(ids webhook.IDs) {
	r.name, r.eventID = clevertap.Cut(ids.EventName, clevertap.MaxEventNameBytes), legalID(ids.EventID)
	if s := ids.Subscriber; s.Kind == webhook.ByUser || s.Kind == webhook.ByAnonymous {
		r.people.subscriber = persons([]webhook.Subscriber{s})
	}
}

// legalID is an event's id where it is one that a log and a key can hold, else empty.
func legalID[T string | []byte](id T) string {
	if !message.LegalID(id) {
		return ""
	}
	return string(id)
}

// route finds the account. That it cannot be read matters only once there is something to send.
func (r *reading) route(accounts *accountReads, e *webhook.Event) error {
	known, err := accounts.get(r.app.Name)
	r.to, r.accountErr = mapping.Route(e, r.app, func() (bool, error) { return known.Sandbox != nil, err })
	if r.accountErr != nil {
		return r.accountErr
	}
	if r.to == mapping.NoAccount {
		return nil
	}
	if r.accountErr = err; err != nil {
		return nil
	}
	r.account = &known.Production
	if r.to == mapping.SandboxAccount {
		r.account = known.Sandbox
	}
	return nil
}

// receivedAt is when the receiver took a webhook: by its own word, else by the queue's, else now.
func receivedAt(m *Message, now time.Time) time.Time {
	received := message.ParseTime(m.Attribute(message.AttrReceived))
	switch {
	case !received.IsZero():
		return received
	case !m.Sent.IsZero():
		return m.Sent
	default:
		return now.Truncate(time.Millisecond)
	}
}
