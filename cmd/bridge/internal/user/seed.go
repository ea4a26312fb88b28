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
	"unicode/utf8"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/subscriber"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

const (
	// defaultSeedRate is far below the 4,000 writes a second that a new on-demand table takes (DynamoDB, on-demand
	// capacity mode, November 2026).
	defaultSeedRate cli.Rate = 200
	// seedsAtOnce is how many states are being stored at the same time.
	seedsAtOnce = 16
	// seedAttempts is how often a state is read, merged and written while forwarders write it.
	seedAttempts = 5
	// futureAllowed is how far a time may lie ahead: clocks differ.
	futureAllowed = time.Hour
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
whom it has never had a webhook. The file is UTF-8: CSV whose first line names the columns,
with commas or semicolons between them, or JSON lines with the same names:

  app                 the app of the integration file
  user_id             the app's own id of the user, or else
  anonymous_user_id   Purchasely's id of a user who is not signed in
  purchase_id         purchasely_subscription_id, or else store_original_transaction_id
  active              true or false
  at                  since when, such as 2026-03-14T12:00:00Z
  environment         PRODUCTION, which is the default, or SANDBOX

First the whole file is checked; then it shows what it is going to store, and asks. A
purchase counts for the CleverTap account that its webhooks are sent to; one of the
sandbox that the app sends nowhere is left out.

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
	cmd.Flags().Var(&o.rate, "rate", "states per second, 0 for as fast as it goes")
	cmd.Flags().BoolVar(&o.dryRun, "dry-run", false, "check the file and show what it would store, without AWS")
	return cmd
}

func (o *seedOptions) run(cmd *cobra.Command, path string) error {
	file, err := cli.LoadIntegrations(cmd, o.file)
	if err != nil {
		return err
	}
	now := time.Now()
	purchases, err := readRecords(cmd, path, purchaseLines, func(fields map[string]string) (purchase, error) {
		return newPurchase(fields, file, now)
	})
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
	if err := s.assign(cmd.Context(), purchases, file, table); err != nil {
		return err
	}
	r := &s.result
	if r.LeftOut > 0 {
		cmd.PrintErrf("%s of the sandbox left out: the app sends them to no account\n", cli.Quantity(r.LeftOut, "purchase"))
	}
	if r.States > 0 {
		if !o.Yes() {
			cmd.PrintErrln("They are stored" + o.rate.Pace(r.States) + ". Newer states stay as they are.")
		}
		if err := o.Confirm(cmd, fmt.Sprintf("Store %s?", cli.Quantity(r.States, "state"))); err != nil {
			return err
		}
	}
	bar := cli.NewProgress(cmd, "storing", r.States)
	err = s.store(cmd.Context(), table, o.rate, bar)
	bar.Done()
	if err != nil {
		err = cli.WithHint(err, "the same command goes on: what is stored is not stored again")
	}
	text := fmt.Sprintf("%s stored, %d were known, %d not stored\n",
		cli.Quantity(r.Stored, "state"), r.Known, r.States-r.Stored-r.Known)
	return o.Conclude(cmd, r, text, err)
}

var purchaseLines = layout{
	of:       "subscribers",
	columns:  []string{"app", "user_id", "anonymous_user_id", "purchase_id", "active", "at", "environment"},
	required: []string{"app", "purchase_id", "active", "at"},
}

// purchase is one line of an export: one purchase of one user.
type purchase struct {
	app        string
	subscriber webhook.Subscriber
	sandbox    bool
	update     subscriber.Update
}

func newPurchase(fields map[string]string, file *integration.File, now time.Time) (p purchase, err error) {
	p.app = fields["app"]
	p.subscriber = subscriberOf(fields)
	ms, timed := webhook.ParseTime([]byte(fields["at"]))
	u := &p.update
	u.Purchase, u.Known, u.At = fields["purchase_id"], true, time.UnixMilli(ms).UTC()
	switch {
	case !utf8.ValidString(p.app + p.subscriber.ID + u.Purchase):
		return p, errors.New("not UTF-8: save the file in that encoding")
	case file.Apps[p.app] == nil:
		return p, fmt.Errorf("app %q is not in the integration file", p.app)
	case webhook.Absent(p.subscriber.ID):
		return p, errors.New("neither user_id nor anonymous_user_id")
	case webhook.Absent(u.Purchase):
		return p, errors.New("no purchase_id, which is purchasely_subscription_id or, without one, " +
			"store_original_transaction_id")
	case !timed || ms <= 0:
		return p, fmt.Errorf("at %q is no time such as 2026-03-14T12:00:00Z", fields["at"])
	case u.At.After(now.Add(futureAllowed)):
		return p, fmt.Errorf("at %s lies in the future; it is when the purchase became what it is", fields["at"])
	}
	// An event of the same instant outranks this line, unless it says the same.
	switch strings.ToLower(fields["active"]) {
	case "true", "1", "yes":
		u.Active, u.Rank = true, subscriber.OtherGrants
	case "false", "0", "no":
	default:
		return p, fmt.Errorf("active %q is neither true nor false", fields["active"])
	}
	switch strings.ToUpper(fields["environment"]) {
	case "", "PRODUCTION":
	case "SANDBOX":
		p.sandbox = true
	default:
		return p, fmt.Errorf("environment %q is neither PRODUCTION nor SANDBOX", fields["environment"])
	}
	return p, nil
}

// seed is an export on its way into the table: what it says of each user at each account, all at once.
type seed struct {
	keys    []subscriber.Key // in the order of the file
	updates map[subscriber.Key][]subscriber.Update
	result  seedResult
}

// seedResult is what user seed --json prints.
type seedResult struct {
	Purchases int            `json:"purchases"`
	Active    int            `json:"active"`
	Apps      map[string]int `json:"apps"` // users by app
	Users     int            `json:"users"`
	LeftOut   int            `json:"left_out"` // purchases that go to no account
	States    int            `json:"states"`   // of users at accounts; 0 in a dry run, which does not look up the accounts
	Stored    int            `json:"stored"`
	Known     int            `json:"known"` // nothing new: stored before, or newer states are
}

// newSeed counts an export.
func newSeed(purchases []purchase) *seed {
	type user struct {
		app string
		webhook.Subscriber
	}
	r := seedResult{Purchases: len(purchases), Apps: make(map[string]int)}
	seen := make(map[user]bool)
	for _, p := range purchases {
		if u := (user{p.app, p.subscriber}); !seen[u] {
			seen[u] = true
			r.Apps[p.app]++
		}
		if p.update.Active {
			r.Active++
		}
	}
	r.Users = len(seen)
	return &seed{updates: make(map[subscriber.Key][]subscriber.Update), result: r}
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

// assign finds the account of each purchase, which is the one that its webhooks are sent to.
func (s *seed) assign(ctx context.Context, purchases []purchase, file *integration.File, table subscribers) error {
	accounts := make(map[string]clevertap.Accounts)
	for _, app := range slices.Sorted(maps.Keys(s.result.Apps)) {
		var err error
		if accounts[app], err = table.accounts(ctx, app); err != nil {
			return err
		}
	}
	for _, p := range purchases {
		account := accountOf(p, file.Apps[p.app], accounts[p.app])
		if account == nil {
			s.result.LeftOut++
			continue
		}
		key := subscriber.StateKey(subscriber.Partition(p.subscriber.Kind.String(), p.subscriber.ID), account.ID)
		if s.updates[key] == nil {
			s.keys = append(s.keys, key)
		}
		s.updates[key] = append(s.updates[key], p.update)
	}
	s.result.States = len(s.keys)
	return nil
}

// accountOf is the account that a purchase belongs to, nil if the app sends it nowhere.
func accountOf(p purchase, app *integration.App, accounts clevertap.Accounts) *clevertap.Account {
	switch {
	case !p.sandbox || app.Sandbox == integration.SandboxSend:
		return &accounts.Production
	case app.Sandbox == integration.SandboxRoute:
		return accounts.Sandbox
	default:
		return nil
	}
}

// store goes through the states until all are stored, AWS refuses, or it is interrupted.
func (s *seed) store(ctx context.Context, table subscribers, perSecond cli.Rate, bar *cli.Progress) error {
	var stored, known atomic.Int64
	limiter := perSecond.Limiter(1)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(seedsAtOnce)
	for _, key := range s.keys {
		if limiter.Wait(ctx) != nil {
			break
		}
		group.Go(func() error {
			changed, err := storeState(ctx, table, key, s.updates[key])
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
	if err == nil && s.result.Stored+s.result.Known < s.result.States {
		return cli.ErrInterrupted
	}
	return err
}

// storeState merges updates into a state, by the forwarder's own rules.
func storeState(
	ctx context.Context, table subscribers, key subscriber.Key, updates []subscriber.Update,
) (changed bool, err error) {
	for range seedAttempts {
		items, err := table.Load(ctx, []subscriber.Key{key})
		if err != nil {
			return false, explain(err)
		}
		item, now := items[key], time.Now()
		var state subscriber.State
		if !item.Expired(now) { // what cannot be read counts as absent, and what is from the future as old
			state, _ = subscriber.DecodeState(item.Text(subscriber.StateAttribute))
			state.Forget(now.Add(futureAllowed))
		}
		state, _, changed := state.Merge(updates)
		if !changed {
			return false, nil
		}
		err = table.Replace(ctx, key, item, state.Item(now), subscriber.StateAttribute)
		if !errors.Is(err, subscriber.ErrConflict) {
			return err == nil, explain(err)
		}
	}
	return false, cli.Findingf("run the same command again", "a state is being written by forwarders all the time")
}
