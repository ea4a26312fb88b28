package receive_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/message"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

func TestAnAnswerComesWithinItsTimeWhateverHangs(t *testing.T) {
	hangKeys := func(ctx context.Context, _ string) (webhook.Keys, error) {
		<-ctx.Done()
		return webhook.Keys{}, ctx.Err()
	}
	hangQueue := queue(func(ctx context.Context, _ message.Encoded) error {
		<-ctx.Done()
		return ctx.Err()
	})
	for name, c := range map[string]struct {
		change  func(b *bench)
		timeout time.Duration // of the invocation; 0: none
		status  int
		took    time.Duration
	}{
		"the secret":             {func(b *bench) { b.get = hangKeys }, 10 * time.Second, 503, 4 * time.Second},
		"the queue":              {func(b *bench) { b.Queue = hangQueue }, 10 * time.Second, 503, 4 * time.Second},
		"without a deadline":     {func(b *bench) { b.Queue = hangQueue }, 0, 503, 4 * time.Second},
		"with a short deadline":  {func(b *bench) { b.Queue = hangQueue }, 3 * time.Second, 503, 2750 * time.Millisecond},
		"with one that is over":  {func(b *bench) { b.Queue = hangQueue }, time.Millisecond, 503, 0},
		"a slow secret, a queue": {func(b *bench) { slowKeys(b, 2*time.Second); b.Queue = hangQueue }, 10 * time.Second, 503, 4 * time.Second},
		"keys read again": {func(b *bench) {
			b.get = func(context.Context, string) (webhook.Keys, error) { return parse(b.t, "old"), nil }
			b.refresh = func(ctx context.Context, app string, _ time.Time) (webhook.Keys, error) { return hangKeys(ctx, app) }
		}, 10 * time.Second, 401, 1500 * time.Millisecond},
		"nothing, but all is slow": {func(b *bench) {
			slowKeys(b, 1500*time.Millisecond)
			taken := b.Queue
			b.Queue = queue(func(ctx context.Context, m message.Encoded) error {
				time.Sleep(2 * time.Second)
				return taken.Enqueue(ctx, m)
			})
		}, 10 * time.Second, 200, 3500 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t)
				c.change(b)
				ctx := t.Context()
				if c.timeout > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, c.timeout)
					defer cancel()
				}
				began := time.Now()
				r := b.invoke(ctx, request(t, nil))
				if took := time.Since(began); r.Status != c.status || took != c.took {
					t.Errorf("answered %d after %s, want %d after %s", r.Status, took, c.status, c.took)
				}
			})
		})
	}
}

func slowKeys(b *bench, d time.Duration) {
	get := b.get
	b.get = func(ctx context.Context, app string) (webhook.Keys, error) {
		time.Sleep(d)
		return get(ctx, app)
	}
}
