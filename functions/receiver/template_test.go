package main

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/purchasely-clevertap/bridge/shared/env"
)

// template is the part of template.yaml that has to agree with the code.
func template(t *testing.T) (environment map[string]any, text string) {
	t.Helper()
	raw, err := os.ReadFile("../../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var read struct {
		Resources map[string]struct {
			Properties struct {
				Environment struct {
					Variables map[string]any `yaml:"Variables"`
				} `yaml:"Environment"`
			} `yaml:"Properties"`
		} `yaml:"Resources"`
	}
	if err := yaml.Unmarshal(raw, &read); err != nil {
		t.Fatal(err)
	}
	return read.Resources["Receiver"].Properties.Environment.Variables, string(raw)
}

func TestTheTemplateSetsWhatTheFunctionReads(t *testing.T) {
	var names []string
	readConfig(env.New(func(name string) (string, bool) {
		names = append(names, name)
		return "", false
	}))
	// The deployed function carries its integration file with it.
	names = slices.DeleteFunc(names, func(name string) bool { return name == "INTEGRATIONS_FILE" })
	slices.Sort(names)
	set, _ := template(t)
	if got := slices.Sorted(maps.Keys(set)); !slices.Equal(got, names) {
		t.Errorf("template.yaml sets %v, the function reads %v", got, names)
	}
}

func TestTheTemplateLetsTheFunctionReadItsOwnSecretsOnly(t *testing.T) {
	_, text := template(t)
	name := Config{SecretsPrefix: "${SecretsPrefix}"}.keysName("*")
	if !strings.Contains(text, ":secret:"+name+"-??????") {
		t.Errorf("template.yaml allows no secret of the form %s", name)
	}
}
