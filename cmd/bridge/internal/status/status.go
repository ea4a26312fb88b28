package status

import (
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/stack"
)

type options struct {
	cli.Output
	network     http.RoundTripper
	stack, file string
}

// NewCommand returns "status". network makes the calls to AWS; nil is the real one.
func NewCommand(network http.RoundTripper) *cobra.Command {
	o := options{network: network}
	cmd := &cobra.Command{
		Use:   "status --stack <stack>",
		Short: "Say in one look how the bridge is: what arrives, what waits and why, what rings",
		Long: `Shows on one screen, within three seconds, how a deployed bridge is: the settings in force
and the alarms that ring; for each app whether it is on, its last webhook and delivery and
what became of a day's webhooks; what lies on the queues; which accounts are left alone,
why, and when they are tried again; and why messages came back or were rejected. Each part
says where its numbers come from. What AWS does not tell in time is named as not known.

Exit codes: 0 all is well, 1 something needs somebody or is not known, 2 wrong usage.`,
		Example: `  bridge status --stack purchasely-clevertap
  bridge status --stack purchasely-clevertap --json`,
		Args: cli.Args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	stack.Flag(cmd, &o.stack)
	cli.FileFlag(cmd, &o.file)
	o.JSONFlag(cmd, "print one JSON object for programs")
	return cmd
}

func (o *options) run(cmd *cobra.Command) error {
	file, err := cli.LoadIntegrations(cmd, o.file)
	if err != nil {
		return err
	}
	s, err := stack.Open(cmd, o.network, o.stack, stack.FIFOEvents)
	if err != nil {
		return err
	}
	status := Read(cmd.Context(), s, file)
	if cmd.Context().Err() != nil {
		return cli.ErrInterrupted
	}
	return o.Conclude(cmd, status, status.text(), cli.FindingsIf(len(status.Attention)+len(status.Unknown) > 0))
}

// text is the status on one screen.
func (s Status) text() string {
	var b strings.Builder
	verdict := "all is well"
	switch {
	case len(s.Attention) > 0:
		verdict = strings.Join(s.Attention, "; ")
	case len(s.Unknown) > 0:
		verdict = "not all of it is known"
	}
	fmt.Fprintf(&b, "%s in %s, %s: %s\n", s.Stack, s.Region, s.At.Format("Mon 2 Jan 2006 15:04:05 UTC"), verdict)
	for _, unknown := range s.Unknown {
		fmt.Fprintf(&b, "not known: %s\n", unknown)
	}
	fmt.Fprintf(&b, "settings in force: %s\n", s.Settings.text())
	for _, a := range s.Alarms {
		fmt.Fprintf(&b, "alarm since %s: %s%s\n", s.clock(a.Since), a.Name, page(a))
	}
	b.WriteString("\n" + s.appsText() + "\n" + s.queuesText())
	b.WriteString(s.waitsText())
	return b.String()
}

func (s Settings) text() string {
	if s.Faulty != "" {
		problem, _, _ := strings.Cut(s.Faulty, "\n")
		return fmt.Sprintf("%s, because the newest version is faulty: %s", s.Name, problem)
	}
	return s.Name
}

var runbookPage = regexp.MustCompile(`docs/guide/[a-z]+\.md#[a-z0-9-]+`)

// page is where an alarm's description sends its reader.
func page(a stack.Alarm) string {
	if page := runbookPage.FindString(a.Description); page != "" {
		return ", see " + page
	}
	return ""
}

// clock is a time of the day, with the day if it was another one.
func (s Status) clock(t time.Time) string {
	if t.Format(time.DateOnly) == s.At.Format(time.DateOnly) {
		return t.Format(time.TimeOnly)
	}
	return t.Format("2 Jan 15:04:05")
}

// ago is how long ago something was.
func (s Status) ago(t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	return cli.Ago(s.At.Sub(t)) + " ago"
}

func (s Status) appsText() string {
	rows := [][]string{{
		"APP", "SWITCH", "LAST WEBHOOK", "LAST DELIVERY", "QUEUED", "DELIVERED", "SKIPPED", "REJECTED", "RETRIES",
	}}
	for _, a := range s.Apps {
		row := []string{a.Name, map[bool]string{true: "on", false: "off"}[a.Enabled]}
		if c := a.Activity; c == nil {
			row = append(row, "?", "?", "?", "?", "?", "?", "?")
		} else {
			row = append(row, s.ago(c.LastWebhook), s.ago(c.LastDelivery))
			for _, n := range []int{c.Queued, c.Delivered, c.Skipped, c.Rejected, c.Retried} {
				row = append(row, strconv.Itoa(n))
			}
		}
		rows = append(rows, row)
	}
	var b strings.Builder
	b.WriteString(cli.Table(rows))
	for _, a := range s.Apps {
		switch c := a.Activity; {
		case a.Relay == "":
		case c == nil:
			fmt.Fprintf(&b, "%s: relayed to %s: ?\n", a.Name, a.Relay)
		default:
			fmt.Fprintf(&b, "%s: relayed to %s: %s, %s failed\n", a.Name, a.Relay,
				cli.Quantity(c.Relayed, "webhook"), cli.Quantity(c.RelayFailed, "request"))
		}
	}
	fmt.Fprintf(&b, "    from %s\n", s.Sources["apps"])
	return b.String()
}

func (s Status) queuesText() string {
	if len(s.Queues) == 0 {
		return "the queues are not known\n"
	}
	rows := [][]string{{"QUEUE", "VISIBLE", "IN FLIGHT", "OLDEST"}}
	for _, q := range s.Queues {
		oldest := "–"
		if q.Oldest > 0 {
			oldest = cli.Ago(time.Duration(q.Oldest) * time.Second)
		}
		rows = append(rows, []string{q.Name, strconv.Itoa(q.Visible), strconv.Itoa(q.InFlight), oldest})
	}
	return cli.Table(rows) + fmt.Sprintf("    from %s\n", s.Sources["queues"])
}

// waitsText says why messages wait, or were rejected.
func (s Status) waitsText() string {
	var b strings.Builder
	if len(s.Breakers)+len(s.Retried)+len(s.RelayRetried)+len(s.Rejected) > 0 {
		b.WriteString("\n")
	}
	for _, a := range s.Breakers {
		next := "tried again at " + s.clock(a.NextTry)
		if !a.NextTry.After(s.At) {
			next = "tried again with the next message"
		}
		fmt.Fprintf(&b, "%s: account %s is left alone since %s and %s, because %s\n",
			a.App, a.Account, s.clock(a.Since), next, a.Because)
	}
	if len(s.Breakers) > 0 {
		fmt.Fprintf(&b, "    from %s\n", s.Sources["breakers"])
	}
	b.WriteString(s.reasonsText(s.Retried, "came back", "retried"))
	b.WriteString(s.reasonsText(s.RelayRetried, "came back to the relay", "relay_retried"))
	b.WriteString(s.reasonsText(s.Rejected, "rejected", "rejected"))
	return b.String()
}

func (s Status) reasonsText(reasons []Reason, what, source string) string {
	var b strings.Builder
	for _, r := range reasons {
		fmt.Fprintf(&b, "%s: %s, because %s: %s\n", r.App, what, r.Because, r.count())
	}
	if len(reasons) > 0 {
		fmt.Fprintf(&b, "    from %s\n", s.Sources[source])
	}
	return b.String()
}

func (r Reason) count() string {
	if r.More {
		return fmt.Sprintf("%d messages or more", r.Messages)
	}
	return cli.Quantity(r.Messages, "message")
}
