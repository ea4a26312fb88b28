package main

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/spf13/cobra"
)

// purgeOptions are the flags of rejected purge.
type purgeOptions struct {
	choice
	yes, asJSON bool
}

func newPurgeCommand() *cobra.Command {
	var o purgeOptions
	cmd := &cobra.Command{
		Use:   "purge --stack <stack>",
		Short: "Delete messages for good",
		Long: `Deletes messages for good: all, or those that the flags are about. What they say never
reaches CleverTap. It shows what it is going to delete and asks twice; then it deletes
those messages and no other.

Exit codes: 0 all were deleted, 1 some were not, or nobody said yes, 2 wrong usage.`,
		Example: `  bridge rejected purge --stack purchasely-clevertap --reason malformed
  bridge rejected purge --stack purchasely-clevertap --app demo --older 7d --yes --json`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	o.flags(cmd)
	cmd.Flags().BoolVar(&o.yes, "yes", false, "do not ask")
	cmd.Flags().BoolVar(&o.asJSON, "json", false, "print the result as one JSON object for programs")
	return cmd
}

// purgeResult is what rejected purge --json prints.
type purgeResult struct {
	Chosen  int `json:"chosen"`
	Deleted int `json:"deleted"`
	Unseen  int `json:"unseen"` // about how many more there are
}

func (o *purgeOptions) run(cmd *cobra.Command) error {
	_, queues, err := o.open(cmd)
	if err != nil {
		return err
	}
	h, err := o.haul(cmd, queues, false, 0)
	defer h.close()
	if err != nil {
		return err
	}
	if h.total > 0 {
		if err := o.ask(h); err != nil {
			return err
		}
	}
	deleted := 0
	bar := newProgress(cmd, "deleting", h.total)
	for i, holding := range h.holdings {
		for page := range slices.Chunk(h.chosen[i], 10*pageSize) {
			if cmd.Context().Err() != nil {
				break
			}
			deleted += len(holding.remove(cmd.Context(), holding.ours(page)))
			bar.add(len(page))
		}
	}
	bar.done()
	return o.report(cmd, purgeResult{h.total, deleted, h.unseen})
}

func (o *purgeOptions) ask(h *haul) error {
	h.preview()
	h.cmd.PrintErrln("They are deleted for good: what they say never reaches CleverTap.")
	if o.yes {
		return nil
	}
	ask := newQuestions(h.cmd)
	if err := ask.confirm("Delete %s?", quantity(h.total, "message")); err != nil {
		return err
	}
	return ask.confirmText(strconv.Itoa(h.total), "Type the number of messages to delete:")
}

func (o *purgeOptions) report(cmd *cobra.Command, result purgeResult) error {
	text := fmt.Sprintf("%s deleted, %d not\n", quantity(result.Deleted, "message"), result.Chosen-result.Deleted)
	if result.Chosen == 0 {
		text = "there is nothing to delete\n"
	}
	err := printResult(cmd, o.asJSON, result, text)
	switch {
	case err != nil || result.Deleted == result.Chosen:
		return err
	case cmd.Context().Err() != nil:
		return errInterrupted
	default:
		return errFindings
	}
}
