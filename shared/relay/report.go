package relay

import (
	"context"
	"log/slog"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/message"
	"github.com/purchasely-clevertap/bridge/shared/metric"
)

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
