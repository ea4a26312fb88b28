package main

import (
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/purchasely-clevertap/bridge/shared/config"
	"github.com/purchasely-clevertap/bridge/shared/integration"
)

// embeddedPath is where the embedded integration file lies in this repository: what its problems are reported under.
const embeddedPath = "shared/config/integrations.yaml"

// readIntegrations reads a file, or the embedded one if path is empty, and gives the name to report it under.
func readIntegrations(path string) (name string, text []byte, err error) {
	if path == "" {
		return embeddedPath, config.Integrations, nil
	}
	text, err = os.ReadFile(path)
	if err != nil {
		return path, nil, usagef("name an integration file, or none for the embedded one", "integration file: %w", err)
	}
	return path, text, nil
}

// loadApp reads an integration file and finds an app in it.
func loadApp(path, name string) (*integration.App, error) {
	path, text, err := readIntegrations(path)
	if err != nil {
		return nil, err
	}
	file, problems := integration.Load(path, text)
	if file == nil {
		return nil, findingf("'bridge lint' shows them with what would be right", "integration file: %w", problems)
	}
	app, ok := file.Apps[name]
	if !ok {
		known := strings.Join(slices.Sorted(maps.Keys(file.Apps)), ", ")
		return nil, usagef("the apps in "+path+": "+known, "app %q is not in the integration file", name)
	}
	return app, nil
}
