package main

import (
	"github.com/purchasely-clevertap/bridge/shared/env"
	"github.com/purchasely-clevertap/bridge/shared/settings"
)

// Config is the environment with real types.
type Config struct {
	SecretsPrefix    string
	SubscribersTable string
	Settings         settings.Config[settings.AppNames]
}

// readConfig reads the environment; r keeps the faults.
func readConfig(r *env.Reader) Config {
	return Config{
		SecretsPrefix:    r.SecretsPrefix("SECRETS_PREFIX"),
		SubscribersTable: r.String("SUBSCRIBERS_TABLE"),
		Settings:         settings.ReadApps(r),
	}
}

// keysSecret is the name of the secret with an app's signing keys.
func (c Config) keysSecret(app string) string { return c.SecretsPrefix + "/" + app + "/users" }
