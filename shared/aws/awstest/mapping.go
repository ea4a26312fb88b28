package awstest

import (
	"context"
	"sync"
	"time"
)

// maxPayload is where a mapping cuts a batch: Lambda's limit is 6 MB for the whole event, of which a message takes about
// 0.85 KB beyond its body.
const (
	maxPayload = 5 << 20
	envelope   = 850
)

// Mapping is an event source mapping: it polls a queue, hands batches to a function, and deletes what went well. A message of
// a FIFO group that has one in flight is never handed out, so a group's messages come one batch after the other.
type Mapping struct {
	Queue       *Queue
	Invoke      func(ctx context.Context, event []byte) ([]byte, error)
	BatchSize   int           // 0: 10
	Window      time.Duration // standard queues only: how long a batch waits to be filled
	Concurrency int           // 0: 2
	Timeout     time.Duration // of an invocation; 0: 30 s
	Whole       bool          // without ReportBatchItemFailures: an answer is success, whatever it says

	mu    sync.Mutex
	stats Stats
}

// Stats is what a Mapping has done so far.
type Stats struct {
	Invocations int
	Errors      int // invocations that failed
	Unreadable  int // answers that failed their whole batch
	Received    int // messages handed out
	Deleted     int
	Returned    int // messages that were not deleted
}

// Run polls until ctx ends and returns when the last invocation has.
func (m *Mapping) Run(ctx context.Context) {
	var pollers sync.WaitGroup
	for range positive(m.Concurrency, 2) {
		pollers.Go(func() {
			for batch := m.gather(ctx); len(batch) > 0; batch = m.gather(ctx) {
				m.deliver(context.WithoutCancel(ctx), batch)
			}
		})
	}
	pollers.Wait()
}

// Stats gives the counts so far.
func (m *Mapping) Stats() Stats {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.stats
}

// gather waits for the first message and, on a standard queue with a window, for more. It gives none when ctx has ended.
func (m *Mapping) gather(ctx context.Context) []Received {
	limit := positive(m.BatchSize, 10)
	batch, full := m.more(ctx, limit, maxPayload)
	if m.Window == 0 || m.Queue.FIFO() || len(batch) == 0 {
		return batch
	}
	ctx, cancel := context.WithTimeout(ctx, m.Window)
	defer cancel()
	for len(batch) < limit && !full {
		var further []Received
		further, full = m.more(ctx, limit-len(batch), maxPayload-bytesOf(batch))
		if len(further) == 0 {
			break
		}
		batch = append(batch, further...)
	}
	return batch
}

// more receives as soon as there is something, and nothing when ctx has ended. It tells whether another message did not fit.
func (m *Mapping) more(ctx context.Context, limit, maxBytes int) (batch []Received, full bool) {
	for ctx.Err() == nil {
		if batch, full := m.Queue.take(limit, maxBytes, -1); full || len(batch) > 0 {
			return batch, full
		}
		m.Queue.wait(ctx)
	}
	return nil, false
}

// deliver invokes the function and settles the batch.
func (m *Mapping) deliver(ctx context.Context, batch []Received) {
	failed, err := m.invoke(ctx, batch)
	deleted := 0
	if err == nil {
		for _, message := range batch {
			// A handle that has expired meanwhile means that the message comes again, as it does at AWS.
			if !failed[message.ID] && m.Queue.Delete(message.Handle) == nil {
				deleted++
			}
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stats.Invocations++
	m.stats.Received += len(batch)
	m.stats.Deleted += deleted
	m.stats.Returned += len(batch) - deleted
	switch {
	case err == errAnswer: //nolint:errorlint // It is never wrapped.
		m.stats.Unreadable++
	case err != nil:
		m.stats.Errors++
	}
}

// invoke gives the ids of the messages that failed, or an error if all of them did.
func (m *Mapping) invoke(ctx context.Context, batch []Received) (map[string]bool, error) {
	payload, err := Event(m.Queue, batch)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(positive(int(m.Timeout), int(30*time.Second))))
	defer cancel()
	answer, err := m.Invoke(ctx, payload)
	if err != nil || m.Whole {
		return nil, err
	}
	return verdict(answer, batch)
}

func bytesOf(batch []Received) int {
	n := 0
	for _, m := range batch {
		n += size(m.Body, m.Attributes) + envelope
	}
	return n
}

func positive(n, otherwise int) int {
	if n > 0 {
		return n
	}
	return otherwise
}
