package main

import (
	"os"
	"path/filepath"
	"strings"
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
	file := filepath.Join(t.TempDir(), "integrations.yaml")
	if err := os.WriteFile(file, []byte("apps: {one: {}, two: {enabled: false}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := read(map[string]string{"INTEGRATIONS_FILE": file})
	if err != nil || c.keysSecret("one") != "bridge/one/purchasely" || len(c.Settings.BuiltIn.Apps) != 2 {
		t.Errorf("got %+v, %v", c, err)
	}
	for name, c := range map[string]struct{ variable, value, fault string }{
		"no prefix":               {"SECRETS_PREFIX", "", "not set"},
		"a prefix with a space":   {"SECRETS_PREFIX", "my bridge", "has a character"},
		"no URL":                  {"WEBHOOK_URL", "", "not set"},
		"one app for all":         {"WEBHOOK_URL", "https://hooks.example.com/purchasely/demo", "not like https"},
		"no host":                 {"WEBHOOK_URL", "https:///{app}", "not like https"},
		"another scheme":          {"WEBHOOK_URL", "ftp://hooks.example.com/{app}", "not like https"},
		"no URL at all":           {"WEBHOOK_URL", "https://%zz/{app}", "not like https"},
		"plain HTTP over the net": {"WEBHOOK_URL", "http://hooks.example.com/{app}", "not like https"},
		"plain HTTP nearby":       {"WEBHOOK_URL", "http://192.168.0.7/{app}", "not like https"},
		"no file":                 {"INTEGRATIONS_FILE", "/nowhere.yaml", "cannot be read: no such file"},
	} {
		_, err := read(map[string]string{"INTEGRATIONS_FILE": file, c.variable: c.value})
		if err == nil || !strings.HasPrefix(err.Error(), c.variable+": "+c.fault) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, local := range []string{"http://127.0.0.1:4566/{app}", "http://localhost/{app}", "http://[::1]:80/{app}"} {
		if _, err := read(map[string]string{"INTEGRATIONS_FILE": file, "WEBHOOK_URL": local}); err != nil {
			t.Errorf("%s: %v", local, err)
		}
	}
}

func TestTheTemplateSetsWhatTheFunctionReads(t *testing.T) {
	templatetest.Agrees(t, "Heartbeat", readConfig)
}

func TestTheTemplateGrantsWhatTheFunctionNeeds(t *testing.T) {
	name := (Config{SecretsPrefix: "${SecretsPrefix}"}).keysSecret("*")
	if !strings.Contains(templatetest.Text(t), ":secret:"+name+"-??????") {
		t.Errorf("template.yaml allows no secret of the form %s", name)
	}
}
