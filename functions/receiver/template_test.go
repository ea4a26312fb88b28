package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/purchasely-clevertap/bridge/functions/internal/templatetest"
	"github.com/purchasely-clevertap/bridge/shared/env"
)

// asked are the variables that the function reads.
func asked() []string {
	return templatetest.Asked(func(lookup func(string) (string, bool)) { readConfig(env.New(lookup)) })
}

func TestTheTemplateSetsWhatTheFunctionReads(t *testing.T) {
	if set := templatetest.Sets(t, templatetest.Text(t), "Receiver"); !slices.Equal(set, asked()) {
		t.Errorf("template.yaml sets %v, the function reads %v", set, asked())
	}
}

func TestADriftOfTheTemplateIsNoticed(t *testing.T) {
	for name, c := range map[string]struct{ old, with string }{
		"one that is missing":        {"          MAX_BODY_BYTES: !Ref MaxBodyBytes\n", ""},
		"the last one is missing":    {"          ALLOWED_SOURCES: !Ref AllowedSources\n", ""},
		"one of another name":        {"          TIMESTAMP_TOLERANCE:", "          TIMESTAMP_WINDOW:"},
		"one more behind a comment":  {"          MAX_BODY_BYTES:", "# why\n\n          NOVELTY: x\n          MAX_BODY_BYTES:"},
		"one that is a comment only": {"          SECRETS_PREFIX:", "          # SECRETS_PREFIX:"},
	} {
		t.Run(name, func(t *testing.T) {
			changed := templatetest.Change(t, templatetest.Text(t), "Receiver", c.old, c.with)
			if set := templatetest.Sets(t, changed, "Receiver"); slices.Equal(set, asked()) {
				t.Errorf("a template that sets %v agrees with the function", set)
			}
		})
	}
}

func TestTheTemplateLetsTheFunctionReadItsOwnSecretsOnly(t *testing.T) {
	name := Config{SecretsPrefix: "${SecretsPrefix}"}.keysName("*")
	if !strings.Contains(templatetest.Text(t), ":secret:"+name+"-??????") {
		t.Errorf("template.yaml allows no secret of the form %s", name)
	}
}
