package queue

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/stack"
)

const (
	// lease is how long received messages are hidden from others at a time. It is renewed while the command runs;
	// however the command ends, its messages are back after this.
	lease = 5 * time.Minute
	// leaseMargin is what must be left of a lease before something is done with its message.
	leaseMargin = 30 * time.Second
	// emptyAnswers is how many empty answers in a row mean that the queue has nothing more.
	emptyAnswers = 3
	// maxMessages is below the 120,000 messages that SQS allows in flight (message quotas, November 2026).
	maxMessages = 100_000
	// maxBodies bounds the bodies in memory.
	maxBodies = 256 << 20
)

// inFlight holds what a command has received from a queue: SQS has no way to look at messages without receiving them.
// What the command does not delete is returned, at the end by [inFlight.release], else when the lease ends.
type inFlight struct {
	queue      *stack.Queue
	keepBodies bool

	stopRenewal context.CancelFunc
	renewal     sync.WaitGroup

	mu       sync.Mutex
	messages map[string]*stack.Message // by id
	bytes    int                       // of the bodies
}

// newInFlight starts to renew leases until the release.
func newInFlight(q *stack.Queue, keepBodies bool) *inFlight {
	ctx, cancel := context.WithCancel(context.Background())
	f := &inFlight{
		queue: q, keepBodies: keepBodies, stopRenewal: cancel, messages: make(map[string]*stack.Message),
	}
	f.renewal.Go(func() { f.renewLeases(ctx) })
	return f
}

// receive receives until the queue has nothing more. Empty answers are doubted until as many messages have come as are
// expected. It returns those that were not held before. They may be fewer than there are: messages in flight elsewhere
// do not show, nor do those of a FIFO queue behind others of the same user.
func (f *inFlight) receive(ctx context.Context, expected int, bar *cli.Progress) (all []*stack.Message, err error) {
	for empty := 0; empty < emptyAnswers && (empty == 0 || len(all) < expected) && !f.full(); {
		messages, more, err := f.queue.Receive(ctx, lease)
		added := f.add(messages)
		all = append(all, added...)
		bar.Add(len(added))
		switch {
		case ctx.Err() != nil:
			return all, cli.ErrInterrupted
		case err != nil || !more:
			return all, err
		case len(added) == 0:
			empty++
		default:
			empty = 0
		}
	}
	return all, nil
}

// add keeps messages and returns those that are new: a standard queue may hand out a message twice.
func (f *inFlight) add(messages []*stack.Message) (added []*stack.Message) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, m := range messages {
		if known := f.messages[m.ID]; known != nil {
			known.Again(m)
			continue
		}
		if !f.keepBodies {
			m.Body = ""
		}
		f.bytes += len(m.Body)
		f.messages[m.ID] = m
		added = append(added, m)
	}
	return added
}

func (f *inFlight) full() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.messages) >= maxMessages || f.bytes >= maxBodies
}

// leased returns the messages whose lease does not end soon. Somebody else may have received the others by now.
func (f *inFlight) leased(messages []*stack.Message) []*stack.Message {
	f.mu.Lock()
	defer f.mu.Unlock()
	limit := time.Now().Add(leaseMargin)
	return slices.DeleteFunc(slices.Clone(messages), func(m *stack.Message) bool { return m.Until.Before(limit) })
}

// delete deletes messages from the queue for good and returns those that are gone.
func (f *inFlight) delete(ctx context.Context, messages []*stack.Message) []*stack.Message {
	deleted := f.queue.Delete(ctx, messages)
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, m := range deleted {
		f.bytes -= len(m.Body)
		delete(f.messages, m.ID)
	}
	return deleted
}

// release returns what is left to the queue. It reports how many messages show again only when their lease ends.
func (f *inFlight) release(ctx context.Context) (late int) {
	f.stopRenewal()
	f.renewal.Wait()
	left := slices.Collect(maps.Values(f.messages))
	left = slices.DeleteFunc(left, func(m *stack.Message) bool { return m.Until.Before(time.Now()) })
	return len(left) - len(f.queue.SetVisibility(ctx, left, 0))
}

// close releases the messages and says so if some of them will be late.
func (f *inFlight) close(cmd *cobra.Command) {
	if late := f.release(cmd.Context()); late > 0 {
		messages := cli.Quantity(late, "message")
		cmd.PrintErrf("%s of the queue %q will be seen again only in %s\n", messages, f.queue.Name, lease)
	}
}

// renewLeases renews every now and then: a person may take an hour over a question, and a slow redrive longer. SQS
// ends that after twelve hours (message quotas, November 2026).
func (f *inFlight) renewLeases(ctx context.Context) {
	ticker := time.NewTicker(lease / 3)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			f.renew(ctx)
		}
	}
}

// renew holds the lock while it calls SQS: a receipt must not be replaced while it is in use.
func (f *inFlight) renew(ctx context.Context) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	messages := slices.DeleteFunc(slices.Collect(maps.Values(f.messages)), func(m *stack.Message) bool {
		return m.Until.Before(now) || m.Until.Sub(now) > lease*2/3
	})
	for _, m := range f.queue.SetVisibility(ctx, messages, lease) {
		m.Until = now.Add(lease)
	}
}

// Removal is what became of a queue's messages.
type Removal struct {
	Looked  int // at so many messages
	Matched int // that were to be deleted
	Deleted int // of those
	Unseen  int // about how many more there are: in flight elsewhere, or too many at once
}

// Remove deletes the messages of a queue that match, and returns the others to it. It may be called on a queue that is
// in use: others see its messages a little later.
func Remove(cmd *cobra.Command, q *stack.Queue, matches func(*stack.Message) bool) (r Removal, err error) {
	expected, err := q.Size(cmd.Context())
	if err != nil || expected == 0 {
		return r, err
	}
	f := newInFlight(q, true)
	defer f.close(cmd)
	bar := cli.NewProgress(cmd, "looking through the queue "+q.Name, expected)
	defer bar.Done()
	// What is deleted of a FIFO queue uncovers what stands behind it.
	for again := true; again; {
		messages, err := f.receive(cmd.Context(), expected-r.Looked, bar)
		if err != nil {
			return r, err
		}
		r.Looked += len(messages)
		var matching []*stack.Message
		for _, m := range messages {
			if matches(m) {
				matching = append(matching, m)
			}
		}
		deleted := len(f.delete(cmd.Context(), f.leased(matching)))
		r.Matched, r.Deleted, again = r.Matched+len(matching), r.Deleted+deleted, deleted > 0
	}
	r.Unseen = max(0, expected-r.Looked)
	return r, nil
}
