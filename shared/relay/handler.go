// Package relay posts webhooks, byte for byte, to the customer's own back end.
//
// It promises that a webhook is posted until the back end answers 2xx, that a subscriber's webhooks come in their order, that
// one back end's trouble never slows another's, and that nothing is sent to an address inside a private network unless that is
// allowed. It does not look at what a webhook says, beyond its ids and its event's name, and it never logs a body.
package relay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
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

// Keys returns an app's keys for Standard Webhooks, nil if it has none.
type Keys interface {
	Get(ctx context.Context, app string) (*standardwebhooks.Keys, error)
}

// Delayer sets when messages come back to the queue of the given ARN.
type Delayer interface {
	Delay(ctx context.Context, source string, messages []message.Delay) error
}

const (
	// longestDelay is the longest new visibility of a message that is retried, and the longest Retry-After that counts.
	longestDelay = time.Hour
	// settleTime is kept for the new visibilities, the log and the response.
	settleTime = 2 * time.Second
	// settingsWait is how long a batch waits at its end for a look at the settings.
	settingsWait = 2 * time.Second
	// maxAnswer is how much of an answer's body is read, so that the connection can be used again.
	maxAnswer = 64 << 10
)

// Handler relays batches. It implements lambda.Handler. All fields but Jitter are required.
type Handler struct {
	Settings   *settings.Store[*integration.File]
	Keys       Keys
	Transport  http.RoundTripper // see [NewTransport]
	Breakers   *Breakers
	Delayer    Delayer
	RetryDelay time.Duration
	// AllowPlain allows plain HTTP, for tests and for back ends inside a private network.
	AllowPlain bool
	Log        *slog.Logger
	Metrics    io.Writer
	Jitter     func() float64 // in [0,1); math/rand/v2 if nil
}

// result is what became of one message.
type result struct {
	app        string
	event      string
	skipped    bool
	failed     bool          // a request was made and failed
	err        error         // why it is retried; nil: it is done
	retryAfter time.Duration // what the back end asked for; 0: nothing
}

// Invoke takes an SQS event and returns the failures that Lambda expects. It returns an error only if the payload is not an
// SQS event, or if nobody knows which integration file is in force.
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
	results := h.relayAll(ctx, messages, current.Value)
	h.delayRetried(ctx, messages, results)
	wait(settingsWait)
	h.report(ctx, start, messages, results, current.Name)
	return message.Failures(messages, func(i int) bool { return results[i].err != nil }), nil
}

// relayAll relays the messages of each subscriber in their order, and different subscribers side by side.
func (h *Handler) relayAll(ctx context.Context, messages []message.Queued, file *integration.File) []result {
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, deadline.Add(-settleTime))
		defer cancel()
	}
	results := make([]result, len(messages))
	groups := make(map[string][]int)
	for i := range messages {
		group := messages[i].Group
		if group == "" {
			group = messages[i].ID
		}
		groups[group] = append(groups[group], i)
	}
	var all sync.WaitGroup
	for _, indexes := range groups {
		all.Go(func() { h.relayInOrder(ctx, messages, indexes, file, results) })
	}
	all.Wait()
	return results
}

var errBreaker = fault.New(fault.Retry, fault.Breaker, errors.New("back end is left alone for now"))

// errOrder holds the later messages of a subscriber behind one that is retried.
var errOrder = fault.New(fault.Retry, fault.GroupOrder, errors.New("an earlier webhook of the subscriber comes back"))

func (h *Handler) relayInOrder(
	ctx context.Context, messages []message.Queued, indexes []int, file *integration.File, results []result,
) {
	for n, i := range indexes {
		results[i] = h.relay(ctx, &messages[i], file)
		if results[i].err == nil {
			continue
		}
		for _, later := range indexes[n+1:] {
			results[later] = result{app: appName(file, &messages[later]), err: errOrder}
		}
		return
	}
}

func appName(file *integration.File, m *message.Queued) string {
	if app := file.Apps[m.Attribute(message.AttrApp)]; app != nil {
		return app.Name
	}
	return metric.UnknownApp
}

// relay relays one message. A panic ends this message only.
func (h *Handler) relay(ctx context.Context, m *message.Queued, file *integration.File) (r result) {
	r.app = appName(file, m)
	defer func() {
		if p := recover(); p != nil {
			r.err = fault.Panicked(fault.Retry, p)
		}
	}()
	queued, err := message.Decode(m.Body, m.Attribute)
	if err != nil {
		r.err = &fault.Fault{Kind: fault.Operator, Reason: fault.Of(err).Reason, Err: err}
		return r
	}
	app := file.Apps[queued.App]
	ids := webhook.Peek(queued.Body)
	r.event = ids.EventName
	if app == nil || app.Relay == nil || !app.Relay.Wants(ids.EventName) {
		r.skipped = true
		return r
	}
	keys, err := h.Keys.Get(ctx, app.Name)
	if err != nil {
		r.err = err
		return r
	}
	breaker := h.Breakers.of(app.Relay.URL)
	if !breaker.admit(time.Now()) {
		r.err = errBreaker
		return r
	}
	r.failed = true // unless something else turns out, also after a panic
	defer func() { breaker.settle(time.Now(), !r.failed) }()
	r.retryAfter, r.err = h.post(ctx, app.Relay, keys, m, queued.Body, ids)
	r.failed = r.err != nil
	return r
}

// post makes one request. A nil error means that the back end has answered 2xx.
func (h *Handler) post(
	ctx context.Context, to *integration.Relay, keys *standardwebhooks.Keys, m *message.Queued, body []byte, ids webhook.IDs,
) (retryAfter time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, to.Timeout)
	defer cancel()
	request, err := newRequest(ctx, to.URL, m, body)
	if err != nil {
		return 0, fault.New(fault.Operator, fault.BackEnd, errors.New("relay url cannot be used"))
	}
	if request.URL.Scheme != "https" && !h.AllowPlain {
		return 0, fault.New(fault.Operator, fault.BackEnd, errors.New("relay url is not https"))
	}
	if keys != nil {
		now := time.Now()
		id := message.DeduplicationID(message.IDs{EventName: ids.EventName, EventID: ids.EventID}, body)
		request.Header.Set(standardwebhooks.HeaderID, id)
		request.Header.Set(standardwebhooks.HeaderTimestamp, fmt.Sprint(now.Unix()))
		request.Header.Set(standardwebhooks.HeaderSignature, keys.Sign(id, now, body))
	}
	response, err := h.Transport.RoundTrip(request) // without an http.Client: redirects are not followed
	if err != nil {
		return 0, networkFault(ctx, request.URL.Host, err)
	}
	defer func() {
		_, _ = io.CopyN(io.Discard, response.Body, maxAnswer)
		_ = response.Body.Close()
	}()
	if response.StatusCode >= 200 && response.StatusCode < 300 {
		return 0, nil
	}
	return statusFault(request.URL.Host, response)
}

// report writes a line for each message that was not relayed, one for the invocation, and the metrics.
func (h *Handler) report(
	ctx context.Context, start time.Time, messages []message.Queued, results []result, settings string,
) {
	var metrics metric.Set
	relayed, skipped, retried := 0, 0, 0
	for i, r := range results {
		switch {
		case r.err != nil:
			retried++
			h.logRetry(ctx, &messages[i], r)
		case r.skipped:
			skipped++
			metrics.Add(r.app, metric.RelaySkipped, 1)
		default:
			relayed++
			metrics.Add(r.app, metric.RelayDelivered, 1)
		}
		if r.failed {
			metrics.Add(r.app, metric.RelayFailed, 1)
		}
	}
	h.Log.LogAttrs(ctx, slog.LevelInfo, "batch",
		slog.Int("received", len(messages)), slog.Int("delivered", relayed), slog.Int("skipped", skipped),
		slog.Int("retried", retried), slog.Int64("duration", time.Since(start).Milliseconds()),
		slog.String("settings", settings))
	if !metrics.Empty() {
		if err := metrics.Write(h.Metrics, time.Now()); err != nil {
			h.Log.WarnContext(ctx, "metrics not written")
		}
	}
}

func (h *Handler) logRetry(ctx context.Context, m *message.Queued, r result) {
	f := fault.Of(r.err)
	level := slog.LevelWarn
	if f.Kind == fault.Operator || f.Reason == fault.Panic {
		level = slog.LevelError
	}
	attrs := []slog.Attr{
		slog.String("messageId", m.ID), slog.String("app", r.app), slog.String("outcome", "retry"),
		slog.String("reason", string(f.Reason)), slog.Int("attempt", m.Receives),
	}
	attrs = append(attrs, f.Attrs()...)
	h.Log.LogAttrs(ctx, level, "message retry", attrs...)
}

// delayRetried sets when the retried messages come back. Those that wait behind another one come back with it.
func (h *Handler) delayRetried(ctx context.Context, messages []message.Queued, results []result) {
	delays := make(map[string][]message.Delay)
	behind := make(map[string]time.Duration) // by group: when its first retried message comes back
	for i, r := range results {
		m := &messages[i]
		if r.err == nil {
			continue
		}
		after, waits := behind[m.Group]
		if !waits || m.Group == "" {
			after = h.delay(m.Receives, r.retryAfter)
			behind[m.Group] = after
		}
		delays[m.Source] = append(delays[m.Source], message.Delay{Message: m, After: after})
	}
	for source, list := range delays {
		if err := h.Delayer.Delay(ctx, source, list); err != nil { // nothing is lost: the queue's own visibility holds
			h.Log.WarnContext(ctx, "new visibility refused", "retried", len(list), "cause", err.Error())
		}
	}
}

// delay is when a message comes back: doubled with each receive, and not before the back end has asked for.
func (h *Handler) delay(receives int, retryAfter time.Duration) time.Duration {
	jitter := h.Jitter
	if jitter == nil {
		jitter = rand.Float64
	}
	d := message.Backoff(h.RetryDelay, longestDelay, receives, jitter())
	return min(max(d, retryAfter.Round(time.Second)), longestDelay)
}
