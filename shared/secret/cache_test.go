package secret_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/secret"
)

var (
	errDown      = errors.New("source: down")
	errStillDown = errors.New("source: still down")
)

// harness is a cache whose fetch returns "v1", "v2" and so on, after delay, unless it fails.
type harness struct {
	t *testing.T
	*secret.Cache[string]
	reads atomic.Int32
	delay time.Duration
	fail  error
	panic bool
	log   strings.Builder
}

func (h *harness) fetch(ctx context.Context, name string) (string, error) {
	if !strings.HasPrefix(name, "bridge/") {
		h.t.Errorf("secret %s is read", name)
	}
	n := h.reads.Add(1)
	select {
	case <-time.After(h.delay):
	case <-ctx.Done():
		return "", ctx.Err()
	}
	if h.panic {
		panic("the secret itself")
	}
	if h.fail != nil {
		return "", h.fail
	}
	return fmt.Sprintf("v%d", n), nil
}

func newCache(fetch func(context.Context, string) (string, error), log io.Writer) *secret.Cache[string] {
	name := func(app string) string { return "bridge/" + app }
	return secret.NewCache(fetch, name, slog.New(slog.NewTextHandler(log, nil)))
}

// inBubble runs a test in a bubble of virtual time, with a cache of its own.
func inBubble(t *testing.T, test func(h *harness)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		h := &harness{t: t}
		h.Cache = newCache(h.fetch, &h.log)
		test(h)
		time.Sleep(secret.FetchTimeout) // until every read has ended
	})
}

func (h *harness) get(app string) (string, error) { return h.Get(h.t.Context(), app) }

func (h *harness) refresh(app string) (string, error) {
	return h.Refresh(h.t.Context(), app, time.Now())
}

func (h *harness) reload(app string) (string, error) { return h.Reload(h.t.Context(), app) }

// wants checks a result, and how many reads there have been so far.
func (h *harness) wants(value string, err error, reads int32) func(string, error) {
	h.t.Helper()
	return func(gotValue string, gotErr error) {
		h.t.Helper()
		if gotValue != value || !errors.Is(gotErr, err) || (gotErr == nil) != (err == nil) {
			h.t.Errorf("got %q, %v; want %q, %v", gotValue, gotErr, value, err)
		}
		if got := h.reads.Load(); got != reads {
			h.t.Errorf("%d reads, want %d", got, reads)
		}
	}
}

func TestAValueIsUsedForFiveMinutes(t *testing.T) {
	inBubble(t, func(h *harness) {
		h.wants("v1", nil, 1)(h.get("a"))
		time.Sleep(secret.TTL - 1)
		h.wants("v1", nil, 1)(h.get("a"))
		time.Sleep(time.Nanosecond)
		h.wants("v2", nil, 2)(h.get("a"))
		h.wants("v3", nil, 3)(h.get("another name"))
	})
}

func TestAnOldValueIsUsedForAnHourWhileReadsFail(t *testing.T) {
	inBubble(t, func(h *harness) {
		h.wants("v1", nil, 1)(h.get("a"))
		h.fail = errDown
		time.Sleep(secret.TTL)
		h.wants("v1", nil, 2)(h.get("a"))
		time.Sleep(secret.RetryAfter - 1)
		h.wants("v1", nil, 2)(h.get("a")) // a read that failed is not repeated at once
		time.Sleep(time.Nanosecond)
		h.wants("v1", nil, 3)(h.get("a"))
		time.Sleep(secret.MaxStale - secret.RetryAfter - 1)
		h.wants("v1", nil, 4)(h.get("a"))
		time.Sleep(time.Nanosecond)
		h.wants("", errDown, 4)(h.get("a"))
		h.fail = nil
		time.Sleep(secret.RetryAfter)
		h.wants("v5", nil, 5)(h.get("a"))
	})
}

func TestAFailedFirstReadIsRememberedForFiveSeconds(t *testing.T) {
	inBubble(t, func(h *harness) {
		h.fail = errDown
		h.wants("", errDown, 1)(h.get("a"))
		h.fail = errStillDown
		time.Sleep(secret.RetryAfter - 1)
		h.wants("", errDown, 1)(h.get("a"))
		h.wants("", errStillDown, 2)(h.get("another name"))
		time.Sleep(time.Nanosecond)
		h.wants("", errStillDown, 3)(h.get("a"))
		h.fail = nil
		time.Sleep(secret.RetryAfter)
		h.wants("v4", nil, 4)(h.get("a"))
	})
}

func TestManyCallersShareOneRead(t *testing.T) {
	get := func(h *harness) (string, error) { return h.get("a") }
	for name, c := range map[string]struct {
		before int32 // reads
		fail   error
		call   func(h *harness) (string, error)
	}{
		"that succeeds": {0, nil, get},
		"that fails":    {0, errDown, get},
		"of a refresh":  {1, nil, func(h *harness) (string, error) { return h.refresh("a") }},
		"of a reload":   {1, nil, func(h *harness) (string, error) { return h.reload("a") }},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(h *harness) {
				for range c.before {
					h.wants("v1", nil, 1)(h.get("a"))
					time.Sleep(time.Second)
				}
				h.delay, h.fail = time.Second, c.fail
				value := fmt.Sprint("v", c.before+1)
				if c.fail != nil {
					value = ""
				}
				var callers sync.WaitGroup
				for range 100 {
					callers.Go(func() { h.wants(value, c.fail, c.before+1)(c.call(h)) })
				}
				callers.Wait()
			})
		})
	}
}

func TestACallerWhoGivesUpEndsNobodysRead(t *testing.T) {
	inBubble(t, func(h *harness) {
		h.delay = 2 * time.Second
		var callers sync.WaitGroup
		callers.Go(func() {
			hurried, cancel := context.WithTimeout(h.t.Context(), time.Second)
			defer cancel()
			h.wants("", context.DeadlineExceeded, 1)(h.Get(hurried, "a"))
		})
		synctest.Wait()
		callers.Go(func() { h.wants("v1", nil, 1)(h.get("a")) })
		callers.Wait()
		h.wants("v1", nil, 1)(h.get("a"))
	})
}

func TestAReadThatHangsEnds(t *testing.T) {
	inBubble(t, func(h *harness) {
		h.delay = time.Hour
		began := time.Now()
		h.wants("", context.DeadlineExceeded, 1)(h.get("a"))
		if took := time.Since(began); took != secret.FetchTimeout {
			h.t.Errorf("took %s", took)
		}
		h.wants("", context.DeadlineExceeded, 1)(h.get("a"))
	})
}

func TestAnOldValueIsReturnedWhileAReadHangs(t *testing.T) {
	inBubble(t, func(h *harness) {
		h.wants("v1", nil, 1)(h.get("a"))
		time.Sleep(secret.TTL)
		h.delay = time.Hour
		for i, want := range []time.Duration{secret.StaleWait, 0, 0} {
			began := time.Now()
			h.wants("v1", nil, 2)(h.get("a"))
			if took := time.Since(began); took != want {
				h.t.Errorf("call %d took %s, want %s", i, took, want)
			}
		}
		leaving, cancel := context.WithCancel(h.t.Context())
		cancel()
		h.wants("v1", nil, 2)(h.Get(leaving, "a"))
	})
}

func TestASlowReadStillCounts(t *testing.T) {
	inBubble(t, func(h *harness) {
		h.wants("v1", nil, 1)(h.get("a"))
		time.Sleep(secret.TTL)
		h.delay = secret.StaleWait + time.Second
		h.wants("v1", nil, 2)(h.get("a"))
		time.Sleep(time.Second)
		synctest.Wait()
		h.wants("v2", nil, 2)(h.get("a"))
	})
}

func TestAPanicOfTheFetchIsAnErrorWithoutItsText(t *testing.T) {
	inBubble(t, func(h *harness) {
		h.panic = true
		_, err := h.get("a")
		panicked, ok := errors.AsType[*fault.PanicError](err)
		if !ok || strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, panicked), "itself") {
			h.t.Errorf("error = %v", err)
		}
	})
}

// Otherwise nobody would hear of a refusal until the old value is too old to be used.
func TestAFailedReadIsReportedThoughThereIsAnOldValue(t *testing.T) {
	inBubble(t, func(h *harness) {
		refused := fault.New(fault.Operator, fault.Secret, errors.New("AccessDenied"))
		h.fail = refused
		h.wants("", refused, 1)(h.get("a")) // the caller has the error
		time.Sleep(secret.TTL)
		h.fail = nil
		h.wants("v2", nil, 2)(h.get("a"))
		synctest.Wait()
		if h.log.Len() > 0 {
			h.t.Error(h.log.String())
		}
		time.Sleep(secret.TTL)
		h.fail = refused
		h.wants("v2", nil, 3)(h.get("a"))
		synctest.Wait()
		const want = `level=ERROR msg="secret not read again" app=a cause=AccessDenied`
		if !strings.Contains(h.log.String(), want) {
			h.t.Errorf("logged %q", h.log.String())
		}
	})
}

func TestRefreshReadsOnceAMinute(t *testing.T) {
	inBubble(t, func(h *harness) {
		began := time.Now()
		h.wants("v1", nil, 1)(h.get("a"))
		h.wants("v2", nil, 2)(h.get("b"))
		h.wants("v1", nil, 2)(h.Refresh(h.t.Context(), "a", began))
		time.Sleep(time.Second)
		h.wants("v3", nil, 3)(h.refresh("a"))
		for range 59 {
			time.Sleep(time.Second)
			h.wants("v3", nil, 3)(h.refresh("a"))
		}
		h.wants("v4", nil, 4)(h.refresh("b"))
		time.Sleep(time.Second)
		h.wants("v5", nil, 5)(h.refresh("a"))
	})
}

func TestRefreshReturnsTheOldValueIfTheReadFails(t *testing.T) {
	inBubble(t, func(h *harness) {
		h.wants("v1", nil, 1)(h.get("a"))
		time.Sleep(time.Second)
		h.fail = errDown
		h.wants("v1", nil, 2)(h.refresh("a"))
		h.wants("v1", nil, 2)(h.get("a"))
		time.Sleep(10 * time.Second)
		h.wants("v1", nil, 2)(h.refresh("a"))
	})
}

func TestRefreshDoesNotWaitLongerThanItsCaller(t *testing.T) {
	inBubble(t, func(h *harness) {
		h.wants("v1", nil, 1)(h.get("a"))
		time.Sleep(time.Second)
		h.delay = time.Hour
		hurried, cancel := context.WithTimeout(h.t.Context(), 1500*time.Millisecond)
		defer cancel()
		h.wants("v1", nil, 2)(h.Refresh(hurried, "a", time.Now()))
	})
}

func TestRefreshWithoutAnyValueIsAFirstRead(t *testing.T) {
	inBubble(t, func(h *harness) {
		h.fail = errDown
		h.wants("", errDown, 1)(h.refresh("a"))
		h.fail = nil
		h.wants("", errDown, 1)(h.refresh("a"))
	})
}

func TestReloadReadsAtOnceAndReturnsItsError(t *testing.T) {
	inBubble(t, func(h *harness) {
		h.wants("v1", nil, 1)(h.reload("a"))
		h.wants("v2", nil, 2)(h.reload("a"))
		h.wants("v2", nil, 2)(h.get("a"))
		h.fail = errDown
		h.wants("", errDown, 3)(h.reload("a"))
		h.wants("", errDown, 4)(h.reload("a"))
		h.wants("v2", nil, 4)(h.get("a"))
	})
}

// A process that was frozen during a read wakes up with a read that can only fail.
func TestNobodyWaitsForAReadOlderThanItsTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		wake := make(chan struct{})
		frozen := true
		cache := newCache(func(context.Context, string) (string, error) {
			if frozen {
				frozen = false
				<-wake
				return "from before", nil
			}
			return "now", nil
		}, io.Discard)
		go func() {
			if value, err := cache.Get(t.Context(), "a"); value != "from before" || err != nil {
				t.Errorf("the caller of the old read got %q, %v", value, err)
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
