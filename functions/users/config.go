package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"

	"github.com/purchasely-clevertap/bridge/shared/config"
	"github.com/purchasely-clevertap/bridge/shared/env"
	"github.com/purchasely-clevertap/bridge/shared/integration"
)

// Config is the environment with real types.
type Config struct {
	SecretsPrefix    string
	SubscribersTable string
	Apps             appNames
}

// readConfig reads the environment; r keeps the faults.
func readConfig(r *env.Reader) Config {
	return Config{
		SecretsPrefix:    r.SecretsPrefix("SECRETS_PREFIX"),
		SubscribersTable: r.String("SUBSCRIBERS_TABLE"),
		Apps:             readApps(r),
	}
}

// keysSecret is the name of the secret with an app's signing keys.
func (c Config) keysSecret(app string) string { return c.SecretsPrefix + "/" + app + "/users" }

// appNames are those of the integration file.
type appNames []string

// Has implements users.Apps.
func (a appNames) Has(_ context.Context, app string) (bool, error) {
	return slices.Contains(a, app), nil
}

// readApps reads the app names only, as the receiver does: a typo in the rest of the file stops nothing here.
func readApps(r *env.Reader) appNames {
	const variable = "INTEGRATIONS_FILE"
	name, text := "integrations.yaml", []byte(config.Integrations)
	if path := r.Optional(variable, ""); path != "" {
		var err error
		if text, err = os.ReadFile(path); err != nil {
			if inner, ok := errors.AsType[*fs.PathError](err); ok {
				err = inner.Err
			}
			r.Fault(variable, "cannot be read: "+err.Error())
			return nil
		}
		name = path
	}
	apps, err := integration.AppNames(name, text)
	if err != nil {
		r.Fault(variable, err.Error())
	}
	return apps
}
