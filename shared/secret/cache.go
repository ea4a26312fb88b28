package secret

import (
	"context"
	"errors"
	"sync"
	"time"
)

// The ages and waits of a [Cache].
const (
	// TTL is how long a value is used without asking again.
	TTL = 5 * time.Minute
	// MaxStale is how long a value is still used after that while every refresh fails.
	MaxStale = time.Hour
	// RetryAfter is how long a failed read is remembered: its error is given again, or the old value where there is one.
	RetryAfter = 5 * time.Second
	// RefreshEvery is how often [Cache.Refresh] reads at most.
	RefreshEvery = time.Minute
	// FetchTimeout ends a read that hangs.
	FetchTimeout = 3 * time.Second
	// StaleWait is how long a caller waits for a read when there is an old value to give instead.
	StaleWait = time.Second
)

// errPanic stands for a panic in the fetch, whose own words might quote what was read.
var errPanic = errors.New("secret read: panic")

// Cache holds typed secrets by name. Its methods may be called from any number of goroutines.
type Cache[T any] struct {
	fetch   func(ctx context.Context, name string) (T, error)
	mu      sync.Mutex
	entries map[string]*entry[T]
}

// entry is what is known of one secret.
type entry[T any] struct {
	value  T
	have   bool      // value has been read
	read   time.Time // when the read that gave value began
	err    error     // of the last read, nil if it went well
	failed time.Time // when it failed
	forced time.Time // when Refresh last began a read
	flight *flight[T]
}

// flight is one read on its way; value and err may be used once done is closed.
type flight[T any] struct {
	began time.Time
	done  chan struct{}
	value T
	err   error
}

// NewCache makes a Cache over a fetch, which gets a context that outlives its caller's and ends after [FetchTimeout].
func NewCache[T any](fetch func(ctx context.Context, name string) (T, error)) *Cache[T] {
	return &Cache[T]{fetch: fetch, entries: map[string]*entry[T]{}}
}

// Get gives the secret, read within the last five minutes where possible. Without any value it waits for a read and gives its
// error; with an expired one it waits for a moment only.
func (c *Cache[T]) Get(ctx context.Context, name string) (T, error) {
	now := time.Now()
	c.mu.Lock()
	e := c.entry(name)
	fresh := e.have && now.Sub(e.read) < TTL
	stale := e.have && now.Sub(e.read) < TTL+MaxStale
	value, err := e.value, e.err
	if fresh || stale && e.resting(now) {
		c.mu.Unlock()
		return value, nil
	}
	if e.resting(now) {
		c.mu.Unlock()
		var none T
		return none, err
	}
	f := c.join(ctx, name, e, now)
	c.mu.Unlock()

	if !stale {
		return f.wait(ctx)
	}
	ctx, cancel := context.WithDeadline(ctx, f.began.Add(StaleWait))
	defer cancel()
	if newer, err := f.wait(ctx); err == nil {
		return newer, nil
	}
	return value, nil
}

// Refresh gives the secret as it was at since or later, for a signature that the cached one does not explain. It reads at most
// once a minute, or strangers would decide how often we ask; beyond that, and when the read fails, the cached value is given.
func (c *Cache[T]) Refresh(ctx context.Context, name string, since time.Time) (T, error) {
	now := time.Now()
	c.mu.Lock()
	e := c.entry(name)
	if !e.have {
		c.mu.Unlock()
		return c.Get(ctx, name)
	}
	value := e.value
	limited := !e.forced.IsZero() && now.Sub(e.forced) < RefreshEvery
	if !e.read.Before(since) || limited && !e.flying(now) {
		c.mu.Unlock()
		return value, nil
	}
	if !e.flying(now) {
		e.forced = now
	}
	f := c.join(ctx, name, e, now)
	c.mu.Unlock()

	if newer, err := f.wait(ctx); err == nil {
		return newer, nil
	}
	return value, nil
}

// Reload reads the secret now, for credentials that were refused, or joins a read that is under way. Its error is the read's.
func (c *Cache[T]) Reload(ctx context.Context, name string) (T, error) {
	c.mu.Lock()
	f := c.join(ctx, name, c.entry(name), time.Now())
	c.mu.Unlock()
	return f.wait(ctx)
}

// entry finds or makes a secret's entry; c.mu is held.
func (c *Cache[T]) entry(name string) *entry[T] {
	e := c.entries[name]
	if e == nil {
		e = &entry[T]{}
		c.entries[name] = e
	}
	return e
}

// join gives the read that is under way, or begins one; c.mu is held. The read belongs to everyone who waits for it, so it
// does not end with the caller who came first.
func (c *Cache[T]) join(ctx context.Context, name string, e *entry[T], now time.Time) *flight[T] {
	if e.flying(now) {
		return e.flight
	}
	f := &flight[T]{began: now, done: make(chan struct{})}
	e.flight = f
	go func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), FetchTimeout)
		defer cancel()
		f.value, f.err = c.guarded(ctx, name)
		c.mu.Lock()
		e.land(f)
		c.mu.Unlock()
		close(f.done)
	}()
	return f
}

// guarded turns a panic of the fetch into an error: in a goroutine of its own it would end the process.
func (c *Cache[T]) guarded(ctx context.Context, name string) (value T, err error) {
	defer func() {
		if recover() != nil {
			err = errPanic
		}
	}()
	return c.fetch(ctx, name)
}

// resting tells whether the last read failed so recently that another one would only hammer.
func (e *entry[T]) resting(now time.Time) bool {
	return e.err != nil && now.Sub(e.failed) < RetryAfter
}

// flying tells whether a read is under way. One that is older than any read may be was frozen together with the process, and
// nobody waits for it any more.
func (e *entry[T]) flying(now time.Time) bool {
	return e.flight != nil && now.Sub(e.flight.began) <= FetchTimeout
}

// land notes how a read ended, unless a newer one has taken its place.
func (e *entry[T]) land(f *flight[T]) {
	if e.flight != f {
		return
	}
	e.flight = nil
	e.err = f.err
	if f.err != nil {
		e.failed = time.Now()
		return
	}
	e.value, e.have, e.read = f.value, true, f.began
}

// wait gives the read's outcome, or the caller's own end if that comes first.
func (f *flight[T]) wait(ctx context.Context) (T, error) {
	select {
	case <-f.done:
		return f.value, f.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}
