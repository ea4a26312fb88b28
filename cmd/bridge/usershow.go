package main

import (
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"

	"github.com/purchasely-clevertap/bridge/shared/subscriber"
)

// subscriberShowOptions are the flags of user show.
type subscriberShowOptions struct {
	tableChoice
	person
	asJSON bool
}

func newSubscriberShowCommand() *cobra.Command {
	var o subscriberShowOptions
	cmd := &cobra.Command{
		Use:   "show --stack <stack> --app <app> --user <id> | --anonymous <id>",
		Short: "Print what is stored of a user",
		Long: `Prints which purchases of a user are stored, active or not and since when, {} for none.
'bridge explain --state' takes this output.

Exit codes: 0 the entry was read, 1 it cannot be read or AWS refused, 2 wrong usage.`,
		Example: `  bridge user show --stack purchasely-clevertap --app demo --user learner-40213
  bridge user show --table purchasely-clevertap-SubscribersTable-1A2B3C4D5E6F --app demo --anonymous 9D40B7F2-0E63-4A1C-8B5E-F7C2316D98A4 --json`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	o.tableChoice.flags(cmd)
	o.person.flags(cmd)
	cmd.Flags().BoolVar(&o.asJSON, "json", false, "print one JSON object for programs, with the entry's key and its end")
	return cmd
}

// subscriberShown is what user show --json prints.
type subscriberShown struct {
	Key     string         `json:"subscriber"`
	Stored  bool           `json:"stored"`
	Expires string         `json:"expires"` // empty: never
	State   jsontext.Value `json:"state"`
}

func (o *subscriberShowOptions) run(cmd *cobra.Command) error {
	key, err := o.key(cmd)
	if err != nil {
		return err
	}
	table, err := o.open(cmd)
	if err != nil {
		return err
	}
	stored, err := table.read(cmd.Context(), key)
	if err != nil {
		return err
	}
	if !stored.found {
		cmd.PrintErrln("nothing is stored of this user")
		stored.text = "{}"
	}
	state, err := subscriber.Decode(stored.text)
	if err != nil {
		cmd.PrintErrf("%s; this is what is believed of it, and the forwarder replaces it when the user's next webhook comes\n", err)
	}
	shown := subscriberShown{Key: key, Stored: stored.found, State: jsontext.Value(state.Encode())}
	if !stored.expires.IsZero() {
		shown.Expires = stored.expires.Format(time.RFC3339)
	}
	if e := printResult(cmd, o.asJSON, shown, state.Encode()+"\n"); e != nil {
		return e
	}
	if err != nil {
		return errFindings
	}
	return nil
}
