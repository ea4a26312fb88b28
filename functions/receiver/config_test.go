package main

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/purchasely-clevertap/bridge/functions/internal/templatetest"
	"github.com/purchasely-clevertap/bridge/shared/config"
	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/settings"
)

// read reads an environment in which nothing is wrong except for the changes.
func read(changes map[string]string) (Config, error) {
	return templatetest.Read(readConfig, map[string]string{
		"QUEUE_URL":      "https://sqs.eu-west-1.amazonaws.com/000000000000/events.fifo",
		"SECRETS_PREFIX": "purchasely-clevertap",
	}, changes)
}

func TestTwoVariablesAreEnough(t *testing.T) {
	c, err := read(nil)
	apps, _ := integration.AppNames("", config.Integrations)
	slices.Sort(apps)
	if err != nil || c.MaxBody != 262144 || c.Tolerance != 0 || !c.FIFO() ||
		!slices.Equal(slices.Sorted(maps.Keys(c.Settings.BuiltIn)), apps) {
		t.Errorf("got %+v, %v", c, err)
	}
	if name := c.keysSecret("demo"); name != "purchasely-clevertap/demo/purchasely" {
		t.Errorf("secret %q", name)
	}
}

func TestEverythingCanBeSet(t *testing.T) {
	c, err := read(map[string]string{
		"QUEUE_URL":           "http://127.0.0.1:4566/000000000000/events",
		"SECRETS_PREFIX":      "bridge/",
		"INTEGRATIONS_FILE":   templatetest.File(t, "apps:\n  one: {}\n  two: {enabled: perhaps}\n"),
		"MAX_BODY_BYTES":      "783360",
		"TIMESTAMP_TOLERANCE": "10m",
		"ALLOWED_SOURCES":     "203.0.113.7, 198.51.100.0/24,2001:db8::/32,2001:db9::1",
		"RELAY_QUEUE_URL":     "http://127.0.0.1:4566/000000000000/relay.fifo",
	})
	if err != nil || c.MaxBody != 783360 || c.Tolerance != 10*time.Minute || c.FIFO() {
		t.Errorf("got %+v, %v", c, err)
	}
	if !strings.HasSuffix(c.RelayQueueURL, "/relay.fifo") {
		t.Errorf("relay queue %s", c.RelayQueueURL)
	}
	if c.SecretsPrefix != "bridge" || !maps.Equal(c.Settings.BuiltIn, settings.AppNames{"one": true, "two": true}) {
		t.Errorf("got %+v", c)
	}
	if got := fmt.Sprint(c.Sources); got != "[203.0.113.7/32 198.51.100.0/24 2001:db8::/32 2001:db9::1/128]" {
		t.Errorf("sources %s", got)
	}
}

func TestAFaultNamesItsVariable(t *testing.T) {
	noApps := templatetest.File(t, "apps: {}\n")
	templatetest.WantsFaults(t, read, [][3]string{
		{"QUEUE_URL", "", "not set"},
		{"QUEUE_URL", "events.fifo", "not an absolute http or https URL"},
		{"RELAY_QUEUE_URL", "relay.fifo", "not an absolute http or https URL"},
		{"RELAY_QUEUE_URL", "https://sqs/0/relay", "not the URL of a FIFO queue"},
		{"SECRETS_PREFIX", "", "not set"},
		{"SECRETS_PREFIX", "my bridge", "has a character"},
		{"INTEGRATIONS_FILE", noApps + "x", "cannot be read: no such file"},
		{"INTEGRATIONS_FILE", filepath.Dir(noApps), "cannot be read: is a directory"},
		{"INTEGRATIONS_FILE", noApps, "no app name"},
		{"MAX_BODY_BYTES", "256k", `"256k" is not a whole number`},
		{"MAX_BODY_BYTES", "0", "0 is not between 1 and 783360"},
		{"MAX_BODY_BYTES", "783361", "783361 is not between"},
		{"TIMESTAMP_TOLERANCE", "300", `"300" is not a duration`},
		{"TIMESTAMP_TOLERANCE", "-5m", "-5m0s is not between"},
		{"ALLOWED_SOURCES", "203.0.113.7,purchasely.example", "has an entry"},
		{"ALLOWED_SOURCES", "203.0.113", "has an entry"},
		{"ALLOWED_SOURCES", "203.0.113.7,", "has an entry"},
		{"ALLOWED_SOURCES", "203.0.113.0/33", "has an entry"},
		{"ALLOWED_SOURCES", "fe80::1%eth0", "has an entry"},
		{"ALLOWED_SOURCES", "::ffff:203.0.113.7", "has an entry"},
	})
}

func TestTheTemplateSetsWhatTheFunctionReads(t *testing.T) {
	templatetest.Agrees(t, "Receiver", readConfig)
}

func TestTheTemplateLetsTheFunctionReadItsOwnSecretsOnly(t *testing.T) {
	templatetest.AllowsSecrets(t, Config{SecretsPrefix: "${SecretsPrefix}"}.keysSecret("*"))
}
