package main

import (
	"time"

	"github.com/purchasely-clevertap/bridge/shared/env"
	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/settings"
)

// Config is the environment with real types.
type Config struct {
	SecretsPrefix string
	Settings      settings.Config[*integration.File]
	RetryDelay    time.Duration
	BreakerPause  time.Duration
	AllowPrivate  bool // back ends at private addresses, and plain HTTP
}

// readConfig reads the environment and the integration file; r keeps the faults.
func readConfig(r *env.Reader) Config {
	return Config{
		SecretsPrefix: r.SecretsPrefix("SECRETS_PREFIX"),
		Settings:      settings.ReadIntegrations(r),
		RetryDelay:    r.Duration("RETRY_DELAY", 10*time.Second, time.Millisecond, time.Hour),
		BreakerPause:  r.Duration("BREAKER_PAUSE", 30*time.Second, time.Millisecond, time.Hour),
		AllowPrivate:  readAllowPrivate(r),
	}
}

// readAllowPrivate takes nothing but the two words: what lets requests into a private network must not be a slip.
func readAllowPrivate(r *env.Reader) bool {
	const variable = "RELAY_ALLOW_PRIVATE"
	switch r.Optional(variable, "false") {
	case "true":
		return true
	case "false":
	default:
		r.Fault(variable, "neither true nor false")
	}
	return false
}

// secretName is the name of the secret with an app's keys for Standard Webhooks.
func (c Config) secretName(app string) string { return c.SecretsPrefix + "/" + app + "/relay" }
