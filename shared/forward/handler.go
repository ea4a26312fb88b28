// Package forward takes batches of queued webhooks to CleverTap and decides what becomes of each message.
//
// It promises exactly one outcome for every message, counts that add up to the messages received, and a list of
// failures that is never null and names only messages of the batch. It leaves no goroutine behind. It knows the order
// of the steps, not how a webhook reads, what a record means or how HTTP works.
package forward

import (
	"context"
	"io"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/mapping"
)

// Accounts returns the CleverTap accounts of an app. Its errors are marked faults.
type Accounts interface {
	// Get may return what an earlier call has read.
	Get(ctx context.Context, app string) (clevertap.Accounts, error)
	// Reload reads them from the store.
	Reload(ctx context.Context, app string) (clevertap.Accounts, error)
}

// Uploader delivers records; see [clevertap.Uploader].
type Uploader interface {
	Upload(ctx context.Context, batches []clevertap.AccountBatch, tracker clevertap.Tracker) clevertap.Report
}

// Rejecter moves messages that will always fail to the rejected queue. It returns one error for each, nil where the
// queue has taken it.
type Rejecter interface {
	Reject(ctx context.Context, messages []Rejection) []error
}

// Delayer sets when messages come back to the queue of the given ARN.
type Delayer interface {
	Delay(ctx context.Context, source string, messages []Delay) error
}

// Handler forwards batches to CleverTap. It implements lambda.Handler. All fields but Subscribers, Delivered, Jitter,
// Now, Explain and Observe are required.
type Handler struct {
	Integrations *integration.File
	Accounts     Accounts
	Mapper       *mapping.Mapper
	Uploader     Uploader
	Rejecter     Rejecter
	Delayer      Delayer
	Subscribers  Subscribers      // nil: subscriber state is off
	Delivered    DeliveredRecords // nil: records that were accepted of a message that is retried are sent again
	RetryDelay   time.Duration    // the first new visibility of a message that is retried
	Log          *slog.Logger
	Metrics      io.Writer

	Jitter func() float64   // in [0,1); math/rand/v2 if nil
	Now    func() time.Time // time.Now if nil

	Explain func(message int, note mapping.Explanation) // called for everything that the mapping drops or changes
	Observe func(Result)                                // called once for each message, in their order

	spare atomic.Pointer[workspace]
}

// A step may take this part of the time that is left, a third and so on: a secret or a table that hangs must leave
// time for the messages that do not need it.
const (
	secretShare    = 3
	stateShare     = 3
	deliveredShare = 6
	settleShare    = 8 // reserved for what comes after the uploads, up to settleMost
)

// settleMost bounds the time that is reserved for settling. Its thirds are for the rejected queue, for visibility and
// delivered records, and for the log and the response. So there is a response whatever hangs.
const settleMost = 3 * time.Second

// Invoke takes an SQS event and returns the failures that Lambda expects. It returns an error only if the payload is
// not an SQS event; nothing that CleverTap or one app does causes one.
func (h *Handler) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	messages, err := readEvent(payload)
	if err != nil {
		return nil, err
	}
	return h.process(ctx, messages), nil
}

// process takes a batch through its steps.
func (h *Handler) process(ctx context.Context, messages []Message) []byte {
	start := h.now()
	space := h.takeWorkspace()
	defer h.returnWorkspace(space)
	reserved := settlingTime(ctx, start)
	work, cancel := endEarlier(ctx, reserved)
	defer cancel()

	ledger := newLedger(messages)
	accounts := h.fetchAccounts(work, messages)
	delivered := h.loadDelivered(work, messages)
	opener := opener{h, space, accounts, delivered, start}
	opened := opener.openAll(messages, ledger)
	entries := h.updateStates(work, opened, ledger)
	uploads := &uploads{workspace: space, accounts: accounts}
	uploads.add(pendingOf(opened, ledger), ledger)
	uploads.send(work, h.Uploader, ledger)
	h.correctStates(work, entries, opened, uploads, ledger)
	accounts.wait()

	h.settle(ctx, reserved, messages, delivered, ledger)
	h.report(ctx, start, messages, opened, uploads, accounts, ledger)
	return failures(messages, ledger)
}

func settlingTime(ctx context.Context, start time.Time) time.Duration {
	deadline, ok := ctx.Deadline()
	if !ok {
		return 0
	}
	return min(deadline.Sub(start)/settleShare, settleMost)
}

// endEarlier ends a context that much before its deadline.
func endEarlier(ctx context.Context, early time.Duration) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, deadline.Add(-early))
}

// endAfterShare ends a context when a fraction of its time has passed.
func endAfterShare(ctx context.Context, share time.Duration) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, time.Until(deadline)/share)
}

func (h *Handler) now() time.Time {
	if h.Now == nil {
		return time.Now()
	}
	return h.Now()
}
