package user

import (
	"fmt"
	"net/http"

	"github.com/spf13/cobra"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/shared/subscriber"
)

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
		Long: `Deletes which purchases of a user are stored for an app's accounts, and what the journal
has of the user's webhooks for the app. It is for somebody who wants their data deleted,
and says where else something of them may be. Apps that share an account share what is
stored for it. A user who was known under an anonymous id before has items under that as
well.

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
	o.person.flags(cmd, "the user's app")
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
Logs and metrics hold nothing of users. Notes about messages that had to come back name the user's
key in the table and nothing else of them, and end after 21 days.
`

// forgotten is what user forget --json prints.
type forgotten struct {
	Key    string `json:"subscriber"`
	States int    `json:"states"` // deleted
	Events int    `json:"events"` // of the journal, deleted
}

func (o *forgetOptions) run(cmd *cobra.Command) error {
	if err := cli.ChooseApp(cmd, &o.app); err != nil {
		return err
	}
	partition, err := o.partition(cmd)
	if err != nil {
		return err
	}
	table, err := o.open(cmd)
	if err != nil {
		return err
	}
	accounts, err := table.accounts(cmd.Context(), o.app)
	if err != nil {
		return err
	}
	if err := o.Confirm(cmd, fmt.Sprintf("Delete what is stored of this user of %s?", o.app)); err != nil {
		return err
	}
	ids := []string{accounts.Production.ID}
	if accounts.Sandbox != nil {
		ids = append(ids, accounts.Sandbox.ID)
	}
	result := forgotten{Key: partition}
	for _, id := range ids {
		found, err := table.Delete(cmd.Context(), subscriber.StateKey(partition, id))
		if err != nil {
			return explain(err)
		}
		if found {
			result.States++
		}
	}
	for entry, err := range table.Partition(cmd.Context(), partition, subscriber.EventPrefix+o.app+"#") {
		if err == nil {
			_, err = table.Delete(cmd.Context(), entry.Key)
		}
		if err != nil {
			return explain(err)
		}
		result.Events++
	}
	text := "nothing was stored of this user\n"
	if result.States+result.Events > 0 {
		text = fmt.Sprintf("deleted: %s, %s of the journal\n",
			cli.Quantity(result.States, "state"), cli.Quantity(result.Events, "webhook"))
	}
	cmd.PrintErr(elsewhere)
	return o.Print(cmd, result, text)
}
