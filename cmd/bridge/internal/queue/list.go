package queue

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/stack"
	"github.com/purchasely-clevertap/bridge/shared/message"
)

type listOptions struct {
	filter
	cli.Output
	each bool
}

func newListCommand(network http.RoundTripper) *cobra.Command {
	o := listOptions{filter: filter{network: network}}
	cmd := &cobra.Command{
		Use:   "list --stack <stack> [message id…]",
		Short: "Count what was not delivered, by reason, app, event and age",
		Long: `Counts the messages of the rejected queue by reason, app and event, and those of the
dead-letter queues, the relay's too, by app and event, with how long the oldest and the
newest have been there. Flags, and the first characters of messages' ids, choose some of
them.

The count may be partial, and then says so: messages that somebody else is looking at
do not show, nor do those of the FIFO dead-letter queue behind ten others of the same user.

Exit codes: 0 counted, 1 AWS refused or did not answer, 2 wrong usage.`,
		Example: `  bridge rejected list --stack purchasely-clevertap
  bridge rejected list --stack purchasely-clevertap --reason clevertap_513 --each
  bridge rejected list --stack purchasely-clevertap --app demo --event TRIAL_STARTED
  bridge rejected list --stack purchasely-clevertap --dead-letters --older 1d --json
  bridge rejected list --stack purchasely-clevertap --relay`,
		RunE: o.run,
	}
	o.flags(cmd)
	o.JSONFlag(cmd, "print one JSON object for programs")
	cmd.Flags().BoolVar(&o.each, "each", false, "list every message with its id, too")
	return cmd
}

// listResult is what rejected list --json prints.
type listResult struct {
	Messages int      `json:"messages"`
	Unseen   int      `json:"unseen"` // about how many more there are
	Groups   summary  `json:"groups"`
	Each     []listed `json:"each,omitzero"`
}

type listed struct {
	ID     string    `json:"id"`
	Queue  string    `json:"queue"`
	Reason string    `json:"reason,omitzero"`
	App    string    `json:"app"`
	Event  string    `json:"event,omitzero"`
	Since  time.Time `json:"since"` // when it came onto the queue
	Bytes  int       `json:"bytes"`
}

func (o *listOptions) run(cmd *cobra.Command, ids []string) error {
	s, err := o.selectMessages(cmd, ids, false, 0)
	defer s.close()
	if err != nil {
		return err
	}
	result := listResult{Messages: s.total, Unseen: s.unseen, Groups: s.summary}
	for i, f := range s.inFlight {
		for _, m := range s.messages[i] {
			if o.each {
				result.Each = append(result.Each, listed{
					m.ID, f.queue.Name, reasonOf(m), appOf(m), m.Event, m.Sent, m.Size,
				})
			}
		}
	}
	text := s.summary.text(s.now) + eachText(result.Each, s.now) +
		fmt.Sprintf("%s %s\n", s.quantity(), s.source.where) + unseenText(s.unseen)
	return o.Print(cmd, result, text)
}

func eachText(list []listed, now time.Time) string {
	if len(list) == 0 {
		return ""
	}
	rows := [][]string{{"MESSAGE", "REASON", "APP", "EVENT", "AGE", "BYTES"}}
	for _, m := range list {
		rows = append(rows, []string{
			m.ID, cmp.Or(m.Reason, "–"), m.App, shownEvent(m.Event), cli.Ago(now.Sub(m.Since)), strconv.Itoa(m.Bytes),
		})
	}
	return "\n" + cli.Table(rows) + "\n"
}

type showOptions struct {
	filter
	cli.Output
	body bool
}

func newShowCommand(network http.RoundTripper) *cobra.Command {
	o := showOptions{filter: filter{network: network}}
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
		Args: cli.Args(cobra.MaximumNArgs(1)),
		RunE: o.run,
	}
	o.flags(cmd)
	o.JSONFlag(cmd, "print the attributes as one JSON object for programs")
	cmd.Flags().BoolVar(&o.body, "body", false, "print the webhook itself, which is personal data")
	return cmd
}

func (o *showOptions) run(cmd *cobra.Command, ids []string) error {
	if o.body && o.JSON() {
		return cli.BadUsage(cmd, errors.New("give --body or --json, not both: the body goes out as it is"))
	}
	s, err := o.selectMessages(cmd, ids, o.body, 0)
	defer s.close()
	if err != nil {
		return err
	}
	for i, f := range s.inFlight {
		if messages := s.messages[i]; len(messages) > 0 {
			return o.show(cmd, f.queue.Name, messages[0], s.now)
		}
	}
	return cli.Findingf(strings.TrimSuffix(unseenText(s.unseen), "\n"), "there is no such message")
}

// shown is what rejected show --json prints.
type shown struct {
	ID         string            `json:"id"`
	Queue      string            `json:"queue"`
	Event      string            `json:"event,omitzero"`
	Since      time.Time         `json:"since"` // when it came onto the queue
	Bytes      int               `json:"bytes"`
	Attributes map[string]string `json:"attributes"`
}

// shownAttributes are in the order in which people want to know.
var shownAttributes = []string{
	message.AttrApp, message.AttrReason, message.AttrCode, message.AttrError, message.AttrAccepted,
	message.AttrReceived, message.AttrSchema, message.AttrEncoding,
}

func (o *showOptions) show(cmd *cobra.Command, queue string, m *stack.Message, now time.Time) error {
	result := shown{m.ID, queue, m.Event, m.Sent, m.Size, make(map[string]string, len(m.Attributes))}
	for name := range m.Attributes {
		result.Attributes[name] = m.Attributes.Text(name)
	}
	rows := [][]string{
		{"message", m.ID}, {"queue", fmt.Sprintf("%s, for %s", queue, cli.Ago(now.Sub(m.Sent)))},
		{"event", shownEvent(m.Event)},
	}
	for _, name := range shownAttributes {
		if value := result.Attributes[name]; value != "" {
			rows = append(rows, []string{name, value})
		}
	}
	text := cli.Table(append(rows, []string{"body", fmt.Sprintf("%d bytes", m.Size)}))
	if o.body {
		cmd.PrintErr(text, "the body is personal data: keep it out of tickets and logs\n")
		text = string(m.Webhook().Body) + "\n"
	}
	return o.Print(cmd, result, text)
}
