// Command bridge is the tool for those who run the bridge from Purchasely to CleverTap. It shows what would become of
// a webhook, checks an integration and an app's secrets, shows what was not delivered, and sends webhooks: to try,
// back, or once more.
//
// It promises that lint and explain run the forwarder's own code, offline; that no secret is ever taken from an
// argument or printed; and that a message leaves its queue only after another has accepted it, or because somebody
// said so.
package main

import (
	"context"
	"net/http"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/app"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/console"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/explain"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/journal"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/lint"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/queue"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/reconcile"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/replay"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/settings"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/status"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/try"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/user"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second interrupt ends what does not listen to the first
	code := cli.Run(ctx, newRootCommand(nil), os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// newRootCommand is the table of commands. network makes all calls; nil is the real one.
func newRootCommand(network http.RoundTripper) *cobra.Command {
	root := cli.Group("bridge", "Check, explain, try and run the bridge from Purchasely to CleverTap",
		`bridge is the tool for those who run the bridge from Purchasely to CleverTap.

It checks integration files, explains offline what becomes of a webhook, gives apps their
secrets and checks them, changes what is sent without a deployment, shows and sends back
what was not delivered, and sends webhooks.

Exit codes: 0 all is well, 1 something was found or refused, 2 the command line is wrong.`,
		lint.NewCommand(),
		console.NewCommand(network),
		explain.NewCommand(),
		try.NewSampleCommand(),
		try.NewSendCommand(network),
		app.NewCommand(network),
		queue.NewCommand(network),
		replay.NewCommand(network),
		reconcile.NewCommand(network),
		user.NewCommand(network),
		settings.NewCommand(network),
		status.NewCommand(network),
		journal.NewCommand(network),
		try.NewFakeCommand(),
	)
	root.Version = cli.Version
	return root
}
