package user

import (
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
	w := explainer.Webhook{File: file, App: l.App, Body: l.Body, Received: l.Received}
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
