package user

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	explainer "github.com/purchasely-clevertap/bridge/cmd/bridge/internal/explain"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/journal"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/stored"
	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/subscriber"
)

type traceOptions struct {
	tableFlags
	person
	cli.Output
	cli.Period
	file string
	body int
}

func newTraceCommand(network http.RoundTripper) *cobra.Command {
	o := traceOptions{tableFlags: tableFlags{network: network}}
	cmd := &cobra.Command{
		Use:   "trace --stack <stack> [--app <app>] [--user <id>] [--anonymous <id>]",
		Short: "Tell what became of each of a person's webhooks",
		Long: `Tells in sentences what became of every webhook of a person: when Purchasely created it,
when it arrived, whether CleverTap has it, on which account and under which name, what was
true of the person then, and what is now. Give both ids of a person if you know them. What
a transfer leads to, from or to another id, is in the list as well. All times are UTC.

The journal keeps a webhook for as many days as the stack's parameter JournalDays says. It
has no webhooks without an id of a person, and none that nothing can be made of: see
'bridge rejected list'.

With --body N it prints webhook N of the list and explains it under today's settings,
where the stack's parameter Journal is "bodies". A body is personal data: keep it out of
tickets and logs.

Exit codes: 0 the journal was read, 1 AWS refused or there is no such body, 2 wrong usage.`,
		Example: `  bridge user trace --stack purchasely-clevertap --user learner-40213
  bridge user trace --stack purchasely-clevertap --app demo --user learner-40213 --from 3d --json
  bridge user trace --stack purchasely-clevertap --user learner-40213 --body 2`,
		Args: cli.Args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	o.tableFlags.flags(cmd)
	o.person.flags(cmd, "only this app's webhooks")
	cli.PeriodFlags(cmd, &o.Period, "webhooks that arrived")
	cli.FileFlag(cmd, &o.file)
	o.JSONFlag(cmd, "print one JSON object for programs")
	cmd.Flags().IntVar(&o.body, "body", 0, "print this webhook of the list and explain it; it is personal data")
	return cmd
}

func (o *traceOptions) run(cmd *cobra.Command) error {
	if err := o.Check(cmd); err != nil {
		return err
	}
	partitions, err := o.partitions(cmd)
	if err != nil {
		return err
	}
	table, err := o.open(cmd)
	if err != nil {
		return err
	}
	history, err := journal.Read(cmd.Context(), table.Table, partitions, o.app, time.Now())
	if err != nil {
		return explain(err)
	}
	lines := history.Timeline()
	if o.body != 0 {
		return o.printBody(cmd, table, history, lines)
	}
	lines = slices.DeleteFunc(lines, func(l journal.Line) bool { return !o.Has(l.Received) })
	return o.Print(cmd, newTrace(history, lines), o.text(history, lines))
}

// trace is what user trace --json prints.
type trace struct {
	People     []tracedPerson  `json:"people"`
	Webhooks   []tracedWebhook `json:"webhooks"` // in the order in which they arrived
	Unfollowed int             `json:"unfollowed,omitzero"`
}

type tracedPerson struct {
	Key    string                    `json:"subscriber"`
	Asked  bool                      `json:"asked"` // false: a transfer led to it
	States map[string]jsontext.Value `json:"states"`
	Apps   map[string]shownApp       `json:"apps"`
}

type tracedWebhook struct {
	Number int `json:"number"`
	Person int `json:"person"` // its index in people
	journal.Form
}

func newTrace(h journal.History, lines []journal.Line) trace {
	t := trace{Unfollowed: h.Unfollowed}
	for _, p := range h.People {
		traced := tracedPerson{p.Partition, p.Asked, make(map[string]jsontext.Value), make(map[string]shownApp)}
		for _, s := range p.States {
			traced.States[s.Account] = jsontext.Value(s.Encode())
		}
		for _, s := range p.Apps {
			traced.Apps[s.App] = newShownApp(s)
		}
		t.People = append(t.People, traced)
	}
	for _, l := range lines {
		t.Webhooks = append(t.Webhooks, tracedWebhook{l.Number, l.Person, l.Form()})
	}
	return t
}

// nothingShown says why the list is empty.
func (o *traceOptions) nothingShown(h journal.History) string {
	whose := "of this person"
	if o.app != "" {
		whose += " from the app " + o.app
	}
	if n := len(h.Timeline()); n > 0 {
		return fmt.Sprintf("The journal has %s %s, and none between --from and --to.", cli.Quantity(n, "webhook"), whose)
	}
	return "The journal has no webhook " + whose + "."
}

// text tells the history in sentences.
func (o *traceOptions) text(h journal.History, lines []journal.Line) string {
	var b strings.Builder
	for i, p := range h.People {
		for _, sentence := range p.Describe() {
			fmt.Fprintf(&b, "Today, %s: %s.\n", o.nameOf(h, i), sentence)
		}
	}
	if h.Unfollowed > 0 {
		fmt.Fprintf(&b, "Transfers lead to %s more, which are not in this list.\n", cli.Quantity(h.Unfollowed, "id"))
	}
	if len(lines) == 0 {
		b.WriteString("\n" + o.nothingShown(h) + "\n")
	}
	day := ""
	for _, l := range lines {
		if today := l.Received.Format("Monday, 2 January 2006"); today != day {
			fmt.Fprintf(&b, "\n%s\n", today)
			day = today
		}
		fmt.Fprintf(&b, "%3d  %s UTC  %s, %s", l.Number, l.Received.Format(time.TimeOnly), l.Event.Event, l.App)
		if len(h.People) > 1 {
			fmt.Fprintf(&b, ", of the %s", o.nameOf(h, l.Person))
		}
		b.WriteString("\n")
		for _, sentence := range l.Describe() {
			fmt.Fprintf(&b, "     %s\n", sentence)
		}
	}
	return b.String()
}

// nameOf is what an id of the history is called. Those that were asked for come first.
func (o *traceOptions) nameOf(h journal.History, person int) string {
	var names []string
	if o.user != "" {
		names = append(names, "user id")
	}
	if o.anonymous != "" {
		names = append(names, "anonymous id")
	}
	switch {
	case person < len(names):
		return names[person]
	case len(h.People) == len(names)+1:
		return "transfer's other id"
	default:
		return fmt.Sprintf("transfer's other id %d", person-len(names)+1)
	}
}

// tracedBody is what user trace --body --json prints.
type tracedBody struct {
	Webhook     tracedWebhook  `json:"webhook"`
	Body        jsontext.Value `json:"body"`
	Explanation any            `json:"explanation"` // as explain --json prints it
}

// printBody prints a webhook of the list, and explains it under today's settings, with what is stored of the person.
func (o *traceOptions) printBody(
	cmd *cobra.Command, table subscribers, h journal.History, lines []journal.Line,
) error {
	if o.body < 1 || o.body > len(lines) {
		return cli.Findingf("'bridge user trace' without --body prints the list",
			"the list has no webhook %d: it has %d", o.body, len(lines))
	}
	l := lines[o.body-1]
	if l.Body == nil {
		return cli.Findingf("the stack's parameter Journal must be \"bodies\" when a webhook arrives",
			"the journal has no body of webhook %d", o.body)
	}
	app := l.App
	file, err := cli.LoadApp(cmd, o.file, &app)
	if err != nil {
		return err
	}
	w := explainer.Batch{File: file, App: l.App, Bodies: [][]byte{l.Body}, Received: l.Received}
	accounts, err := table.accounts(cmd.Context(), l.App)
	if err != nil {
		cmd.PrintErrf("explained without what is stored of the person: %v\n", err)
	} else {
		w.SandboxAccount = accounts.Sandbox != nil
		w.States, w.Items = known(h.People[l.Person], accounts)
	}
	value, text, err := w.Explain(cmd.Context())
	if err != nil {
		return err
	}
	cmd.PrintErr("the body is personal data: keep it out of tickets and logs\n")
	result := tracedBody{tracedWebhook{l.Number, l.Person, l.Form()}, jsontext.Value(l.Body), value}
	if !result.Body.IsValid(stored.Lenient...) { // of an app that is switched off, whose webhooks are not read
		result.Body, _ = jsontext.AppendQuote(nil, l.Body)
	}
	return o.Print(cmd, result, string(l.Body)+"\n\n"+text)
}

// known is what the table has of a person, as an explanation takes it.
func known(
	p journal.Person, accounts clevertap.Accounts,
) (map[string]subscriber.State, map[subscriber.Key]subscriber.Item) {
	states := make(map[string]subscriber.State)
	for _, s := range p.States {
		if s.Account == accounts.Production.ID {
			states["production"] = s.State
		}
		if accounts.Sandbox != nil && s.Account == accounts.Sandbox.ID {
			states["sandbox"] = s.State
		}
	}
	items := make(map[subscriber.Key]subscriber.Item)
	for _, s := range p.Apps {
		items[subscriber.PersonKey(p.Partition, s.App)] = s.Item(time.Now())
	}
	return states, items
}
