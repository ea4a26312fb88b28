package main

import "github.com/spf13/cobra"

// checkOptions are the flags of app check.
type checkOptions struct {
	stack, file string
	asJSON      bool
}

func newAppCheckCommand() *cobra.Command {
	var o checkOptions
	cmd := &cobra.Command{
		Use:   "check --stack <stack> <app>",
		Short: "Say what is wrong with an app's secrets",
		Long: `Says whether the app stands in the integration file, whether its two secrets are there
and can be read, and whether CleverTap takes the credentials, by a dry run, which stores
nothing. Where CleverTap refuses them it asks the other regions, so that a wrong region
is told from a wrong passcode. No secret is printed.

CLEVERTAP_ENDPOINT directs the dry run elsewhere, as it does the forwarder's uploads.

Exit codes: 0 all is well, 1 something is wrong and told, 2 wrong usage.`,
		Example: `  bridge app check --stack purchasely-clevertap demo
  bridge app check --stack purchasely-clevertap --json demo`,
		Args: usageArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd, args[0]) },
	}
	stackFlag(cmd, &o.stack)
	cmd.Flags().StringVar(&o.file, "file", "", "an integration file instead of the embedded one")
	cmd.Flags().BoolVar(&o.asJSON, "json", false, "print one JSON object for programs")
	return cmd
}

func (o checkOptions) run(cmd *cobra.Command, app string) error {
	s, err := openStack(cmd, o.stack)
	if err != nil {
		return err
	}
	d, err := newDoorman()
	if err != nil {
		return err
	}
	c := checkup{App: app}
	if err := c.file(o.file, app); err != nil {
		return err
	}
	if err := c.purchasely(cmd.Context(), s, app); err != nil {
		return err
	}
	if err := c.cleverTap(cmd.Context(), s, d, app); err != nil {
		return err
	}
	for _, one := range c.Checks {
		if !one.Right {
			c.Problems++
		}
	}
	if err := printResult(cmd, o.asJSON, c, c.text()); err != nil {
		return err
	}
	if c.Problems > 0 {
		return errFindings
	}
	return nil
}
