//go:build soak

package soak_test

import (
	"fmt"

	"github.com/purchasely-clevertap/bridge/shared/clevertap/clevertaptest"
)

// calm gives an account its own limits and the passcode that counts.
func (k *stack) calm(account string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.cleverTap.SetAccount(clevertaptest.Account{
		ID: account, Region: map[string]string{sharedAccount: "in1"}[account], Passcodes: []string{k.passcodes[account]}, Discarded: []string{discarded},
	})
}

// sign makes Purchasely sign an app's webhooks with another key. The one before counts as well.
func (k *stack) sign(app, key string) {
	previous := k.keys.of(app).Reveal()
	k.aws.Secrets.Put(secretsPrefix+"/"+app+"/purchasely", fmt.Sprintf(`{"shared_secret":%q,"previous_shared_secret":%q}`, key, previous))
	k.keys.set(app, key)
}

// entrust stores an app's CleverTap accounts with the passcodes that count.
func (k *stack) entrust(app string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	text := fmt.Sprintf(`{"region":"in1","account_id":%q,"passcode":%q}`, sharedAccount, k.passcodes[sharedAccount])
	if app == "parla" {
		text = fmt.Sprintf(`{"region":"eu1","account_id":%q,"passcode":%q,"sandbox":{"region":"eu","account_id":%q,"passcode":%q}}`,
			parlaAccount, k.passcodes[parlaAccount], sandboxAccount, k.passcodes[sandboxAccount])
	}
	k.aws.Secrets.Put(secretsPrefix+"/"+app+"/clevertap", text)
}
