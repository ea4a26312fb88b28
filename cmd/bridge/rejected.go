package main

import "github.com/spf13/cobra"

func newRejectedCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rejected",
		Short: "See, send back or delete what was not delivered",
		Long: `Works on the rejected queue, where messages lie that were refused for good, each with
the reason, and with --dead-letters on the two dead-letter queues, where messages lie
that failed a thousand times.

SQS shows messages only to those who take them. So every command takes what it looks
at out of the sight of others and gives it back at the end, also after Ctrl-C.
Whatever happens to the command, it is back within five minutes. Messages are kept for 14 days.`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newRejectedListCommand(), newRejectedShowCommand(), newRedriveCommand(), newPurgeCommand())
	return cmd
}
