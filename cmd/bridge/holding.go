package main

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"
)

const (
	// lease is how long received messages stay out of the sight of others at a time. It is renewed while the command runs; whatever
	// ends the command, its messages are back after this.
	lease = 5 * time.Minute
	// leaseMargin is what must be left of a lease before something is done with its message.
	leaseMargin = 30 * time.Second
	// enough is how many empty answers in a row mean that the queue has nothing more.
	enough = 3
	// maxHeld is below the 120,000 messages that SQS leaves in the hands of receivers (message quotas, November 2026).
	maxHeld = 100_000
	// maxHeldBytes bounds the bodies in memory.
	maxHeldBytes = 256 << 20
)

// holding is what a command has taken from a queue to look at, because SQS cannot be looked into otherwise. Nothing is lost by it: what
// the command does not delete is given back, at the end by [holding.release], else when the lease ends.
type holding struct {
	queue  *queue
	bodies bool // whether bodies are kept
	bar    *progress

	end    context.CancelFunc
	ended  chan struct{}
	mu     sync.Mutex
	held   map[string]*letter // by message id
	weight int                // of the bodies
}

// hold begins a holding, whose leases are renewed until its release.
func hold(q *queue, bodies bool) *holding {
	ctx, end := context.WithCancel(context.Background())
	h := &holding{queue: q, bodies: bodies, bar: &progress{}, end: end, ended: make(chan struct{}), held: make(map[string]*letter)}
	go h.renew(ctx)
	return h
}

// collect receives until the queue has nothing more or stop says that it is enough. expected is how many are believed to be there: as
// long as fewer have come, an empty answer is doubted. It gives the letters that are new, and whether the holding is full.
func (h *holding) collect(ctx context.Context, expected int, stop func(*letter) bool) (fresh []*letter, full bool, err error) {
	for empty := 0; empty < enough && (empty == 0 || len(fresh) < expected); {
		if h.full() {
			return fresh, true, nil
		}
		letters, full, err := h.queue.receive(ctx, lease)
		news := h.keep(letters)
		fresh = append(fresh, news...)
		h.bar.add(len(news))
		switch {
		case ctx.Err() != nil:
			return fresh, false, errInterrupted
		case err != nil || full:
			return fresh, full, err
		case slices.ContainsFunc(news, stop):
			return fresh, false, nil
		case len(news) == 0:
			empty++
		default:
			empty = 0
		}
	}
	return fresh, false, nil
}

// never is for those who want all of a queue.
func never(*letter) bool { return false }

// keep adds letters. A standard queue may hand out a message twice; then the later receipt counts.
func (h *holding) keep(letters []*letter) (fresh []*letter) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, l := range letters {
		if known := h.held[l.id]; known != nil {
			known.handle, known.until = l.handle, l.until
			continue
		}
		if !h.bodies {
			l.body = ""
		}
		h.weight += len(l.body)
		h.held[l.id] = l
		fresh = append(fresh, l)
	}
	return fresh
}

func (h *holding) full() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.held) >= maxHeld || h.weight >= maxHeldBytes
}

// ours are those of the letters whose lease is not about to end. The others may be in somebody else's hands by now.
func (h *holding) ours(letters []*letter) []*letter {
	h.mu.Lock()
	defer h.mu.Unlock()
	limit := time.Now().Add(leaseMargin)
	return slices.DeleteFunc(slices.Clone(letters), func(l *letter) bool { return l.until.Before(limit) })
}

// remove deletes letters from the queue for good and gives those that are gone. An interrupt does not keep it from that.
func (h *holding) remove(ctx context.Context, letters []*letter) (gone []*letter) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settling)
	defer cancel()
	gone = h.queue.remove(ctx, letters)
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, l := range gone {
		h.weight -= len(l.body)
		delete(h.held, l.id)
	}
	return gone
}

// release gives back what is left, also after an interrupt, and says how many will be seen again only when their lease ends.
func (h *holding) release(ctx context.Context) (late int) {
	h.end()
	<-h.ended
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settling)
	defer cancel()
	left := slices.Collect(maps.Values(h.held))
	left = slices.DeleteFunc(left, func(l *letter) bool { return l.until.Before(time.Now()) })
	return len(left) - len(h.queue.see(ctx, left, 0))
}

// renew prolongs the leases every now and then: a person may take an hour over a question, and a slow redrive longer. SQS ends that
// after twelve hours (message quotas, November 2026), when the letters are nobody's.
func (h *holding) renew(ctx context.Context) {
	defer close(h.ended)
	ticker := time.NewTicker(lease / 3)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			h.prolong(ctx)
		}
	}
}

// prolong keeps the others waiting meanwhile: a receipt must not be replaced while it is shown to SQS.
func (h *holding) prolong(ctx context.Context) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	letters := slices.Collect(maps.Values(h.held))
	letters = slices.DeleteFunc(letters, func(l *letter) bool { return l.until.Before(now) || l.until.Sub(now) > lease*2/3 })
	for _, l := range h.queue.see(ctx, letters, lease) {
		l.until = now.Add(lease)
	}
}
