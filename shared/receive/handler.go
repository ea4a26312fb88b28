// Package receive checks a webhook that API Gateway hands over, puts it on the queue, or on both, and answers it.
//
// It promises an answer within five seconds whatever hangs, 200 only after every queue has accepted the webhook's
// own bytes, and 200 for everything that is correctly signed. It does not interpret the webhook, never tells
// the sender which check failed, and prints neither headers nor bodies.
package receive

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/httpapi"
	"github.com/purchasely-clevertap/bridge/shared/message"
	"github.com/purchasely-clevertap/bridge/shared/metric"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// Enqueuer puts a message on the queue. A nil error means that the queue has accepted it.
type Enqueuer interface {
	Enqueue(ctx context.Context, m message.Encoded) error
}

// Observer counts what became of webhooks. The reason is the one in the answer.
type Observer interface {
	Queued(app string)
	Refused(app string, reason fault.Reason)
}

// Config is what a Handler works with. Every field is needed except Sources, Tolerance and Relay.
type Config struct {
	Apps      httpapi.Apps
	MaxBody   int           // bytes of a webhook, at most message.MaxBody
	Sources   Sources       // where webhooks may come from; empty: anywhere
	Tolerance time.Duration // between the webhook's timestamp and our clock, in both directions; 0: any
	FIFO      bool          // the queue takes group and deduplication ids
	Keys      httpapi.Keys[webhook.Keys]
	Queue     Enqueuer
	Relay     Enqueuer // a FIFO queue of webhooks for the customer's own back end; nil: there is none
	Observer  Observer
	Log       *slog.Logger
}

// Handler answers HTTP API events. It implements lambda.Handler.
type Handler struct{ Config }

// New makes a Handler.
func New(c Config) *Handler { return &Handler{c} }

// Invoke answers one event. Its error is always nil: API Gateway would turn a function error into a 500.
func (h *Handler) Invoke(ctx context.Context, payload []byte) (answer []byte, _ error) {
	received := time.Now()
	ctx, cancel := httpapi.WithDeadline(ctx, received) // Purchasely gives up after 10 s (Webhook, November 2026).
	defer cancel()

	app := metric.UnknownApp
	defer func() {
		if p := recover(); p != nil {
			answer = h.refuse(ctx, app, fault.Panicked(fault.Retry, p))
		}
	}()
	r, app, err := httpapi.Open(ctx, payload, "/purchasely/", h.Apps)
	if err != nil {
		return h.refuse(ctx, app, fault.Of(err)), nil
	}
	event, err := h.receive(ctx, app, r, received)
	if err != nil {
		return h.refuse(ctx, app, fault.Of(err)), nil
	}
	if event != webhook.Heartbeat { // counting it would hide that nothing comes from Purchasely any more
		h.Observer.Queued(app)
	}
	return httpapi.Word(http.StatusOK, "status", "queued"), nil
}

// receive checks the webhook of a known app, in the order that is promised, and queues it. It returns the event's name.
func (h *Handler) receive(
	ctx context.Context, app string, r httpapi.Request, received time.Time,
) (event string, err error) {
	body, err := r.Body(h.MaxBody)
	if err != nil {
		return "", err
	}
	if !h.Sources.allow(r) {
		return "", fault.New(fault.Reject, fault.Source, nil)
	}
	if err := h.verify(ctx, app, r, body, received); err != nil {
		return "", err
	}
	peeked := webhook.Peek(body)
	m, ids := message.Message{App: app, Received: received, Body: body}, message.IDs{
		SubscriberKind: peeked.Subscriber.Kind.String(), Subscriber: peeked.Subscriber.ID,
		EventName: peeked.EventName, EventID: peeked.EventID,
	}
	e := message.Encode(m, ids, h.FIFO)
	if h.Relay == nil || peeked.EventName == webhook.Heartbeat {
		return peeked.EventName, h.Queue.Enqueue(ctx, e)
	}
	relayed := message.Encode(m, ids, true)
	relayed.Attributes[message.AttrTimestamp] = header(r, timestampHeader)
	relayed.Attributes[message.AttrSignature] = header(r, signatureHeader)
	result := make(chan error, 1)
	go func() { result <- h.relay(ctx, relayed) }()
	return peeked.EventName, cmp.Or(h.Queue.Enqueue(ctx, e), <-result)
}

// relay queues a webhook for the customer's back end. A panic, which would end the process, is an error.
func (h *Handler) relay(ctx context.Context, m message.Encoded) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fault.Panicked(fault.Retry, p)
		}
	}()
	if err := h.Relay.Enqueue(ctx, m); err != nil {
		f := *fault.Of(err)
		f.Reason = fault.RelayQueue // so that the log says which queue it is
		return &f
	}
	return nil
}

// X-PURCHASELY-SIGNATURE is deprecated and does not cover the body, so it never counts.
const (
	timestampHeader = "x-purchasely-timestamp"
	signatureHeader = "x-purchasely-request-signature"
)

var errHeaders = errors.New("header with the timestamp or the signature is missing, empty or there twice")

// verify checks the signature. It reads no keys unless both headers are there.
func (h *Handler) verify(ctx context.Context, app string, r httpapi.Request, body []byte, received time.Time) error {
	timestamp, signature := header(r, timestampHeader), header(r, signatureHeader)
	if timestamp == "" || signature == "" {
		return fault.New(fault.Reject, fault.BadSignature, errHeaders)
	}
	return httpapi.Verify(ctx, h.Keys, app, received, func(keys webhook.Keys) error {
		return keys.Verify(timestamp, signature, body, h.Tolerance, received)
	})
}

// refuse counts and logs a refusal and returns its answer. The exact reason is in the log only.
func (h *Handler) refuse(ctx context.Context, app string, f *fault.Fault) []byte {
	status, reason := httpapi.Refusal(f)
	f.Log(ctx, h.Log, "webhook refused",
		slog.String("app", app), slog.String("reason", string(f.Reason)), slog.Int("status", status))
	h.Observer.Refused(app, reason)
	return httpapi.Word(status, "error", reason)
}
