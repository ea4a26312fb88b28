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
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/httpapi"
	"github.com/purchasely-clevertap/bridge/shared/message"
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

// Handler answers HTTP API events. It implements lambda.Handler. Every field is needed except Sources, Tolerance and
// Relay.
type Handler struct {
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

// Invoke answers one event. Its error is always nil: API Gateway would turn a function error into a 500.
func (h *Handler) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	return httpapi.Serve(ctx, payload, "/purchasely/", h.Apps, h.receive, h.refuse), nil
}

// receive checks the webhook of a known app, in the order that is promised, queues it and answers it.
func (h *Handler) receive(ctx context.Context, r httpapi.Request) ([]byte, error) {
	body, err := r.Body(h.MaxBody)
	if err != nil {
		return nil, err
	}
	if !h.Sources.allow(r) {
		return nil, fault.New(fault.Reject, fault.Source, nil)
	}
	if err := h.verify(ctx, r, body); err != nil {
		return nil, err
	}
	ids := webhook.Peek(body)
	if err := h.enqueue(ctx, r, body, ids); err != nil {
		return nil, err
	}
	if ids.EventName != webhook.Heartbeat { // counting it would hide that nothing comes from Purchasely any more
		h.Observer.Queued(r.App)
	}
	return httpapi.Word(http.StatusOK, "status", "queued"), nil
}

// enqueue puts a webhook on the queue and, unless it is a heartbeat, on the relay's, at the same time.
func (h *Handler) enqueue(ctx context.Context, r httpapi.Request, body []byte, peeked webhook.IDs) error {
	m, ids := message.Message{App: r.App, Received: r.Received, Body: body}, message.IDs{
		SubscriberKind: peeked.Subscriber.Kind.String(), Subscriber: peeked.Subscriber.ID,
		EventName: peeked.EventName, EventID: peeked.EventID,
	}
	e := message.Encode(m, ids, h.FIFO)
	if h.Relay == nil || peeked.EventName == webhook.Heartbeat {
		return h.Queue.Enqueue(ctx, e)
	}
	relayed := message.Encode(m, ids, true)
	relayed.Attributes[message.AttrTimestamp] = header(r, timestampHeader)
	relayed.Attributes[message.AttrSignature] = header(r, signatureHeader)
	result := make(chan error, 1)
	go func() { result <- h.relay(ctx, relayed) }()
	return cmp.Or(h.Queue.Enqueue(ctx, e), <-result)
}

// relay queues a webhook for the customer's back end. A panic, which would end the process, is an error.
func (h *Handler) relay(ctx context.Context, m message.Encoded) (err error) {
	defer fault.Recover(&err)
	if err := h.Relay.Enqueue(ctx, m); err != nil {
		return fault.Of(err).WithReason(fault.RelayQueue) // so that the log says which queue it is
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
func (h *Handler) verify(ctx context.Context, r httpapi.Request, body []byte) error {
	timestamp, signature := header(r, timestampHeader), header(r, signatureHeader)
	if timestamp == "" || signature == "" {
		return fault.New(fault.Reject, fault.BadSignature, errHeaders)
	}
	return httpapi.Verify(ctx, h.Keys, r, func(keys webhook.Keys) error {
		return keys.Verify(timestamp, signature, body, h.Tolerance, r.Received)
	})
}

// refuse logs and counts a refusal and returns its answer.
func (h *Handler) refuse(ctx context.Context, app string, f *fault.Fault) []byte {
	answer, reason := httpapi.Refuse(ctx, h.Log, "webhook refused", app, f)
	h.Observer.Refused(app, reason)
	return answer
}

// header returns the value of a header, "" if it was sent twice.
func header(r httpapi.Request, name string) string {
	value := r.Header(name)
	if strings.Contains(value, ",") { // API Gateway joins the values of two headers.
		return ""
	}
	return value
}

// Sources are the addresses that webhooks may come from.
type Sources []netip.Prefix

// allow reports whether a request comes from one of the sources. Only the address that API Gateway has seen
// counts, not what the sender writes into headers.
func (s Sources) allow(r httpapi.Request) bool {
	if len(s) == 0 {
		return true
	}
	var context struct {
		HTTP struct {
			SourceIP netip.Addr `json:"sourceIp"`
		} `json:"http"`
	}
	if err := json.Unmarshal(r.Context, &context, httpapi.Lenient); err != nil {
		return false
	}
	address := context.HTTP.SourceIP.Unmap()
	return slices.ContainsFunc(s, func(p netip.Prefix) bool { return p.Contains(address) })
}
