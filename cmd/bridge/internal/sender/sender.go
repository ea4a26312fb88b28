// Package sender puts messages on the events queue, or the relay queue, at a rate.
//
// It promises that on a FIFO queue messages of a group stay in their order: each waits until the one before it is
// accepted, or goes in the same call. A message that is not accepted holds back all later ones of its group.
package sender

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/stack"
)

const (
	// DefaultRate leaves the forwarder most of its throughput for what arrives meanwhile.
	DefaultRate cli.Rate = 50
	// PageSize is how many messages to send at a time: as many as fit into the calls that are made side by side.
	PageSize = stack.CallsAtOnce * stack.MaxEntries
	// attempts is how often a message is sent. The SDK repeats calls that fail as a whole besides.
	attempts = 3
	// retryPause is the pause before the second attempt, and grows with each.
	retryPause = 500 * time.Millisecond
)

// ErrBehind is for a message that must not overtake one that was not accepted.
var ErrBehind = errors.New("an earlier message of the same user was not accepted")

// Sender sends to one queue.
type Sender struct {
	queue   *stack.Queue
	limiter *rate.Limiter
	entries int // of a call

	mu      sync.Mutex
	blocked map[string]bool // groups of which a message was not accepted
}

// New returns a sender of so many messages per second.
func New(events *stack.Queue, perSecond cli.Rate) *Sender {
	entries := stack.MaxEntries
	if perSecond > 0 {
		entries = min(entries, max(1, int(perSecond)))
	}
	return &Sender{
		queue: events, limiter: perSecond.Limiter(entries), entries: entries, blocked: make(map[string]bool),
	}
}

// FIFO reports whether the queue keeps the order of groups.
func (s *Sender) FIFO() bool { return s.queue.FIFO() }

// Send sends a page of messages, leaving out those that are nil, and returns for each why it is not on the queue. When
// ctx ends, it waits for the calls that are under way, and makes no more.
func (s *Sender) Send(ctx context.Context, page []*stack.Outgoing) []error {
	errs := make([]error, len(page))
	var calls errgroup.Group
	for _, indexes := range s.split(page) {
		calls.Go(func() error {
			s.sendInOrder(ctx, page, indexes, errs)
			return nil
		})
	}
	_ = calls.Wait() // each message has an error of its own
	return errs
}

// split deals a page out to those that send side by side, a group never to two of them.
func (s *Sender) split(page []*stack.Outgoing) [][]int {
	var shares [][]int
	shareOf, last := make(map[string]int), 0
	for i, m := range page {
		if m == nil {
			continue
		}
		group := s.group(m)
		share, known := shareOf[group]
		if !known || group == "" {
			if len(shares) == 0 || len(shares[last]) >= s.entries && len(shares) < stack.CallsAtOnce {
				shares = append(shares, nil)
				last = len(shares) - 1
			}
			share = last
			shareOf[group] = share
		}
		shares[share] = append(shares[share], i)
	}
	return shares
}

// sendInOrder sends messages one call after the other.
func (s *Sender) sendInOrder(ctx context.Context, page []*stack.Outgoing, indexes []int, errs []error) {
	for len(indexes) > 0 {
		n, bytes := 0, 0
		var batch []int
		for ; n < len(indexes) && len(batch) < s.entries; n++ {
			m := page[indexes[n]]
			if s.isBlocked(s.group(m)) {
				errs[indexes[n]] = ErrBehind
				continue
			}
			if bytes += m.Size(); bytes > stack.MaxBytes && len(batch) > 0 {
				break
			}
			batch = append(batch, indexes[n])
		}
		s.sendBatch(ctx, page, batch, errs)
		s.block(page, batch, errs)
		indexes = indexes[n:]
	}
}

// sendBatch repeats a call for the messages that the queue may accept later.
func (s *Sender) sendBatch(ctx context.Context, page []*stack.Outgoing, batch []int, errs []error) {
	for attempt := 1; len(batch) > 0 && attempt <= attempts; attempt++ {
		if attempt > 1 {
			select {
			case <-time.After(time.Duration(attempt-1) * retryPause):
			case <-ctx.Done():
				return
			}
		}
		for _, i := range batch {
			errs[i] = cli.ErrInterrupted
		}
		if s.limiter.WaitN(ctx, len(batch)) != nil {
			return
		}
		messages := make([]*stack.Outgoing, len(batch))
		for n, i := range batch {
			messages[n] = page[i]
		}
		var again []int
		for n, err := range s.queue.Send(ctx, messages) {
			errs[batch[n]] = err
			if refused, ok := errors.AsType[*stack.RefusedError](err); ok && refused.Transient {
				again = append(again, batch[n])
			}
		}
		batch = again
	}
}

// group is the group whose order has to be kept; empty on a standard queue, whose groups keep none.
func (s *Sender) group(m *stack.Outgoing) string {
	if !s.FIFO() {
		return ""
	}
	return m.GroupID
}

func (s *Sender) isBlocked(group string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.blocked[group]
}

// block notes the groups of which a message is missing now.
func (s *Sender) block(page []*stack.Outgoing, batch []int, errs []error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, i := range batch {
		if group := s.group(page[i]); errs[i] != nil && group != "" {
			s.blocked[group] = true
		}
	}
}
