package user

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/shared/subscriber"
)

type showOptions struct {
	tableFlags
	person
	cli.Output
}

func newShowCommand(network http.RoundTripper) *cobra.Command {
	o := showOptions{tableFlags: tableFlags{network: network}}
	cmd := &cobra.Command{
		Use:   "show --stack <stack> [--app <app>] --user <id> | --anonymous <id>",
		Short: "Print what is stored of a user's purchases",
		Long: `Prints which purchases of a user are stored for each CleverTap account, active or not and
since when, {} for none. Accounts have their ids or, with --app, the names production and
sandbox; then only this app's are printed, and 'bridge explain --state' takes the output.

Exit codes: 0 the states were read, 1 one cannot be read or AWS refused, 2 wrong usage.`,
		Example: `  bridge user show --stack purchasely-clevertap --app demo --user learner-40213
  bridge user show --table purchasely-clevertap-SubscribersTable-1A2B3C4D5E6F ` +
			`--anonymous 9D40B7F2-0E63-4A1C-8B5E-F7C2316D98A4 --json`,
		Args: cli.Args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	o.tableFlags.flags(cmd)
	o.person.flags(cmd, "show what is stored for this app's accounts alone")
	o.JSONFlag(cmd, "print one JSON object for programs, with the user's key and the accounts' ids")
	return cmd
}

// shown is what user show --json prints.
type shown struct {
	Key      string                    `json:"subscriber"`
	States   map[string]jsontext.Value `json:"states"` // by account
	Accounts map[string]shownAccount   `json:"accounts"`
}

type shownAccount struct {
	ID      string `json:"id"`
	Expires string `json:"expires"` // of the state; empty: never
}

func (o *showOptions) run(cmd *cobra.Command) error {
	partition, err := o.partition(cmd)
	if err != nil {
		return err
	}
	table, err := o.open(cmd)
	if err != nil {
		return err
	}
	nameOf, err := o.namesOfAccounts(cmd.Context(), table)
	if err != nil {
		return err
	}
	result := shown{partition, make(map[string]jsontext.Value), make(map[string]shownAccount)}
	damaged := false
	for entry, err := range table.Partition(cmd.Context(), partition, subscriber.StatePrefix) {
		if err != nil {
			return explain(err)
		}
		id := strings.TrimPrefix(entry.Key.Sort, subscriber.StatePrefix)
		name := nameOf(id)
		if name == "" || entry.Item.Expired(time.Now()) {
			continue
		}
		state, unreadable := subscriber.DecodeState(entry.Item.Text(subscriber.StateAttribute))
		if unreadable != nil {
			damaged = true
			cmd.PrintErrf("%s: %s; this is what is believed of it, and the forwarder replaces it "+
				"when the user's next webhook comes\n", name, unreadable)
		}
		result.States[name] = jsontext.Value(state.Encode())
		result.Accounts[name] = shownAccount{id, expiry(entry.Item)}
	}
	if len(result.States) == 0 {
		cmd.PrintErrln("nothing is stored of this user")
	}
	text, err := json.Marshal(result.States, json.Deterministic(true))
	if err != nil {
		return err
	}
	return o.Conclude(cmd, result, string(text)+"\n", cli.FindingsIf(damaged))
}

// namesOfAccounts returns how accounts are called by their ids; empty: they are not shown.
func (o *showOptions) namesOfAccounts(ctx context.Context, table subscribers) (func(id string) string, error) {
	if o.app == "" {
		return func(id string) string { return id }, nil
	}
	accounts, err := table.accounts(ctx, o.app)
	if err != nil {
		return nil, err
	}
	return func(id string) string {
		switch {
		case id == accounts.Production.ID: // which may be the sandbox as well
			return "production"
		case accounts.Sandbox != nil && id == accounts.Sandbox.ID:
			return "sandbox"
		default:
			return ""
		}
	}, nil
}

// expiry is when DynamoDB may delete an item.
func expiry(item subscriber.Item) string {
	expires := item.Number(subscriber.ExpiresAttribute)
	if expires == 0 {
		return ""
	}
	return time.Unix(expires, 0).UTC().Format(time.RFC3339)
}
