package forward

import (
	"context"
	"slices"
	"sync"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/mapping"
	"github.com/purchasely-clevertap/bridge/shared/message"
)

// accountReads are the reads of the accounts of a batch's apps, side by side, so that a slow one delays nobody but itself.
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
func (h *Handler) fetchAccounts(ctx context.Context, messages []Message, apps map[string]*integration.App) *accountReads {
	ctx, cancel := endAfterShare(ctx, secretShare)
	a := &accountReads{store: h.Accounts, cancel: cancel, reads: make(map[string]*accountRead)}
	for i := range messages {
		app := apps[messages[i].Attribute(message.AttrApp)]
		if app == nil || !app.Enabled || a.reads[app.Name] != nil {
			continue
		}
		read := &accountRead{done: make(chan struct{})}
		a.reads[app.Name] = read
		go func() {
			defer close(read.done)
			defer func() {
				if p := recover(); p != nil {
					f := fault.Panicked(fault.Retry, p)
					f.Reason = fault.Secret
					read.err = f
				}
			}()
			read.accounts, read.err = h.Accounts.Get(ctx, app.Name)
			if read.err == nil {
				h.accounts.note(app.Name, read.accounts)
			}
		}()
	}
	return a
}

// accountsByApp remembers which accounts each app had when it was read last, in a warm process.
type accountsByApp struct {
	mu   sync.Mutex
	apps map[string][]string // account ids
}

func (a *accountsByApp) note(app string, accounts clevertap.Accounts) {
	ids := []string{accounts.Production.ID}
	if accounts.Sandbox != nil {
		ids = append(ids, accounts.Sandbox.ID)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.apps == nil {
		a.apps = make(map[string][]string)
	}
	a.apps[app] = ids
}

// mayShare reports whether another app may have the account as well. What has not been read yet may be anything.
func (a *accountsByApp) mayShare(apps map[string]*integration.App, app, account string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	for name, other := range apps {
		ids, read := a.apps[name]
		if name != app && other.Enabled && (!read || slices.Contains(ids, account)) {
			return true
		}
	}
	return false
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

// wait ends the reads that nobody waited for: no goroutine outlives its invocation.
func (a *accountReads) wait() {
	a.cancel()
	for _, read := range a.reads {
		<-read.done
	}
}

// refresh returns a function that reads an account again from the store.
func (a *accountReads) refresh(app string, to mapping.Destination, account clevertap.Account) func(context.Context) (clevertap.Account, error) {
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
