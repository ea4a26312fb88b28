package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/purchasely-clevertap/bridge/shared/secret"
)

// errNoApp is the fault of a command line without --app.
var errNoApp = errors.New("flag --app is missing: which app of the integration file?")

// sendOptions are the flags of send.
type sendOptions struct {
	stack, app          string
	url, sample         string
	secretStdin, asJSON bool
}

func newSendCommand() *cobra.Command {
	var o sendOptions
	cmd := &cobra.Command{
		Use:   "send --app <app> --stack <stack> | --url <url> [webhook.json | - | --sample <event>]",
		Short: "Sign webhooks and post them to a receiver",
		Long: `Signs webhooks as Purchasely does, posts them to a receiver one after the other, and
says what came back. It stops at the first that is not taken.

With --stack the URL is the deployed stack's, and the shared secret is read from Secrets
Manager. Without it the URL may also stand in BRIDGE_URL, and the secret is read from
BRIDGE_SHARED_SECRET, from standard input with --secret-stdin, or typed at a hidden
prompt; it is never an argument. A URL without a path gets /purchasely/<app>.

A webhook that is sent is processed: it reaches the app's CleverTap project.

Exit codes: 0 all were taken with 200, 1 one was refused or nobody answered, 2 wrong usage.`,
		Example: `  bridge send --stack purchasely-clevertap --app demo --sample TRIAL_STARTED
  bridge send --app demo --url http://127.0.0.1:4566 --sample TRIAL_STARTED
  bridge send --app demo --url http://127.0.0.1:4566 events/webhooks/trial-started.json`,
		Args: usageArgs(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd, first(args)) },
	}
	flags := cmd.Flags()
	stackFlag(cmd, &o.stack)
	flags.StringVar(&o.app, "app", "", "the app whose receiver is called")
	flags.StringVar(&o.url, "url", "", "the receiver's URL, where it is not the stack's (without --stack also BRIDGE_URL)")
	flags.StringVar(&o.sample, "sample", "", "send a made-up webhook of this event")
	flags.BoolVar(&o.secretStdin, "secret-stdin", false, "read the shared secret from standard input")
	flags.BoolVar(&o.asJSON, "json", false, "print one JSON object a webhook for programs")
	return cmd
}

func (o sendOptions) run(cmd *cobra.Command, path string) error {
	switch {
	case o.app == "":
		return usageOf(cmd, errNoApp)
	case o.sample != "" && path != "":
		return usageOf(cmd, errors.New("give a file or --sample, not both"))
	case o.secretStdin && o.sample == "" && (path == "" || path == "-"):
		return usageOf(cmd, errors.New("standard input cannot hold both the webhook and the secret"))
	}
	var s *stack
	if o.stack != "" {
		var err error
		if s, err = openStack(cmd, o.stack); err != nil {
			return err
		}
	}
	target, err := o.target(s)
	if err != nil {
		return err
	}
	bodies, err := o.bodies(cmd, path)
	if err != nil {
		return err
	}
	key, err := o.key(cmd, s)
	if err != nil {
		return err
	}
	for _, body := range bodies {
		if err := o.send(cmd, target, key, body); err != nil {
			return err
		}
	}
	return nil
}

// target is where webhooks go. What is given on the command line goes before the environment.
func (o sendOptions) target(s *stack) (string, error) {
	if s != nil {
		return s.receiver(o.url, o.app)
	}
	return receiverURL(o.url, o.app)
}

func (o sendOptions) key(cmd *cobra.Command, s *stack) (secret.Value, error) {
	if s != nil && !o.secretStdin {
		return newVault(s).sharedSecret(cmd.Context(), s, o.app)
	}
	return sharedSecret(cmd, o.secretStdin)
}

func (o sendOptions) bodies(cmd *cobra.Command, path string) ([][]byte, error) {
	if o.sample == "" {
		return readWebhooks(cmd, path)
	}
	body, err := freshSample(o.sample, time.Now())
	return [][]byte{body}, err
}

// send posts one webhook and prints the answer.
func (o sendOptions) send(cmd *cobra.Command, target string, key secret.Value, body []byte) error {
	a, err := post(cmd.Context(), target, key, body)
	if err != nil {
		return err
	}
	if o.asJSON {
		err = writeJSON(cmd.OutOrStdout(), a.json())
	} else {
		err = writeText(cmd.OutOrStdout(), fmt.Sprintf("%d %s, after %d ms\n", a.status, a.text(), a.took.Milliseconds()))
	}
	if err != nil {
		return err
	}
	return a.verdict()
}
