package main

import (
	"testing"

	"github.com/purchasely-clevertap/bridge/functions/internal/templatetest"
)

// read reads an environment in which nothing is wrong except for the changes.
func read(changes map[string]string) (Config, error) {
	return templatetest.Read(readConfig, map[string]string{
		"SECRETS_PREFIX": "bridge/", "WEBHOOK_URL": "https://hooks.example.com/purchasely/{app}",
	}, changes)
}

func TestTheEnvironmentIsRead(t *testing.T) {
	file := templatetest.File(t, "apps: {one: {}, two: {enabled: false}}\n")
	c, err := read(map[string]string{"INTEGRATIONS_FILE": file})
	if err != nil || c.keysSecret("one") != "bridge/one/purchasely" || len(c.Settings.BuiltIn.Apps) != 2 {
		t.Errorf("got %+v, %v", c, err)
	}
	templatetest.WantsFaults(t, read, [][3]string{
		{"SECRETS_PREFIX", "", "not set"},
		{"SECRETS_PREFIX", "my bridge", "has a character"},
		{"WEBHOOK_URL", "", "not set"},
		{"WEBHOOK_URL", "https://hooks.example.com/purchasely/demo", "not like https"},
		{"WEBHOOK_URL", "https:///{app}", "not like https"},
		{"WEBHOOK_URL", "ftp://hooks.example.com/{app}", "not like https"},
		{"WEBHOOK_URL", "https://%zz/{app}", "not like https"},
		{"WEBHOOK_URL", "http://hooks.example.com/{app}", "not like https"},
		{"WEBHOOK_URL", "http://192.168.0.7/{app}", "not like https"},
		{"INTEGRATIONS_FILE", "/nowhere.yaml", "cannot be read: no such file"},
	})
	for _, local := range []string{"http://127.0.0.1:4566/{app}", "http://localhost/{app}", "http://[::1]:80/{app}"} {
		if _, err := read(map[string]string{"WEBHOOK_URL": local}); err != nil {
			t.Errorf("%s: %v", local, err)
		}
	}
}

func TestTheTemplateSetsWhatTheFunctionReads(t *testing.T) {
	templatetest.Agrees(t, "Heartbeat", readConfig)
}

func TestTheTemplateGrantsWhatTheFunctionNeeds(t *testing.T) {
	templatetest.AllowsSecrets(t, Config{SecretsPrefix: "${SecretsPrefix}"}.keysSecret("*"))
}
