package cli

import (
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/stored"
	"github.com/purchasely-clevertap/bridge/shared/config"
	"github.com/purchasely-clevertap/bridge/shared/integration"
)

// embeddedPath is where the embedded integration file is in this repository: problems are reported under this name.
const embeddedPath = "shared/config/integrations.yaml"

// FileFlag declares --file, which names an integration file.
func FileFlag(cmd *cobra.Command, path *string) {
	cmd.Flags().StringVar(path, "file", "", "an integration file instead of the embedded one")
}

// ReadIntegrations reads an integration file, the embedded one if path is empty. It returns the name to report
// problems under.
func ReadIntegrations(path string) (name string, text []byte, err error) {
	if path == "" {
		return embeddedPath, config.Integrations, nil
	}
	text, err = os.ReadFile(path)
	if err != nil {
		return path, nil, Usagef("name an integration file, or none for the embedded one", "integration file: %w", err)
	}
	return path, text, nil
}

// LoadIntegrations reads an integration file without errors.
func LoadIntegrations(path string) (*integration.File, error) {
	name, text, err := ReadIntegrations(path)
	if err != nil {
		return nil, err
	}
	file, problems := integration.Load(name, text)
	if file == nil {
		return nil, Findingf("'bridge lint' shows them with what would be right", "integration file: %w", problems)
	}
	return file, nil
}

// LoadApp reads an integration file that has an app.
func LoadApp(path, app string) (*integration.File, error) {
	file, err := LoadIntegrations(path)
	if err == nil && file.Apps[app] == nil {
		apps := strings.Join(slices.Sorted(maps.Keys(file.Apps)), ", ")
		err = Usagef("the apps in "+file.Path+": "+apps, "app %q is not in the integration file", app)
	}
	return file, err
}

// ReadInput reads a file, or standard input if the path is "-" or empty.
func ReadInput(cmd *cobra.Command, path string) ([]byte, error) {
	if path == "" || path == "-" {
		return io.ReadAll(cmd.InOrStdin())
	}
	return os.ReadFile(path)
}

// ReadWebhooks reads the webhooks in a file or on standard input.
func ReadWebhooks(cmd *cobra.Command, path string) ([][]byte, error) {
	text, err := ReadInput(cmd, path)
	if err != nil {
		return nil, Usagef("name a file with webhooks, or - for standard input", "webhooks: %w", err)
	}
	bodies := stored.Split(text)
	if len(bodies) == 0 {
		return nil, Usagef("'bridge sample SUBSCRIPTION_RENEWED' prints a webhook to try", "webhooks: the input is empty")
	}
	return bodies, nil
}
