package main

import (
	"testing"

	"github.com/purchasely-clevertap/bridge/functions/internal/templatetest"
	"github.com/purchasely-clevertap/bridge/shared/env"
)

func TestTheTemplateSetsWhatTheFunctionReads(t *testing.T) {
	templatetest.Agrees(t, "Forwarder", func(lookup func(string) (string, bool)) { readConfig(env.New(lookup)) }, map[string]templatetest.Change{
		"one that is missing":        {Old: "          RETRY_DELAY: !Ref RetryDelay\n", With: ""},
		"one of another name":        {Old: "          SUBSCRIBERS_TABLE:", With: "          SUBSCRIBER_TABLE:"},
		"one more behind a comment":  {Old: "          UPLOAD_TIMEOUT:", With: "# why\n\n          NOVELTY: x\n          UPLOAD_TIMEOUT:"},
		"one that is a comment only": {Old: "          SECRETS_PREFIX:", With: "          # SECRETS_PREFIX:"},
	})
}
