package main

import (
	"os"
	"path/filepath"
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
	invalid := filepath.Join(t.TempDir(), "invalid.yaml")
	if err := os.WriteFile(invalid, []byte("apps:\n  demo: {relay: {url: 7}}\n  Demo: {}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ variable, value, want string }{
		"no prefix":                      {"SECRETS_PREFIX", "", "SECRETS_PREFIX"},
		"a delay that is not one":        {"RETRY_DELAY", "ten seconds", "RETRY_DELAY"},
		"a delay of nothing":             {"RETRY_DELAY", "0s", "RETRY_DELAY"},
		"a delay beyond the longest":     {"RETRY_DELAY", "2h", "RETRY_DELAY"},
		"a pause without a unit":         {"BREAKER_PAUSE", "30", "BREAKER_PAUSE"},
		"a word that is neither":         {"RELAY_ALLOW_PRIVATE", "on", "RELAY_ALLOW_PRIVATE: neither true nor false"},
		"true in another way":            {"RELAY_ALLOW_PRIVATE", "TRUE", "RELAY_ALLOW_PRIVATE: neither true nor false"},
		"no integration file":            {"INTEGRATIONS_FILE", "/nowhere.yaml", "INTEGRATIONS_FILE"},
		"an invalid integration file":    {"INTEGRATIONS_FILE", invalid, "invalid.yaml:2:"},
		"another fault of the same file": {"INTEGRATIONS_FILE", invalid, "invalid.yaml:3:"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := read(map[string]string{c.variable: c.value})
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %v, want one line that names %s", err, c.want)
			}
		})
	}
}

func TestTheTemplateSetsWhatTheFunctionReads(t *testing.T) {
	templatetest.Agrees(t, "RelayFunction", readConfig)
}

// Without the right to the name alone, Secrets Manager refuses to say that there is no secret.
func TestTheTemplateLetsTheFunctionReadItsOwnSecretsAndMissThem(t *testing.T) {
	name := Config{SecretsPrefix: "${SecretsPrefix}"}.secretName("*")
	for _, end := range []string{"\n", "-??????\n"} {
		if !strings.Contains(templatetest.Text(t), ":secret:"+name+end) {
			t.Errorf("template.yaml allows no secret of the form %s%s", name, end)
		}
	}
}
