package main

import (
	"net/url"
	"strings"

	"github.com/purchasely-clevertap/bridge/shared/env"
	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/network"
	"github.com/purchasely-clevertap/bridge/shared/settings"
)

// Config is the environment with real types.
type Config struct {
	SecretsPrefix string
	WebhookURL    string // with {app} in it
	Settings      settings.Config[*integration.File]
}

// readConfig reads the environment; r keeps the faults.
func readConfig(r *env.Reader) Config {
	c := Config{
		SecretsPrefix: r.SecretsPrefix("SECRETS_PREFIX"),
		WebhookURL:    r.String("WEBHOOK_URL"),
		Settings:      settings.ReadIntegrations(r),
	}
	if c.WebhookURL != "" && !usable(c.WebhookURL) {
		r.Fault("WEBHOOK_URL", "not like https://hooks.example.com/purchasely/{app}; plain HTTP is for this machine only")
	}
	return c
}

// keysSecret is the name of the secret with an app's signing keys.
func (c Config) keysSecret(app string) string { return c.SecretsPrefix + "/" + app + "/purchasely" }

// usable reports whether heartbeats can go to a URL.
func usable(text string) bool {
	u, err := url.Parse(strings.ReplaceAll(text, "{app}", "app"))
	if err != nil || u.Host == "" || !strings.Contains(text, "{app}") {
		return false
	}
	return u.Scheme == "https" || u.Scheme == "http" && network.IsLoopback(u.Hostname())
}
