package main

import (
	"strings"
	"testing"

	"github.com/purchasely-clevertap/bridge/functions/internal/templatetest"
	"github.com/purchasely-clevertap/bridge/shared/env"
)

func TestTheTemplateSetsWhatTheFunctionReads(t *testing.T) {
	templatetest.Agrees(t, "Receiver", func(lookup func(string) (string, bool)) { readConfig(env.New(lookup)) }, map[string]templatetest.Change{
		"one that is missing":        {Old: "          MAX_BODY_BYTES: !Ref MaxBodyBytes\n", With: ""},
		"the last one is missing":    {Old: "          ALLOWED_SOURCES: !Ref AllowedSources\n", With: ""},
		"one of another name":        {Old: "          TIMESTAMP_TOLERANCE:", With: "          TIMESTAMP_WINDOW:"},
		"one more behind a comment":  {Old: "          MAX_BODY_BYTES:", With: "# why\n\n          NOVELTY: x\n          MAX_BODY_BYTES:"},
		"one that is a comment only": {Old: "          SECRETS_PREFIX:", With: "          # SECRETS_PREFIX:"},
	})
}

func TestTheTemplateLetsTheFunctionReadItsOwnSecretsOnly(t *testing.T) {
	name := Config{SecretsPrefix: "${SecretsPrefix}"}.keysName("*")
	if !strings.Contains(templatetest.Text(t), ":secret:"+name+"-??????") {
		t.Errorf("template.yaml allows no secret of the form %s", name)
	}
}
