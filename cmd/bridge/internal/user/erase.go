package user

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/stack"
	"github.com/purchasely-clevertap/bridge/shared/subscriber"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

type eraseOptions struct {
	tableFlags
	cli.Output
	cli.Confirmation
	app, integrations  string
	users, anonymous   []string
	purchasely, dryRun bool
}

func newEraseCommand(network http.RoundTripper) *cobra.Command {
	o := eraseOptions{tableFlags: tableFlags{network: network}}
	cmd := &cobra.Command{
		Use:   "erase --stack <stack> --app <app> --user <id> --anonymous <id>",
		Short: "Delete one person, and keep them deleted",
		Long: `Deletes what the bridge and CleverTap have of one person, who may have several ids. First it
shows what there is and asks. Then, in this order:

  suppress    nothing is sent about the person any more, so that nothing comes back
  messages    webhooks of the person on the queues: rejected, dead and waiting ones
  stored      states of purchases, the journal, notes
  profiles    the profiles at CleverTap, one call after the other
  links       the CleverTap IDs
  purchasely  with --purchasely: the person's data at Purchasely, when nothing else is left

What stays is the suppression, under the pseudonym of each id. Apps that share a CleverTap
account are treated together: otherwise one would bring back what the other deletes.

It may be stopped and run again as often as one likes, and does what is left. It ends with
exit code 1 while anything is left, and says what. BRIDGE_PURCHASELY_API_KEY may hold the
app's API key of Purchasely's console; else it asks. CLEVERTAP_ENDPOINT directs the calls
to CleverTap elsewhere.

Exit codes: 0 nothing is left, 1 something is, or nobody said yes, 2 wrong usage.`,
		Example: `  bridge user erase --stack purchasely-clevertap --app demo --user learner-40213 --dry-run
  bridge user erase --stack purchasely-clevertap --app demo --user learner-40213 ` +
			`--anonymous 9D40B7F2-0E63-4A1C-8B5E-F7C2316D98A4 --yes --json`,
		Args: cli.Args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	stack.Flag(cmd, &o.stack)
	cli.AppFlag(cmd, &o.app, "the person's app")
	flags := cmd.Flags()
	flags.StringArrayVar(&o.users, "user", nil, "the app's own id of the person (user_id); may be repeated")
	flags.StringArrayVar(&o.anonymous, "anonymous", nil, "an anonymous_user_id of the person; may be repeated")
	flags.StringVar(&o.integrations, "integrations", "", "an integration file with the app (default the stack's settings)")
	flags.BoolVar(&o.purchasely, "purchasely", false, "have Purchasely delete the person, too, in the end")
	flags.BoolVar(&o.dryRun, "dry-run", false, "show what there is, and change nothing")
	o.JSONFlag(cmd, "print the report as one JSON object for programs")
	o.YesFlag(cmd)
	return cmd
}

// people are the ids of the person.
func (o *eraseOptions) people() (people []webhook.Subscriber) {
	add := func(kind webhook.SubscriberKind, ids []string) {
		for _, id := range ids {
			if s := (webhook.Subscriber{Kind: kind, ID: id}); !slices.Contains(people, s) {
				people = append(people, s)
			}
		}
	}
	add(webhook.ByUser, o.users)
	add(webhook.ByAnonymous, o.anonymous)
	return people
}

// eraseReport is what user erase --json prints. Of the person it has nothing but the pseudonyms.
type eraseReport struct {
	Subscribers  []string    `json:"subscribers"`
	Apps         []string    `json:"apps"`
	SuppressedAt string      `json:"suppressed_at,omitzero"`
	Erased       bool        `json:"erased"`
	Steps        []eraseStep `json:"steps"`
}

// eraseStep is one step and what came of it; in a dry run, what it would do.
type eraseStep struct {
	Step  string   `json:"step"`
	Plan  string   `json:"plan,omitzero"` // of a dry run
	Done  bool     `json:"done"`
	Count int      `json:"count"` // suppressed, deleted or asked for
	Left  []string `json:"left,omitzero"`
}

func (o *eraseOptions) run(cmd *cobra.Command) error {
	if err := checkIDs(cmd, slices.Concat(o.users, o.anonymous)...); err != nil {
		return err
	}
	e, err := o.prepare(cmd)
	if err != nil {
		return err
	}
	if err := e.inspect(); err != nil {
		return err
	}
	report := e.preview()
	cmd.PrintErr(planText(e, report))
	if o.dryRun {
		return o.Print(cmd, report, "nothing was changed: this was a dry run\n")
	}
	if err := o.Confirm(cmd, "This cannot be undone. Erase this person?"); err != nil {
		return err
	}
	report = e.execute()
	text := "nothing is left of this person but the suppression\n"
	if !report.Erased {
		text = "something is left: run the same command again\n"
	}
	err = cli.FindingsIf(!report.Erased)
	if cmd.Context().Err() != nil {
		err = cli.ErrInterrupted
	}
	return o.Conclude(cmd, report, text, err)
}

// prepare finds everything that a deletion needs, before anything is changed.
func (o *eraseOptions) prepare(cmd *cobra.Command) (*erasure, error) {
	table, err := o.open(cmd)
	if err != nil {
		return nil, err
	}
	file, err := table.loadApp(cmd, o.integrations, &o.app)
	if err != nil {
		return nil, err
	}
	e := &erasure{cmd: cmd, table: table, people: o.people(), file: file, network: o.network}
	if e.clevertap, err = stack.CleverTap(o.network); err != nil {
		return nil, err
	}
	if err := e.findAccounts(o.app); err != nil {
		return nil, err
	}
	for _, p := range e.people {
		e.partitions = append(e.partitions, subscriber.Partition(p.Kind.String(), p.ID))
	}
	if o.purchasely {
		return e, e.findPurchaselyApps()
	}
	return e, nil
}

// planText is the plan for people.
func planText(e *erasure, report eraseReport) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Plan for one person with %s, of %s:\n",
		cli.Quantity(len(e.people), "id"), strings.Join(e.apps, ", "))
	for _, step := range report.Steps {
		fmt.Fprintf(&b, "  %-10s  %s\n", step.Step, step.Plan)
	}
	if e.purchasely == nil {
		b.WriteString("Purchasely's own records stay; --purchasely has them deleted, too.\n")
	}
	if e.table.stack.Output(stack.RelayQueue) != "" {
		b.WriteString("Webhooks on their way to your own back end stay: it needs them, in their order.\n")
	}
	if len(e.related) > 0 {
		fmt.Fprintf(&b, "By a transfer, the journal leads to %s. If that is the same person, name it, too.\n",
			cli.Quantity(len(e.related), "other id"))
	}
	return b.String()
}
