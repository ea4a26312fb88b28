// Package app holds the commands on an app's secrets: the one that Purchasely signs webhooks with, the credentials of
// the app's CleverTap project, and the one that the company's own back end signs with.
//
// It promises that no secret is taken from an argument, that none is printed but one that the command itself has made,
// once, that none is overwritten by mistake, and that credentials are tried with a dry run, which stores nothing,
// before they are stored.
package app

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/settings"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/stack"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/yamledit"
	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/integration"
)

// NewCommand returns "app". network makes the calls to AWS and CleverTap; nil is the real one.
func NewCommand(network http.RoundTripper) *cobra.Command {
	return cli.Group("app", "Give an app its secrets, and check them",
		`Works on an app's secrets in AWS Secrets Manager: the one that Purchasely signs webhooks
with, and the credentials of the app's CleverTap project. Their values are typed at hidden
prompts or read from standard input. They are never arguments and never printed. A third
one, for your own back end, is made by the command itself.`,
		newAddCommand(network), newCheckCommand(network))
}

type addOptions struct {
	cli.Output
	network          http.RoundTripper
	stack, file, url string
	replace          bool
	users, relay     bool
	settings         bool
}

func newAddCommand(network http.RoundTripper) *cobra.Command {
	o := addOptions{network: network}
	cmd := &cobra.Command{
		Use:   "add --stack <stack> [app]",
		Short: "Create an app's two secrets",
		Long: `Creates the two secrets of an app of the settings, after a dry run at CleverTap
has shown that its credentials are right, and prints the URL for Purchasely's console.
Without a region it finds the one that the credentials belong to.

It asks for the values, secrets at hidden prompts. Where standard input is no terminal
it reads one JSON object from there:

  {"purchasely": {"shared_secret": "…"},
   "clevertap":  {"region": "eu1", "account_id": "…", "passcode": "…",
                  "sandbox": {"region": "eu1", "account_id": "…", "passcode": "…"}}}

"region" and "sandbox" may be left out. What is there already stays as it is. With
--replace it gets the new value, and what you do not give still stays; a former shared
secret goes on counting beside the new one, so that no webhook is refused meanwhile.

With --users-secret it makes the secret that your own back end signs with when it links
CleverTap IDs or has users left alone, with --relay-secret the one that the relay signs
with when it passes webhooks on to your back end, shows it this once, and does nothing
else. With --replace it makes another, and the former one goes on counting beside it.

An app that the stack's settings do not have it offers to add to them, with every default,
so that no deployment is needed. With --settings it does so without asking.

CLEVERTAP_ENDPOINT directs the dry run elsewhere, as it does the forwarder's uploads.

Exit codes: 0 the app is ready, 1 something is wrong and reported, 2 wrong usage.`,
		Example: `  bridge app add --stack purchasely-clevertap demo
  bridge app add --stack purchasely-clevertap --replace --json demo
  bridge app add --stack purchasely-clevertap --users-secret demo
  bridge app add --stack purchasely-clevertap --relay-secret demo`,
		Args: cli.Args(cobra.MaximumNArgs(1)), ValidArgsFunction: cli.CompleteApps,
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd, cli.First(args)) },
	}
	stack.Flag(cmd, &o.stack)
	cli.FileFlag(cmd, &o.file)
	o.JSONFlag(cmd, "print one JSON object for programs")
	cmd.Flags().BoolVar(&o.users, "users-secret", false, "make the secret of your own back end, and nothing else")
	cmd.Flags().BoolVar(&o.relay, "relay-secret", false, "make the secret that the relay signs with, and nothing else")
	cmd.Flags().BoolVar(&o.settings, "settings", false, "add the app to the stack's settings if they do not have it")
	cmd.Flags().StringVar(&o.url, "url", "",
		"the receiver's URL, where it is not the stack's (with a local AWS also BRIDGE_URL)")
	cmd.Flags().BoolVar(&o.replace, "replace", false, "give secrets that are there a new value")
	return cmd
}

// addResult is what app add prints with --json.
type addResult struct {
	App     string        `json:"app"`
	URL     string        `json:"url"`
	Region  string        `json:"region,omitzero"`
	Sandbox string        `json:"sandbox_region,omitzero"`
	Secrets []addedSecret `json:"secrets"`
}

type addedSecret struct {
	Name string `json:"name"`
	Done string `json:"done"` // created, replaced or kept
}

func (o *addOptions) run(cmd *cobra.Command, app string) error {
	if o.users && o.relay {
		return cli.BadUsage(cmd, errors.New("give --users-secret or --relay-secret, not both"))
	}
	if o.file != "" {
		if _, err := cli.LoadApp(cmd, o.file, &app); err != nil {
			return err
		}
	}
	s, err := stack.Open(cmd, o.network, o.stack, stack.SecretsPrefix, stack.WebhookURL)
	if err != nil {
		return err
	}
	if o.file == "" {
		if err := o.requireApp(cmd, s, &app); err != nil {
			return err
		}
	}
	if o.users || o.relay {
		return o.addSigningSecret(cmd, s, app)
	}
	result := addResult{App: app}
	if result.URL, err = s.ReceiverURL(o.url, app); err != nil {
		return err
	}
	uploader, err := stack.CleverTap(o.network)
	if err != nil {
		return err
	}
	current, err := readSecrets(cmd.Context(), s, app, o.replace)
	if err != nil {
		return err
	}
	values, err := readValues(cmd, current)
	if err != nil {
		return err
	}
	for _, odd := range values.trim() {
		cmd.PrintErrln("warning:", odd)
	}
	if err := values.keepFormer(current); err != nil {
		return err
	}
	if err := result.checkCredentials(cmd, uploader, values.CleverTap); err != nil {
		return err
	}
	// Webhooks count from when the shared secret exists: it comes last.
	for _, r := range slices.Backward(values.replacements(current)) {
		done := "kept"
		if r.given {
			if done, err = r.store(cmd.Context(), s, r.value); err != nil {
				return cli.WithHint(err, "what is stored is right: the same command goes on")
			}
		}
		result.Secrets = append(result.Secrets, addedSecret{r.name, done})
	}
	return o.Print(cmd, result, result.text(s.Name))
}

// checkCredentials tries the accounts' credentials and completes their regions.
func (r *addResult) checkCredentials(
	cmd *cobra.Command, uploader *clevertap.Uploader, values *clevertapSecret,
) error {
	if values == nil {
		return nil
	}
	text, err := secretText(values)
	if err != nil {
		return err
	}
	accounts, err := clevertap.ParseAccounts([]byte(text))
	if err != nil {
		return cli.Findingf("", "%s", causeOf(err))
	}
	if r.Region, err = completeRegion(cmd, uploader, &values.account, accounts.Production); err != nil {
		return err
	}
	if accounts.Sandbox != nil {
		if r.Sandbox, err = completeRegion(cmd, uploader, values.Sandbox, *accounts.Sandbox); err != nil {
			return cli.WithHint(err, "this is about the sandbox account")
		}
	}
	return nil
}

// completeRegion tries an account's credentials, writes their region into the secret and returns it. A region that was
// given and does not answer is believed.
func completeRegion(
	cmd *cobra.Command, uploader *clevertap.Uploader, secret *account, a clevertap.Account,
) (string, error) {
	given := ""
	if secret.Region != "" {
		given = regionOf(a.Host)
	}
	found := findRegion(cmd.Context(), uploader, a, given)
	if cmd.Context().Err() != nil {
		return "", cli.ErrInterrupted
	}
	problem, advice := found.problem(given)
	switch {
	case problem == "":
		secret.Region = found.region
		return found.region, nil
	case given != "" && found.unreachable[given] != nil:
		cmd.PrintErrf("%s; the credentials are stored untried\n", problem)
		return "", nil
	default:
		return "", cli.Findingf(advice, "%s", problem)
	}
}

func (r *addResult) text(stack string) string {
	var b strings.Builder
	if r.Region != "" {
		fmt.Fprintf(&b, "the credentials are right and belong to %s\n", r.Region)
	}
	if r.Sandbox != "" {
		fmt.Fprintf(&b, "the sandbox credentials are right and belong to %s\n", r.Sandbox)
	}
	for _, s := range r.Secrets {
		fmt.Fprintf(&b, "secret %s %s\n", s.Name, s.Done)
	}
	fmt.Fprintf(&b, `
The URL for Purchasely's console (Settings → Webhooks → Client webhook URL):

  %s

Then try it:

  bridge app check --stack %s %s
  bridge send --stack %s --app %s --sample TRIAL_STARTED
`, r.URL, stack, r.App, stack, r.App)
	return b.String()
}

// requireApp demands that the stack's settings have an app, and offers to add it. Where a stack has no settings the
// file at hand stands for them.
func (o *addOptions) requireApp(cmd *cobra.Command, s *stack.Stack, app *string) error {
	if s.Output(stack.SettingsBucket) == "" {
		_, err := cli.LoadApp(cmd, "", app)
		return err
	}
	store, err := settings.Open(s)
	if err != nil {
		return err
	}
	current, err := store.Current(cmd.Context())
	if err != nil {
		return err
	}
	file, text := current.InForce.File, current.InForce.Text
	if current.InForce.ID == "" { // Nobody can read what is built into the functions.
		if file, text, err = cli.LoadIntegrationsText(cmd, ""); err != nil {
			return err
		}
	} else {
		cmd.PrintErrf("settings in force: %s\n", current.InForce.Name)
	}
	err = cli.RequireApp(cmd, file, app)
	if err == nil || !integration.ValidName(*app) {
		return err
	}
	return o.addToSettings(cmd, store, current, *app, text, err)
}

// addToSettings adds an app to the settings if somebody says yes. missing is the error if not.
func (o *addOptions) addToSettings(
	cmd *cobra.Command, store *settings.Store, seen settings.Current, app string, text []byte, missing error,
) error {
	longer, err := yamledit.Set(text, "{}", "apps", app)
	if err != nil || !addsOnly(app, text, longer) {
		return withHint(missing, "add it by hand, and 'bridge settings put' the file")
	}
	if !o.settings {
		if !cli.IsTerminal(cmd) { // It is where the secrets come from.
			return withHint(missing, "--settings adds it to the stack's settings, with every default")
		}
		cmd.PrintErrln(missing)
		var ask cli.Confirmation
		if err := ask.Confirm(cmd, "Add "+app+" to the stack's settings, with every default?"); err != nil {
			return err
		}
	}
	v, err := store.Put(cmd.Context(), longer, seen, "app add "+app)
	if errors.Is(err, settings.ErrConflict) {
		return cli.Findingf("the same command goes on", "somebody else has changed the settings meanwhile")
	}
	if err != nil {
		return err
	}
	cmd.PrintErrf("%s is added to the settings, version %s, and its webhooks are taken within a minute\n", app, v.ID)
	return nil
}

// addsOnly reports whether a longer file has one more app, and is the same for all others.
func addsOnly(app string, text, longer []byte) bool {
	before, _ := integration.Load(cli.BuiltIn, text)
	after, _ := integration.Load(cli.BuiltIn, longer)
	if before == nil || after == nil {
		return false
	}
	changes := settings.Diff(before, after)
	return len(changes) == 1 && changes[0].Kind == settings.App && changes[0].App == app && after.Apps[app] != nil
}

// withHint adds a hint to an error of the command line.
func withHint(err error, hint string) error {
	if e, ok := errors.AsType[*cli.Error](err); ok {
		return &cli.Error{Code: e.Code, Err: e.Err, Hint: fmt.Sprintf("%s; %s", hint, e.Hint)}
	}
	return err
}
