package main

import "github.com/spf13/cobra"

func newAppCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "app",
		Short: "Give an app its secrets, and check them",
		Long: `Works on an app's two secrets in AWS Secrets Manager: the one that Purchasely signs
webhooks with, and the credentials of the app's CleverTap project. Their values are typed
at hidden prompts or read from standard input. They are never arguments and never printed.`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newAppAddCommand(), newAppCheckCommand())
	return cmd
}
