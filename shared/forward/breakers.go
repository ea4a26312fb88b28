package forward

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/subscriber"
)

// breakers is what this process has written of its uploader's breakers, so that one is written only when it opens,
// opens again or closes. It is usually empty.
type breakers struct {
	mu      sync.Mutex
	written map[subscriber.Key]subscriber.Breaker // those that are open
}

// saveBreakers writes which accounts are left alone, and until when, if that has changed. It is for people who ask why
// messages wait: no forwarder reads it. What cannot be written is tried again with the next batch.
func (h *Handler) saveBreakers(ctx context.Context, reports []uploadReport) {
	b := &h.breakers
	b.mu.Lock()
	defer b.mu.Unlock()
	changed := b.changed(reports, h.now())
	if len(changed) == 0 {
		return
	}
	items := make(map[subscriber.Key]subscriber.Item, len(changed))
	for key, state := range changed {
		items[key] = state.Item()
	}
	failed, err := h.Table.Put(ctx, items)
	if err != nil {
		fault.Of(err).Log(ctx, h.Log, "breakers not written", slog.Int("records", len(failed)))
	}
	for key, state := range changed {
		switch {
		case slices.Contains(failed, key):
		case state.Closed.IsZero():
			b.written[key] = state
		default:
			delete(b.written, key)
		}
	}
}

// changed returns the breakers that are not what was written last. A breaker belongs to an account, but messages wait
// by app.
func (b *breakers) changed(reports []uploadReport, now time.Time) map[subscriber.Key]subscriber.Breaker {
	if b.written == nil {
		b.written = make(map[subscriber.Key]subscriber.Breaker)
	}
	changed := make(map[subscriber.Key]subscriber.Breaker)
	for _, r := range reports {
		if !r.Breaker.Open() && len(b.written) == 0 {
			continue
		}
		for _, app := range r.apps {
			key := subscriber.BreakerKey(app, r.account)
			state, written := b.written[key]
			switch {
			case r.Breaker.Open() && !(written && state.Until.Equal(r.Breaker.Until)):
				if !written {
					state = subscriber.Breaker{App: app, Account: r.account, Opened: now}
				}
				state.Until = r.Breaker.Until
				state.Reason, state.Code = string(r.Breaker.Cause.Reason), r.Breaker.Cause.Code
			case !r.Breaker.Open() && written:
				state.Closed = now
			default:
				continue
			}
			changed[key] = state
		}
	}
	return changed
}
