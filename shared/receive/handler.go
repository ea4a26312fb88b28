// Package receive walks a webhook from API Gateway to the queue and answers what we tell Purchasely.
//
// It promises an answer within five seconds whatever hangs, 200 only once the queue has accepted the webhook's own bytes, and
// 200 for everything that is correctly signed. It does not read what a webhook means, never says which check failed, and
// prints neither headers nor bodies.
package receive

import (
	"context"
	"log/slog"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/message"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

const (
	// budget is the time for everything. Purchasely gives up after 10 s (Purchasely, Webhook, November 2026) and is promised
	// an answer within 5.
	budget = 4 * time.Second
	// margin is left of the invocation's own deadline, so that the answer still goes out.
	margin = 250 * time.Millisecond
	// refreshBudget is the time for reading keys again; it leaves enough of the budget to queue the webhook afterwards.
	refreshBudget = 1500 * time.Millisecond
)

// unknownApp stands in logs and metrics for every app that the integration file does not have: what strangers make up must
// appear in neither.
const unknownApp = "unknown"

// Keys gives an app's signing keys.
type Keys interface {
	Get(ctx context.Context, app string) (webhook.Keys, error)
	// Refresh gives keys that were read at since or later, if they may be read again already.
	Refresh(ctx context.Context, app string, since time.Time) (webhook.Keys, error)
}

// Enqueuer puts a message on the queue. A nil error means that the queue has accepted it.
type Enqueuer interface {
	Enqueue(ctx context.Context, m message.Encoded) error
}

// Observer counts what became of webhooks.
type Observer interface {
	Queued(app string)
	Refused(app string, reason fault.Reason)
}

// Config is what a Handler works with. Every field is needed, except for Sources and Tolerance, whose zero leaves the clock aside.
type Config struct {
	Apps      []string
	MaxBody   int           // bytes of a webhook, at most message.MaxBody
	Sources   Sources       // where webhooks may come from; none means from anywhere
	Tolerance time.Duration // between the webhook's timestamp and our clock, in both directions
	FIFO      bool          // the queue takes group and deduplication ids
	Keys      Keys
	Queue     Enqueuer
	Observer  Observer
	Log       *slog.Logger
}

// Handler answers HTTP API events. It implements lambda.Handler.
type Handler struct {
	Config
	apps map[string]bool
}

// New makes a Handler.
func New(c Config) *Handler {
	apps := make(map[string]bool, len(c.Apps))
	for _, app := range c.Apps {
		apps[app] = true
	}
	return &Handler{Config: c, apps: apps}
}

// Invoke answers one event. Its error is always nil: of a function error API Gateway would make a 500.
func (h *Handler) Invoke(ctx context.Context, payload []byte) (answer []byte, _ error) {
	began := time.Now()
	deadline := began.Add(budget)
	if own, ok := ctx.Deadline(); ok && own.Add(-margin).Before(deadline) {
		deadline = own.Add(-margin)
	}
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()

	app := unknownApp
	defer func() {
		if recover() != nil {
			answer = h.refuse(ctx, app, fault.New(fault.Retry, fault.Panic, nil))
		}
	}()
	r, ok := readRequest(payload)
	if !ok || !h.apps[r.app] {
		return h.refuse(ctx, app, fault.New(fault.Reject, fault.UnknownApp, nil)), nil
	}
	app = r.app
	if err := h.receive(ctx, r, began); err != nil {
		return h.refuse(ctx, app, fault.Of(err)), nil
	}
	h.Observer.Queued(app)
	return queued, nil
}

// receive takes a known app's webhook through the checks, in the order in which they are promised, and onto the queue.
func (h *Handler) receive(ctx context.Context, r request, began time.Time) error {
	body, err := r.rawBody(h.MaxBody)
	if err != nil {
		return err
	}
	if err := h.verify(ctx, r, body, began); err != nil {
		return err
	}
	glance := webhook.Peek(body)
	m := message.Message{App: r.app, Received: began, Body: body}
	return h.Queue.Enqueue(ctx, message.Encode(m, glance.Subscriber.Kind.String(), glance.Subscriber.ID, glance.EventID, h.FIFO))
}

// verify checks the sender's address and the signature, this a second time where keys that were changed meanwhile may explain why it failed. Without both
// headers no key can help, so none is asked for.
func (h *Handler) verify(ctx context.Context, r request, body []byte, began time.Time) error {
	if !h.Sources.allow(r) {
		return fault.New(fault.Reject, fault.Source, nil)
	}
	timestamp, digest := r.timestamp.only(), r.signature.only()
	if timestamp == "" || digest == "" {
		return fault.New(fault.Reject, fault.BadSignature, nil)
	}
	keys, err := h.Keys.Get(ctx, r.app)
	if err != nil {
		return err
	}
	refused := keys.Verify(timestamp, digest, body, h.Tolerance, began)
	if refused == nil || fault.Of(refused).Reason != fault.BadSignature {
		return refused
	}
	ctx, cancel := context.WithTimeout(ctx, refreshBudget)
	defer cancel()
	if keys, err = h.Keys.Refresh(ctx, r.app, began); err != nil {
		return refused
	}
	return keys.Verify(timestamp, digest, body, h.Tolerance, began)
}

// refuse counts and logs a refusal and gives its answer.
func (h *Handler) refuse(ctx context.Context, app string, f *fault.Fault) []byte {
	status, answer := refusal(f)
	level := slog.LevelError
	if f.Kind == fault.Retry {
		level = slog.LevelWarn
	}
	attrs := []slog.Attr{slog.String("app", app), slog.String("reason", string(f.Reason)), slog.Int("status", status)}
	if f.Code != "" {
		attrs = append(attrs, slog.String("code", f.Code))
	}
	h.Log.LogAttrs(ctx, level, "webhook refused", attrs...)
	h.Observer.Refused(app, f.Reason)
	return answer
}
