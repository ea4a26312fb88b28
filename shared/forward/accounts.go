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

// accountReads are the reads of the accounts of a batch's apps, side by side, so that a slow one delays nobody but
// itself.
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

// fetchAccounts begins to read the accounts of all enabled apps in the batch, and of some whose accounts nobody knows
// yet.
func (h *Handler) fetchAccounts(
	ctx context.Context, messages []Message, apps map[string]*integration.App,
) *accountReads {
	ctx, cancel := withThird(ctx)
	a := &accountReads{store: h.Accounts, cancel: cancel, reads: make(map[string]*accountRead)}
	fifo := false
	for i := range messages {
		fifo = fifo || messages[i].FIFO()
		if app := apps[messages[i].Attribute(message.AttrApp)]; app != nil && app.Enabled {
			h.fetchAccount(ctx, a, app.Name)
		}
	}
	if fifo && h.Table != nil { // elsewhere it does not matter who shares an account
		for _, app := range h.accounts.unknown(apps) {
			h.fetchAccount(ctx, a, app)
		}
	}
	return a
}

func (h *Handler) fetchAccount(ctx context.Context, a *accountReads, app string) {
	if a.reads[app] != nil {
		return
	}
	read := &accountRead{done: make(chan struct{})}
	a.reads[app] = read
	go func() {
		defer close(read.done)
		defer func() {
			if p := recover(); p != nil {
				read.err = fault.Panicked(fault.Retry, p).WithReason(fault.Secret)
			}
		}()
		read.accounts, read.err = h.Accounts.Get(ctx, app)
		h.accounts.remember(app, read.accounts, read.err)
	}()
}

// accountsByApp remembers which accounts each app had when it was read last, in a warm process.
type accountsByApp struct {
	mu   sync.Mutex
	apps map[string][]string // account ids
}

// unknownAtOnce bounds how many secrets a batch reads that it does not need itself.
const unknownAtOnce = 10

// unknown lists enabled apps whose accounts have not been read.
func (a *accountsByApp) unknown(apps map[string]*integration.App) (names []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for name, app := range apps {
		if _, read := a.apps[name]; !read && app.Enabled && len(names) < unknownAtOnce {
			names = append(names, name)
		}
	}
	return names
}

// remember keeps what was read. An app whose secret only a person can fix sends nothing and shares nothing until then.
func (a *accountsByApp) remember(app string, accounts clevertap.Accounts, err error) {
	var ids []string
	switch {
	case err != nil && fault.Of(err).Kind != fault.Operator:
		return
	case err == nil:
		ids = []string{accounts.Production.ID}
		if accounts.Sandbox != nil {
			ids = append(ids, accounts.Sandbox.ID)
		}
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
func (a *accountReads) get(app string) (*clevertap.Accounts, error) {
	read := a.reads[app]
	<-read.done
	return &read.accounts, read.err
}

// wait ends the reads that nobody waited for: no goroutine outlives its invocation.
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
