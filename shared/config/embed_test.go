package config_test

import (
	"bytes"
	"testing"

	"github.com/purchasely-clevertap/bridge/shared/config"
)

func TestTheFilePointsEditorsToTheSchema(t *testing.T) {
	first, _, _ := bytes.Cut(config.Integrations, []byte("\n"))
	if got, want := string(first), "# yaml-language-server: $schema=integrations.schema.json"; got != want {
		t.Errorf("first line %q", got)
	}
	if !bytes.HasPrefix(config.Schema, []byte("{\n  \"$schema\": ")) {
		t.Errorf("the schema begins with %.40q", config.Schema)
	}
}
