package user

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/shared/aws/dynamo"
	"github.com/purchasely-clevertap/bridge/shared/forward"
	"github.com/purchasely-clevertap/bridge/shared/subscriber"
)

const (
	// defaultSeedRate is far below the 4,000 writes a second that a new on-demand table takes (DynamoDB, on-demand
	// capacity mode, November 2026).
	defaultSeedRate cli.Rate = 200
	// seedsAtOnce is how many users are being stored at the same time.
	seedsAtOnce = 16
	// seedAttempts is how often an entry is read, merged and written while forwarders write it.
	seedAttempts = 5
	// maxShown is how many faulty lines of a file are printed.
	maxShown = 20
)

type seedOptions struct {
	tableFlags
	cli.Output
	cli.Confirmation
	file   string
	rate   cli.Rate
	dryRun bool
}

func newSeedCommand(network http.RoundTripper) *cobra.Command {
	o := seedOptions{tableFlags: tableFlags{network: network}, rate: defaultSeedRate}
	cmd := &cobra.Command{
		Use:   "seed --stack <stack> <file>",
		Short: "Fill the table from an export of subscribers",
		Long: `Stores what an export says of users' purchases, so that the bridge knows subscribers of
whom it has never had a webhook. The file is CSV whose first line names the columns, or
JSON lines with the same names:

  app                 the app of the integration file
  user_id             the app's own id of the user, or else
  anonymous_user_id   Purchasely's id of a user who is not signed in
  purchase_id         purchasely_subscription_id, or else store_original_transaction_id
  active              true or false
  at                  since when, such as 2026-03-14T12:00:00Z
  environment         PRODUCTION, which is the default, or SANDBOX

First the whole file is checked; then it shows what it is going to store, and asks.
Newer states are never overwritten, whoever stored them, so it may be stopped at any time
and run again while webhooks come in. CleverTap is not told.

Exit codes: 0 all is stored, 1 some is not, or the file is faulty, 2 wrong usage.`,
		Example: `  bridge user seed --dry-run cmd/bridge/testdata/subscribers.csv
  bridge user seed --stack purchasely-clevertap --rate 500 --yes --json cmd/bridge/testdata/subscribers.csv`,
		Args: cli.Args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd, args[0]) },
	}
	o.flags(cmd)
	cli.FileFlag(cmd, &o.file)
	o.JSONFlag(cmd, "print the result as one JSON object for programs")
	o.YesFlag(cmd)
	cmd.Flags().Var(&o.rate, "rate", "users per second, 0 for as fast as it goes")
	cmd.Flags().BoolVar(&o.dryRun, "dry-run", false, "check the file and show what it would store, without AWS")
	return cmd
}

func (o *seedOptions) run(cmd *cobra.Command, path string) error {
	purchases, err := o.read(cmd, path)
	if err != nil {
		return err
	}
	s := newSeed(purchases)
	cmd.PrintErr(s.preview())
	if o.dryRun {
		return o.Print(cmd, s.result, "nothing was stored: this was a dry run\n")
	}
	table, err := o.open(cmd)
	if err != nil {
		return err
	}
	if !o.Yes() {
		cmd.PrintErrln("They are stored" + o.rate.Pace(len(s.keys)) + ". Newer states stay as they are.")
	}
	if err := o.Confirm(cmd, fmt.Sprintf("Store %s?", cli.Quantity(len(s.keys), "user"))); err != nil {
		return err
	}
	bar := cli.NewProgress(cmd, "storing", len(s.keys))
	err = s.store(cmd.Context(), table, o.rate, bar)
	bar.Done()
	return o.report(cmd, s.result, err)
}

// read reads and checks the export.
func (o *seedOptions) read(cmd *cobra.Command, path string) ([]purchase, error) {
	file, err := cli.LoadIntegrations(o.file)
	if err != nil {
		return nil, err
	}
	text, err := cli.ReadInput(cmd, path)
	if err != nil {
		return nil, cli.Usagef("name a file with subscribers, or - for standard input", "export: %w", err)
	}
	purchases, problems := readExport(text, slices.Collect(maps.Keys(file.Apps)), time.Now())
	if len(problems) == 0 {
		return purchases, nil
	}
	for _, problem := range problems[:min(len(problems), maxShown)] {
		cmd.PrintErrf("%s: %s\n", path, problem)
	}
	if more := len(problems) - maxShown; more > 0 {
		cmd.PrintErrf("and %d more\n", more)
	}
	return nil, cli.Findingf("'bridge user seed --help' shows what a line looks like",
		"%s; nothing was stored", cli.Quantity(len(problems), "faulty line"))
}

// seed is an export on its way into the table, each user's purchases at once.
type seed struct {
	keys    []string // in the order of the file
	updates map[string][]subscriber.ScopedUpdate
	result  seedResult
}

// seedResult is what user seed --json prints.
type seedResult struct {
	Purchases int            `json:"purchases"`
	Active    int            `json:"active"`
	Apps      map[string]int `json:"apps"` // users by app
	Users     int            `json:"users"`
	Stored    int            `json:"stored"`
	Known     int            `json:"known"` // nothing new: stored before, or newer states are
}

func newSeed(purchases []purchase) *seed {
	s := &seed{updates: make(map[string][]subscriber.ScopedUpdate), result: seedResult{Apps: make(map[string]int)}}
	for _, p := range purchases {
		key := keyOf(p.app, p.subscriber)
		if s.updates[key] == nil {
			s.keys = append(s.keys, key)
			s.result.Apps[p.app]++
		}
		s.updates[key] = append(s.updates[key], subscriber.ScopedUpdate{Update: p.update})
		s.result.Purchases++
		if p.update.Active {
			s.result.Active++
		}
	}
	s.result.Users = len(s.keys)
	return s
}

func (s *seed) preview() string {
	r := &s.result
	var b strings.Builder
	fmt.Fprintf(&b, "%s of %s, %d of them active\n",
		cli.Quantity(r.Purchases, "purchase"), cli.Quantity(r.Users, "user"), r.Active)
	for _, app := range slices.Sorted(maps.Keys(r.Apps)) {
		fmt.Fprintf(&b, "  %-24s %s\n", app, cli.Quantity(r.Apps[app], "user"))
	}
	return b.String()
}

// store goes through the users until all are stored, AWS refuses, or it is interrupted.
func (s *seed) store(ctx context.Context, table *dynamo.Table, perSecond cli.Rate, bar *cli.Progress) error {
	var stored, known atomic.Int64
	limiter := perSecond.Limiter(1)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(seedsAtOnce)
	for _, key := range s.keys {
		if limiter.Wait(ctx) != nil {
			break
		}
		group.Go(func() error {
			changed, err := storeUser(ctx, table, key, s.updates[key])
			switch {
			case err != nil:
				return err
			case changed:
				stored.Add(1)
			default:
				known.Add(1)
			}
			bar.Add(1)
			return nil
		})
	}
	err := group.Wait()
	s.result.Stored, s.result.Known = int(stored.Load()), int(known.Load())
	if err == nil && s.result.Stored+s.result.Known < s.result.Users {
		return cli.ErrInterrupted
	}
	return err
}

// storeUser merges updates into an entry, by the forwarder's own rules.
func storeUser(
	ctx context.Context, table *dynamo.Table, key string, updates []subscriber.ScopedUpdate,
) (changed bool, err error) {
	for range seedAttempts {
		entry, _, err := table.ReadEntry(ctx, key)
		if err != nil {
			return false, explain(err)
		}
		// What cannot be read counts as absent, and what is from the future as old, as they do for the forwarder.
		state, _ := subscriber.Decode(entry.Text)
		state.Forget(time.Now().Add(futureAllowed))
		state, _, changed := state.Merge(updates)
		if !changed {
			return false, nil
		}
		err = table.Write(ctx, key, entry.Text, state.Encode())
		if !errors.Is(err, forward.ErrConflict) {
			return err == nil, explain(err)
		}
	}
	return false, cli.Findingf("run the same command again", "an entry is being written by forwarders all the time")
}

// report prints what became of the users and returns the error that the run ends with.
func (o *seedOptions) report(cmd *cobra.Command, r seedResult, err error) error {
	left := r.Users - r.Stored - r.Known
	text := fmt.Sprintf("%s stored, %d were known, %d not stored\n", cli.Quantity(r.Stored, "user"), r.Known, left)
	if err != nil {
		err = cli.WithHint(err, "the same command goes on: what is stored is not stored again")
	}
	return o.Conclude(cmd, r, text, err)
}
