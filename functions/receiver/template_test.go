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

// template is the text of template.yaml.
func template(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// variables are the names of those that a template sets for the receiver, sorted.
func variables(t *testing.T, template string) []string {
	t.Helper()
	var read struct {
		Resources map[string]struct {
			Properties struct {
				Environment struct {
					Variables map[string]any `yaml:"Variables"`
				} `yaml:"Environment"`
			} `yaml:"Properties"`
		} `yaml:"Resources"`
	}
	if err := yaml.Unmarshal([]byte(template), &read); err != nil {
		t.Fatal(err)
	}
	return slices.Sorted(maps.Keys(read.Resources["Receiver"].Properties.Environment.Variables))
}

// asked are the names of the variables that the function reads, less the one of the integration file, which the deployed function carries
// with it.
func asked() []string {
	var names []string
	readConfig(env.New(func(name string) (string, bool) {
		names = append(names, name)
		return "", false
	}))
	slices.Sort(names)
	return slices.DeleteFunc(names, func(name string) bool { return name == "INTEGRATIONS_FILE" })
}

func TestTheTemplateSetsWhatTheFunctionReads(t *testing.T) {
	if set := variables(t, template(t)); !slices.Equal(set, asked()) {
		t.Errorf("template.yaml sets %v, the function reads %v", set, asked())
	}
}

func TestADriftOfTheTemplateIsNoticed(t *testing.T) {
	text := template(t)
	for name, c := range map[string]struct{ old, with string }{
		"one that is missing":        {"          MAX_BODY_BYTES: !Ref MaxBodyBytes\n", ""},
		"the last one is missing":    {"          ALLOWED_SOURCES: !Ref AllowedSources\n", ""},
		"one of another name":        {"          TIMESTAMP_TOLERANCE:", "          TIMESTAMP_WINDOW:"},
		"one more behind a comment":  {"          MAX_BODY_BYTES:", "# why\n\n          NOVELTY: x\n          MAX_BODY_BYTES:"},
		"one that is a comment only": {"          SECRETS_PREFIX:", "          # SECRETS_PREFIX:"},
	} {
		t.Run(name, func(t *testing.T) {
			_, receiver, _ := strings.Cut(text, "\n  Receiver:\n")
			changed := strings.Replace(receiver, c.old, c.with, 1)
			if changed == receiver {
				t.Fatalf("template.yaml has no %q", c.old)
			}
			if set := variables(t, strings.Replace(text, receiver, changed, 1)); slices.Equal(set, asked()) {
				t.Errorf("a template that sets %v agrees with the function", set)
			}
		})
	}
}

func TestTheTemplateLetsTheFunctionReadItsOwnSecretsOnly(t *testing.T) {
	name := Config{SecretsPrefix: "${SecretsPrefix}"}.keysName("*")
	if !strings.Contains(template(t), ":secret:"+name+"-??????") {
		t.Errorf("template.yaml allows no secret of the form %s", name)
	}
}
