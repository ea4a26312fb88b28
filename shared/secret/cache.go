package secret

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/fault"
)

// The ages and waits of a [Cache].
const (
	// TTL is how long a value is used before it is read again.
	TTL = 5 * time.Minute
	// MaxStale is how long a value is used after that while every read fails.
	MaxStale = time.Hour
	// RetryAfter is how long after a failed read the next one may begin.
	RetryAfter = 5 * time.Second
	// RefreshEvery is how long after a read by [Cache.Refresh] the next one may begin.
	RefreshEvery = time.Minute
	// FetchTimeout ends a read that hangs.
	FetchTimeout = 3 * time.Second
	// StaleWait is how long a caller waits for a read if there is an old value to return.
	StaleWait = time.Second
)

// Cache holds typed secrets, each by the name of its app. Its methods may be called from any number of goroutines.
type Cache[T any] struct {
	fetch func(ctx context.Context, name string) (T, error)
	name  func(app string) string
	log   *slog.Logger

	mu      sync.Mutex
	entries map[string]*entry[T] // by app
}

// entry is what is known of one secret.
type entry[T any] struct {
	value     T
	readAt    time.Time // when the read that returned value began; zero: there is none
	err       error     // of the last read
	failedAt  time.Time // of err
	refreshed time.Time // when Refresh last began a read
	reading   *flight[T]
}

// flight is a read under way, shared by all who wait for it. Its result may be used once done is closed.
type flight[T any] struct {
	began time.Time
	done  chan struct{}
	value T
	err   error
}

// NewCache makes a Cache over a fetch, whose context outlives the caller's and ends after [FetchTimeout]. name is the
// name of an app's secret. The log gets a line when a read fails although there is an old value to use: no caller has
// the error.
func NewCache[T any](
	fetch func(ctx context.Context, name string) (T, error), name func(app string) string, log *slog.Logger,
) *Cache[T] {
	return &Cache[T]{fetch: fetch, name: name, log: log, entries: map[string]*entry[T]{}}
}

// Get returns the secret, not older than five minutes where possible. Without a value it waits for a read and
// returns its error; with an old one it waits for a moment only.
func (c *Cache[T]) Get(ctx context.Context, app string) (value T, err error) {
	now := wallTime()
	c.mu.Lock()
	e := c.entry(app)
	usable := within(now, e.readAt, TTL+MaxStale)
	if usable {
		value = e.value
	}
	if within(now, e.readAt, TTL) || usable && e.failedRecently(now) {
		c.mu.Unlock()
		return value, nil
	}
	if e.failedRecently(now) {
		defer c.mu.Unlock()
		return value, e.err
	}
	f := c.join(ctx, app, e, now)
	c.mu.Unlock()

	if !usable {
		return f.wait(ctx)
	}
	ctx, cancel := context.WithDeadline(ctx, f.began.Add(StaleWait))
	defer cancel()
	return f.waitOr(ctx, value), nil
}

// Refresh returns the secret as it was at since or later, for a signature that the cached one does not explain.
// It reads at most once a minute, or strangers would decide how often; beyond that, and if the read fails, it
// returns the cached value.
func (c *Cache[T]) Refresh(ctx context.Context, app string, since time.Time) (T, error) {
	now := wallTime()
	c.mu.Lock()
	e := c.entry(app)
	if e.readAt.IsZero() {
		c.mu.Unlock()
		return c.Get(ctx, app)
	}
	value := e.value
	if !e.readAt.Before(since) || within(now, e.refreshed, RefreshEvery) && !e.underWay(now) {
		c.mu.Unlock()
		return value, nil
	}
	if !e.underWay(now) {
		e.refreshed = now
	}
	f := c.join(ctx, app, e, now)
	c.mu.Unlock()
	return f.waitOr(ctx, value), nil
}

// Reload reads the secret now, for credentials that were refused, or joins a read under way. Its error is the
// read's.
func (c *Cache[T]) Reload(ctx context.Context, app string) (T, error) {
	c.mu.Lock()
	f := c.join(ctx, app, c.entry(app), wallTime())
	c.mu.Unlock()
	return f.wait(ctx)
}

// entry finds or makes a secret's entry; c.mu is held.
func (c *Cache[T]) entry(app string) *entry[T] {
	e := c.entries[app]
	if e == nil {
		e = &entry[T]{}
		c.entries[app] = e
	}
	return e
}

// join returns the read under way, or begins one; c.mu is held. The read does not end with the caller who came
// first, since others wait for it too.
func (c *Cache[T]) join(ctx context.Context, app string, e *entry[T], now time.Time) *flight[T] {
	if e.underWay(now) {
		return e.reading
	}
	f := &flight[T]{began: now, done: make(chan struct{})}
	e.reading = f
	go func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), FetchTimeout)
		defer cancel()
		f.value, f.err = c.safeFetch(ctx, app)
		c.mu.Lock()
		e.finish(f)
		stale := f.err != nil && within(wallTime(), e.readAt, TTL+MaxStale)
		c.mu.Unlock()
		if stale {
			fault.Of(f.err).Log(ctx, c.log, "secret not read again", slog.String("app", app))
		}
		close(f.done)
	}()
	return f
}

// safeFetch turns a panic of the fetch into a fault: in a goroutine of its own it would end the process.
func (c *Cache[T]) safeFetch(ctx context.Context, app string) (value T, err error) {
	defer fault.Recover(&err)
	return c.fetch(ctx, c.name(app))
}

// failedRecently reports whether the last read failed, so recently that another one should wait.
func (e *entry[T]) failedRecently(now time.Time) bool {
	return e.err != nil && within(now, e.failedAt, RetryAfter)
}

// underWay reports whether a read is under way. One older than FetchTimeout was frozen together with the
// process, and nobody waits for it any more.
func (e *entry[T]) underWay(now time.Time) bool {
	return e.reading != nil && now.Sub(e.reading.began) <= FetchTimeout
}

// finish takes over the result of a read, unless a newer read has taken its place.
func (e *entry[T]) finish(f *flight[T]) {
	if e.reading != f {
		return
	}
	e.reading = nil
	e.err = f.err
	if f.err != nil {
		e.failedAt = wallTime()
		return
	}
	e.value, e.readAt = f.value, f.began
}

// wait returns the read's result, or a fault if the context ends first.
func (f *flight[T]) wait(ctx context.Context) (value T, err error) {
	select {
	case <-f.done:
		return f.value, f.err
	case <-ctx.Done():
		return value, fault.New(fault.Retry, fault.Secret, fmt.Errorf("secret read: %w", ctx.Err()))
	}
}

// waitOr returns the value of the read, or the old one if the read fails or the context ends first.
func (f *flight[T]) waitOr(ctx context.Context, old T) T {
	if value, err := f.wait(ctx); err == nil {
		return value
	}
	return old
}

// wallTime is the time without its monotonic reading, which may stand still while Lambda has the process
// frozen.
func wallTime() time.Time { return time.Now().Round(0) }

// within reports whether t is less than d ago. A time in the future, left from before the clock was set back,
// is not.
func within(now, t time.Time, d time.Duration) bool {
	age := now.Sub(t)
	return 0 <= age && age < d
}
