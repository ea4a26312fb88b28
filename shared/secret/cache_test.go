package secret_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/secret"
)

var (
	errAway  = errors.New("source: away")
	errOther = errors.New("source: still away")
)

// source is a fetch that a test drives: it answers "v1", "v2" and so on, after delay, unless it fails.
type source struct {
	reads atomic.Int32
	delay time.Duration
	fail  error
	panic bool
}

func (s *source) fetch(ctx context.Context, name string) (string, error) {
	n := s.reads.Add(1)
	select {
	case <-time.After(s.delay):
	case <-ctx.Done():
		return "", ctx.Err()
	}
	if s.panic {
		panic("the secret itself")
	}
	if s.fail != nil {
		return "", s.fail
	}
	return fmt.Sprintf("v%d", n), nil
}

// bench is a cache over a source in a bubble of virtual time.
type bench struct {
	t *testing.T
	source
	*secret.Cache[string]
}

func inBubble(t *testing.T, test func(b *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := &bench{t: t}
		b.Cache = secret.NewCache(b.fetch)
		test(b)
		time.Sleep(secret.FetchTimeout) // every read that is still under way has ended by then
	})
}

// wants checks an answer and how many reads there have been since the beginning.
func (b *bench) wants(value string, err error, reads int32) func(string, error) {
	b.t.Helper()
	return func(gotValue string, gotErr error) {
		b.t.Helper()
		if gotValue != value || !errors.Is(gotErr, err) || (gotErr == nil) != (err == nil) {
			b.t.Errorf("got %q, %v; want %q, %v", gotValue, gotErr, value, err)
		}
		if got := b.reads.Load(); got != reads {
			b.t.Errorf("%d reads, want %d", got, reads)
		}
	}
}

func TestAValueServesForFiveMinutes(t *testing.T) {
	inBubble(t, func(b *bench) {
		ctx := b.t.Context()
		b.wants("v1", nil, 1)(b.Get(ctx, "a"))
		time.Sleep(secret.TTL - 1)
		b.wants("v1", nil, 1)(b.Get(ctx, "a"))
		time.Sleep(time.Nanosecond)
		b.wants("v2", nil, 2)(b.Get(ctx, "a"))
		b.wants("v3", nil, 3)(b.Get(ctx, "another name"))
	})
}

func TestAnOldValueServesForAnHourWhileRefreshesFail(t *testing.T) {
	inBubble(t, func(b *bench) {
		ctx := b.t.Context()
		b.wants("v1", nil, 1)(b.Get(ctx, "a"))
		b.fail = errAway
		time.Sleep(secret.TTL)
		b.wants("v1", nil, 2)(b.Get(ctx, "a"))
		time.Sleep(secret.MaxStale - 1)
		b.wants("v1", nil, 3)(b.Get(ctx, "a"))
		time.Sleep(time.Nanosecond)
		b.wants("", errAway, 3)(b.Get(ctx, "a"))
		b.fail = nil
		time.Sleep(secret.RetryAfter)
		b.wants("v4", nil, 4)(b.Get(ctx, "a"))
	})
}

func TestAFailedRefreshIsNotRepeatedAtOnce(t *testing.T) {
	inBubble(t, func(b *bench) {
		ctx := b.t.Context()
		b.wants("v1", nil, 1)(b.Get(ctx, "a"))
		b.fail = errAway
		time.Sleep(secret.TTL)
		b.wants("v1", nil, 2)(b.Get(ctx, "a"))
		time.Sleep(secret.RetryAfter - 1)
		b.wants("v1", nil, 2)(b.Get(ctx, "a"))
		time.Sleep(time.Nanosecond)
		b.fail = nil
		b.wants("v3", nil, 3)(b.Get(ctx, "a"))
	})
}

func TestAFailedFirstReadIsRememberedForFiveSeconds(t *testing.T) {
	inBubble(t, func(b *bench) {
		ctx := b.t.Context()
		b.fail = errAway
		b.wants("", errAway, 1)(b.Get(ctx, "a"))
		b.fail = errOther
		time.Sleep(secret.RetryAfter - 1)
		b.wants("", errAway, 1)(b.Get(ctx, "a"))
		b.wants("", errOther, 2)(b.Get(ctx, "another name"))
		time.Sleep(time.Nanosecond)
		b.wants("", errOther, 3)(b.Get(ctx, "a"))
		b.fail = nil
		time.Sleep(secret.RetryAfter)
		b.wants("v4", nil, 4)(b.Get(ctx, "a"))
	})
}

func TestManyCallersShareOneRead(t *testing.T) {
	for name, fail := range map[string]error{"that succeeds": nil, "that fails": errAway} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(b *bench) {
				b.delay, b.fail = time.Second, fail
				var callers sync.WaitGroup
				var agreed atomic.Int32
				for range 100 {
					callers.Go(func() {
						value, err := b.Get(b.t.Context(), "a")
						if errors.Is(err, fail) && (err != nil || value == "v1") {
							agreed.Add(1)
						}
					})
				}
				callers.Wait()
				if b.reads.Load() != 1 || agreed.Load() != 100 {
					b.t.Errorf("%d reads, %d callers with its answer", b.reads.Load(), agreed.Load())
				}
			})
		})
	}
}

func TestACallerWhoLeavesBreaksNobodysRead(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.delay = 2 * time.Second
		var callers sync.WaitGroup
		callers.Go(func() {
			hurried, cancel := context.WithTimeout(b.t.Context(), time.Second)
			defer cancel()
			b.wants("", context.DeadlineExceeded, 1)(b.Get(hurried, "a"))
		})
		synctest.Wait()
		callers.Go(func() { b.wants("v1", nil, 1)(b.Get(b.t.Context(), "a")) })
		callers.Wait()
		b.wants("v1", nil, 1)(b.Get(b.t.Context(), "a"))
	})
}

func TestAReadThatHangsEnds(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.delay = time.Hour
		began := time.Now()
		b.wants("", context.DeadlineExceeded, 1)(b.Get(b.t.Context(), "a"))
		if took := time.Since(began); took != secret.FetchTimeout {
			b.t.Errorf("took %s", took)
		}
		b.wants("", context.DeadlineExceeded, 1)(b.Get(b.t.Context(), "a"))
	})
}

func TestAnOldValueDoesNotWaitForAReadThatHangs(t *testing.T) {
	inBubble(t, func(b *bench) {
		ctx := b.t.Context()
		b.wants("v1", nil, 1)(b.Get(ctx, "a"))
		time.Sleep(secret.TTL)
		b.delay = time.Hour
		for i, want := range []time.Duration{secret.StaleWait, 0, 0} {
			began := time.Now()
			b.wants("v1", nil, 2)(b.Get(ctx, "a"))
			if took := time.Since(began); took != want {
				b.t.Errorf("call %d took %s, want %s", i, took, want)
			}
		}
		leaving, cancel := context.WithCancel(ctx)
		cancel()
		b.wants("v1", nil, 2)(b.Get(leaving, "a"))
	})
}

func TestASlowRefreshStillCounts(t *testing.T) {
	inBubble(t, func(b *bench) {
		ctx := b.t.Context()
		b.wants("v1", nil, 1)(b.Get(ctx, "a"))
		time.Sleep(secret.TTL)
		b.delay = secret.StaleWait + time.Second
		b.wants("v1", nil, 2)(b.Get(ctx, "a"))
		time.Sleep(time.Second)
		synctest.Wait()
		b.wants("v2", nil, 2)(b.Get(ctx, "a"))
	})
}

func TestAPanicOfTheFetchIsAnErrorThatSaysNothing(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.panic = true
		_, err := b.Get(b.t.Context(), "a")
		if err == nil || err.Error() != "secret read: panic" {
			b.t.Errorf("error = %v", err)
		}
	})
}
