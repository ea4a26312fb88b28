package main

import (
	"maps"
	"os"
	"path/filepath"
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
	file := filepath.Join(t.TempDir(), "integrations.yaml")
	if err := os.WriteFile(file, []byte("apps:\n  one: {}\n  two: {enabled: perhaps}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := read(map[string]string{"INTEGRATIONS_FILE": file})
	if err != nil || c.SubscribersTable != "people" ||
		!maps.Equal(c.Settings.BuiltIn, settings.AppNames{"one": true, "two": true}) {
		t.Errorf("got %+v, %v", c, err)
	}
	if name := c.keysSecret("one"); name != "bridge/one/users" {
		t.Errorf("secret %q", name)
	}
	for variable, c := range map[string]struct{ value, fault string }{
		"SECRETS_PREFIX": {"my bridge", "has a character"}, "SUBSCRIBERS_TABLE": {"", "not set"},
		"INTEGRATIONS_FILE": {file + "x", "cannot be read: no such file"},
	} {
		if _, err := read(map[string]string{variable: c.value}); err == nil ||
			!strings.HasPrefix(err.Error(), variable+": "+c.fault) {
			t.Errorf("%s: %v", variable, err)
		}
	}
}

func TestTheTemplateSetsWhatTheFunctionReads(t *testing.T) {
	templatetest.Agrees(t, "Users", readConfig)
}

func TestTheTemplateGrantsWhatTheFunctionNeeds(t *testing.T) {
	template := templatetest.Text(t)
	if name := (Config{SecretsPrefix: "${SecretsPrefix}"}).keysSecret("*"); !strings.Contains(template,
		":secret:"+name+"-??????") {
		t.Errorf("template.yaml allows no secret of the form %s", name)
	}
	if allowed := "[subscriber, item, " + strings.Join(personAttributes, ", ") +
		"]"; !strings.Contains(template, allowed) {
		t.Errorf("template.yaml does not allow the attributes %s", allowed)
	}
}
