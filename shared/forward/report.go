package forward

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/metric"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// driftNames is how many names of unknown things one line lists.
const driftNames = 10

// Result is what became of one message.
type Result struct {
	Message    int    // its index in the batch
	App        string // metric.UnknownApp if the integration file does not have it
	Event      string
	Subscriber webhook.Subscriber
	Outcome    Outcome
	Fault      *fault.Fault // why it was not delivered; nil if it was
	Account    string       // where its records went; empty if nowhere
	Drift      []string     // names of what the catalogue does not know
}

// counts is what a batch came to.
type counts struct {
	received int
	outcomes [Retried + 1]int
	drift    int
}

// outcomeMetrics are written together, also the zeros: they add up to the messages received.
var outcomeMetrics = [...]metric.Name{
	Delivered: metric.MessagesDelivered, Skipped: metric.MessagesSkipped,
	Rejected: metric.MessagesRejected, Retried: metric.MessagesRetried,
}

// report writes a line for each message that was not delivered, one for the invocation, and the metrics.
func (h *Handler) report(
	ctx context.Context, start time.Time, messages []Message, all []opened, u *uploads, accounts *accountReads, l *ledger,
) {
	now := h.now()
	var batch counts
	var metrics metric.Set
	noAccount := make(map[string]bool) // apps whose secret names no account that could be called
	for i := range messages {
		o := &all[i]
		outcome, f := l.outcome(i)
		batch.received++
		batch.outcomes[outcome]++
		batch.drift += len(o.drift)
		o.count(&metrics, outcome, now)
		if outcome != Delivered {
			h.logMessage(ctx, &messages[i], o, outcome, f)
			if f.Kind == fault.Operator && accounts.failed(o.app) && !noAccount[o.app] {
				noAccount[o.app] = true
				metrics.Add(o.app, metric.CredentialsRefused, 1)
			}
		}
		h.observe(i, o, outcome, f)
	}
	h.logBatch(ctx, batch, all, now.Sub(start))
	for _, r := range l.records {
		if r.accepted {
			metrics.Add(all[r.messages[0]].app, metric.RecordsAccepted, 1)
		}
	}
	for _, r := range u.reports {
		r.count(&metrics)
	}
	if err := metrics.Write(h.Metrics, now); err != nil {
		h.Log.WarnContext(ctx, "metrics not written")
	}
}

// count counts one message under its app.
func (o *opened) count(metrics *metric.Set, outcome Outcome, now time.Time) {
	metrics.Add(o.app, metric.MessagesReceived, 1)
	for is, name := range outcomeMetrics {
		n := 0
		if Outcome(is) == outcome {
			n = 1
		}
		metrics.Add(o.app, name, n)
	}
	if len(o.drift) > 0 {
		metrics.Add(o.app, metric.SchemaDrift, len(o.drift))
	}
	if outcome == Delivered && o.created > 0 { // the sender's clock may run ahead of ours
		metrics.Observe(o.app, metric.EventAge, max(0, now.Sub(time.UnixMilli(o.created))))
	}
}

// count turns what the uploads of an account came to into metrics: latencies under the first app, so that no upload
// counts twice, and what is wrong with the account under every app that it stops.
func (r *uploadReport) count(metrics *metric.Set) {
	for _, latency := range r.Latencies {
		metrics.Observe(r.apps[0], metric.UploadLatency, latency)
	}
	for _, app := range r.apps {
		if r.CredentialsRefused {
			metrics.Add(app, metric.CredentialsRefused, 1)
		}
		if r.BreakerOpen {
			metrics.Add(app, metric.BreakerOpen, 1)
		}
	}
}

// logMessage logs what became of one message. A skip is what the user asked for and a retry passes: only a rejection,
// or what needs a person, is an error.
func (h *Handler) logMessage(ctx context.Context, m *Message, o *opened, outcome Outcome, f *fault.Fault) {
	level := slog.LevelInfo
	switch {
	case outcome == Rejected, f.Kind == fault.Operator:
		level = slog.LevelError
	case outcome == Retried:
		level = slog.LevelWarn
	}
	attrs := []slog.Attr{
		slog.String("messageId", m.ID),
		slog.String("app", o.app),
		slog.String("outcome", outcome.String()),
		slog.String("reason", string(f.Reason)),
		slog.Int("attempt", m.Receives),
	}
	for _, optional := range []slog.Attr{
		slog.String("event", o.event), slog.String("eventId", o.eventID), slog.String("code", f.Code),
	} {
		if optional.Value.String() != "" {
			attrs = append(attrs, optional)
		}
	}
	h.Log.LogAttrs(ctx, level, "message "+outcome.String(), attrs...)
}

// logBatch writes the invocation's line. Each app's share of it is in the app's metrics, which can be searched like
// any other line.
func (h *Handler) logBatch(ctx context.Context, c counts, all []opened, took time.Duration) {
	attrs := []slog.Attr{
		slog.Int("received", c.received),
		slog.Int("delivered", c.outcomes[Delivered]),
		slog.Int("skipped", c.outcomes[Skipped]),
		slog.Int("rejected", c.outcomes[Rejected]),
		slog.Int("retried", c.outcomes[Retried]),
		slog.Int64("duration", took.Milliseconds()),
	}
	if c.drift > 0 {
		attrs = append(attrs, slog.String("drift", strings.Join(someDrift(all), ", ")))
	}
	h.Log.LogAttrs(ctx, slog.LevelInfo, "batch", attrs...)
}

// someDrift returns the first distinct names of what the catalogue does not know.
func someDrift(all []opened) []string {
	var names []string
	for i := range all {
		for _, name := range all[i].drift {
			if len(names) < driftNames && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

func (h *Handler) observe(i int, o *opened, outcome Outcome, f *fault.Fault) {
	if h.Observe == nil {
		return
	}
	r := Result{
		Message: i, App: o.app, Event: o.event, Subscriber: o.subscriber, Outcome: outcome, Fault: f, Drift: o.drift,
	}
	if o.pending != nil {
		r.Account = o.pending.account.Key()
	}
	h.Observe(r)
}
