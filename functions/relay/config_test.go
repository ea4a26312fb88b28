package main

import (
	"strings"
	"testing"
	"time"

	"github.com/purchasely-clevertap/bridge/functions/internal/templatetest"
)

// read reads an environment in which nothing is wrong except for the changes.
func read(changes map[string]string) (Config, error) {
	return templatetest.Read(readConfig, map[string]string{"SECRETS_PREFIX": "bridge"}, changes)
}

func TestOneVariableIsEnough(t *testing.T) {
	c, err := read(nil)
	if err != nil || c.RetryDelay != 10*time.Second || c.BreakerPause != 30*time.Second || c.AllowPrivate {
		t.Errorf("defaults are %+v, %v", c, err)
	}
	if c.Settings.BuiltIn == nil || c.secretName("demo") != "bridge/demo/relay" {
		t.Errorf("settings %+v, secret %s", c.Settings, c.secretName("demo"))
	}
}

func TestPrivateAddressesAreAllowedByOneWordOnly(t *testing.T) {
	for word, want := range map[string]bool{"true": true, "false": false, "": false} {
		if c, err := read(map[string]string{"RELAY_ALLOW_PRIVATE": word}); err != nil || c.AllowPrivate != want {
			t.Errorf("%q: %t, %v", word, c.AllowPrivate, err)
		}
	}
}

func TestAFaultNamesItsVariable(t *testing.T) {
	invalid := templatetest.File(t, "apps:\n  demo: {relay: {url: 7}}\n  Demo: {}\n")
	templatetest.WantsFaults(t, read, [][3]string{
		{"SECRETS_PREFIX", "", "not set"},
		{"RETRY_DELAY", "0s", "is not between"},
		{"RETRY_DELAY", "2h", "is not between"},
		{"BREAKER_PAUSE", "30", "is not a duration"},
		{"RELAY_ALLOW_PRIVATE", "on", "neither true nor false"},
		{"RELAY_ALLOW_PRIVATE", "TRUE", "neither true nor false"},
		{"INTEGRATIONS_FILE", invalid, "integrations.yaml:2:"},
	})
}

func TestTheTemplateSetsWhatTheFunctionReads(t *testing.T) {
	templatetest.Agrees(t, "RelayFunction", readConfig)
}

// Without the right to the name alone, Secrets Manager refuses to say that there is no secret.
func TestTheTemplateLetsTheFunctionReadItsOwnSecretsAndMissThem(t *testing.T) {
	name := Config{SecretsPrefix: "${SecretsPrefix}"}.secretName("*")
	templatetest.AllowsSecrets(t, name)
	if !strings.Contains(templatetest.Text(t), ":secret:"+name+"\n") {
		t.Errorf("template.yaml does not let %s be missed", name)
	}
}
