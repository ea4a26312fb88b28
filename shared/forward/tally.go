package forward

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/metric"
)

// driftNames is how many names of a payload's surprises one line lists.
const driftNames = 10

// tally counts what a batch came to: as a whole for the log, for each app for the metrics.
type tally struct {
	outcomes [Retried + 1]int
	names    []string   // of surprises in payloads
	apps     []appTally // in the order in which the apps came
	metrics  metric.Set
}

// appTally is one app's counts.
type appTally struct {
	app      string
	received int
	outcomes [Retried + 1]int
	drift    int
	lost     bool // its secret names no account that could be called
}

// app finds or makes an app's counts.
func (t *tally) app(name string) *appTally {
	i := slices.IndexFunc(t.apps, func(a appTally) bool { return a.app == name })
	if i < 0 {
		i = len(t.apps)
		t.apps = append(t.apps, appTally{app: name})
	}
	return &t.apps[i]
}

// drift counts a surprise in a payload, by its name.
func (t *tally) drift(app, name string) {
	t.app(app).drift++
	if len(t.names) < driftNames && !slices.Contains(t.names, name) {
		t.names = append(t.names, name)
	}
}

// lane counts what a lane's uploads came to: their latencies under the app that opened it, because no upload is two, and what is wrong
// with the account under every app that it stops.
func (t *tally) lane(apps []string, r clevertap.BatchReport) {
	for _, latency := range r.Latencies {
		t.metrics.Observe(apps[0], metric.UploadLatency, latency)
	}
	for _, app := range apps {
		if r.CredentialsRefused {
			t.metrics.Add(app, metric.CredentialsRefused, 1)
		}
		if r.BreakerOpen {
			t.metrics.Add(app, metric.BreakerOpen, 1)
		}
	}
}

// report writes one line for each message that was not delivered, one for the invocation, and the metrics.
func (v *invocation) report(ctx context.Context) {
	now := v.handler.now()
	for _, r := range v.ledger.records {
		if r.accepted {
			v.tally.metrics.Add(v.subjects[r.messages[0]].app, metric.RecordsAccepted, 1)
		}
	}
	for i := range v.batch.messages {
		s := &v.subjects[i]
		outcome, f := v.ledger.outcome(i)
		a := v.tally.app(s.app)
		a.received++
		a.outcomes[outcome]++
		v.tally.outcomes[outcome]++
		if outcome == Delivered {
			if s.created > 0 { // A sender's clock may run ahead of ours.
				v.tally.metrics.Observe(s.app, metric.EventAge, max(0, now.Sub(time.UnixMilli(s.created))))
			}
			continue
		}
		v.logMessage(ctx, i, outcome, f)
		a.lost = a.lost || f.Kind == fault.Operator && v.lost(s.app)
	}
	v.logBatch(ctx, now.Sub(v.start))
	for _, a := range v.tally.apps {
		v.tally.count(a)
	}
	if err := v.tally.metrics.Write(v.handler.Metrics, now); err != nil {
		v.handler.Log.WarnContext(ctx, "metrics not written")
	}
}

// lost tells whether an app's secret named no account that could be called: no upload counts those credentials.
func (v *invocation) lost(app string) bool {
	s := v.secrets[app]
	return s != nil && s.err != nil
}

// count turns an app's outcomes into metrics. All four are written, also the zeros: they add up to the messages received.
func (t *tally) count(a appTally) {
	t.metrics.Add(a.app, metric.MessagesReceived, a.received)
	for outcome, name := range [...]metric.Name{metric.MessagesDelivered, metric.MessagesSkipped, metric.MessagesRejected, metric.MessagesRetried} {
		t.metrics.Add(a.app, name, a.outcomes[outcome])
	}
	if a.drift > 0 {
		t.metrics.Add(a.app, metric.SchemaDrift, a.drift)
	}
	if a.lost {
		t.metrics.Add(a.app, metric.CredentialsRefused, 1)
	}
}

// logMessage says what became of one message. A skip is what the user asked for, a retry passes: only what is rejected or needs a person is
// an error.
func (v *invocation) logMessage(ctx context.Context, i int, outcome Outcome, f *fault.Fault) {
	s, q := &v.subjects[i], &v.batch.messages[i]
	level := slog.LevelInfo
	switch {
	case outcome == Rejected, f.Kind == fault.Operator:
		level = slog.LevelError
	case outcome == Retried:
		level = slog.LevelWarn
	}
	attrs := []slog.Attr{
		slog.String("messageId", string(q.ID)),
		slog.String("app", s.app),
		slog.String("outcome", outcome.String()),
		slog.String("reason", string(f.Reason)),
		slog.Int("attempt", q.Receives),
	}
	for _, optional := range [...]struct{ key, value string }{{"event", string(s.event)}, {"eventId", string(s.eventID)}, {"code", f.Code}} {
		if optional.value != "" {
			attrs = append(attrs, slog.String(optional.key, optional.value))
		}
	}
	v.handler.Log.LogAttrs(ctx, level, "message "+outcome.String(), attrs...)
}

// logBatch is the one line of an invocation. Each app's share of it is the app's line of metrics, which can be searched like any other line.
func (v *invocation) logBatch(ctx context.Context, took time.Duration) {
	outcomes := &v.tally.outcomes
	attrs := []slog.Attr{
		slog.Int("received", len(v.batch.messages)),
		slog.Int("delivered", outcomes[Delivered]),
		slog.Int("skipped", outcomes[Skipped]),
		slog.Int("rejected", outcomes[Rejected]),
		slog.Int("retried", outcomes[Retried]),
		slog.Int64("duration", took.Milliseconds()),
	}
	if len(v.tally.names) > 0 {
		attrs = append(attrs, slog.String("drift", strings.Join(v.tally.names, ", ")))
	}
	v.handler.Log.LogAttrs(ctx, slog.LevelInfo, "batch", attrs...)
}
