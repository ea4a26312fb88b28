package try

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/journal"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/stack"
	"github.com/purchasely-clevertap/bridge/shared/aws/dynamo"
	"github.com/purchasely-clevertap/bridge/shared/forward"
)

// defaultWait is how long an outcome is waited for. A webhook that goes through takes two seconds or three.
const defaultWait = 2 * time.Minute

var (
	errWaitWithoutStack = errors.New("flag --wait needs --stack, whose journal has the outcome")
	errNobody           = cli.Usagef("leave --wait out",
		"a webhook without an id of a person has no entry in the journal, and cannot be followed")
)

// openJournal finds the journal in which webhooks can be followed.
func openJournal(s *stack.Stack, bodies [][]byte) (*dynamo.Table, error) {
	table, err := journal.Current(s)
	switch {
	case err != nil:
		const hint = "'bridge rejected list' shows what was refused, the dashboard what became of the rest"
		return nil, cli.WithHint(err, hint)
	case slices.ContainsFunc(bodies, func(body []byte) bool { return !journal.CanFollow(body) }):
		return nil, errNobody
	}
	return table, nil
}

// follow prints what became of a webhook that was accepted.
func (o *sendOptions) follow(cmd *cobra.Command, table *dynamo.Table, a answer, body []byte, sent time.Time) error {
	if !o.JSON() { // what is known by now
		if err := cli.PrintText(cmd, a.text()); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), o.wait)
	defer cancel()
	entry, err := journal.Follow(ctx, table, o.app, body, sent, func(e journal.Entry) {
		cmd.PrintErrf("attempt %d: not yet, because %s\n", e.Attempt, journal.Because(e.Reason, e.Code))
	})
	switch {
	case cmd.Context().Err() != nil:
		return cli.ErrInterrupted
	case err != nil:
		return stack.Explain(err)
	case entry == nil:
		return o.Conclude(cmd, a, "", o.verdict(nil))
	}
	a.Outcome = new(entry.Form())
	return o.Conclude(cmd, a, "  "+strings.Join(entry.Describe(), "\n  ")+"\n", o.verdict(entry))
}

// verdict is the error that a webhook's outcome ends the command with.
func (o *sendOptions) verdict(e *journal.Entry) error {
	switch {
	case e == nil:
		return cli.Findingf("'bridge user show' says if the person is suppressed, of whom nothing is stored; "+
			"'bridge rejected list' shows "+
			"what nothing can be made of; --wait=10m waits for longer", "the journal has no outcome of it after %s", o.wait)
	case e.Outcome == forward.Rejected.String():
		return cli.ErrFindings
	case e.Outcome == forward.Retried.String():
		return cli.Findingf("the bridge goes on trying: 'bridge user trace' shows it later",
			"it is still on its way after %s", o.wait)
	}
	return nil
}
