package forward

import (
	"context"
	"log/slog"
	"maps"
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
	Subscriber webhook.Subscriber // by which id the person is known; the zero Subscriber if by none
	Outcome    Outcome
	Fault      *fault.Fault // why it was not delivered; nil if it was
	Account    string       // where its records went; empty if nowhere
	Drift      []string     // names of what the catalogue does not know
	Records    []Record     // what it made, in the order of the upload
}

// Record is a record that a message made.
type Record struct {
	Kind     Kinds
	JSON     []byte // valid until the observer returns
	Messages []int  // whose it is: several if their profiles were merged
	Accepted bool
}

// outcomeMetrics are written together, also the zeros: they add up to the messages received.
var outcomeMetrics = [...]metric.Name{
	Delivered: metric.MessagesDelivered, Skipped: metric.MessagesSkipped,
	Rejected: metric.MessagesRejected, Retried: metric.MessagesRetried,
}

// report writes a line for each message that was not delivered, one for the invocation, and the metrics.
func (h *Handler) report(ctx context.Context, start time.Time, b *batch, lost map[string]int, l *ledger) {
	now := h.now()
	var outcomes [Retried + 1]int
	var metrics metric.Set
	noAccount := make(map[string]bool) // apps whose secret names no account that could be called
	for i := range b.readings {
		r, o := &b.readings[i], &b.opened[i]
		outcome, f := l.outcome(i)
		outcomes[outcome]++
		count(&metrics, r.appName(), o, outcome, now)
		if r.heartbeat && outcome != Retried {
			metrics.Sample(r.app.Name, metric.HeartbeatOk, map[Outcome]float64{Delivered: 1}[outcome])
		}
		if outcome != Delivered {
			h.logMessage(ctx, r, outcome, f)
			if f.Kind == fault.Operator && r.accountErr != nil && !noAccount[r.app.Name] {
				noAccount[r.app.Name] = true
				metrics.Add(r.app.Name, metric.CredentialsRefused, 1)
			}
		}
	}
	if h.Observe != nil {
		h.observe(b, l)
	}
	h.logBatch(ctx, outcomes, b, now.Sub(start))
	for _, r := range l.records {
		if r.accepted {
			metrics.Add(b.readings[r.messages[0]].app.Name, metric.RecordsAccepted, 1)
		}
	}
	for _, r := range b.uploads.reports {
		r.count(&metrics)
	}
	for _, app := range slices.Sorted(maps.Keys(lost)) {
		metrics.Add(app, metric.JournalFailed, lost[app])
	}
	if err := metrics.Write(h.Metrics, now); err != nil {
		fault.Of(err).Log(ctx, h.Log, "metrics not written")
	}
}

// count counts one message under its app.
func count(metrics *metric.Set, app string, o *opened, outcome Outcome, now time.Time) {
	metrics.Add(app, metric.MessagesReceived, 1)
	for is, name := range outcomeMetrics {
		n := 0
		if Outcome(is) == outcome {
			n = 1
		}
		metrics.Add(app, name, n)
	}
	if len(o.drift) > 0 {
		metrics.Add(app, metric.SchemaDrift, len(o.drift))
	}
	if outcome == Delivered && o.created > 0 { // the sender's clock may run ahead of ours
		metrics.Observe(app, metric.EventAge, max(0, now.Sub(time.UnixMilli(o.created))))
	}
}

// count turns what the uploads of an account came to into metrics: latencies under the app that came first, because no
// upload is two, and what is wrong with the account under every app that it stops.
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
func (h *Handler) logMessage(ctx context.Context, r *reading, outcome Outcome, f *fault.Fault) {
	level := f.Level()
	if outcome == Skipped {
		level = slog.LevelInfo
	}
	attrs := []slog.Attr{
		slog.String("messageId", r.message.ID),
		slog.String("app", r.appName()),
		slog.String("outcome", outcome.String()),
		slog.String("reason", string(f.Reason)),
		slog.Int("attempt", r.message.Receives),
	}
	if r.name != "" {
		attrs = append(attrs, slog.String("event", r.name))
	}
	if r.eventID != "" {
		attrs = append(attrs, slog.String("eventId", r.eventID))
	}
	h.Log.LogAttrs(ctx, level, "message "+outcome.String(), append(attrs, f.Attrs()...)...)
}

// logBatch writes the invocation's line. Each app's share of it is in the app's metrics, which can be searched like
// any other line.
func (h *Handler) logBatch(ctx context.Context, outcomes [Retried + 1]int, b *batch, took time.Duration) {
	attrs := []slog.Attr{
		slog.Int("received", len(b.readings)),
		slog.Int("delivered", outcomes[Delivered]),
		slog.Int("skipped", outcomes[Skipped]),
		slog.Int("rejected", outcomes[Rejected]),
		slog.Int("retried", outcomes[Retried]),
		slog.Int64("duration", took.Milliseconds()),
		slog.String("settings", b.settings),
	}
	if names := someDrift(b.opened); len(names) > 0 {
		attrs = append(attrs, slog.String("drift", strings.Join(names, ", ")))
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

// observe tells the observer what became of each message.
func (h *Handler) observe(b *batch, l *ledger) {
	records := make([][]Record, len(b.readings))
	for key, r := range l.records {
		for _, i := range r.messages {
			records[i] = append(records[i], Record{r.kind, b.uploads.made[key], r.messages, r.accepted})
		}
	}
	for i := range b.readings {
		r, o := &b.readings[i], &b.opened[i]
		outcome, f := l.outcome(i)
		result := Result{
			Message: i, App: r.appName(), Event: r.name, Outcome: outcome, Fault: f, Drift: o.drift, Records: records[i],
		}
		if len(r.people.subscriber) > 0 {
			result.Subscriber = r.people.subscriber[0].Subscriber
		}
		if o.pending != nil {
			result.Account = o.pending.account.Key()
		}
		h.Observe(result)
	}
}
