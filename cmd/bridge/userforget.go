package main

import (
	"github.com/spf13/cobra"
)

// subscriberForgetOptions are the flags of user forget.
type subscriberForgetOptions struct {
	tableChoice
	person
	yes, asJSON bool
}

func newSubscriberForgetCommand() *cobra.Command {
	var o subscriberForgetOptions
	cmd := &cobra.Command{
		Use:   "forget --stack <stack> --app <app> --user <id> | --anonymous <id>",
		Short: "Delete what is stored of one user",
		Long: `Deletes a user's entry in the subscriber table, as somebody may demand who wants their data
deleted, and says where else something of them may be. A user who was known under an
anonymous id before has an entry under that as well.

A user whose subscription goes on is stored anew with its next webhook; until then the
end of another purchase may call them inactive.

Exit codes: 0 nothing is stored any more, 1 AWS refused or nobody said yes, 2 wrong usage.`,
		Example: `  bridge user forget --stack purchasely-clevertap --app demo --user learner-40213
  bridge user forget --stack purchasely-clevertap --app demo --anonymous 9D40B7F2-0E63-4A1C-8B5E-F7C2316D98A4 --yes --json`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	o.tableChoice.flags(cmd)
	o.person.flags(cmd)
	cmd.Flags().BoolVar(&o.yes, "yes", false, "do not ask")
	cmd.Flags().BoolVar(&o.asJSON, "json", false, "print the result as one JSON object for programs")
	return cmd
}

// elsewhere is what the command cannot delete.
const elsewhere = `That was the subscriber table. Something of this user may also be
  at CleverTap       the profile and its events: delete the user there
  at Purchasely      its own records: its user deletion request
  in the queues      webhooks that have not been delivered, 14 days at most: 'bridge rejected list'
  in backups         point-in-time recovery of the table, 35 days at most
Logs and metrics hold nothing of users, and notes about messages no ids.
`

// subscriberForgotten is what user forget --json prints.
type subscriberForgotten struct {
	Key     string `json:"subscriber"`
	Deleted bool   `json:"deleted"` // false: there was nothing
}

func (o *subscriberForgetOptions) run(cmd *cobra.Command) error {
	key, err := o.key(cmd)
	if err != nil {
		return err
	}
	table, err := o.open(cmd)
	if err != nil {
		return err
	}
	if !o.yes {
		if err := newQuestions(cmd).confirm("Delete what is stored of this user of %s?", o.app); err != nil {
			return err
		}
	}
	found, err := table.remove(cmd.Context(), key)
	if err != nil {
		return err
	}
	text := "nothing was stored of this user\n"
	if found {
		text = "deleted\n"
	}
	cmd.PrintErr(elsewhere)
	return printResult(cmd, o.asJSON, subscriberForgotten{key, found}, text)
}
