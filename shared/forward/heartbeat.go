package forward

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/fault"
)

// heartbeatLifetime is how long after its reception a heartbeat that fails is retried. The next ones have come by
// then, and nobody wants to know any more whether this one would pass.
const heartbeatLifetime = 5 * time.Minute

// heartbeats are the dry runs of a batch's heartbeats, side by side and beside the uploads.
type heartbeats struct {
	all  sync.WaitGroup
	errs []error // by message; nil: CleverTap takes the account's credentials, or it is no heartbeat
}

// beginHeartbeats tries the account of every heartbeat at CleverTap, which stores nothing.
func (h *Handler) beginHeartbeats(ctx context.Context, readings []reading, accounts *accountReads) *heartbeats {
	b := &heartbeats{}
	for i := range readings {
		r := &readings[i]
		if !r.heartbeat {
			continue
		}
		if b.errs == nil {
			b.errs = make([]error, len(readings))
		}
		b.all.Go(func() {
			defer fault.Recover(&b.errs[i])
			b.errs[i] = h.tryAccount(ctx, r, accounts)
		})
	}
	return b
}

// tryAccount makes a dry run at the account of a heartbeat's app. If the credentials are refused and the secret has
// others by now, it makes one with those.
func (h *Handler) tryAccount(ctx context.Context, r *reading, accounts *accountReads) error {
	known, err := accounts.get(r.app.Name)
	if err != nil {
		return err
	}
	refused := h.dryRun(ctx, known.Production, r.received)
	if refused == nil || fault.Of(refused).Reason != fault.Credentials {
		return refused
	}
	if fresh, err := h.Accounts.Reload(ctx, r.app.Name); err == nil && !fresh.Production.Equal(known.Production) {
		return h.dryRun(ctx, fresh.Production, r.received)
	}
	return refused
}

// dryRun returns why an account cannot be uploaded to, nil if it can. A record is judged only after the credentials.
func (h *Handler) dryRun(ctx context.Context, a clevertap.Account, at time.Time) error {
	const form = `{"type":"event","identity":"bridge-heartbeat","ts":%d,"evtName":"Bridge Heartbeat","evtData":{}}`
	records := []clevertap.Record{{JSON: fmt.Appendf(nil, form, at.Unix())}}
	f := fault.Of(h.Uploader.DryRun(ctx, a, records))
	switch {
	case f == nil, f.Kind == fault.Reject && !strings.HasPrefix(string(f.Reason), "clevertap_http_"):
		return nil
	case f.Kind == fault.Reject:
		return f.WithKind(fault.Operator)
	default:
		return f
	}
}

// endHeartbeats enters what became of the heartbeats. One that fails is retried for a while, and never rejected: it
// has nothing that anybody would miss.
func (h *Handler) endHeartbeats(ctx context.Context, b *heartbeats, readings []reading, l *ledger) {
	b.all.Wait()
	for i, err := range b.errs {
		f := fault.Of(err)
		if f == nil {
			continue
		}
		r := &readings[i]
		if f.Kind == fault.Operator {
			r.accountErr = f
		}
		if h.now().Sub(r.received) < heartbeatLifetime {
			l.fail(i, &fault.Fault{Kind: f.Kind, Reason: fault.Heartbeat, Code: f.Code, Err: f})
			continue
		}
		h.Log.LogAttrs(ctx, slog.LevelError, "heartbeat failed", append([]slog.Attr{
			slog.String("app", r.app.Name), slog.String("reason", string(f.Reason)),
		}, f.Attrs()...)...)
		l.skip(i, fault.Heartbeat)
	}
}
