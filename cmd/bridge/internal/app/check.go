package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/stack"
	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

type checkOptions struct {
	cli.Output
	network          http.RoundTripper
	stack, file, url string
}

func newCheckCommand(network http.RoundTripper) *cobra.Command {
	o := checkOptions{network: network}
	cmd := &cobra.Command{
		Use:   "check --stack <stack> [app]",
		Short: "Say what is wrong with an app's secrets",
		Long: `Says whether the app is in the integration file, whether its two secrets exist and can be
read, and whether CleverTap accepts the credentials, by a dry run, which stores nothing.
Where CleverTap refuses them it asks the other regions, so that a wrong region is told
from a wrong passcode. Where the app has the third secret, for your own back end, it tries
that as well, by a signed request that changes nothing. No secret is printed.

CLEVERTAP_ENDPOINT directs the dry run elsewhere, as it does the forwarder's uploads.

Exit codes: 0 all is well, 1 something is wrong and reported, 2 wrong usage.`,
		Example: `  bridge app check --stack purchasely-clevertap demo
  bridge app check --stack purchasely-clevertap --json demo`,
		Args: cli.Args(cobra.MaximumNArgs(1)), ValidArgsFunction: cli.CompleteApps,
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd, cli.First(args)) },
	}
	stack.Flag(cmd, &o.stack)
	cli.FileFlag(cmd, &o.file)
	o.JSONFlag(cmd, "print one JSON object for programs")
	cmd.Flags().StringVar(&o.url, "url", "", "the API's URL, where it is not the stack's (local AWS)")
	return cmd
}

func (o *checkOptions) run(cmd *cobra.Command, app string) error {
	r := report{App: app}
	if err := r.checkFile(cmd, o.file); err != nil {
		return err
	}
	app = r.App
	s, err := stack.Open(cmd, o.network, o.stack, stack.SecretsPrefix)
	if err != nil {
		return err
	}
	checker, err := newCredentialChecker(o.network)
	if err != nil {
		return err
	}
	if err := r.checkPurchasely(cmd.Context(), s, app); err != nil {
		return err
	}
	if err := r.checkCleverTap(cmd.Context(), s, checker, app); err != nil {
		return err
	}
	if err := r.checkUsers(cmd.Context(), o, s, app); err != nil {
		return err
	}
	return o.Conclude(cmd, r, r.text(), cli.FindingsIf(r.Problems > 0))
}

// report is what app check prints with --json.
type report struct {
	App      string  `json:"app"`
	Problems int     `json:"problems"`
	Checks   []check `json:"checks"`
}

type check struct {
	What    string `json:"what"`
	Right   bool   `json:"right"`
	Note    string `json:"note,omitzero"`
	Problem string `json:"problem,omitzero"`
	Advice  string `json:"advice,omitzero"`
}

func (r *report) wrong(what, problem, advice string) {
	r.Problems++
	r.Checks = append(r.Checks, check{What: what, Problem: problem, Advice: advice})
}

func (r *report) right(what, note string) {
	r.Checks = append(r.Checks, check{What: what, Right: true, Note: note})
}

// checkFile completes a missing app by the only one of the file. Nothing else can be checked without an app.
func (r *report) checkFile(cmd *cobra.Command, path string) error {
	file, err := cli.LoadApp(cmd, path, &r.App)
	problem, _ := errors.AsType[*cli.Error](err)
	what := "integration file"
	if file != nil {
		what += " " + file.Path
	}
	switch {
	case r.App == "":
		return err
	case problem != nil:
		r.wrong(what, problem.Error(), problem.Hint)
	case !file.Apps[r.App].Enabled:
		r.right(what, "the app is switched off there: nothing goes to CleverTap")
	default:
		r.right(what, "")
	}
	return nil
}

func (r *report) checkPurchasely(ctx context.Context, s *stack.Stack, app string) error {
	what, text, err := r.readSecret(ctx, s, app, stack.PurchaselySecret)
	if err != nil || text == nil {
		return err
	}
	if _, err := webhook.ParseKeys(text); err != nil {
		r.wrong(what, causeOf(err), `want {"shared_secret":"…"}; 'bridge app add --replace' stores it`)
		return nil
	}
	r.right(what, "")
	return nil
}

func (r *report) checkCleverTap(ctx context.Context, s *stack.Stack, checker *credentialChecker, app string) error {
	what, text, err := r.readSecret(ctx, s, app, stack.CleverTapSecret)
	if err != nil || text == nil {
		return err
	}
	accounts, err := clevertap.ParseAccounts(text)
	if err != nil {
		advice := "regions are " + strings.Join(regions, ", ") + "; 'bridge app add --replace' stores the secret anew"
		r.wrong(what, causeOf(err), advice)
		return nil
	}
	if err := r.checkAccount(ctx, checker, what, accounts.Production); err != nil || accounts.Sandbox == nil {
		return err
	}
	return r.checkAccount(ctx, checker, what+", sandbox", *accounts.Sandbox)
}

func (r *report) checkAccount(
	ctx context.Context, checker *credentialChecker, what string, a clevertap.Account,
) error {
	given := regionOf(a.Host)
	found, err := checker.find(ctx, a, given)
	if err != nil {
		return err
	}
	if problem, advice := found.problem(given); problem != "" {
		r.wrong(what, problem, advice)
	} else {
		r.right(what, "CleverTap takes the credentials in "+found.region)
	}
	return nil
}

// readSecret reads a secret and reports what is wrong with it; then text is nil.
func (r *report) readSecret(
	ctx context.Context, s *stack.Stack, app, part string,
) (what string, text []byte, err error) {
	name := s.SecretName(app, part)
	what = "secret " + name
	text, found, err := s.ReadSecret(ctx, name)
	problem, _ := errors.AsType[*cli.Error](err)
	switch {
	case ctx.Err() != nil:
		return what, nil, cli.ErrInterrupted
	case problem != nil:
		r.wrong(what, problem.Error(), problem.Hint)
	case !found:
		r.wrong(what, "it is missing", "'bridge app add' creates it")
	case len(text) == 0:
		r.wrong(what, "it is empty", "'bridge app add --replace' stores it anew")
	default:
		return what, text, nil
	}
	return what, nil, nil
}

func (r *report) text() string {
	var b strings.Builder
	for _, c := range r.Checks {
		switch {
		case !c.Right:
			fmt.Fprintf(&b, "wrong  %s: %s\n       %s\n", c.What, c.Problem, c.Advice)
		case c.Note != "":
			fmt.Fprintf(&b, "right  %s: %s\n", c.What, c.Note)
		default:
			fmt.Fprintf(&b, "right  %s\n", c.What)
		}
	}
	fmt.Fprintf(&b, "%s: %s\n", r.App, cli.Quantity(r.Problems, "problem"))
	return b.String()
}
