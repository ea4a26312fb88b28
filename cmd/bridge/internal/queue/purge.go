package queue

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
)

// deletedAtOnce is how many messages are deleted before the command looks whether it was interrupted.
const deletedAtOnce = 500

type purgeOptions struct {
	filter
	cli.Output
	cli.Confirmation
}

func newPurgeCommand(network http.RoundTripper) *cobra.Command {
	o := purgeOptions{filter: filter{network: network}}
	cmd := &cobra.Command{
		Use:   "purge --stack <stack> [message id…]",
		Short: "Delete messages for good",
		Long: `Deletes messages for good: all, or those that the flags and ids are about. What they say
never reaches CleverTap, or with --relay your back end. It shows what it is going to delete
and asks twice; then it deletes those messages and no other.

Exit codes: 0 all were deleted, 1 some were not, or nobody said yes, 2 wrong usage.`,
		Example: `  bridge rejected purge --stack purchasely-clevertap --reason malformed
  bridge rejected purge --stack purchasely-clevertap --app demo --older 7d --yes --json`,
		RunE: o.run,
	}
	o.flags(cmd)
	o.JSONFlag(cmd, "print the result as one JSON object for programs")
	o.YesFlag(cmd)
	return cmd
}

// purgeResult is what rejected purge --json prints.
type purgeResult struct {
	Chosen  int `json:"chosen"`
	Deleted int `json:"deleted"`
	Unseen  int `json:"unseen"` // about how many more there are
}

func (o *purgeOptions) run(cmd *cobra.Command, ids []string) error {
	selected, err := o.selectMessages(cmd, ids, false, 0)
	defer selected.close()
	if err != nil {
		return err
	}
	result := purgeResult{Chosen: selected.total, Unseen: selected.unseen}
	text := "there is nothing to delete\n"
	if selected.total > 0 {
		if err := o.ask(selected); err != nil {
			return err
		}
		result.Deleted = purge(selected)
		left := result.Chosen - result.Deleted
		text = fmt.Sprintf("%s deleted, %d not\n", cli.Quantity(result.Deleted, "message"), left)
	}
	err = cli.FindingsIf(result.Deleted < result.Chosen)
	if err != nil && cmd.Context().Err() != nil {
		err = cli.ErrInterrupted
	}
	return o.Conclude(cmd, result, text, err)
}

func (o *purgeOptions) ask(s *selection) error {
	s.preview()
	s.cmd.PrintErrln("They are deleted for good: what they say never reaches " + s.source.reaches + ".")
	if err := o.Confirm(s.cmd, fmt.Sprintf("Delete %s?", cli.Quantity(s.total, "message"))); err != nil {
		return err
	}
	return o.ConfirmText(s.cmd, strconv.Itoa(s.total), "Type the number of messages to delete:")
}

// purge deletes what was selected, until an interrupt.
func purge(s *selection) (deleted int) {
	bar := cli.NewProgress(s.cmd, "deleting", s.total)
	defer bar.Done()
	for i, f := range s.inFlight {
		for page := range slices.Chunk(s.messages[i], deletedAtOnce) {
			if s.cmd.Context().Err() != nil {
				return deleted
			}
			deleted += len(f.delete(s.cmd.Context(), f.leased(page)))
			bar.Add(len(page))
		}
	}
	return deleted
}
