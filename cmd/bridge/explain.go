package main

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/purchasely-clevertap/bridge/shared/integration"
)

func newExplainCommand() *cobra.Command {
	var o explainOptions
	cmd := &cobra.Command{
		Use:   "explain --app <app> [webhook.json | -]",
		Short: "Show offline what becomes of webhooks, and why",
		Long: `Shows the exact upload that the forwarder would make of webhooks, and for every event,
property and user property that is not sent or is changed: the rule, and the line of
the integration file or the limit that did it. It runs the forwarder's own code and
calls nobody.

The input is a file or standard input: one webhook, or many, one after the other (JSON
lines). Several webhooks are taken as one batch: states of one user become one profile
record.

Subscriber state, which the forwarder keeps in a table, is consulted only with --state: a
file with what the table has of the one user whom the webhooks are about, as 'bridge
user show' prints it, or {} for nothing. Then the state afterwards is shown as well.

Exit codes: 0 all can be delivered or are skipped, 1 a webhook is rejected, 2 wrong usage.`,
		Example: `  bridge explain --app demo events/webhooks/subscription-renewed.json
  bridge sample TRANSACTION_PROCESSED | bridge explain --app demo --json
  bridge explain --app demo --state cmd/bridge/testdata/state.json events/webhooks/subscription-renewed.json`,
		Args: usageArgs(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd, first(args)) },
	}
	flags := cmd.Flags()
	flags.StringVar(&o.app, "app", "", "the app of the integration file")
	flags.StringVar(&o.file, "file", "", "an integration file instead of the embedded one")
	flags.StringVar(&o.state, "state", "", "a file with what the subscriber table has of the user")
	flags.BoolVar(&o.sandboxAccount, "sandbox-account", false, "assume that the app's secret has a sandbox account")
	flags.StringVar(&o.received, "received", "", "when the webhooks arrived, RFC 3339 (default now); counts only where they have no time")
	flags.BoolVar(&o.asJSON, "json", false, "print one JSON object for programs")
	return cmd
}

// explainOptions are the flags of explain.
type explainOptions struct {
	app, file, received    string
	state                  string
	sandboxAccount, asJSON bool
}

func (o explainOptions) run(cmd *cobra.Command, path string) error {
	if o.app == "" {
		return usageOf(cmd, errNoApp)
	}
	received := time.Now()
	if o.received != "" {
		var err error
		if received, err = time.Parse(time.RFC3339, o.received); err != nil {
			return usagef("for example --received 2026-10-07T06:45:50Z", "time %q is not RFC 3339", o.received)
		}
	}
	app, err := o.load()
	if err != nil {
		return err
	}
	memory, err := readMemory(o.state)
	if err != nil {
		return err
	}
	bodies, err := readWebhooks(cmd, path)
	if err != nil {
		return err
	}
	if memory != nil && users(bodies) > 1 {
		return usagef("explain the webhooks of each user for themselves", "the webhooks are about %d users, and --state is about one", users(bodies))
	}
	x := explain(bodies, app, o.sandboxAccount, received, memory)
	if o.asJSON {
		err = writeJSON(cmd.OutOrStdout(), x.json(o.fileName()))
	} else {
		err = writeText(cmd.OutOrStdout(), x.text(o.fileName()))
	}
	if err == nil && x.rejected() {
		err = errFindings
	}
	return err
}

func (o explainOptions) load() (*integration.App, error) { return loadApp(o.file, o.app) }

func (o explainOptions) fileName() string {
	if o.file == "" {
		return embeddedPath
	}
	return o.file
}
