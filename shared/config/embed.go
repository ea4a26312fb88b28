// Package config holds the integration file that the functions carry with them, and its JSON Schema for editors.
//
// It does not read either of them.
package config

import _ "embed"

// Integrations is the integration file in force if the environment names no other.
//
//go:embed integrations.yaml
var Integrations []byte

// Schema is the JSON Schema of integration files.
//
//go:embed integrations.schema.json
var Schema []byte
