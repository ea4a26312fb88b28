//go:build soak

package soak_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/forward"
	"github.com/purchasely-clevertap/bridge/shared/secret"
)

// environmentLife is about how long Lambda keeps an environment; the new one's breakers know nothing.
const environmentLife = 2 * time.Hour

// forwarders are Lambda's environments: the one that was busy last serves next, one invocation at a time.
type forwarders struct {
	start func() *forward.Handler

	mu      sync.Mutex
	idle    []environment
	started int
}

type environment struct {
	*forward.Handler
	ends time.Time
}

func (f *forwarders) invoke(ctx context.Context, payload []byte) ([]byte, error) {
	e := f.take()
	defer func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.idle = append(f.idle, e)
	}()
	return e.Invoke(ctx, payload)
}

func (f *forwarders) take() environment {
	f.mu.Lock()
	defer f.mu.Unlock()
	for len(f.idle) > 0 {
		e := f.idle[len(f.idle)-1]
		f.idle = f.idle[:len(f.idle)-1]
		if time.Now().Before(e.ends) {
			return e
		}
	}
	f.started++
	return environment{f.start(), time.Now().Add(environmentLife/2 + rand.N(environmentLife))}
}

// knownAccounts has every app's account at hand.
type knownAccounts struct{}

func (knownAccounts) Get(_ context.Context, app string) (clevertap.Accounts, error) {
	return clevertap.Accounts{Production: clevertap.Account{Host: "api.clevertap.com", ID: app, Passcode: secret.New("papaya-" + app)}}, nil
}

func (a knownAccounts) Reload(ctx context.Context, app string) (clevertap.Accounts, error) {
	return a.Get(ctx, app)
}

// noRejections fails the test if anything is rejected.
type noRejections struct{ *testing.T }

func (n noRejections) Reject(_ context.Context, messages []forward.Rejection) []error {
	n.Errorf("%d messages rejected, the first as %s", len(messages), messages[0].Reason)
	return make([]error, len(messages))
}

// visibilities sets new visibilities on the queue itself.
type visibilities struct{ queue *awstest.Queue }

func (v visibilities) Delay(_ context.Context, _ string, messages []forward.Delay) error {
	var first error
	for _, m := range messages {
		if err := v.queue.ChangeVisibility(string(m.Message.Receipt), m.After); err != nil && first == nil {
			first = err
		}
	}
	return first
}
