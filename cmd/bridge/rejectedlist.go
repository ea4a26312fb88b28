package main

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/purchasely-clevertap/bridge/shared/message"
)

// listOptions are the flags of rejected list.
type listOptions struct {
	choice
	each, asJSON bool
}

func newRejectedListCommand() *cobra.Command {
	var o listOptions
	cmd := &cobra.Command{
		Use:   "list --stack <stack>",
		Short: "Count what was not delivered, by reason, app and age",
		Long: `Counts the messages of the rejected queue by reason and app, and those of the
dead-letter queues by app, with how long the oldest and the newest have lain there.

The count may be partial, and then says so: messages that somebody else is looking at
do not show, nor do those of the FIFO dead-letter queue that stand behind ten others of the same user.

Exit codes: 0 counted, 1 AWS refused or did not answer, 2 wrong usage.`,
		Example: `  bridge rejected list --stack purchasely-clevertap
  bridge rejected list --stack purchasely-clevertap --reason clevertap_513 --each
  bridge rejected list --stack purchasely-clevertap --dead-letters --older 1d --json`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	o.flags(cmd)
	cmd.Flags().BoolVar(&o.each, "each", false, "list every message with its id, too")
	cmd.Flags().BoolVar(&o.asJSON, "json", false, "print one JSON object for programs")
	return cmd
}

// inventory is what rejected list --json prints.
type inventory struct {
	Messages int            `json:"messages"`
	Unseen   int            `json:"unseen"` // about how many more there are
	Groups   []*censusGroup `json:"groups"`
	Each     []listed       `json:"each,omitzero"`
}

// listed is one message.
type listed struct {
	ID     string    `json:"id"`
	Queue  string    `json:"queue"`
	Reason string    `json:"reason,omitzero"`
	App    string    `json:"app"`
	Since  time.Time `json:"since"` // when it came onto the queue
	Bytes  int       `json:"bytes"`
}

func (o *listOptions) run(cmd *cobra.Command) error {
	_, queues, err := o.open(cmd)
	if err != nil {
		return err
	}
	now := time.Now()
	counted, list := &census{now: now}, inventory{Groups: []*censusGroup{}}
	for _, q := range queues {
		seen, err := lookInto(cmd, q, false, never)
		if err != nil {
			return err
		}
		letters := o.of(seen.letters, now)
		counted.count(q.name, letters)
		list.Unseen += seen.unseen
		for _, l := range letters {
			list.Each = append(list.Each, listed{l.id, q.name, l.attribute(message.AttrReason), l.attribute(message.AttrApp), l.sent, l.size})
		}
	}
	list.Messages, list.Groups = counted.messages(), append(list.Groups, counted.groups...)
	if o.asJSON {
		if !o.each {
			list.Each = nil
		}
		return writeJSON(cmd.OutOrStdout(), list)
	}
	text := counted.text()
	if o.each {
		text += "\n" + eachText(list.Each, now)
	}
	return writeText(cmd.OutOrStdout(), strings.TrimPrefix(text, "\n")+o.footer(list))
}

// eachText lists messages one a line.
func eachText(list []listed, now time.Time) string {
	if len(list) == 0 {
		return ""
	}
	var b strings.Builder
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "MESSAGE\tREASON\tAPP\tAGE\tBYTES")
	for _, l := range list {
		reason := l.Reason
		if reason == "" {
			reason = "–"
		}
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%d\n", l.ID, reason, l.App, ago(now.Sub(l.Since)), l.Bytes)
	}
	_ = table.Flush() // It writes to memory.
	return b.String() + "\n"
}

func (o *listOptions) footer(list inventory) string {
	where := "in the rejected queue"
	if o.deadLetters {
		where = "in the dead-letter queues"
	}
	text := fmt.Sprintf("%s %s\n", quantity(list.Messages, "message"), where)
	if list.Unseen > 0 {
		text += unseenText(list.Unseen)
	}
	return text
}

// unseenText says that a count is partial.
func unseenText(n int) string {
	return fmt.Sprintf("about %d more did not show: others look at them, or they stand behind messages of the same user, or are too many at once\n", n)
}
