// Package config answers which integration file the functions carry with them, and what editors need to know about it.
//
// It promises the bytes of both files as they stand in this folder. It does not read them, and knows nothing of their content.
package config

import _ "embed"

// Integrations is the integration file that counts when the environment names no other.
//
//go:embed integrations.yaml
var Integrations []byte

// Schema is the JSON Schema of integration files.
//
//go:embed integrations.schema.json
var Schema []byte
