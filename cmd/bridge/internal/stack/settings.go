package stack

import (
	"context"

	"github.com/purchasely-clevertap/bridge/shared/aws/bucket"
	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/settings"
)

// SettingsBucket is the output that names the bucket with the integration file; missing if Settings is off.
const SettingsBucket = "SettingsBucket"

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
		file, problems := integration.Load("settings of "+s.Name, text)
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

// seen implements settings.Reporter.
type seen struct{ faulty *settings.Rejected }

func (s *seen) Rejected(_ context.Context, r settings.Rejected) { s.faulty = &r }

// OutOfReach has nothing to add to the error of Require.
func (s *seen) OutOfReach(context.Context, error, string) {}
