package forward

import (
	"context"
	"errors"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/message"
)

// errSecret stands for a panic, whose own words might quote the secret.
var errSecret = fault.New(fault.Retry, fault.Secret, errors.New("secret could not be read: panic"))

// secret is an app's accounts on their way from the store.
type secret struct {
	done     chan struct{}
	accounts clevertap.Accounts
	err      error
}

// prefetch begins to read the secrets of all apps in the batch side by side, so that a slow one delays nobody but itself.
func (v *invocation) prefetch(ctx context.Context) {
	for i := range v.batch.messages {
		name := v.batch.messages[i].attribute(message.AttrApp)
		app := v.handler.Integrations.Apps[string(name)]
		if app == nil || !app.Enabled || v.secrets[app.Name] != nil {
			continue
		}
		s := &secret{done: make(chan struct{})}
		v.secrets[app.Name] = s
		go func() {
			defer close(s.done)
			defer func() {
				if recover() != nil {
					s.err = errSecret
				}
			}()
			s.accounts, s.err = v.handler.Accounts.Get(ctx, app.Name)
		}()
	}
}

// accounts waits for an app's accounts.
func (v *invocation) accounts(ctx context.Context, app string) (clevertap.Accounts, error) {
	s := v.secrets[app]
	select {
	case <-s.done:
		return s.accounts, s.err
	default:
	}
	select {
	case <-s.done:
		return s.accounts, s.err
	case <-ctx.Done(): // Another app's secret may have used up the time: one that is there by now counts all the same.
		return clevertap.Accounts{}, ctx.Err()
	}
}

// join waits for the reads that nobody waited for: no goroutine outlives its invocation.
func (v *invocation) join() {
	for _, s := range v.secrets {
		<-s.done
	}
}
