// Package user holds the commands on what is known of people: which purchases are active, what became of their
// webhooks, to which CleverTap ID they are linked, and whether they are left alone.
//
// It promises that what is newer is never overwritten, that no id of a person is printed but in a webhook's body that
// was asked for, and that no profile is deleted at CleverTap while the next webhook would make it anew. What an item
// means is for package subscriber to know.
package user

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/spf13/cobra"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/journal"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/stack"
	"github.com/purchasely-clevertap/bridge/shared/aws"
	"github.com/purchasely-clevertap/bridge/shared/aws/dynamo"
	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/subscriber"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// NewCommand returns "user". network makes the calls to AWS; nil is the real one.
func NewCommand(network http.RoundTripper) *cobra.Command {
	return cli.Group("user", "See, link, silence, delete or fill in what is known of users",
		`Works on the subscribers table, which keeps of each user the active purchases, the journal
of webhooks, the linked CleverTap ID, and whether the user is left alone. Users are stored
there under a hash of their id.

docs/guide/subscribers.md says what is kept, for how long, and why; docs/guide/users.md
what links and suppressions do; docs/guide/data-protection.md how a person is deleted.`,
		newShowCommand(network), newTraceCommand(network), newEraseCommand(network),
		newUpdateCommand(network, linking), newUpdateCommand(network, suppressing), newUpdateCommand(network, restoring),
		newSeedCommand(network))
}

// tableFlags say which table a command works on.
type tableFlags struct {
	network      http.RoundTripper
	stack, table string
}

func (f *tableFlags) flags(cmd *cobra.Command) {
	stack.Flag(cmd, &f.stack)
	cmd.Flags().StringVar(&f.table, "table", "", "another subscribers table than the stack's")
}

// subscribers is the table that a command works on.
type subscribers struct {
	*dynamo.Table
	stack *stack.Stack // nil: only the table is known
}

// open finds the table.
func (f *tableFlags) open(cmd *cobra.Command) (subscribers, error) {
	if f.stack == "" && f.table != "" {
		config, err := stack.Connect(cmd.Context(), f.network)
		return subscribers{Table: dynamo.NewTable(config, f.table, 0)}, err
	}
	s, err := stack.Open(cmd, f.network, f.stack, stack.SecretsPrefix)
	if err != nil {
		return subscribers{}, err
	}
	name := cmp.Or(f.table, s.Output(stack.SubscribersTable))
	if name == "" {
		hint := "its parameter Subscribers is off, or a later version of the bridge has to be deployed first"
		return subscribers{}, cli.Findingf(hint, "stack %q keeps no subscriber state", s.Name)
	}
	return subscribers{dynamo.NewTable(s.Config, name, 0), s}, nil
}

// accounts returns an app's CleverTap accounts.
func (s subscribers) accounts(ctx context.Context, app string) (clevertap.Accounts, error) {
	if s.stack == nil {
		return clevertap.Accounts{}, cli.Usagef("give --stack, too",
			"the table alone does not say which CleverTap accounts the app %s has", app)
	}
	return s.stack.Accounts(ctx, app)
}

// loadApp returns the integration file that counts, which has the app: the one that is named, else the one that the
// stack's functions use.
func (s subscribers) loadApp(cmd *cobra.Command, path string, app *string) (*integration.File, error) {
	load := cli.LoadIntegrations
	if s.stack != nil {
		load = s.stack.LoadIntegrations
	}
	file, err := load(cmd, path)
	if err != nil {
		return nil, err
	}
	return file, cli.RequireApp(cmd, file, app)
}

// explain returns an error of the table, or of a person's item in it, in a sentence for people.
func explain(err error) error {
	if stack.Code(err) == "ResourceNotFoundException" {
		return cli.Findingf("is it another region or account? 'aws dynamodb list-tables' names those that are there",
			"the subscribers table does not exist")
	}
	_, fromAWS := errors.AsType[*aws.Error](err)
	if f, ok := errors.AsType[*fault.Fault](err); ok && !fromAWS {
		hint := ""
		if f.Kind == fault.Operator {
			hint = "something else than the bridge has written it; " + subscriber.PersonPrefix + "… is its sort key"
		}
		return cli.Findingf(hint, "%s", f.Cause())
	}
	return stack.Explain(err)
}

// checkIDs refuses a command line that names nobody, or somebody by a word that the bridge takes for no id: nothing is
// ever stored under it.
func checkIDs(cmd *cobra.Command, ids ...string) error {
	switch {
	case len(ids) == 0:
		return cli.BadUsage(cmd, errors.New("name the person by --user or by --anonymous"))
	case slices.ContainsFunc(ids, webhook.Absent):
		return cli.BadUsage(cmd, errors.New("an id is empty, or a word for nothing such as null"))
	}
	return nil
}

// person names one user on a command line.
type person struct{ app, user, anonymous string }

func (p *person) flags(cmd *cobra.Command, app string) {
	flags := cmd.Flags()
	flags.StringVar(&p.app, "app", "", app)
	_ = cmd.RegisterFlagCompletionFunc("app", cli.CompleteApps) // the flag is declared above
	flags.StringVar(&p.user, "user", "", "the app's own id of the user (user_id)")
	flags.StringVar(&p.anonymous, "anonymous", "",
		"Purchasely's id of a user who is not signed in (anonymous_user_id)")
}

// partitions are the person's partitions of the table.
func (p *person) partitions(cmd *cobra.Command) ([]string, error) {
	ids := slices.DeleteFunc([]string{p.user, p.anonymous}, func(id string) bool { return id == "" })
	return journal.Partitions(p.user, p.anonymous), checkIDs(cmd, ids...)
}

// partition is the partition of a person who is named by one id.
func (p *person) partition(cmd *cobra.Command) (string, error) {
	if p.user != "" && p.anonymous != "" {
		return "", cli.BadUsage(cmd, errors.New("name the person by --user or by --anonymous, not by both"))
	}
	partitions, err := p.partitions(cmd)
	if err != nil {
		return "", err
	}
	return partitions[0], nil
}
