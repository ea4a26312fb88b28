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

// pending is a message on its way.
type pending struct {
	*stack.Outgoing
	group string // whose order has to be kept; empty on a standard queue, whose groups keep none
	err   *error // why it is not on the queue
}

// Send sends a page of messages, leaving out those that are nil, and returns for each why it is not on the queue. When
// ctx ends, it waits for the calls that are under way, and makes no more.
func (s *Sender) Send(ctx context.Context, page []*stack.Outgoing) []error {
	errs := make([]error, len(page))
	var all []pending
	for i, m := range page {
		if m == nil {
			continue
		}
		p := pending{Outgoing: m, err: &errs[i]}
		if s.FIFO() {
			p.group = m.GroupID
		}
		all = append(all, p)
	}
	var calls sync.WaitGroup
	for _, share := range s.split(all) {
		calls.Go(func() { s.sendInOrder(ctx, share) })
	}
	calls.Wait()
	return errs
}

// split deals messages out to those that send side by side, a group never to two of them.
func (s *Sender) split(all []pending) [][]pending {
	var shares [][]pending
	shareOf, last := make(map[string]int), 0
	for _, p := range all {
		share, known := shareOf[p.group]
		if !known || p.group == "" {
			if len(shares) == 0 || len(shares[last]) >= s.entries && len(shares) < stack.CallsAtOnce {
				shares = append(shares, nil)
				last = len(shares) - 1
			}
			share = last
			shareOf[p.group] = share
		}
		shares[share] = append(shares[share], p)
	}
	return shares
}

// sendInOrder sends messages one call after the other.
func (s *Sender) sendInOrder(ctx context.Context, messages []pending) {
	for len(messages) > 0 {
		n, bytes := 0, 0
		var batch []pending
		for ; n < len(messages) && len(batch) < s.entries; n++ {
			p := messages[n]
			if s.isBlocked(p.group) {
				*p.err = ErrBehind
				continue
			}
			if bytes += p.Size(); bytes > stack.MaxBytes && len(batch) > 0 {
				break
			}
			batch = append(batch, p)
		}
		s.sendBatch(ctx, batch)
		s.block(batch)
		messages = messages[n:]
	}
}

// sendBatch repeats a call for the messages that the queue may accept later.
func (s *Sender) sendBatch(ctx context.Context, batch []pending) {
	for attempt := 1; len(batch) > 0 && attempt <= attempts; attempt++ {
		if attempt > 1 && cli.Pause(ctx, time.Duration(attempt-1)*retryPause) != nil {
			return
		}
		messages := make([]*stack.Outgoing, len(batch))
		for i, p := range batch {
			messages[i], *p.err = p.Outgoing, cli.ErrInterrupted
		}
		if s.limiter.WaitN(ctx, len(batch)) != nil {
			return
		}
		var again []pending
		for i, err := range s.queue.Send(ctx, messages) {
			*batch[i].err = err
			if refused, ok := errors.AsType[*stack.RefusedError](err); ok && refused.Transient {
				again = append(again, batch[i])
			}
		}
		batch = again
	}
}

func (s *Sender) isBlocked(group string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.blocked[group]
}

// block notes the groups of which a message is missing now.
func (s *Sender) block(batch []pending) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range batch {
		if *p.err != nil && p.group != "" {
			s.blocked[p.group] = true
		}
	}
}
