// Package forward answers what became of each message of a batch.
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
	"github.com/purchasely-clevertap/bridge/shared/message"
	"github.com/purchasely-clevertap/bridge/shared/settings"
	"github.com/purchasely-clevertap/bridge/shared/subscriber"
)

// Message is one message of a batch.
type Message = message.Queued

// Accounts returns the CleverTap accounts of an app. Its errors are marked faults.
type Accounts interface {
	// Get may answer from memory.
	Get(ctx context.Context, app string) (clevertap.Accounts, error)
	// Reload asks the store.
	Reload(ctx context.Context, app string) (clevertap.Accounts, error)
}

// Rejecter moves messages that will always fail to the rejected queue. It returns one error for each, nil where the
// queue has taken it.
type Rejecter interface {
	Reject(ctx context.Context, messages []message.Rejection) []error
}

// Handler forwards batches to CleverTap. It implements lambda.Handler. All fields but Table, Jitter, Now, Explain and
// Observe are required.
type Handler struct {
	Settings   *settings.Store[*integration.File]
	Accounts   Accounts
	Mapper     *mapping.Mapper
	Uploader   *clevertap.Uploader
	Rejecter   Rejecter
	Delayer    message.Delayer
	RetryDelay time.Duration // the first new visibility of a message that is retried
	Log        *slog.Logger
	Metrics    io.Writer

	Table           Table // nil: every webhook is taken as if nothing else were known
	Journal         Journal
	JournalLifetime time.Duration

	Jitter func() float64   // in [0,1); math/rand/v2 if nil
	Now    func() time.Time // time.Now if nil

	Explain func(message int, note mapping.Explanation) // called for everything that the mapping drops or changes
	Observe func(Result)                                // called once for each message, in their order

	spare    atomic.Pointer[workspace]
	accounts accountsByApp
	breakers breakers
}

// An eighth of the time that is left, but no more than settleMost, is reserved for settling. Two thirds of it are for
// the rejected queue, visibility and what the table has to remember; the last third is for the log and the response.
// So there is a response whatever hangs.
const (
	settleShare = 8
	settleMost  = 3 * time.Second
)

// Invoke takes an SQS event and returns the failures that Lambda expects. It returns an error only if the payload is
// not an SQS event, or if nobody knows which integration file is in force; nothing that CleverTap or one app does
// causes one.
func (h *Handler) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	messages, err := message.ReadEvent(payload)
	if err != nil {
		return nil, err
	}
	current, err := h.Settings.Require(ctx)
	if err != nil {
		return nil, err
	}
	wait := h.Settings.Begin(ctx)
	response := h.process(ctx, messages, current)
	wait()
	return response, nil
}

// batch is what is known of a batch's messages once they have been uploaded.
type batch struct {
	readings []reading
	items    map[subscriber.Key]subscriber.Item // of the table
	opened   []opened
	uploads  *uploads
	settings string // the name of the integration file in force
}

// process takes a batch through its steps.
func (h *Handler) process(
	ctx context.Context, messages []Message, current settings.InForce[*integration.File],
) []byte {
	start := h.now()
	space := h.takeWorkspace()
	defer h.returnWorkspace(space)
	reserved := settlingTime(ctx, start)
	work, cancel := message.EndEarlier(ctx, reserved)
	defer cancel()

	ledger := newLedger(messages)
	apps := current.Value.Apps
	accounts := h.fetchAccounts(work, messages, apps)
	readings := readAll(messages, apps, accounts, space, start, ledger)
	beats := h.beginHeartbeats(work, readings, accounts)
	items := h.loadPeople(work, readings, ledger)
	opener := opener{h, space, apps, items, start}
	opened := opener.openAll(readings, ledger)
	states := h.updateStates(work, opened, items, ledger)
	uploads := &uploads{workspace: space, accounts: accounts}
	uploads.add(pendingOf(opened, ledger), ledger)
	uploads.send(work, h, ledger)
	h.correctStates(work, states, opened, uploads, ledger)
	h.endHeartbeats(ctx, beats, readings, ledger)
	accounts.wait()

	b := &batch{readings, items, opened, uploads, current.Name}
	lost := h.settle(ctx, reserved, b, ledger)
	h.report(ctx, start, b, lost, ledger)
	return message.Failures(messages, func(i int) bool { return ledger.has(i, Retried) })
}

func settlingTime(ctx context.Context, start time.Time) time.Duration {
	deadline, ok := ctx.Deadline()
	if !ok {
		return 0
	}
	return min(deadline.Sub(start)/settleShare, settleMost)
}

// withThird ends a context when a third of its time has passed: a secret or a table that hangs must leave time for the
// messages that do not need it.
func withThird(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, time.Until(deadline)/3)
}

func (h *Handler) now() time.Time {
	if h.Now == nil {
		return time.Now()
	}
	return h.Now()
}
