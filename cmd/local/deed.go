package main

import (
	"context"
	"fmt"
	"strings"
)

// deed is one step of an operator's day: a line that is typed, or something that happens elsewhere.
type deed struct {
	line  string   // as docs/ have it, for the stack that is called purchasely-clevertap there
	input string   // what is typed at its questions
	exit  int      // its exit code
	says  []string // what it shows, among other things

	what    string // what happens elsewhere
	happens func(context.Context, *operator) error
}

// words with which the day is written.
const (
	changedPasscode = "changed-passcode-not-for-production"
	sample          = "TRIAL_STARTED"
	refusal         = "clevertap_513"
)

// day is what goes wrong with a bridge, and what is done about it.
var day = []deed{
	{line: "bridge app check --stack purchasely-clevertap demo", says: []string{"demo: 0 problems"}},
	{line: "bridge app add --stack purchasely-clevertap demo", exit: 1, says: []string{"both secrets of demo are there already"}},
	{line: "bridge send --stack purchasely-clevertap --app demo --sample TRIAL_STARTED", says: []string{"200 "}},
	{what: "delivered", happens: arrives(sample, 1)},

	{what: "somebody deletes the passcode in CleverTap", happens: orders("/accounts",
		`{"id":"`+productionAccount+`","region":"eu1","passcodes":["`+changedPasscode+`"]}`)},
	{line: "bridge send --stack purchasely-clevertap --app demo --sample TRIAL_STARTED", says: []string{"200 "}},
	{what: "retried for its credentials, and the metric is raised", happens: logged(func(l logLine) bool {
		return l.Outcome == "retry" && l.Reason == "credentials"
	}, func(l logLine) bool { return l.App == "demo" && l.CredentialsRefused > 0 })},
	{line: "bridge app check --stack purchasely-clevertap demo", exit: 1, says: []string{"wrong", "no region takes them: the passcode is wrong or expired"}},
	{
		line:  "bridge app add --stack purchasely-clevertap --replace demo",
		input: `{"clevertap":{"account_id":"` + productionAccount + `","passcode":"` + changedPasscode + `"}}`,
		says:  []string{"the credentials are right and belong to eu1", "clevertap replaced", "purchasely kept"},
	},
	{what: "delivered, by itself", happens: arrives(sample, 1)},
	{line: "bridge app check --stack purchasely-clevertap demo", says: []string{"demo: 0 problems"}},

	{what: "CleverTap refuses the event for good", happens: orders("/faults",
		`{"kind":"passing","code":513,"times":1000,"marker":"\"evtName\":\"`+sample+`\""}`)},
	{line: "bridge send --stack purchasely-clevertap --app demo --sample TRIAL_STARTED", says: []string{"200 "}},
	{what: "rejected", happens: rejected},
	{line: "bridge rejected list --stack purchasely-clevertap", says: []string{refusal + "  demo  1 "}},
	{line: "bridge rejected show --stack purchasely-clevertap --reason clevertap_513", says: []string{"code         513", "accepted     profile"}},
	{
		line: "bridge rejected show --stack purchasely-clevertap --reason clevertap_513 --body | bridge explain --app demo",
		says: []string{sample + ": delivered to the production account"},
	},
	{what: "the event is allowed in CleverTap's settings", happens: mended},
	{
		line: "bridge rejected redrive --stack purchasely-clevertap --reason clevertap_513", input: "y\n",
		says: []string{"Send 1 message back? [y/N]", "1 message sent back, 0 not"},
	},
	{what: "delivered", happens: arrives(sample, 1)},
	{what: "and the profile, which CleverTap has already, was not sent again", happens: alone},
	{line: "bridge rejected list --stack purchasely-clevertap --dead-letters", says: []string{"0 messages in the dead-letter queues"}},

	{what: "some webhooks are missing in CleverTap", happens: backfill},
	{
		line: "bridge replay --stack purchasely-clevertap --app demo backfill.jsonl", input: "y\n",
		says: []string{"backfill.jsonl: 3 webhooks for demo", "backfill.jsonl: 3 webhooks sent"},
	},
	{what: "delivered", happens: arrives("SUBSCRIPTION_RENEWED", 3)},
	{
		line: "bridge replay --stack purchasely-clevertap --app demo backfill.jsonl", input: "y\n",
		says: []string{"backfill.jsonl: 0 webhooks sent, 3 were before"},
	},
	{line: "bridge user show --stack purchasely-clevertap --app demo --user anna", says: []string{`"subs_1":{"active":true`}},
}

// do does one deed.
func (o *operator) do(ctx context.Context, d deed) error {
	if d.happens != nil {
		return d.happens(ctx, o)
	}
	shown, exit, err := o.shell.types(ctx, d.line, d.input)
	if err != nil {
		return err
	}
	for _, want := range d.says {
		if !strings.Contains(shown, want) {
			return fmt.Errorf("%s does not show %q but:\n%s", d.line, want, shown)
		}
	}
	if exit != d.exit {
		return fmt.Errorf("%s ends with exit code %d, not %d:\n%s", d.line, exit, d.exit, shown)
	}
	return nil
}
