package user

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/journal"
	"github.com/purchasely-clevertap/bridge/shared/clevertap"
)

type showOptions struct {
	tableFlags
	person
	cli.Output
}

func newShowCommand(network http.RoundTripper) *cobra.Command {
	o := showOptions{tableFlags: tableFlags{network: network}}
	cmd := &cobra.Command{
		Use:   "show --stack <stack> [--app <app>] --user <id> | --anonymous <id>",
		Short: "Print what is known of a person: purchases, link, suppression",
		Long: `Prints which purchases of a person are active for each CleverTap account and since when,
to which CleverTap ID the person is linked, and whether anything may be sent about them.
'bridge user trace' prints what became of the person's webhooks.

Accounts have their ids or, with --app, the names production and sandbox; then only this
app's are printed, and 'bridge explain --state' takes what --json prints.

Exit codes: 0 all was read, 1 something of it cannot be read or AWS refused, 2 wrong usage.`,
		Example: `  bridge user show --stack purchasely-clevertap --app demo --user learner-40213
  bridge user show --table purchasely-clevertap-SubscribersTable-1A2B3C4D5E6F ` +
			`--anonymous 9D40B7F2-0E63-4A1C-8B5E-F7C2316D98A4 --json`,
		Args: cli.Args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	o.tableFlags.flags(cmd)
	o.person.flags(cmd, "show what is known for this app alone")
	o.JSONFlag(cmd, "print one JSON object for programs, with the person's key and the accounts' ids")
	return cmd
}

// shown is what user show --json prints.
type shown struct {
	Key      string                    `json:"subscriber"`
	States   map[string]jsontext.Value `json:"states"` // by account
	Accounts map[string]shownAccount   `json:"accounts"`
	Apps     map[string]shownApp       `json:"apps"`     // what was said of the person
	Webhooks int                       `json:"webhooks"` // in the journal
}

type shownAccount struct {
	ID      string    `json:"id"`
	Active  bool      `json:"active"`
	Expires time.Time `json:"expires,omitzero"` // of the state
	state   journal.State
}

type shownApp struct {
	CleverTapID  string    `json:"clevertap_id,omitzero"`
	ObservedAt   time.Time `json:"observed_at,omitzero"`
	Suppressed   bool      `json:"suppressed"`
	SuppressedAt time.Time `json:"suppressed_at,omitzero"`
	RestoredAt   time.Time `json:"restored_at,omitzero"`
	sentences    []string
}

func newShownApp(s journal.AppPerson) shownApp {
	return shownApp{s.CleverTapID, s.ObservedAt, s.Suppressed(), s.SuppressedAt, s.RestoredAt, s.Describe()}
}

func (o *showOptions) run(cmd *cobra.Command) error {
	partition, err := o.partition(cmd)
	if err != nil {
		return err
	}
	table, err := o.open(cmd)
	if err != nil {
		return err
	}
	var accounts clevertap.Accounts
	if o.app != "" {
		if accounts, err = table.accounts(cmd.Context(), o.app); err != nil {
			return err
		}
	}
	p, err := journal.ReadPerson(cmd.Context(), table.Table, partition, o.app, time.Now())
	if err != nil {
		return explain(err)
	}
	result := shown{
		partition, make(map[string]jsontext.Value), make(map[string]shownAccount), make(map[string]shownApp), len(p.Entries),
	}
	damaged := false
	for _, s := range p.States {
		name := o.nameOf(s.Account, accounts)
		if name == "" {
			continue
		}
		if s.Damage != nil {
			damaged = true
			cmd.PrintErrf("%s: %s; this is what is believed of it, and the forwarder replaces it "+
				"when the person's next webhook comes\n", name, s.Damage)
		}
		result.States[name] = jsontext.Value(s.Encode())
		result.Accounts[name] = shownAccount{s.Account, s.Active(), s.Expires, s}
	}
	for _, s := range p.Apps {
		if s.Damage != nil {
			damaged = true
			cmd.PrintErrf("%s: %s; the person's webhooks wait until it is written anew\n", s.App, s.Damage)
		}
		result.Apps[s.App] = newShownApp(s)
	}
	return o.Conclude(cmd, result, result.text(), cli.FindingsIf(damaged))
}

// nameOf is what an account is called, empty if it is not shown. accounts are the app's.
func (o *showOptions) nameOf(id string, accounts clevertap.Accounts) string {
	switch {
	case o.app == "":
		return id
	case id == accounts.Production.ID: // which may be the sandbox as well
		return "production"
	case accounts.Sandbox != nil && id == accounts.Sandbox.ID:
		return "sandbox"
	default:
		return ""
	}
}

// text is what is known, in lines for people.
func (s shown) text() string {
	if len(s.States)+len(s.Apps)+s.Webhooks == 0 {
		return "nothing is stored of this person\n"
	}
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(s.Accounts)) {
		b.WriteString(s.Accounts[name].text(name))
	}
	if len(s.States) == 0 {
		b.WriteString("no purchase is known\n")
	}
	for _, app := range slices.Sorted(maps.Keys(s.Apps)) {
		for _, sentence := range s.Apps[app].sentences {
			fmt.Fprintf(&b, "%s: %s\n", app, sentence)
		}
	}
	if s.Webhooks == 0 {
		b.WriteString("no webhook is in the journal\n")
	} else {
		fmt.Fprintf(&b, "%s in the journal: 'bridge user trace' shows what became of each\n",
			cli.Quantity(s.Webhooks, "webhook"))
	}
	return b.String()
}

func (a shownAccount) text(name string) string {
	title, verdict := "account "+a.ID, "no purchase is active"
	if name != a.ID {
		title = name + " " + title
	}
	if a.Active {
		verdict = "an active subscription"
	}
	var rows [][]string
	for _, id := range slices.Sorted(maps.Keys(a.state.State)) {
		p := a.state.State[id]
		active := map[bool]string{true: "active", false: "ended"}[p.Active]
		rows = append(rows, []string{"  " + id, active, "as of " + p.At.Format(journal.Instant)})
	}
	return title + ": " + verdict + "\n" + cli.Table(rows)
}
