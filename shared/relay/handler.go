// Package relay posts webhooks, byte for byte, to the customer's own back end.
//
// It promises that a webhook is posted until the back end answers 2xx, that a subscriber's webhooks come in their
// order, that one back end's trouble does not slow another's, and that nothing is sent to an address inside a private
// network unless that is allowed. It reads no more of a webhook than its ids and its event's name. It keeps nothing:
// the queue does.
package relay

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/message"
	"github.com/purchasely-clevertap/bridge/shared/metric"
	"github.com/purchasely-clevertap/bridge/shared/settings"
	"github.com/purchasely-clevertap/bridge/shared/standardwebhooks"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// Keys returns an app's keys for Standard Webhooks, nil if it has none. Its errors are marked faults.
type Keys interface {
	Get(ctx context.Context, app string) (*standardwebhooks.Keys, error)
}

const (
	// longestDelay is the longest new visibility of a message that is retried, and the longest Retry-After that counts.
	longestDelay = time.Hour
	// settleTime is kept of an invocation for what comes after the requests: two thirds of it for new visibilities, the
	// last third for the log and the response. So there is a response whatever hangs.
	settleTime = 3 * time.Second
)

// Handler relays batches. It implements lambda.Handler. All fields but Jitter are required.
type Handler struct {
	Settings   *settings.Store[*integration.File]
	Keys       Keys
	Client     *Client
	Breakers   *Breakers
	Delayer    message.Delayer
	RetryDelay time.Duration // the first new visibility of a message that is retried
	Log        *slog.Logger
	Metrics    io.Writer

	Jitter func() float64 // in [0,1); math/rand/v2 if nil
}

// Invoke takes an SQS event and returns the failures that Lambda expects. It returns an error only if the payload is
// not an SQS event, or if nobody knows which integration file is in force; nothing that a back end does causes one.
func (h *Handler) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	messages, err := message.ReadEvent(payload)
	if err != nil {
		return nil, err
	}
	current, err := h.Settings.Require(ctx)
	if err != nil {
		return nil, err
	}
	start := time.Now()
	wait := h.Settings.Begin(ctx)
	requests, cancel := message.EndEarlier(ctx, settleTime)
	defer cancel()
	results := h.relayAll(requests, messages, current.Value.Apps)
	settling, cancel := message.EndEarlier(ctx, settleTime/3)
	defer cancel()
	h.delayRetried(settling, messages, results)
	wait()
	h.report(ctx, start, messages, results, current.Name)
	return message.Failures(messages, func(i int) bool { return results[i].err != nil }), nil
}

// result is what became of one message. It was relayed if it was neither skipped nor has an error.
type result struct {
	app     string // metric.UnknownApp if the integration file does not have it
	ids     webhook.IDs
	skipped bool
	err     error         // why it is retried
	failed  bool          // because a request has failed
	atOnce  bool          // it may come back at once
	wanted  time.Duration // how long the back end wants to be left alone; 0: it did not say
}

// relayAll relays each subscriber's messages in their order, and different subscribers' side by side: a FIFO queue
// hands out ten messages at most.
func (h *Handler) relayAll(ctx context.Context, messages []message.Queued, apps map[string]*integration.App) []result {
	results := make([]result, len(messages))
	var all sync.WaitGroup
	for _, group := range groups(messages) {
		all.Go(func() {
			var first error // of the group's messages that are retried
			for n, i := range group {
				if first != nil {
					results[i] = result{app: appName(apps, &messages[i]), err: errOrder}
					continue
				}
				results[i] = h.relay(ctx, &messages[i], apps, n == 0)
				first = results[i].err
			}
		})
	}
	all.Wait()
	return results
}

// groups are the indexes of the messages by group, in the queue's order. A message without a group is one by itself.
func groups(messages []message.Queued) (all [][]int) {
	known := make(map[string]int)
	for i := range messages {
		name := messages[i].Group
		n, ok := known[name]
		if !ok || name == "" {
			n = len(all)
			known[name], all = n, append(all, nil)
		}
		all[n] = append(all[n], i)
	}
	return all
}

// appName is an app's name for logs and metrics.
func appName(apps map[string]*integration.App, m *message.Queued) string {
	if app := apps[m.Attribute(message.AttrApp)]; app != nil {
		return app.Name
	}
	return metric.UnknownApp
}

// Why a message is retried without a request of its own.
var (
	errOrder   = fault.New(fault.Retry, fault.GroupOrder, errors.New("an earlier webhook of the subscriber comes back"))
	errBreaker = fault.New(fault.Retry, fault.Breaker, errors.New("back end is left alone for now"))
	errNoTime  = fault.New(fault.Retry, fault.NoTime, errors.New("invocation ends before the time-out of a request"))
)

// relay relays one message. A panic ends this message only.
func (h *Handler) relay(
	ctx context.Context, m *message.Queued, apps map[string]*integration.App, first bool,
) (r result) {
	r.app = appName(apps, m)
	defer fault.Recover(&r.err)
	queued, err := message.Decode(m.Body, m.Attribute)
	if err != nil { // somebody has to look at it, and nothing is thrown away meanwhile
		r.err = fault.New(fault.Operator, fault.Of(err).Reason, err)
		return r
	}
	r.ids = webhook.Peek(queued.Body)
	app := apps[queued.App]
	if app == nil || app.Relay == nil || !app.Relay.Wants(r.ids.EventName) || r.ids.EventName == webhook.Heartbeat {
		r.skipped = true
		return r
	}
	deadline, limited := ctx.Deadline()
	if limited && !first && time.Until(deadline) < app.Relay.Timeout {
		r.err, r.atOnce = errNoTime, true
		return r
	}
	keys, err := h.Keys.Get(ctx, app.Name)
	if err != nil {
		r.err = err
		return r
	}
	settle, admitted := h.Breakers.of(app.Relay.URL).admit(ctx)
	if !admitted {
		r.err = errBreaker
		return r
	}
	r.failed = true // unless something else turns out, also after a panic
	defer func() { settle(!r.failed) }()
	answer, err := h.Client.Post(ctx, app.Relay, Webhook{
		Body:      queued.Body,
		ID:        message.DeduplicationID(message.IDs{EventName: r.ids.EventName, EventID: r.ids.EventID}, queued.Body),
		Timestamp: m.Attribute(message.AttrTimestamp), Signature: m.Attribute(message.AttrSignature),
		Attempt: m.Receives, Received: m.Attribute(message.AttrReceived),
	}, keys)
	r.err, r.failed, r.wanted = err, err != nil, answer.RetryAfter
	return r
}

// delayRetried sets when retried messages come back: those that are held behind another one come back with it.
func (h *Handler) delayRetried(ctx context.Context, messages []message.Queued, results []result) {
	var delays []message.Delay
	for _, group := range groups(messages) {
		var after time.Duration
		held := false
		for _, i := range group {
			m, r := &messages[i], &results[i]
			if r.err == nil {
				continue
			}
			if !held {
				after, held = h.comeBack(m, r), true
			}
			delays = append(delays, message.Delay{Message: m, After: after})
		}
	}
	message.DelayAll(ctx, h.Delayer, delays, h.Log)
}

// comeBack is when a message comes back: later with each receive, and not before the back end wants it.
func (h *Handler) comeBack(m *message.Queued, r *result) time.Duration {
	if r.atOnce {
		return 0
	}
	wanted := (r.wanted + time.Second - 1).Truncate(time.Second)
	return max(message.Backoff(h.RetryDelay, longestDelay, m.Receives, h.Jitter), wanted)
}

// report writes a line for each message that comes back, one for the invocation, and the metrics.
func (h *Handler) report(
	ctx context.Context, start time.Time, messages []message.Queued, results []result, settings string,
) {
	var metrics metric.Set
	delivered, skipped, retried := 0, 0, 0
	for i, r := range results {
		switch {
		case r.err != nil:
			retried++
			h.logRetry(ctx, &messages[i], r)
		case r.skipped:
			skipped++
			metrics.Add(r.app, metric.RelaySkipped, 1)
		default:
			delivered++
			metrics.Add(r.app, metric.RelayDelivered, 1)
		}
		if r.failed {
			metrics.Add(r.app, metric.RelayFailed, 1)
		}
	}
	h.Log.LogAttrs(ctx, slog.LevelInfo, "batch",
		slog.Int("received", len(messages)), slog.Int("delivered", delivered), slog.Int("skipped", skipped),
		slog.Int("retried", retried), slog.Int64("duration", time.Since(start).Milliseconds()),
		slog.String("settings", settings))
	if metrics.Empty() {
		return
	}
	if err := metrics.Write(h.Metrics, time.Now()); err != nil {
		h.Log.WarnContext(ctx, "metrics not written")
	}
}

// logRetry logs why a message comes back.
func (h *Handler) logRetry(ctx context.Context, m *message.Queued, r result) {
	f := fault.Of(r.err)
	attrs := []slog.Attr{
		slog.String("messageId", m.ID), slog.String("app", r.app), slog.String("outcome", "retry"),
		slog.String("reason", string(f.Reason)), slog.Int("attempt", m.Receives),
	}
	if message.LegalID(r.ids.EventID) {
		attrs = append(attrs, slog.String("eventId", r.ids.EventID))
	}
	f.Log(ctx, h.Log, "message retry", attrs...)
}
