package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"

	"github.com/purchasely-clevertap/bridge/shared/holder"
	"github.com/purchasely-clevertap/bridge/shared/integration"
)

// holderSeedOptions are the flags of holder seed.
type holderSeedOptions struct {
	tableChoice
	file                string
	rate                float64
	dryRun, yes, asJSON bool
}

func newHolderSeedCommand() *cobra.Command {
	var o holderSeedOptions
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
		Example: `  bridge holder seed --dry-run cmd/bridge/testdata/subscribers.csv
  bridge holder seed --stack purchasely-clevertap --rate 500 --yes --json cmd/bridge/testdata/subscribers.csv`,
		Args: usageArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd, args[0]) },
	}
	o.tableChoice.flags(cmd)
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
	// seedsAtOnce is how many users are under way at the same time.
	seedsAtOnce = 16
	// seedAttempts is how often an entry is read, merged and written while forwarders write it.
	seedAttempts = 5
)

func (o *holderSeedOptions) run(cmd *cobra.Command, path string) error {
	if o.rate < 0 {
		return usageOf(cmd, errors.New("flag --rate: want 0 or more"))
	}
	e, err := o.read(cmd, path)
	if err != nil {
		return err
	}
	s := newSeeding(e.subscribers)
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
func (o *holderSeedOptions) read(cmd *cobra.Command, path string) (export, error) {
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
	return export{}, findingf("'bridge holder seed --help' shows what a line looks like", "%s; nothing was stored", quantity(len(e.problems), "faulty line"))
}

// seeding stores an export, each user's purchases at once.
type seeding struct {
	keys       []string // in the order of the file
	statements map[string][]holder.Statement
	result     seedResult
}

// seedResult is what holder seed --json prints.
type seedResult struct {
	Purchases int            `json:"purchases"`
	Active    int            `json:"active"`
	Apps      map[string]int `json:"apps"` // users by app
	Users     int            `json:"users"`
	Stored    int            `json:"stored"`
	Known     int            `json:"known"` // nothing new: stored before, or newer things are
}

func newSeeding(subscribers []subscriber) *seeding {
	s := &seeding{statements: make(map[string][]holder.Statement), result: seedResult{Apps: make(map[string]int)}}
	for _, one := range subscribers {
		key := holderKey(one.app, one.holder)
		if s.statements[key] == nil {
			s.keys = append(s.keys, key)
			s.result.Apps[one.app]++
		}
		s.statements[key] = append(s.statements[key], holder.Statement{Claim: one.claim})
		s.result.Purchases++
		if one.claim.Active {
			s.result.Active++
		}
	}
	s.result.Users = len(s.keys)
	return s
}

// preview says what is going to be stored.
func (s *seeding) preview() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s of %s, %d of them active\n", quantity(s.result.Purchases, "purchase"), quantity(s.result.Users, "user"), s.result.Active)
	for _, app := range slices.Sorted(maps.Keys(s.result.Apps)) {
		fmt.Fprintf(&b, "  %-24s %s\n", app, quantity(s.result.Apps[app], "user"))
	}
	return b.String()
}

// store goes through the users until all are stored, or AWS refuses, or it is told to stop.
func (s *seeding) store(ctx context.Context, table *holderTable, limiter *rate.Limiter, bar *progress) error {
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(seedsAtOnce)
	for _, key := range s.keys {
		if limiter.Wait(ctx) != nil {
			break
		}
		group.Go(func() error {
			changed, err := seed(ctx, table, key, s.statements[key])
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			if changed {
				s.result.Stored++
			} else {
				s.result.Known++
			}
			bar.add(1)
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	if s.result.Stored+s.result.Known < s.result.Users {
		return errInterrupted
	}
	return nil
}

// seed merges statements into an entry, by the forwarder's own rules.
func seed(ctx context.Context, table *holderTable, key string, statements []holder.Statement) (changed bool, err error) {
	for range seedAttempts {
		stored, err := table.read(ctx, key)
		if err != nil {
			return false, err
		}
		// What cannot be read counts as absent, and what is from the future as old, as they do for the forwarder.
		state, _ := holder.Decode(stored.text)
		state.Forget(time.Now().Add(futureAllowed))
		state, _, changed := state.Merge(statements)
		if !changed {
			return false, nil
		}
		if written, err := table.write(ctx, key, stored.text, state.Encode(), time.Now()); written || err != nil {
			return written, err
		}
	}
	return false, findingf("run the same command again", "an entry is being written by forwarders all the time")
}

// report prints what became of the users, and gives the error that the run ends with.
func (s *seeding) report(cmd *cobra.Command, asJSON bool, err error) error {
	left := s.result.Users - s.result.Stored - s.result.Known
	text := fmt.Sprintf("%s stored, %d were known, %d not stored\n", quantity(s.result.Stored, "user"), s.result.Known, left)
	if e := printResult(cmd, asJSON, s.result, text); e != nil {
		return e
	}
	if err != nil {
		return hinted(err, "the same command goes on: what is stored is not stored again")
	}
	return nil
}
