package secret_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/secret"
)

func TestRefreshReadsWhatIsOlderThanTheRequest(t *testing.T) {
	inBubble(t, func(b *bench) {
		ctx := b.t.Context()
		began := time.Now()
		b.wants("v1", nil, 1)(b.Get(ctx, "a"))
		b.wants("v1", nil, 1)(b.Refresh(ctx, "a", began))
		time.Sleep(time.Second)
		b.wants("v2", nil, 2)(b.Refresh(ctx, "a", time.Now()))
		b.wants("v2", nil, 2)(b.Get(ctx, "a"))
	})
}

func TestRefreshReadsOnceAMinuteAndName(t *testing.T) {
	inBubble(t, func(b *bench) {
		ctx := b.t.Context()
		b.wants("v1", nil, 1)(b.Get(ctx, "a"))
		b.wants("v2", nil, 2)(b.Get(ctx, "b"))
		time.Sleep(time.Second)
		b.wants("v3", nil, 3)(b.Refresh(ctx, "a", time.Now()))
		for range 59 {
			time.Sleep(time.Second)
			b.wants("v3", nil, 3)(b.Refresh(ctx, "a", time.Now()))
		}
		b.wants("v4", nil, 4)(b.Refresh(ctx, "b", time.Now()))
		time.Sleep(time.Second)
		b.wants("v5", nil, 5)(b.Refresh(ctx, "a", time.Now()))
	})
}

func TestRefreshGivesTheOldValueWhenTheReadFails(t *testing.T) {
	inBubble(t, func(b *bench) {
		ctx := b.t.Context()
		b.wants("v1", nil, 1)(b.Get(ctx, "a"))
		time.Sleep(time.Second)
		b.fail = errAway
		b.wants("v1", nil, 2)(b.Refresh(ctx, "a", time.Now()))
		b.wants("v1", nil, 2)(b.Get(ctx, "a"))
		time.Sleep(10 * time.Second)
		b.wants("v1", nil, 2)(b.Refresh(ctx, "a", time.Now()))
	})
}

func TestRefreshLeavesAReadThatHangs(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.wants("v1", nil, 1)(b.Get(b.t.Context(), "a"))
		time.Sleep(time.Second)
		b.delay = time.Hour
		hurried, cancel := context.WithTimeout(b.t.Context(), 1500*time.Millisecond)
		defer cancel()
		b.wants("v1", nil, 2)(b.Refresh(hurried, "a", time.Now()))
	})
}

func TestRefreshWithoutAnyValueIsAFirstRead(t *testing.T) {
	inBubble(t, func(b *bench) {
		ctx := b.t.Context()
		b.fail = errAway
		b.wants("", errAway, 1)(b.Refresh(ctx, "a", time.Now()))
		b.fail = nil
		b.wants("", errAway, 1)(b.Refresh(ctx, "a", time.Now()))
	})
}

func TestManyRefreshesShareOneRead(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.wants("v1", nil, 1)(b.Get(b.t.Context(), "a"))
		time.Sleep(time.Second)
		b.delay = time.Second
		var callers sync.WaitGroup
		for range 100 {
			callers.Go(func() {
				value, err := b.Refresh(b.t.Context(), "a", time.Now())
				if value != "v2" || err != nil {
					b.t.Errorf("got %q, %v", value, err)
				}
			})
		}
		callers.Wait()
		if got := b.reads.Load(); got != 2 {
			b.t.Errorf("%d reads", got)
		}
	})
}

func TestReloadReadsAtOnceAndTellsItsError(t *testing.T) {
	inBubble(t, func(b *bench) {
		ctx := b.t.Context()
		b.wants("v1", nil, 1)(b.Reload(ctx, "a"))
		b.wants("v2", nil, 2)(b.Reload(ctx, "a"))
		b.wants("v2", nil, 2)(b.Get(ctx, "a"))
		b.fail = errAway
		b.wants("", errAway, 3)(b.Reload(ctx, "a"))
		b.wants("", errAway, 4)(b.Reload(ctx, "a"))
		b.wants("v2", nil, 4)(b.Get(ctx, "a"))
	})
}

func TestManyReloadsShareOneRead(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.delay = time.Second
		var callers sync.WaitGroup
		for range 15 {
			callers.Go(func() { b.wants("v1", nil, 1)(b.Reload(b.t.Context(), "a")) })
		}
		callers.Wait()
	})
}

// A process that is frozen in the middle of a read wakes up with a read that can only fail.
func TestAReadOlderThanItsTimeoutIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		wake := make(chan struct{})
		frozen := true
		cache := secret.NewCache(func(context.Context, string) (string, error) {
			if frozen {
				frozen = false
				<-wake
				return "from before", nil
			}
			return "now", nil
		})
		go func() {
			if value, err := cache.Get(t.Context(), "a"); value != "from before" || err != nil {
				t.Errorf("who waited for the old read got %q, %v", value, err)
			}
		}()
		synctest.Wait()
		time.Sleep(secret.FetchTimeout + 1)
		if value, err := cache.Get(t.Context(), "a"); value != "now" || err != nil {
			t.Errorf("got %q, %v", value, err)
		}
		close(wake)
		synctest.Wait()
		if value, err := cache.Get(t.Context(), "a"); value != "now" || err != nil {
			t.Errorf("after the old read ended: %q, %v", value, err)
		}
	})
}
