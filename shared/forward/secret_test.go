package forward_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/fault"
)

// fakeAccounts are secrets of which a test says how they are read.
type fakeAccounts struct {
	get    func(ctx context.Context, app string) (clevertap.Accounts, error)
	reload func(ctx context.Context, app string) (clevertap.Accounts, error)
}

func (f fakeAccounts) Get(ctx context.Context, app string) (clevertap.Accounts, error) {
	return f.get(ctx, app)
}

func (f fakeAccounts) Reload(ctx context.Context, app string) (clevertap.Accounts, error) {
	return f.reload(ctx, app)
}

// oneEach is a message for demo, one for other, and one for each again.
var oneEach = []queued{
	{app: "demo", body: bodies["event"]}, {app: "other", body: bodies["event"]},
	{app: "demo", body: bodies["surprising"]}, {app: "other", body: bodies["surprising"]},
}

func TestSecretsAreReadSideBySideAndOncePerBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCorridor(t)
		var mu sync.Mutex
		reads := map[string]int{}
		c.Accounts = fakeAccounts{get: func(_ context.Context, app string) (clevertap.Accounts, error) {
			mu.Lock()
			reads[app]++
			mu.Unlock()
			time.Sleep(2 * time.Second)
			return c.accounts(app)
		}}
		begun := time.Now()
		if ids := c.run(t, append(oneEach, queued{app: "shut", body: bodies["event"]}, queued{app: "gone", body: bodies["event"]})); len(ids) > 0 {
			t.Errorf("%v come back", ids)
		}
		if took := time.Since(begun); took != 2*time.Second {
			t.Errorf("took %s, want the 2 s of one read", took)
		}
		if diff := cmp.Diff(map[string]int{"demo": 1, "other": 1}, reads); diff != "" {
			t.Error(diff)
		}
		c.run(t, oneEach) // how long a secret is good for is not the batch's to say
		if diff := cmp.Diff(map[string]int{"demo": 2, "other": 2}, reads); diff != "" {
			t.Error(diff)
		}
	})
}

func TestASecretThatFailsConcernsItsAppAlone(t *testing.T) {
	for name, test := range map[string]struct {
		get  func(ctx context.Context) error // nil: it panics
		want string
	}{
		"a mark is kept":              {func(context.Context) error { return fault.New(fault.Operator, fault.Credentials, nil) }, "retry credentials"},
		"an error without a mark":     {func(context.Context) error { return errors.New("person-7") }, "retry unknown"},
		"a time-out":                  {func(context.Context) error { return context.DeadlineExceeded }, "retry timeout"},
		"a panic":                     {nil, "retry secret"},
		"a read that does not return": {func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, "retry timeout"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCorridor(t)
				c.Accounts = fakeAccounts{get: func(ctx context.Context, app string) (clevertap.Accounts, error) {
					if app != "demo" {
						return c.accounts(app)
					}
					if test.get == nil {
						panic("person-7")
					}
					return clevertap.Accounts{}, test.get(ctx)
				}}
				begun := time.Now()
				c.run(t, oneEach)
				if took := time.Since(begun); took >= 30*time.Second {
					t.Errorf("took %s", took)
				}
				want := []string{test.want, "delivered", test.want, "delivered"}
				if diff := cmp.Diff(want, c.told(t, oneEach)); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

// A read that nobody waits for any more, because its messages are malformed, ends before the invocation does.
func TestNoReadOutlivesItsInvocation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCorridor(t)
		reading := true
		c.Accounts = fakeAccounts{get: func(ctx context.Context, _ string) (clevertap.Accounts, error) {
			<-ctx.Done()
			reading = false
			return clevertap.Accounts{}, ctx.Err()
		}}
		begun := time.Now()
		c.run(t, []queued{{app: "demo", body: bodies["broken"]}})
		if reading || time.Since(begun) > time.Second {
			t.Errorf("still reading: %t, after %s", reading, time.Since(begun))
		}
	})
}
