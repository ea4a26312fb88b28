package main

import (
	"maps"
	"strings"
	"testing"

	"github.com/purchasely-clevertap/bridge/functions/internal/templatetest"
	"github.com/purchasely-clevertap/bridge/shared/settings"
)

// read reads an environment in which nothing is wrong except for the changes.
func read(changes map[string]string) (Config, error) {
	usual := map[string]string{"SECRETS_PREFIX": "bridge/", "SUBSCRIBERS_TABLE": "people"}
	return templatetest.Read(readConfig, usual, changes)
}

func TestTheEnvironmentIsRead(t *testing.T) {
	file := templatetest.File(t, "apps:\n  one: {}\n  two: {enabled: perhaps}\n")
	c, err := read(map[string]string{"INTEGRATIONS_FILE": file})
	if err != nil || c.SubscribersTable != "people" ||
		!maps.Equal(c.Settings.BuiltIn, settings.AppNames{"one": true, "two": true}) {
		t.Errorf("got %+v, %v", c, err)
	}
	if name := c.keysSecret("one"); name != "bridge/one/users" {
		t.Errorf("secret %q", name)
	}
	templatetest.WantsFaults(t, read, [][3]string{
		{"SECRETS_PREFIX", "my bridge", "has a character"},
		{"SUBSCRIBERS_TABLE", "", "not set"},
		{"INTEGRATIONS_FILE", file + "x", "cannot be read: no such file"},
	})
}

func TestTheTemplateSetsWhatTheFunctionReads(t *testing.T) {
	templatetest.Agrees(t, "Users", readConfig)
}

func TestTheTemplateGrantsWhatTheFunctionNeeds(t *testing.T) {
	templatetest.AllowsSecrets(t, Config{SecretsPrefix: "${SecretsPrefix}"}.keysSecret("*"))
	allowed := "[subscriber, item, " + strings.Join(personAttributes, ", ") + "]"
	if !strings.Contains(templatetest.Text(t), allowed) {
		t.Errorf("template.yaml does not allow the attributes %s", allowed)
	}
}
