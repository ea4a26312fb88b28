package main

import (
	"errors"
	"io"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/time/rate"

	"github.com/purchasely-clevertap/bridge/shared/integration"
)

// subscriberSeedOptions are the flags of user seed.
type subscriberSeedOptions struct {
	tableChoice
	file                string
	rate                float64
	dryRun, yes, asJSON bool
}

func newSubscriberSeedCommand() *cobra.Command {
	var o subscriberSeedOptions
	cmd := &cobra.Command{
		Use:   "seed --stack <stack> <file>",
		Short: "Fill the table from an export of subscribers",
		Long: `Stores what an export says of users' purchases, so that the bridge knows the subscribers
that it has never had a webhook of. The file is CSV whose first line names the columns,
or JSON lines with the same names:

  app                 the app of the integration file
  user_id             the app's own id of the user, or else
  anonymous_user_id   Purchasely's id of a user who is not signed in
  purchase_id         purchasely_subscription_id, or else store_original_transaction_id
  active              true or false
  at                  since when, such as 2026-03-14T12:00:00Z
  environment         PRODUCTION, which is meant when it is missing, or SANDBOX

First the whole file is checked; then it shows what it is going to store, and asks.
Newer states are never overwritten, by whomever they were stored, so it may be stopped at
any time and run again while webhooks come in. CleverTap hears nothing of it.

Exit codes: 0 all is stored, 1 some is not, or the file is faulty, 2 wrong usage.`,
		Example: `  bridge user seed --dry-run cmd/bridge/testdata/subscribers.csv
  bridge user seed --stack purchasely-clevertap --rate 500 --yes --json cmd/bridge/testdata/subscribers.csv`,
		Args: usageArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd, args[0]) },
	}
	o.flags(cmd)
	flags := cmd.Flags()
	flags.StringVar(&o.file, "file", "", "an integration file instead of the embedded one")
	flags.Float64Var(&o.rate, "rate", defaultSeedRate, "users per second, 0 for as fast as it goes")
	flags.BoolVar(&o.dryRun, "dry-run", false, "check the file and show what it would store, without AWS")
	flags.BoolVar(&o.yes, "yes", false, "do not ask")
	flags.BoolVar(&o.asJSON, "json", false, "print the result as one JSON object for programs")
	return cmd
}

const (
	// defaultSeedRate stays far below the 4,000 writes a second that a new on-demand table takes (DynamoDB, on-demand capacity mode,
	// November 2026).
	defaultSeedRate = 200
	// faultsShown is how many faults of a file are printed.
	faultsShown = 20
)

func (o *subscriberSeedOptions) run(cmd *cobra.Command, path string) error {
	if o.rate < 0 {
		return usageOf(cmd, errors.New("flag --rate: want 0 or more"))
	}
	e, err := o.read(cmd, path)
	if err != nil {
		return err
	}
	s := newSeeding(e.purchases)
	cmd.PrintErr(s.preview())
	if o.dryRun {
		return printResult(cmd, o.asJSON, s.result, "nothing was stored: this was a dry run\n")
	}
	table, err := o.open(cmd)
	if err != nil {
		return err
	}
	if !o.yes {
		cmd.PrintErrln("They are stored" + pace(len(s.keys), o.rate) + ". Newer states stay as they are.")
		if err := newQuestions(cmd).confirm("Store %s?", quantity(len(s.keys), "user")); err != nil {
			return err
		}
	}
	limit := rate.Inf
	if o.rate > 0 {
		limit = rate.Limit(o.rate)
	}
	bar := newProgress(cmd, "storing", len(s.keys))
	err = s.store(cmd.Context(), table, rate.NewLimiter(limit, 1), bar)
	bar.done()
	return s.report(cmd, o.asJSON, err)
}

// read reads and checks the export.
func (o *subscriberSeedOptions) read(cmd *cobra.Command, path string) (export, error) {
	name, file, err := readIntegrations(o.file)
	if err != nil {
		return export{}, err
	}
	apps, problems := integration.Load(name, file)
	if apps == nil {
		return export{}, findingf("'bridge lint' shows them with what would be right", "integration file: %w", problems)
	}
	var text []byte
	if path == "-" {
		text, err = io.ReadAll(cmd.InOrStdin())
	} else {
		text, err = os.ReadFile(path)
	}
	if err != nil {
		return export{}, usagef("name a file with subscribers, or - for standard input", "export: %w", err)
	}
	e := readExport(text, slices.Collect(maps.Keys(apps.Apps)), time.Now())
	if len(e.problems) == 0 {
		return e, nil
	}
	for _, problem := range e.problems[:min(len(e.problems), faultsShown)] {
		cmd.PrintErrf("%s: %s\n", path, problem)
	}
	if more := len(e.problems) - faultsShown; more > 0 {
		cmd.PrintErrf("and %d more\n", more)
	}
	return export{}, findingf("'bridge user seed --help' shows what a line looks like", "%s; nothing was stored", quantity(len(e.problems), "faulty line"))
}
