package stack

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/shared/aws/bucket"
	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/settings"
)

// SettingsBucket is the output that names the bucket with the integration file; missing if Settings is off.
const SettingsBucket = "SettingsBucket"

// SettingsOf begins the path of an integration file that is no file, before the stack's name.
const SettingsOf = "settings of "

// Settings is the integration file that is in force.
type Settings struct {
	File   *integration.File
	Name   string             // as the functions' logs call it: "built-in", or what the content's hash begins with
	Faulty *settings.Rejected // the newest version in the bucket, if it is faulty and an older one counts
}

// Settings returns the integration file that the stack's functions use. Nobody can read the one that is built into
// them: the file at hand stands for it.
func (s *Stack) Settings(ctx context.Context, builtIn *integration.File) (Settings, error) {
	name := s.Output(SettingsBucket)
	if name == "" {
		return Settings{File: builtIn, Name: settings.BuiltIn}, nil
	}
	var seen seen
	parse := func(text []byte) (*integration.File, error) {
		file, problems := integration.Load(SettingsOf+s.Name, text)
		if file == nil {
			return nil, problems
		}
		return file, nil
	}
	current, err := settings.New(bucket.New(s.Config, name, 0), builtIn, parse, 0, &seen).Require(ctx)
	if err != nil {
		return Settings{}, Explain(err)
	}
	return Settings{current.Value, current.Name, seen.faulty}, nil
}

// LoadIntegrations returns the integration file that counts: the one that is named, else the one that the stack's
// functions use. It says which one that is.
func (s *Stack) LoadIntegrations(cmd *cobra.Command, path string) (*integration.File, error) {
	file, err := cli.LoadIntegrations(cmd, path)
	if err != nil || path != "" {
		return file, err
	}
	current, err := s.Settings(cmd.Context(), file)
	if err == nil && current.File != file {
		cmd.PrintErrf("settings in force: %s\n", current.Name)
	}
	return current.File, err
}

// seen implements settings.Reporter.
type seen struct{ faulty *settings.Rejected }

func (s *seen) Rejected(_ context.Context, r settings.Rejected) { s.faulty = &r }

// OutOfReach has nothing to add to the error of Require.
func (s *seen) OutOfReach(context.Context, error, string) {}
