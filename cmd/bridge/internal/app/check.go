package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/receiver"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/stack"
	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/clevertap/query"
	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/secret"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

type checkOptions struct {
	cli.Output
	network          http.RoundTripper
	stack, file, url string
	relay, send      bool
}

func newCheckCommand(network http.RoundTripper) *cobra.Command {
	o := checkOptions{network: network}
	cmd := &cobra.Command{
		Use:   "check --stack <stack> [app]",
		Short: "Say what is wrong with an app's secrets",
		Long: `Says whether the app is in the integration file, whether its two secrets exist and can be
read, and what was pasted along with them. It signs a webhook with the stored secret and
posts it to the deployed URL, as Purchasely does; that webhook is of nobody, so nothing of
it reaches CleverTap. It tries CleverTap's credentials by a dry run, which stores nothing.
Where CleverTap refuses them it asks the other regions, so that a wrong region is told
from a wrong passcode; where it does not answer, nothing is said against them. Where the
app has the third secret, for your own back end, it tries that as well, by a signed
request that changes nothing. No secret is printed.

With --relay it posts the event ACTIVATE of a made-up person, signed as Purchasely signs, to
the back end that relay.url in the integration file names, as the relay does, and says what
came back. Whether the signature was right is your back end's to say: look into its log.

With --send it sends an event of a made-up user the whole way: it follows the event to its
outcome in the journal, reads it back from CleverTap, and deletes the profile and the
journal's items again. It says which step the event did not pass, and what stays. The
event goes to the production account, and may set off campaigns for that user.

CLEVERTAP_ENDPOINT directs what goes to CleverTap elsewhere, as it does the forwarder's
uploads.

Exit codes: 0 all is well, 1 something is wrong, or could not be found out, 2 wrong usage.`,
		Example: `  bridge app check --stack purchasely-clevertap demo
  bridge app check --stack purchasely-clevertap --json demo
  bridge app check --stack purchasely-clevertap --send demo
  bridge app check --stack purchasely-clevertap --relay demo`,
		Args: cli.Args(cobra.MaximumNArgs(1)), ValidArgsFunction: cli.CompleteApps,
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd, cli.First(args)) },
	}
	stack.Flag(cmd, &o.stack)
	cli.FileFlag(cmd, &o.file)
	o.JSONFlag(cmd, "print one JSON object for programs")
	cmd.Flags().BoolVar(&o.send, "send", false, "send a test event the whole way, and read it back from CleverTap")
	cmd.Flags().BoolVar(&o.relay, "relay", false, "post a test webhook to the app's own back end, too")
	cmd.Flags().StringVar(&o.url, "url", "",
		"the API's URL, where it is not the stack's (with a local AWS also BRIDGE_URL)")
	return cmd
}

// checker is one run of app check. A check that an interrupt cuts off reports what it may: nobody sees it.
type checker struct {
	*checkOptions
	report
	stack    *stack.Stack
	settings *integration.App // nil: the integration file does not have it, or has faults
	uploader *clevertap.Uploader
	reader   *query.Client
	account  clevertap.Account // for production, once its secret has been read
}

func (o *checkOptions) run(cmd *cobra.Command, app string) error {
	s, err := stack.Open(cmd, o.network, o.stack, stack.SecretsPrefix, stack.WebhookURL)
	if err != nil {
		return err
	}
	c := &checker{checkOptions: o, report: report{App: app}, stack: s}
	if err := c.checkFile(cmd); err != nil {
		return err
	}
	target, err := s.ReceiverURL(o.url, c.App)
	if err != nil {
		return err
	}
	usersTarget, err := s.UsersURL(o.url, c.App)
	if err != nil {
		return err
	}
	if c.uploader, err = stack.CleverTap(o.network); err != nil {
		return err
	}
	if c.reader, err = stack.CleverTapReader(o.network); err != nil {
		return err
	}
	ctx := cmd.Context()
	key := c.checkPurchasely(ctx)
	client := receiver.New(o.network, target, key)
	if !key.Empty() {
		c.checkReceiver(ctx, client, target)
	}
	c.checkCleverTap(ctx)
	c.checkUsers(ctx, usersTarget)
	if o.send {
		c.checkDelivery(ctx, client)
	}
	if o.relay {
		c.checkRelay(ctx, key)
	}
	if ctx.Err() != nil {
		return cli.ErrInterrupted
	}
	return o.Conclude(cmd, c.report, c.text(), cli.FindingsIf(c.Problems+c.Unsure > 0))
}

// report is what app check prints with --json.
type report struct {
	App      string  `json:"app"`
	Problems int     `json:"problems"`
	Unsure   int     `json:"unsure,omitzero"` // checks that nobody answered
	Checks   []check `json:"checks"`
}

type check struct {
	What     string   `json:"what"`
	Right    bool     `json:"right"`
	Unsure   bool     `json:"unsure,omitzero"` // neither right nor wrong: it could not be found out
	Note     string   `json:"note,omitzero"`
	Problem  string   `json:"problem,omitzero"`
	Advice   string   `json:"advice,omitzero"`
	Warnings []string `json:"warnings,omitzero"`
}

func (r *report) wrong(what, problem, advice string) {
	r.Problems++
	r.Checks = append(r.Checks, check{What: what, Problem: problem, Advice: advice})
}

func (r *report) unsure(what, problem, advice string) {
	r.Unsure++
	r.Checks = append(r.Checks, check{What: what, Unsure: true, Problem: problem, Advice: advice})
}

func (r *report) right(what, note string) {
	r.Checks = append(r.Checks, check{What: what, Right: true, Note: note})
}

// warn adds to the last check what is odd about a secret.
func (r *report) warn(odd []string) { r.Checks[len(r.Checks)-1].Warnings = odd }

// checkFile completes a missing app by the only one of the file, without which nothing else can be checked.
func (c *checker) checkFile(cmd *cobra.Command) error {
	file, err := c.stack.LoadIntegrations(cmd, c.file)
	if err == nil {
		err = cli.RequireApp(cmd, file, &c.App)
	}
	problem, _ := errors.AsType[*cli.Error](err)
	what := "integration file"
	switch {
	case file == nil:
	case strings.HasPrefix(file.Path, stack.SettingsOf):
		what = file.Path
	default:
		what += " " + file.Path
	}
	switch {
	case c.App == "":
		return err
	case problem != nil:
		c.wrong(what, problem.Error(), problem.Hint)
		return nil
	case !file.Apps[c.App].Enabled:
		c.right(what, "the app is switched off there: nothing goes to CleverTap")
	default:
		c.right(what, "")
	}
	c.settings = file.Apps[c.App]
	return nil
}

// checkPurchasely returns the secret that webhooks are signed with, empty if it cannot be used.
func (c *checker) checkPurchasely(ctx context.Context) (key secret.Value) {
	what, text := c.requireSecret(ctx, stack.PurchaselySecret)
	if text == nil {
		return key
	}
	if _, err := webhook.ParseKeys(text); err != nil {
		c.wrong(what, causeOf(err), `want {"shared_secret":"…"}; 'bridge app add --replace' stores it`)
	} else {
		c.right(what, "")
		key = stack.CurrentKey(text)
	}
	c.warn(inspect(text, purchaselyKeys))
	return key
}

// tryingFormat is a webhook of nobody, under the name that the bridge uses for its own.
const tryingFormat = `{"api_version":3,"event_name":"BRIDGE_HEARTBEAT","event_id":%q,"event_created_at":%q}`

// checkReceiver posts a signed webhook as Purchasely does.
func (c *checker) checkReceiver(ctx context.Context, client *receiver.Client, target string) {
	what, now := "webhooks at "+target, time.Now().UTC()
	answer, err := client.Post(ctx, fmt.Appendf(nil, tryingFormat, "check-"+rand.Text(), now.Format(time.RFC3339)))
	if err != nil {
		c.unsure(what, err.Error(), hintOf(err))
	} else if refusal := answer.Refusal(); refusal != nil {
		c.wrong(what, refusal.Error(), refusal.Hint)
	} else {
		c.right(what, "a signed one was accepted")
	}
}

func (c *checker) checkCleverTap(ctx context.Context) {
	what, text := c.requireSecret(ctx, stack.CleverTapSecret)
	if text == nil {
		return
	}
	accounts, err := clevertap.ParseAccounts(text)
	if err != nil {
		advice := "regions are " + strings.Join(regions, ", ") + "; 'bridge app add --replace' stores the secret anew"
		c.wrong(what, causeOf(err), advice)
	} else {
		c.account = accounts.Production
		c.checkAccount(ctx, what, c.account)
	}
	c.warn(inspect(text, clevertapKeys))
	if accounts.Sandbox != nil {
		c.checkAccount(ctx, what+", sandbox", *accounts.Sandbox)
	}
}

func (c *checker) checkAccount(ctx context.Context, what string, a clevertap.Account) {
	given := regionOf(a.Host)
	found := findRegion(ctx, c.uploader, a, given)
	problem, advice := found.problem(given)
	switch {
	case problem == "":
		c.right(what, "CleverTap takes the credentials in "+found.region)
	case found.unreachable[given] != nil:
		c.unsure(what, problem, advice)
	default:
		c.wrong(what, problem, advice)
	}
}

// requireSecret reads a secret that has to be there.
func (c *checker) requireSecret(ctx context.Context, part string) (what string, text []byte) {
	what, text, found := c.readSecret(ctx, part)
	if !found {
		c.wrong(what, "it is missing", "'bridge app add' creates it")
	}
	return what, text
}

// readSecret reads a secret if there is one, and reports what is wrong with it; then text is nil.
func (c *checker) readSecret(ctx context.Context, part string) (what string, text []byte, found bool) {
	name := c.stack.SecretName(c.App, part)
	what = "secret " + name
	text, found, err := c.stack.ReadSecret(ctx, name)
	switch {
	case err != nil:
		c.wrong(what, err.Error(), hintOf(err))
	case found && len(text) == 0:
		c.wrong(what, "it is empty", "'bridge app add --replace' stores it anew")
	default:
		return what, text, found
	}
	return what, nil, true
}

func (r *report) text() string {
	var b strings.Builder
	for _, c := range r.Checks {
		switch {
		case c.Unsure:
			fmt.Fprintf(&b, "unsure %s: %s\n       %s\n", c.What, c.Problem, c.Advice)
		case !c.Right:
			fmt.Fprintf(&b, "wrong  %s: %s\n       %s\n", c.What, c.Problem, c.Advice)
		case c.Note != "":
			fmt.Fprintf(&b, "right  %s: %s\n", c.What, c.Note)
		default:
			fmt.Fprintf(&b, "right  %s\n", c.What)
		}
		for _, warning := range c.Warnings {
			fmt.Fprintf(&b, "       warning: %s\n", warning)
		}
	}
	fmt.Fprintf(&b, "%s: %s", r.App, cli.Quantity(r.Problems, "problem"))
	if r.Unsure > 0 {
		fmt.Fprintf(&b, ", %s that nobody answered", cli.Quantity(r.Unsure, "check"))
	}
	return b.String() + "\n"
}
