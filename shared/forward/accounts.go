package forward

import (
	"context"
	"errors"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/mapping"
	"github.com/purchasely-clevertap/bridge/shared/message"
)

// errSecret replaces a panic, whose own words might quote the secret.
var errSecret = fault.New(fault.Retry, fault.Secret, errors.New("secret could not be read: panic"))

// accountReads are the reads of the accounts of a batch's apps, side by side, so that a slow one delays no other app.
type accountReads struct {
	store  Accounts
	cancel context.CancelFunc
	reads  map[string]*accountRead // by app
}

type accountRead struct {
	done     chan struct{}
	accounts clevertap.Accounts
	err      error
}

// fetchAccounts begins to read the accounts of all enabled apps in the batch.
func (h *Handler) fetchAccounts(ctx context.Context, messages []Message) *accountReads {
	ctx, cancel := endAfterShare(ctx, secretShare)
	a := &accountReads{store: h.Accounts, cancel: cancel, reads: make(map[string]*accountRead)}
	for i := range messages {
		app := h.Integrations.Apps[messages[i].attribute(message.AttrApp)]
		if app == nil || !app.Enabled || a.reads[app.Name] != nil {
			continue
		}
		read := &accountRead{done: make(chan struct{})}
		a.reads[app.Name] = read
		go func() {
			defer close(read.done)
			defer func() {
				if recover() != nil {
					read.err = errSecret
				}
			}()
			read.accounts, read.err = h.Accounts.Get(ctx, app.Name)
		}()
	}
	return a
}

// get waits for an app's accounts.
func (a *accountReads) get(app string) (clevertap.Accounts, error) {
	read := a.reads[app]
	<-read.done
	return read.accounts, read.err
}

// failed reports whether an app's accounts could not be read.
func (a *accountReads) failed(app string) bool {
	read := a.reads[app]
	return read != nil && read.err != nil
}

// wait ends the reads whose result was not needed: no goroutine outlives its invocation.
func (a *accountReads) wait() {
	a.cancel()
	for _, read := range a.reads {
		<-read.done
	}
}

// refresh returns a function that reads an account again from the store.
func (a *accountReads) refresh(
	app string, to mapping.Destination, account clevertap.Account,
) func(context.Context) (clevertap.Account, error) {
	return func(ctx context.Context) (clevertap.Account, error) {
		accounts, err := a.store.Reload(ctx, app)
		switch {
		case err != nil:
			return clevertap.Account{}, err
		case to != mapping.SandboxAccount:
			return accounts.Production, nil
		case accounts.Sandbox == nil:
			return account, nil
		default:
			return *accounts.Sandbox, nil
		}
	}
}
