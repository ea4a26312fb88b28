package try

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/shared/clevertap/clevertaptest"
)

type fakeOptions struct {
	listen, admin, faults string
	accounts              []string
	seed                  uint64
	maxInFlight           int
	exitWithParent        bool
}

// NewFakeCommand returns "fake".
func NewFakeCommand() *cobra.Command {
	var o fakeOptions
	cmd := &cobra.Command{
		Use:   "fake --account <id>:<passcode>:<region>",
		Short: "Serve a fake CleverTap on this machine",
		Long: `Serves a strict fake of CleverTap's upload and delete endpoints on loopback, and on a
second port what it has recorded and the switches of its faults, as JSON.

It refuses what CleverTap refuses, and lists under /warnings what CleverTap would
presumably accept and then spoil. Give it made-up credentials only: whoever can run
commands on this machine can read them.

It runs until it is interrupted.

Exit codes: 0 it was told to end, 1 a port or a file cannot be used, 2 wrong usage.`,
		Example: `  bridge fake --account TEST-123-4567:demo-passcode:eu1
  bridge fake --account TEST-123-4567:demo-passcode:in1 --faults faults.json --seed 7`,
		Args: cli.Args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	flags := cmd.Flags()
	flags.StringVar(&o.listen, "listen", "127.0.0.1:9900", "where uploads are accepted; loopback only")
	flags.StringVar(&o.admin, "admin", "127.0.0.1:9901", "where the second port is; loopback only")
	flags.StringArrayVar(&o.accounts, "account", nil,
		"an account that is served: id:passcode:region; may be repeated")
	flags.Uint64Var(&o.seed, "seed", 0, "makes every choice repeatable")
	flags.StringVar(&o.faults, "faults", "", "a file with faults in JSON, as /faults takes them")
	flags.IntVar(&o.maxInFlight, "max-in-flight", 15, "uploads at a time of one account")
	flags.BoolVar(&o.exitWithParent, "exit-with-parent", false, "end when standard input is closed")
	return cmd
}

func (o *fakeOptions) run(cmd *cobra.Command) error {
	config, err := o.config(cmd)
	if err != nil {
		return err
	}
	ctx, end := context.WithCancel(cmd.Context())
	defer end()
	if o.exitWithParent {
		go func() {
			_, _ = io.Copy(io.Discard, cmd.InOrStdin()) // however it ends, the parent is gone
			end()
		}()
	}
	server := clevertaptest.New(config)
	uploads, err := server.Listen(o.listen)
	if err != nil {
		return cli.Findingf("another address for --listen may be free", "uploads: %w", err)
	}
	defer func() { _ = uploads.Close() }()
	socket, err := new(net.ListenConfig).Listen(ctx, "tcp", o.admin)
	if err != nil {
		return cli.Findingf("another address for --admin may be free", "second port: %w", err)
	}
	admin := &http.Server{Handler: server.Admin(), ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = admin.Close() })
	defer stop()
	fmt.Fprintf(cmd.OutOrStdout(), "fake CleverTap ready: uploads at %s, second port at http://%s\n",
		uploads.URL, socket.Addr())
	if err := admin.Serve(socket); !errors.Is(err, http.ErrServerClosed) {
		return cli.Findingf("", "second port: %w", err)
	}
	return nil
}

// config checks the flags and reads the file of faults.
func (o *fakeOptions) config(cmd *cobra.Command) (clevertaptest.Config, error) {
	config := clevertaptest.Config{Seed: o.seed}
	err := errors.Join(clevertaptest.CheckLoopback(o.listen), clevertaptest.CheckLoopback(o.admin))
	switch {
	case err != nil:
		return config, cli.BadUsage(cmd, err)
	case len(o.accounts) == 0:
		return config, cli.BadUsage(cmd, errors.New("flag --account is missing: which account is served?"))
	case o.maxInFlight < 1:
		return config, cli.BadUsage(cmd, errors.New("flag --max-in-flight: want 1 or more"))
	}
	for i, text := range o.accounts {
		parts := strings.Split(text, ":") // an empty region is Europe's
		if len(parts) != 3 || parts[0] == "" || parts[1] == "" {
			// The text holds a passcode and is not repeated.
			return config, cli.BadUsage(cmd, fmt.Errorf("flag --account, number %d: want id:passcode:region", i+1))
		}
		config.Accounts = append(config.Accounts, clevertaptest.Account{
			ID: parts[0], Passcodes: []string{parts[1]}, Region: parts[2], InFlight: o.maxInFlight,
		})
	}
	if o.faults == "" {
		return config, nil
	}
	text, err := cli.ReadText(cmd, o.faults)
	if err != nil {
		return config, cli.Findingf("", "faults: %w", err)
	}
	if config.Faults, err = clevertaptest.ParseFaults(text); err != nil {
		return config, cli.Findingf("", "faults in %s: %w", o.faults, err)
	}
	return config, nil
}
