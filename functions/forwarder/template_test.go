package main

import (
	"slices"
	"testing"

	"github.com/purchasely-clevertap/bridge/functions/internal/templatetest"
	"github.com/purchasely-clevertap/bridge/shared/env"
)

// asked are the variables that the function reads.
func asked() []string {
	return templatetest.Asked(func(lookup func(string) (string, bool)) { readConfig(env.New(lookup)) })
}

func TestTheTemplateSetsWhatTheFunctionReads(t *testing.T) {
	if set := templatetest.Sets(t, templatetest.Text(t), "Forwarder"); !slices.Equal(set, asked()) {
		t.Errorf("template.yaml sets %v, the function reads %v", set, asked())
	}
}

func TestADriftOfTheTemplateIsNoticed(t *testing.T) {
	for name, c := range map[string]struct{ old, with string }{
		"one that is missing":        {"          RETRY_DELAY: !Ref RetryDelay\n", ""},
		"one of another name":        {"          HOLDER_TABLE:", "          HOLDERS_TABLE:"},
		"one more behind a comment":  {"          UPLOAD_TIMEOUT:", "# why\n\n          NOVELTY: x\n          UPLOAD_TIMEOUT:"},
		"one that is a comment only": {"          SECRETS_PREFIX:", "          # SECRETS_PREFIX:"},
	} {
		t.Run(name, func(t *testing.T) {
			changed := templatetest.Change(t, templatetest.Text(t), "Forwarder", c.old, c.with)
			if set := templatetest.Sets(t, changed, "Forwarder"); slices.Equal(set, asked()) {
				t.Errorf("a template that sets %v agrees with the function", set)
			}
		})
	}
}
