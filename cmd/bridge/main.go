// Command bridge is the tool of those who run the bridge from Purchasely to CleverTap. It answers what would happen to a webhook,
// whether an integration and an app's secrets are right, and what was not delivered; and it sends webhooks: to try, back, or anew.
//
// It promises that lint and explain run the forwarder's own code, offline; that no secret is ever taken from an argument or
// printed; and that a message leaves its queue only after another has accepted it, or because somebody said so. It has no mapping and
// no rules of its own.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // A second interrupt ends what does not listen to the first.
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run executes one command line and gives the exit code.
func run(ctx context.Context, args []string, in io.Reader, out, errs io.Writer) int {
	root := newRootCommand()
	root.SetArgs(append([]string{}, args...)) // For nil it would take this process's own.
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errs)
	return exitCode(root.ExecuteContext(ctx), errs)
}

// newRootCommand is the table of subcommands.
func newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "bridge",
		Short: "Check, explain, try and run the bridge from Purchasely to CleverTap",
		Long: `bridge is the tool beside the bridge from Purchasely to CleverTap.

It checks integration files, explains offline what becomes of a webhook, gives apps their
secrets and checks them, shows and mends what was not delivered, and sends webhooks.

Exit codes: 0 all is well, 1 something was found or refused, 2 the command line is wrong.`,
		Args:              usageArgs(cobra.NoArgs),
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
		RunE:              func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return usageOf(cmd, err) })
	root.AddCommand(
		newLintCommand(),
		newExplainCommand(),
		newSampleCommand(),
		newSendCommand(),
		newAppCommand(),
		newRejectedCommand(),
		newReplayCommand(),
		newSubscriberCommand(),
		newStandinCommand(),
	)
	return root
}
