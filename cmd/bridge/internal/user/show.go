package user

import (
	"fmt"
	"net/http"
	"time"

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
		Use:   "show --stack <stack> --app <app> --user <id> | --anonymous <id>",
		Short: "Print what is stored of a user",
		Long: `Prints which purchases of a user are stored, active or not and since when, {} for none.
'bridge explain --state' takes this output.

Exit codes: 0 the entry was read, 1 it cannot be read or AWS refused, 2 wrong usage.`,
		Example: `  bridge user show --stack purchasely-clevertap --app demo --user learner-40213
  bridge user show --table purchasely-clevertap-SubscribersTable-1A2B3C4D5E6F --app demo ` +
			`--anonymous 9D40B7F2-0E63-4A1C-8B5E-F7C2316D98A4 --json`,
		Args: cli.Args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	o.tableFlags.flags(cmd)
	o.person.flags(cmd)
	o.JSONFlag(cmd, "print one JSON object for programs, with the entry's key and its end")
	return cmd
}

// shown is what user show --json prints.
type shown struct {
	Key     string         `json:"subscriber"`
	Stored  bool           `json:"stored"`
	Expires string         `json:"expires"` // empty: never
	State   jsontext.Value `json:"state"`
}

func (o *showOptions) run(cmd *cobra.Command) error {
	key, err := o.key(cmd)
	if err != nil {
		return err
	}
	table, err := o.open(cmd)
	if err != nil {
		return err
	}
	entry, found, err := table.ReadEntry(cmd.Context(), key)
	if err != nil {
		return explain(err)
	}
	if !found {
		cmd.PrintErrln("nothing is stored of this user")
		entry.Text = "{}"
	}
	state, unreadable := subscriber.Decode(entry.Text)
	if unreadable != nil {
		cmd.PrintErrf("%s; this is what is believed of it, and the forwarder replaces it "+
			"when the user's next webhook comes\n", unreadable)
	}
	text := state.Encode()
	result := shown{Key: key, Stored: found, State: jsontext.Value(text)}
	if !entry.Expires.IsZero() {
		result.Expires = entry.Expires.Format(time.RFC3339)
	}
	return o.Conclude(cmd, result, text+"\n", cli.FindingsIf(unreadable != nil))
}

type forgetOptions struct {
	tableFlags
	person
	cli.Output
	cli.Confirmation
}

func newForgetCommand(network http.RoundTripper) *cobra.Command {
	o := forgetOptions{tableFlags: tableFlags{network: network}}
	cmd := &cobra.Command{
		Use:   "forget --stack <stack> --app <app> --user <id> | --anonymous <id>",
		Short: "Delete what is stored of one user",
		Long: `Deletes a user's entry in the subscribers table, for somebody who wants their data deleted,
and says where else something of them may be. A user who was known under an anonymous id
before has an entry under that as well.

A user whose subscription goes on is stored anew with its next webhook; until then the
end of another purchase may call them inactive.

Exit codes: 0 nothing is stored any more, 1 AWS refused or nobody said yes, 2 wrong usage.`,
		Example: `  bridge user forget --stack purchasely-clevertap --app demo --user learner-40213
  bridge user forget --stack purchasely-clevertap --app demo ` +
			`--anonymous 9D40B7F2-0E63-4A1C-8B5E-F7C2316D98A4 --yes --json`,
		Args: cli.Args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	o.tableFlags.flags(cmd)
	o.person.flags(cmd)
	o.JSONFlag(cmd, "print the result as one JSON object for programs")
	o.YesFlag(cmd)
	return cmd
}

// elsewhere is what the command cannot delete.
const elsewhere = `That was the subscribers table. Something of this user may also be
  at CleverTap       the profile and its events: delete the user there
  at Purchasely      its own records: its user deletion request
  in the queues      webhooks that have not been delivered, 14 days at most: 'bridge rejected list'
  in backups         point-in-time recovery of the table, 35 days at most
Logs and metrics hold nothing of users, and notes about messages no ids.
`

// forgotten is what user forget --json prints.
type forgotten struct {
	Key     string `json:"subscriber"`
	Deleted bool   `json:"deleted"` // false: there was nothing
}

func (o *forgetOptions) run(cmd *cobra.Command) error {
	key, err := o.key(cmd)
	if err != nil {
		return err
	}
	table, err := o.open(cmd)
	if err != nil {
		return err
	}
	if err := o.Confirm(cmd, fmt.Sprintf("Delete what is stored of this user of %s?", o.app)); err != nil {
		return err
	}
	found, err := table.Delete(cmd.Context(), key)
	if err != nil {
		return explain(err)
	}
	text := "nothing was stored of this user\n"
	if found {
		text = "deleted\n"
	}
	cmd.PrintErr(elsewhere)
	return o.Print(cmd, forgotten{key, found}, text)
}
