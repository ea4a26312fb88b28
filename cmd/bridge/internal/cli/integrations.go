package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/purchasely-clevertap/bridge/shared/config"
	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// Version is this release's. CHANGELOG.md says what is new in it.
const Version = "2.0.0"

// fileNames are where an integration file is looked for, below the working directory.
var fileNames = []string{"integrations.yaml", "shared/config/integrations.yaml"}

// BuiltIn is how problems name the file that is built into this program.
const BuiltIn = "built-in integrations.yaml"

// FileFlag declares --file, which names an integration file.
func FileFlag(cmd *cobra.Command, path *string) {
	cmd.Flags().StringVar(path, "file", "",
		"an integration file (default integrations.yaml or\nshared/config/integrations.yaml here, else the built-in one)")
}

// ReadIntegrations reads the integration file that counts: the one that is named, "-" for standard input; else
// integrations.yaml or shared/config/integrations.yaml below the working directory; else the one that is built into
// this program, which may be older than the one that is deployed. So it says which one it is. It returns the name to
// report problems under.
func ReadIntegrations(cmd *cobra.Command, path string) (name string, text []byte, err error) {
	name, text, err = findIntegrations(cmd, path)
	switch {
	case err != nil:
		return name, nil, Usagef("is the path right, seen from this folder?", "integration file: %w", err)
	case name == BuiltIn:
		cmd.PrintErrf("integration file: the one built into bridge %s, for there is no %s here\n",
			Version, strings.Join(fileNames, " and no "))
	default:
		cmd.PrintErrf("integration file: %s\n", name)
	}
	return name, text, nil
}

// findIntegrations reads the integration file that counts and says nothing.
func findIntegrations(cmd *cobra.Command, path string) (name string, text []byte, err error) {
	switch path {
	case "-":
		text, err = io.ReadAll(cmd.InOrStdin())
		return "standard input", text, err
	case "":
		for _, name := range fileNames {
			if text, err := os.ReadFile(name); !errors.Is(err, fs.ErrNotExist) {
				return name, text, err
			}
		}
		return BuiltIn, config.Integrations, nil
	}
	text, err = os.ReadFile(path)
	return path, text, err
}

// LoadIntegrations reads an integration file without errors.
func LoadIntegrations(cmd *cobra.Command, path string) (*integration.File, error) {
	file, _, err := LoadIntegrationsText(cmd, path)
	return file, err
}

// LoadIntegrationsText does the same and returns the file's text, too.
func LoadIntegrationsText(cmd *cobra.Command, path string) (*integration.File, []byte, error) {
	name, text, err := ReadIntegrations(cmd, path)
	if err != nil {
		return nil, nil, err
	}
	file, problems := integration.Load(name, text)
	if file == nil {
		return nil, nil, Findingf("'bridge lint' shows them with what would be right", "integration file: %w", problems)
	}
	return file, text, nil
}

// LoadApp reads an integration file that has an app, as [RequireApp] demands.
func LoadApp(cmd *cobra.Command, path string, app *string) (*integration.File, error) {
	file, err := LoadIntegrations(cmd, path)
	if err != nil {
		return nil, err
	}
	return file, RequireApp(cmd, file, app)
}

// RequireApp demands that a file has an app. If none is named and the file has one only, it is that one.
func RequireApp(cmd *cobra.Command, file *integration.File, app *string) error {
	names := slices.Sorted(maps.Keys(file.Apps))
	switch {
	case *app == "" && len(names) == 1:
		*app = names[0]
		cmd.PrintErrf("app: %s, the only one there\n", *app)
	case *app == "":
		return Usagef("the apps in "+file.Path+": "+someOf(names),
			"no app is named, and the integration file has several")
	case file.Apps[*app] == nil:
		hint := "the apps in " + file.Path + ": " + someOf(names)
		if near := webhook.Nearest(*app, names); near != "" {
			hint = "did you mean " + near + "? " + hint
		}
		return Usagef(hint, "app %q is not in the integration file", *app)
	}
	return nil
}

// someOf lists the first of many names.
func someOf(names []string) string {
	const most = 10
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}

// AppFlag declares --app. Completion offers the apps of the integration file.
func AppFlag(cmd *cobra.Command, app *string, usage string) {
	cmd.Flags().StringVar(app, "app", "", usage+" (default the only one in the integration file)")
	_ = cmd.RegisterFlagCompletionFunc("app", CompleteApps) // the flag is declared above
}

// ChooseApp completes a missing app as [LoadApp] does. It reads no file if an app is named.
func ChooseApp(cmd *cobra.Command, app *string) error {
	if *app != "" {
		return nil
	}
	_, err := LoadApp(cmd, "", app)
	return err
}

// CompleteApps completes the apps of the integration file, for a flag or an argument.
func CompleteApps(cmd *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	path := ""
	for _, name := range []string{"integrations", "file"} { // where --file is something else, there is the other
		if flag := cmd.Flags().Lookup(name); flag != nil {
			path = flag.Value.String()
			break
		}
	}
	name, text, err := findIntegrations(cmd, path)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	names, _ := integration.AppNames(name, text) // none is no reason to complain while somebody types
	return names, cobra.ShellCompDirectiveNoFileComp
}

// CompleteEvents completes the events that webhooks are expected of, with what they mean.
func CompleteEvents(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	var names []cobra.Completion
	events := webhook.EmbeddedCatalogue().Events
	for i := range events {
		if events[i].Known() {
			names = append(names, cobra.CompletionWithDesc(events[i].Name, events[i].Meaning))
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
