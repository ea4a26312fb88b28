// Package explain is the command that shows offline what would become of webhooks, and why.
//
// It runs the forwarder's handler itself, with a table in memory and a transport that records uploads instead of
// making them. So it cannot differ from the forwarder. It has no mapping and no rules of its own.
package explain

import (
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/shared/subscriber"
)

type options struct {
	cli.Output
	app, file, received string
	state               string
	sandboxAccount      bool
}

// NewCommand returns "explain".
func NewCommand() *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "explain [--app <app>] [webhook.json | -]",
		Short: "Show offline what would become of webhooks, and why",
		Long: `Shows what would become of webhooks. First what would be sent: Purchasely's name of each
property, its name in CleverTap, and the value. Then what would not, grouped by the rule
that decides, with the line of the integration file. With --json it prints the same for
programs, and the upload byte for byte. It runs the forwarder's own code and calls nobody,
so nothing is sent.

The input is a file or standard input: one webhook, or many, one after the other (JSON
lines). Several webhooks are taken as one batch: states of one user become one profile
record.

Subscriber state, which the forwarder keeps in a table, is consulted only with --state: a
file with what the table has of the one user whom the webhooks are about, as 'bridge
user show --app --json' prints it, or {} for nothing. Then the state afterwards is shown
as well.

Exit codes: 0 all can be delivered or are skipped, 1 a webhook is rejected, 2 wrong usage.`,
		Example: `  bridge explain --app demo events/webhooks/subscription-renewed.json
  bridge sample TRANSACTION_PROCESSED | bridge explain --app demo --json
  bridge explain --app demo --state cmd/bridge/testdata/state.json events/webhooks/subscription-renewed.json`,
		Args: cli.Args(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd, cli.First(args)) },
	}
	flags := cmd.Flags()
	cli.FileFlag(cmd, &o.file)
	o.JSONFlag(cmd, "print one JSON object for programs")
	cli.AppFlag(cmd, &o.app, "the app of the integration file")
	flags.StringVar(&o.state, "state", "", "a file with what the subscribers table has of the user")
	flags.BoolVar(&o.sandboxAccount, "sandbox-account", false, "assume that the app's secret has a sandbox account")
	flags.StringVar(&o.received, "received", "",
		"when the webhooks arrived, RFC 3339 (default now); counts where they have no time or a later one")
	return cmd
}

func (o *options) run(cmd *cobra.Command, path string) error {
	received := time.Now()
	if o.received != "" {
		var err error
		if received, err = time.Parse(time.RFC3339, o.received); err != nil {
			return cli.Usagef("for example --received 2026-10-07T06:45:50Z", "time %q is not RFC 3339", o.received)
		}
	}
	file, err := cli.LoadApp(cmd, o.file, &o.app)
	if err != nil {
		return err
	}
	b := Batch{File: file, App: o.app, Received: received, SandboxAccount: o.sandboxAccount}
	if b.States, err = readStates(cmd, o.state); err != nil {
		return err
	}
	if b.Bodies, err = cli.ReadWebhooks(cmd, path); err != nil {
		return err
	}
	if n := len(b.users()); b.States != nil && n > 1 {
		return cli.Usagef("explain the webhooks of each user for themselves",
			"the webhooks are about %d users, and --state is about one", n)
	}
	x, err := b.explain(cmd.Context())
	if err != nil {
		return err
	}
	return o.Conclude(cmd, x, x.text(), cli.FindingsIf(x.rejected()))
}

// readStates reads what the table has of a user, by account, as 'bridge user show --app --json' prints it; nil without
// a path.
func readStates(cmd *cobra.Command, path string) (map[string]subscriber.State, error) {
	if path == "" {
		return nil, nil
	}
	text, err := cli.ReadText(cmd, path)
	if err != nil {
		return nil, cli.Usagef("name a file with states; {} is a user of whom nothing is stored", "state: %w", err)
	}
	const example = `{"production":{"subs_1":{"active":true,"at":"2026-03-14T12:00:00.000Z","rank":"activate"}}}`
	wrong := cli.Usagef("for example "+example, "state: this is not what 'bridge user show --app --json' prints")
	var shown struct {
		States jsontext.Value `json:"states"`
	}
	if json.Unmarshal(text, &shown) == nil && shown.States != nil {
		text = shown.States
	}
	var accounts map[string]jsontext.Value
	if err := json.Unmarshal(text, &accounts); err != nil || accounts == nil {
		return nil, wrong
	}
	states := make(map[string]subscriber.State, len(accounts))
	for account, text := range accounts {
		state, damage := subscriber.DecodeState(string(text))
		if damage != nil || account != production && account != sandbox {
			return nil, wrong
		}
		states[account] = state
	}
	return states, nil
}
