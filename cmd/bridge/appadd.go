package main

import (
	"context"

	"github.com/spf13/cobra"
)

// addOptions are the flags of app add.
type addOptions struct {
	stack, file, url string
	replace, asJSON  bool
}

func newAppAddCommand() *cobra.Command {
	var o addOptions
	cmd := &cobra.Command{
		Use:   "add --stack <stack> <app>",
		Short: "Create an app's two secrets",
		Long: `Creates the two secrets of an app that stands in the integration file, after a dry run
at CleverTap has shown that its credentials are right, and prints the URL for
Purchasely's console. Without a region it finds the one that the credentials belong to.

It asks for the values, secrets at hidden prompts. Where standard input is no terminal
it reads one JSON object from there:

  {"purchasely": {"shared_secret": "…"},
   "clevertap":  {"region": "eu1", "account_id": "…", "passcode": "…",
                  "sandbox": {"region": "eu1", "account_id": "…", "passcode": "…"}}}

"region" and "sandbox" may be left out. What is there already stays as it is. With
--replace it gets the new value, and what you do not give still stays; a former shared
secret goes on counting beside the new one, so that no webhook is refused meanwhile.

CLEVERTAP_ENDPOINT directs the dry run elsewhere, as it does the forwarder's uploads.

Exit codes: 0 the app is ready, 1 something is wrong and told, 2 wrong usage.`,
		Example: `  bridge app add --stack purchasely-clevertap demo
  bridge app add --stack purchasely-clevertap --replace --json demo`,
		Args: usageArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd, args[0]) },
	}
	flags := cmd.Flags()
	stackFlag(cmd, &o.stack)
	flags.StringVar(&o.file, "file", "", "an integration file instead of the embedded one")
	flags.StringVar(&o.url, "url", "", "the receiver's URL, where it is not the stack's (local AWS)")
	flags.BoolVar(&o.replace, "replace", false, "give secrets that are there a new value")
	flags.BoolVar(&o.asJSON, "json", false, "print one JSON object for programs")
	return cmd
}

func (o addOptions) run(cmd *cobra.Command, app string) error {
	if _, err := loadApp(o.file, app); err != nil {
		return err
	}
	s, err := openStack(cmd, o.stack)
	if err != nil {
		return err
	}
	target, err := s.receiver(o.url, app)
	if err != nil {
		return err
	}
	d, err := newDoorman()
	if err != nil {
		return err
	}
	v := newVault(s)
	purchasely, clevertap, err := o.parts(cmd.Context(), s, v, app)
	if err != nil {
		return err
	}
	values, err := readValues(cmd, purchasely, clevertap)
	if err != nil {
		return err
	}
	made := addition{App: app, URL: target}
	texts, err := made.check(cmd, d, values, purchasely, clevertap)
	if err != nil {
		return err
	}
	for i, p := range []part{clevertap, purchasely} { // Webhooks count from the second one on.
		done, err := v.store(cmd.Context(), p, texts[i])
		if err != nil {
			return hinted(err, "what is stored is right: the same command goes on")
		}
		made.Secrets = append(made.Secrets, addedSecret{p.name, done})
	}
	return printResult(cmd, o.asJSON, made, made.text(s.name))
}

// parts looks at what is there.
func (o addOptions) parts(ctx context.Context, s *stack, v vault, app string) (purchasely, clevertap part, err error) {
	for _, p := range []struct {
		*part
		last string
	}{{&purchasely, purchaselyPart}, {&clevertap, clevertapPart}} {
		p.replace = o.replace
		if p.name, err = s.secretName(app, p.last); err != nil {
			return purchasely, clevertap, err
		}
		if p.text, p.there, err = v.read(ctx, p.name); err != nil {
			return purchasely, clevertap, err
		}
	}
	if !purchasely.open() && !clevertap.open() {
		err = findingf("'bridge app check' says whether they are right; --replace stores others", "both secrets of %s are there already", app)
	}
	return purchasely, clevertap, err
}
