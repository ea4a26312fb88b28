package journal

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/stack"
	"github.com/purchasely-clevertap/bridge/shared/aws/dynamo"
	"github.com/purchasely-clevertap/bridge/shared/forward"
)

type options struct {
	cli.Output
	cli.Period
	network                     http.RoundTripper
	stack, app, outcome, reason string
	events                      []string
	limit                       int
}

// NewCommand returns "journal". network makes the calls to AWS; nil is the real one.
func NewCommand(network http.RoundTripper) *cobra.Command {
	o := options{network: network}
	cmd := &cobra.Command{
		Use:   "journal --stack <stack>",
		Short: "Show what became of the last webhooks",
		Long: `Prints what became of the webhooks that arrived last, the newest first: of one app, event,
outcome or reason if you say so. It names nobody: 'bridge user trace' tells what became of
one person's webhooks.

The table is not in the order of time, so that all of it is read. The journal has no
webhooks without an id of a person.

Exit codes: 0 the journal was read, 1 AWS refused, 2 wrong usage.`,
		Example: `  bridge journal --stack purchasely-clevertap
  bridge journal --stack purchasely-clevertap --outcome rejected --from 3d
  bridge journal --stack purchasely-clevertap --event SUBSCRIPTION_STARTED --limit 5 --json`,
		Args: cli.Args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	stack.Flag(cmd, &o.stack)
	cli.PeriodFlags(cmd, &o.Period, "webhooks that arrived")
	o.JSONFlag(cmd, "print one JSON object for programs")
	flags := cmd.Flags()
	flags.StringVar(&o.app, "app", "", "only this app's webhooks")
	flags.StringSliceVar(&o.events, "event", nil, "only this event, by Purchasely's name; may be repeated")
	flags.StringVar(&o.outcome, "outcome", "", "only this outcome: "+strings.Join(Outcomes(), ", "))
	flags.StringVar(&o.reason, "reason", "", "only this reason, such as event_off")
	flags.IntVar(&o.limit, "limit", 20, "how many")
	_ = cmd.RegisterFlagCompletionFunc("app", cli.CompleteApps) // the flags are declared above
	_ = cmd.RegisterFlagCompletionFunc("event", cli.CompleteEvents)
	_ = cmd.RegisterFlagCompletionFunc("outcome",
		cobra.FixedCompletions(Outcomes(), cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// Outcomes are the names of outcomes.
func Outcomes() (names []string) {
	for o := forward.Delivered; o <= forward.Retried; o++ {
		names = append(names, o.String())
	}
	return names
}

func (o *options) run(cmd *cobra.Command) error {
	if o.outcome != "" && !slices.Contains(Outcomes(), o.outcome) {
		err := fmt.Errorf("flag --outcome: %q is none of %s", o.outcome, strings.Join(Outcomes(), ", "))
		return cli.BadUsage(cmd, err)
	}
	if err := o.Check(cmd); err != nil {
		return err
	}
	if o.limit < 1 || o.limit > MaxPage {
		return cli.BadUsage(cmd, fmt.Errorf("flag --limit: want 1 to %d", MaxPage))
	}
	s, err := stack.Open(cmd, o.network, o.stack, stack.SecretsPrefix)
	if err != nil {
		return err
	}
	table, err := OfStack(s)
	if err != nil {
		return err
	}
	page, err := Latest(cmd.Context(), table, Selection{
		From: o.From.Time, To: o.To.Time, App: o.app, Events: o.events, Outcome: o.outcome, Reason: o.reason,
	}, o.limit, time.Now())
	if err != nil {
		return stack.Explain(err)
	}
	return o.Print(cmd, page.form(), o.text(page))
}

// OfStack is the table with a stack's journal.
func OfStack(s *stack.Stack) (*dynamo.Table, error) {
	name := s.Output(stack.SubscribersTable)
	if name == "" {
		return nil, cli.Findingf("", "stack %q has no journal: its parameter Subscribers is off", s.Name)
	}
	return dynamo.NewTable(s.Config, name, 0), nil
}

// Current is the table with a stack's journal, if the stack goes on writing it.
func Current(s *stack.Stack) (*dynamo.Table, error) {
	if s.Output(stack.SubscribersTable) != "" && s.Parameter(stack.JournalParameter) == "off" {
		return nil, cli.Findingf("", "stack %q has no journal: its parameter Journal is off", s.Name)
	}
	return OfStack(s)
}

// pageForm is what --json prints.
type pageForm struct {
	Webhooks []namedForm `json:"webhooks"` // the newest first
	Older    bool        `json:"older"`    // there are more
}

type namedForm struct {
	Subscriber string `json:"subscriber"` // a pseudonym
	Form
}

func (p Page) form() pageForm {
	f := pageForm{Older: p.Older}
	for _, e := range p.Entries {
		f.Webhooks = append(f.Webhooks, namedForm{e.Key.Partition, e.Form()})
	}
	return f
}

// text is the page for people. It says at how many webhooks it looked in vain, so that a misspelt flag does not look
// like an empty journal.
func (o *options) text(p Page) string {
	if len(p.Entries) == 0 {
		during := ""
		if !o.From.IsZero() || !o.To.IsZero() {
			during = " between --from and --to"
		}
		return fmt.Sprintf("0 of %s in the journal%s\n", cli.Quantity(p.Looked, "webhook"), during)
	}
	rows := [][]string{{"ARRIVED (UTC)", "APP", "EVENT", "OUTCOME", "ATTEMPT", "BECAUSE"}}
	for _, e := range p.Entries {
		because := "–"
		if e.Reason != "" {
			because = Because(e.Reason, e.Code)
		}
		rows = append(rows, []string{
			e.Received.Format(time.DateTime), e.App, e.Event.Event, e.Outcome, fmt.Sprint(e.Attempt), because,
		})
	}
	text := cli.Table(rows)
	if p.Older {
		text += "older ones: --to " + p.Entries[len(p.Entries)-1].Received.Format(time.RFC3339Nano) + "\n"
	}
	return text
}
