package app

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/settings"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/stack"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/yamledit"
	"github.com/purchasely-clevertap/bridge/shared/integration"
)

// requireApp demands that the stack's settings have an app, and offers to add it. Where a stack has no settings the
// file at hand stands for them.
func (o *addOptions) requireApp(cmd *cobra.Command, s *stack.Stack, app *string) error {
	if s.Output(stack.SettingsBucket) == "" {
		_, err := cli.LoadApp(cmd, "", app)
		return err
	}
	store, err := settings.Open(s)
	if err != nil {
		return err
	}
	current, err := store.Current(cmd.Context())
	if err != nil {
		return err
	}
	file, text := current.InForce.File, current.InForce.Text
	if current.InForce.ID == "" { // Nobody can read what is built into the functions.
		var name string
		if name, text, err = cli.ReadIntegrations(cmd, ""); err != nil {
			return err
		}
		var problems integration.Problems
		if file, problems = integration.Load(name, text); file == nil {
			return cli.Findingf("'bridge lint' shows them with what would be right", "integration file: %w", problems)
		}
	} else {
		cmd.PrintErrf("settings in force: %s\n", current.InForce.Name)
	}
	err = cli.RequireApp(cmd, file, app)
	if err == nil || !integration.ValidName(*app) {
		return err
	}
	return o.addToSettings(cmd, store, current, *app, text, err)
}

// addToSettings adds an app to the settings if somebody says yes. missing is the error if not.
func (o *addOptions) addToSettings(
	cmd *cobra.Command, store *settings.Store, seen settings.Current, app string, text []byte, missing error,
) error {
	longer, err := yamledit.Set(text, "{}", "apps", app)
	if err != nil || !addsOnly(app, text, longer) {
		return withHint(missing, "add it by hand, and 'bridge settings put' the file")
	}
	if !o.settings {
		if !cli.IsTerminal(cmd) { // It is where the secrets come from.
			return withHint(missing, "--settings adds it to the stack's settings, with every default")
		}
		cmd.PrintErrln(missing)
		var ask cli.Confirmation
		if err := ask.Confirm(cmd, "Add "+app+" to the stack's settings, with every default?"); err != nil {
			return err
		}
	}
	v, err := store.Put(cmd.Context(), longer, seen, "app add "+app)
	if errors.Is(err, settings.ErrConflict) {
		return cli.Findingf("the same command goes on", "somebody else has changed the settings meanwhile")
	}
	if err != nil {
		return err
	}
	cmd.PrintErrf("%s is added to the settings, version %s, and its webhooks are taken within a minute\n", app, v.ID)
	return nil
}

// addsOnly reports whether a longer file has one more app, and is the same for all others.
func addsOnly(app string, text, longer []byte) bool {
	before, _ := integration.Load(cli.BuiltIn, text)
	after, _ := integration.Load(cli.BuiltIn, longer)
	if before == nil || after == nil {
		return false
	}
	changes := settings.Diff(before, after)
	return len(changes) == 1 && changes[0].Kind == settings.App && changes[0].App == app && after.Apps[app] != nil
}

// withHint adds a hint to an error of the command line.
func withHint(err error, hint string) error {
	if e, ok := errors.AsType[*cli.Error](err); ok {
		return &cli.Error{Code: e.Code, Err: e.Err, Hint: fmt.Sprintf("%s; %s", hint, e.Hint)}
	}
	return err
}
