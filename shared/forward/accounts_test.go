package forward_test

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
)

// twoEach are messages of the apps demo and other, in turn.
var twoEach = []queued{
	newMessage("demo", "renewal"), newMessage("other", "renewal"),
	newMessage("demo", "unknown event"), newMessage("other", "unknown event"),
}

func TestAccountsAreReadSideBySideAndOncePerBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t)
		var mu sync.Mutex
		reads, accounts := map[string]int{}, h.accounts
		h.accounts = func(ctx context.Context, app string) (clevertap.Accounts, error) {
			mu.Lock()
			reads[app]++
			mu.Unlock()
			time.Sleep(2 * time.Second)
			return accounts(ctx, app)
		}
		messages := append(twoEach, newMessage("disabled", "renewal"), newMessage("unknown", "renewal"))
		for batch := 1; batch <= 2; batch++ { // how long a secret is valid is not for the batch to decide
			start := time.Now()
			h.runAll(messages...)
			if took := time.Since(start); took != 2*time.Second {
				t.Errorf("took %s, want the 2 s of one read", took)
			}
			if want := map[string]int{"demo": batch, "other": batch}; !maps.Equal(reads, want) {
				t.Errorf("reads %v, want %v", reads, want)
			}
		}
	})
}

func TestAccountsThatCannotBeReadConcernTheirAppOnly(t *testing.T) {
	for name, test := range map[string]struct {
		get  func(ctx context.Context) error
		want string
	}{
		"a time-out":                  {func(context.Context) error { return context.DeadlineExceeded }, "retry timeout"},
		"a read that does not return": {hang, "retry timeout"},
	} {
		inBubble(t, name, func(t *testing.T, h *harness) {
			accounts := h.accounts
			h.accounts = func(ctx context.Context, app string) (clevertap.Accounts, error) {
				if app == "demo" {
					return clevertap.Accounts{}, test.get(ctx)
				}
				return accounts(ctx, app)
			}
			start := time.Now()
			h.run(twoEach...)
			if took := time.Since(start); took >= timeout {
				t.Errorf("took %s", took)
			}
			h.wantOutcomes(test.want, "delivered", test.want, "delivered")
		})
	}
}

// Who else has an account is found out little by little: with many apps a new process would read all their secrets.
func TestABatchReadsFewSecretsThatItDoesNotNeed(t *testing.T) {
	h := newHarness(t)
	apps := ""
	for n := range 30 {
		apps += fmt.Sprintf("app-%d: {}\n  ", n)
	}
	h.useApps(apps)
	h.Table = newTable()
	var reads atomic.Int64
	h.accounts = func(context.Context, string) (clevertap.Accounts, error) {
		reads.Add(1)
		return clevertap.ParseAccounts([]byte(`{"account_id":"A","passcode":"p"}`))
	}
	for batch, want := range []int64{1 + 10, 1 + 10, 1 + 10, 1, 1} {
		reads.Store(0)
		h.run(newMessage("app-0", "malformed"))
		if n := reads.Load(); n != want && n != want-1 { // one of them may be of the batch's own app
			t.Errorf("batch %d: %d reads", batch, n)
		}
	}
}

// A read whose messages are malformed is needed by none, and ends before the invocation does.
func TestNoReadOutlivesItsInvocation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t)
		reading := true
		h.accounts = func(ctx context.Context, _ string) (clevertap.Accounts, error) {
			err := hang(ctx)
			reading = false
			return clevertap.Accounts{}, err
		}
		start := time.Now()
		h.run(newMessage("demo", "malformed"))
		if reading || time.Since(start) > time.Second {
			t.Errorf("still reading: %t, after %s", reading, time.Since(start))
		}
	})
}
