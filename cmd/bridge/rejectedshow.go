package main

import (
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/purchasely-clevertap/bridge/shared/message"
)

// showOptions are the flags of rejected show.
type showOptions struct {
	choice
	body, asJSON bool
}

func newRejectedShowCommand() *cobra.Command {
	var o showOptions
	cmd := &cobra.Command{
		Use:   "show --stack <stack> [message id]",
		Short: "Show one message's attributes, or its body",
		Long: `Shows why one message was rejected: its attributes, which hold no personal data. The
message is the one with the id (see 'bridge rejected list --each'; its first characters
will do), else the oldest that the flags are about.

With --body it prints the webhook's bytes instead, ready for 'bridge explain', and the
attributes to standard error. A body is personal data: keep it out of tickets and logs.

Exit codes: 0 shown, 1 there is no such message, or AWS refused, 2 wrong usage.`,
		Example: `  bridge rejected show --stack purchasely-clevertap
  bridge rejected show --stack purchasely-clevertap --reason clevertap_513 --json
  bridge rejected show --stack purchasely-clevertap --body | bridge explain --app demo`,
		Args: usageArgs(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd, first(args)) },
	}
	o.flags(cmd)
	cmd.Flags().BoolVar(&o.body, "body", false, "print the webhook itself, which is personal data")
	cmd.Flags().BoolVar(&o.asJSON, "json", false, "print the attributes as one JSON object for programs")
	return cmd
}

func (o *showOptions) run(cmd *cobra.Command, id string) error {
	if o.body && o.asJSON {
		return usageOf(cmd, errors.New("give --body or --json, not both: the body goes out as it is"))
	}
	_, queues, err := o.open(cmd)
	if err != nil {
		return err
	}
	now := time.Now()
	unseen := 0
	for _, q := range queues {
		this := func(l *letter) bool { return id != "" && strings.HasPrefix(l.id, id) && o.takes(l, now) }
		seen, err := lookInto(cmd, q, o.body, this)
		if err != nil {
			return err
		}
		unseen += seen.unseen
		for _, l := range o.of(seen.letters, now) {
			if id == "" || this(l) {
				return o.show(cmd, q, l, now)
			}
		}
	}
	hint := "'bridge rejected list --each' prints the ids"
	if unseen > 0 {
		hint = strings.TrimSuffix(unseenText(unseen), "\n")
	}
	return findingf(hint, "there is no such message")
}

// shown is what rejected show --json prints.
type shown struct {
	ID         string            `json:"id"`
	Queue      string            `json:"queue"`
	Since      time.Time         `json:"since"` // when it came onto the queue
	Bytes      int               `json:"bytes"`
	Attributes map[string]string `json:"attributes"`
}

// told is the order in which people want to know.
var told = []string{
	message.AttrApp, message.AttrReason, message.AttrCode, message.AttrError, message.AttrAccepted, message.AttrReceived, message.AttrSchema, message.AttrEncoding,
}

func (o *showOptions) show(cmd *cobra.Command, q *queue, l *letter, now time.Time) error {
	if o.asJSON {
		s := shown{l.id, q.name, l.sent, l.size, make(map[string]string, len(l.attributes))}
		for name := range l.attributes {
			s.Attributes[name] = l.attribute(name)
		}
		return writeJSON(cmd.OutOrStdout(), s)
	}
	text := describeLetter(q, l, now)
	if !o.body {
		return writeText(cmd.OutOrStdout(), text)
	}
	cmd.PrintErr(text, "the body is personal data: keep it out of tickets and logs\n")
	return writeText(cmd.OutOrStdout(), string(l.webhook().Body)+"\n")
}

// describeLetter is everything about a letter but its body.
func describeLetter(q *queue, l *letter, now time.Time) string {
	var b strings.Builder
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintf(table, "message\t%s\nqueue\t%s, for %s\n", l.id, q.name, ago(now.Sub(l.sent)))
	for _, name := range told {
		if value := l.attribute(name); value != "" {
			_, _ = fmt.Fprintf(table, "%s\t%s\n", name, value)
		}
	}
	_, _ = fmt.Fprintf(table, "body\t%d bytes\n", l.size)
	_ = table.Flush() // It writes to memory.
	return b.String()
}
