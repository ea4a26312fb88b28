// Package console is a local web page for those who decide what goes to CleverTap, and for those on call.
//
// Every page calls the function that a command calls, and names that command. It promises that nothing is listened to
// but loopback, that nobody gets in without the address that was printed, that no other site's page can make it do
// anything, that no secret is shown, that a file or a stack is never written over a version that the page was not made
// from, and that what is written is what lint accepts. It has no rules of its own about events and names.
package console

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
)

// lifetime is how long a console stays up: a working day.
const lifetime = 8 * time.Hour

type options struct {
	network     http.RoundTripper
	file, stack string
	write       bool
	port        uint16
}

// NewCommand returns "console". network makes the calls to AWS; nil is the real one.
func NewCommand(network http.RoundTripper) *cobra.Command {
	o := options{network: network}
	cmd := &cobra.Command{
		Use:   "console [--file <file> | --stack <stack> [--write]]",
		Short: "Show and change what goes to CleverTap, on a local web page",
		Long: `Serves a web page on this machine, and prints its address. It shows which events and
properties go to CleverTap, under which names, and what a change does to webhooks before it
is saved.

With --file, or an integration file in the usual places, it changes that file and keeps its
comments. With --stack it shows a stack's settings, and with --write it changes them.

Only this machine can reach it, and only who has the address: keep it to yourself. It ends
with Ctrl-C, and after eight hours.

Exit codes: 0 it has ended, 1 it cannot be served, 2 wrong usage.`,
		Example: `  bridge console --file shared/config/integrations.yaml
  bridge console --stack purchasely-clevertap --write`,
		Args: cli.Args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	cli.FileFlag(cmd, &o.file)
	cmd.Flags().StringVar(&o.stack, "stack", "", "the bridge's CloudFormation stack, instead of a file")
	cmd.Flags().BoolVar(&o.write, "write", false, "let the page change the stack")
	cmd.Flags().Uint16Var(&o.port, "port", 0, "the port on 127.0.0.1 (default any that is free)")
	return cmd
}

func (o *options) run(cmd *cobra.Command) error {
	if err := o.check(); err != nil {
		return err
	}
	c, err := o.open(cmd)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), lifetime)
	defer cancel()
	var listen net.ListenConfig
	listener, err := listen.Listen(ctx, "tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(int(o.port))))
	if err != nil {
		return cli.Findingf("name another --port, or none", "port %d cannot be used", o.port)
	}
	g := newGuard(listener.Addr().(*net.TCPAddr).Port)
	cmd.Printf("The console is at %s\n", g.address())
	cmd.PrintErrf("It shows %s. Only this machine reaches it. Ctrl-C ends it, and so do eight hours.\n", c.shown.name)
	err = serve(ctx, listener, g.protect(c.routes()))
	if err == nil && cmd.Context().Err() == nil {
		cmd.PrintErrln("The console has ended, because eight hours have passed.")
	}
	return err
}

func (o *options) check() error {
	switch {
	case o.file != "" && o.stack != "":
		return cli.Usagef("name one of them", "a console shows a file or a stack, not both")
	case o.write && o.stack == "":
		return cli.Usagef("leave it out: a file is always written", "flag --write is for a stack")
	case o.file == "-":
		return cli.Usagef("name a file", "the console cannot change standard input")
	}
	return nil
}

// open finds what the console shows.
func (o *options) open(cmd *cobra.Command) (*console, error) {
	if o.stack != "" {
		return openStack(cmd, o.network, o.stack, o.write)
	}
	name, _, err := cli.ReadIntegrations(cmd, o.file)
	if err != nil {
		return nil, err
	}
	if name == cli.BuiltIn {
		return nil, cli.Usagef("name one with --file, or a stack with --stack", "there is no integration file here to change")
	}
	return newFileConsole(name), nil
}

// serve answers until the context ends.
func serve(ctx context.Context, listener net.Listener, handler http.Handler) error {
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute,
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	stopped := context.AfterFunc(ctx, func() { _ = server.Close() }) // nothing is under way that would be lost
	defer stopped()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("console: %w", err)
	}
	return nil
}
