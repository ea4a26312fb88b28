package forward

import (
	"context"
	"io"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/mapping"
)

// Accounts gives the CleverTap accounts of an app. Its errors are marked faults.
type Accounts interface {
	// Get may answer from memory.
	Get(ctx context.Context, app string) (clevertap.Accounts, error)
	// Reload asks the store.
	Reload(ctx context.Context, app string) (clevertap.Accounts, error)
}

// Uploader delivers records; see [clevertap.Uploader].
type Uploader interface {
	Upload(ctx context.Context, lanes []clevertap.AccountBatch, book clevertap.Tracker) clevertap.Report
}

// Rejecter moves messages that will always fail to the rejected queue. It gives one error for each, nil where the queue took it. The
// messages' bytes are its own only until it returns.
type Rejecter interface {
	Reject(ctx context.Context, messages []Rejection) []error
}

// Delayer says when messages come back to the queue of the given ARN. The messages' bytes are its own only until it returns.
type Delayer interface {
	Delay(ctx context.Context, source string, messages []Delay) error
}

// Handler is the corridor from a batch to CleverTap. All fields but Subscribers, Notes, Jitter and Now must be set.
type Handler struct {
	Integrations *integration.File
	Accounts     Accounts
	Mapper       *mapping.Mapper
	Uploader     Uploader
	Rejecter     Rejecter
	Delayer      Delayer
	Subscribers  Subscribers   // nil: subscriber state is off
	Notes        Notes         // nil: what was accepted of a message that is retried is sent again
	RetryDelay   time.Duration // the first new visibility of a message that is retried
	Log          *slog.Logger
	Metrics      io.Writer

	Jitter func() float64   // in [0,1); math/rand/v2 if nil
	Now    func() time.Time // time.Now if nil

	idle atomic.Pointer[invocation] // whose memory the next invocation uses again
}

// Shares of the invocation's time.
const (
	// settleShare is what is kept for what comes after the uploads, as a fraction of the time that is left at the start. Its thirds are
	// for the rejected queue, for notes and new visibilities, and for the report and the answer: whatever hangs, there is an answer.
	settleShare = 8
	// settleMost bounds it.
	settleMost = 3 * time.Second
)

// Invoke takes an SQS event and answers which messages come back. The error is for a payload that is no SQS event; nothing that
// CleverTap or one app did makes one.
func (h *Handler) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	v := h.begin()
	if err := v.batch.read(payload); err != nil {
		return nil, err
	}
	answer := v.run(ctx)
	h.end(v)
	return answer, nil
}

// run does the steps of a batch in their order.
func (v *invocation) run(ctx context.Context) []byte {
	if deadline, ok := ctx.Deadline(); ok {
		v.settling = min(deadline.Sub(v.start)/settleShare, settleMost)
	}
	work, cancel := before(ctx, v.settling)
	defer cancel()
	v.ledger.open(len(v.batch.messages), func(i int) []byte {
		if q := &v.batch.messages[i]; q.FIFO() {
			return q.Group
		}
		return nil
	})
	v.subjects = slices.Grow(v.subjects, len(v.batch.messages))[:len(v.batch.messages)]
	reading, stop := within(work, secretShare)
	defer stop()
	v.prefetch(reading)
	v.recall(work)
	for i := range v.batch.messages {
		v.open(reading, i)
	}
	v.hold(work)
	v.group(v.standing())
	v.upload(work)
	v.confirm(work)
	stop()
	v.join()
	v.settle(ctx)
	v.report(ctx)
	return v.answer()
}

// before ends a context so much earlier.
func before(ctx context.Context, early time.Duration) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, deadline.Add(-early))
}

// upload delivers all lanes side by side and keeps what they came to.
func (v *invocation) upload(ctx context.Context) {
	if len(v.lanes) == 0 {
		return
	}
	r := v.handler.Uploader.Upload(ctx, v.lanes, &v.ledger)
	for i := range v.lanes {
		v.tally.lane(v.laneApps[i], r.Batches[i])
	}
}

func (h *Handler) now() time.Time {
	if h.Now == nil {
		return time.Now()
	}
	return h.Now()
}
