// Package queue holds the commands on what was not delivered: the rejected queue and the dead-letter queues.
//
// It promises that a message leaves its queue only after another queue has accepted it, or because somebody said so
// after seeing how many there are, and that everything else that a command has received is returned, also after an
// interrupt.
package queue

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/stack"
	"github.com/purchasely-clevertap/bridge/shared/message"
)

// NewCommand returns "rejected". network makes the calls to AWS; nil is the real one.
func NewCommand(network http.RoundTripper) *cobra.Command {
	return cli.Group("rejected", "See, send back or delete what was not delivered",
		`Works on the rejected queue, which keeps messages that were refused for good, each with the
reason, with --dead-letters on the two dead-letter queues, which keep messages that failed a
thousand times, and with --relay on the relay's dead-letter queue, which keeps webhooks that
your own back end did not take for three days.

SQS shows messages only to those who receive them. So every command hides what it looks
at from others and returns it at the end, also after Ctrl-C. Whatever happens to the
command, it is back within five minutes. Messages are kept for 14 days.`,
		newListCommand(network), newShowCommand(network), newRedriveCommand(network), newPurgeCommand(network))
}

// filter says which messages of which queues a command is about.
type filter struct {
	network     http.RoundTripper
	stack       string
	deadLetters bool
	relay       bool
	ids         []string // the first characters of messages' ids; none: any message
	reasons     []string
	apps        []string
	events      []string
	older       cli.Age
	newer       cli.Age
}

func (f *filter) flags(cmd *cobra.Command) {
	flags := cmd.Flags()
	stack.Flag(cmd, &f.stack)
	flags.BoolVar(&f.deadLetters, "dead-letters", false, "the two dead-letter queues instead of the rejected queue")
	flags.BoolVar(&f.relay, "relay", false, "the relay's dead-letter queue instead")
	flags.StringSliceVar(&f.reasons, "reason", nil, "only what was rejected for this reason; may be repeated")
	flags.StringSliceVar(&f.apps, "app", nil, "only messages of this app; may be repeated")
	_ = cmd.RegisterFlagCompletionFunc("app", cli.CompleteApps) // the flag is declared above
	flags.StringSliceVar(&f.events, "event", nil, "only messages with this event; may be repeated")
	_ = cmd.RegisterFlagCompletionFunc("event", cli.CompleteEvents) // the flag is declared above
	flags.Var(&f.older, "older", "only what has been there for longer, such as 12h or 3d")
	flags.Var(&f.newer, "newer", "only what has been there for less long")
}

// queueNames are for people, by the stack's output.
var queueNames = map[string]string{
	stack.RejectedQueue: "rejected", stack.FIFODeadLetters: "fifo dead letters",
	stack.StandardDeadLetters: "standard dead letters", stack.RelayDeadLetters: "relay dead letters",
}

// source is one or two queues, and where what leaves them goes.
type source struct {
	outputs []string // of the stack, with the queues' URLs
	where   string   // that is, for people
	back    string   // the output with the URL of the queue that messages are sent back to
	queue   string   // that queue's name
	warning string   // about sending back
	reaches string   // who gets what a message says
}

func (f *filter) source() source {
	s := source{
		[]string{stack.RejectedQueue}, "in the rejected queue", stack.EventsQueue, "events",
		"CleverTap does not deduplicate, and events younger than two hours may set off campaigns.", "CleverTap",
	}
	switch {
	case f.deadLetters:
		s.outputs, s.where = []string{stack.FIFODeadLetters, stack.StandardDeadLetters}, "in the dead-letter queues"
	case f.relay:
		s = source{
			[]string{stack.RelayDeadLetters}, "in the relay's dead-letter queue", stack.RelayQueue, "relay",
			"Your back end gets them after newer ones of the same users.", "your back end",
		}
	}
	return s
}

func (f *filter) check(cmd *cobra.Command) error {
	switch {
	case f.deadLetters && f.relay:
		return cli.BadUsage(cmd, errors.New("give --dead-letters or --relay, not both"))
	case (f.deadLetters || f.relay) && len(f.reasons) > 0:
		return cli.BadUsage(cmd, errors.New("dead letters have no reason: nothing was ever told about them"))
	case f.newer > 0 && f.older >= f.newer:
		return cli.BadUsage(cmd, errors.New("nothing is older than --older and newer than --newer"))
	}
	return nil
}

// open finds the stack of the queues, which has the required outputs besides theirs.
func (f *filter) open(cmd *cobra.Command, required ...string) (*stack.Stack, error) {
	if !f.relay {
		return stack.Open(cmd, f.network, f.stack, append(required, f.source().outputs...)...)
	}
	s, err := stack.Open(cmd, f.network, f.stack)
	if err == nil && s.Output(stack.RelayDeadLetters) == "" {
		err = cli.Findingf("the template's parameter Relay switches it on", "stack %q has no relay", s.Name)
	}
	return s, err
}

func (f *filter) matches(m *stack.Message, now time.Time) bool {
	age := cli.Age(now.Sub(m.Sent))
	return (len(f.reasons) == 0 || slices.Contains(f.reasons, reasonOf(m))) &&
		(len(f.apps) == 0 || slices.Contains(f.apps, appOf(m))) &&
		(len(f.events) == 0 || slices.Contains(f.events, m.Event)) &&
		(len(f.ids) == 0 || slices.ContainsFunc(f.ids, func(id string) bool { return strings.HasPrefix(m.ID, id) })) &&
		(f.older == 0 || age > f.older) && (f.newer == 0 || age < f.newer)
}

func reasonOf(m *stack.Message) string { return m.Attributes.Text(message.AttrReason) }

func appOf(m *stack.Message) string { return m.Attributes.Text(message.AttrApp) }

// shownEvent is an event's name in a table. A body may be anything.
func shownEvent(event string) string {
	const longest = 60
	event = cli.Printable(event)
	if runes := []rune(event); len(runes) > longest {
		event = string(runes[:longest]) + "…"
	}
	return cmp.Or(event, "–")
}

// unseenText says that a count is partial.
func unseenText(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("about %d more did not show: others look at them, "+
		"or they stand behind messages of the same user, or are too many at once\n", n)
}

// selection is what a command has in flight of one or two queues, and which of it the command is about.
type selection struct {
	cmd      *cobra.Command
	filter   *filter
	source   source
	stack    *stack.Stack
	limit    int // of the messages that are selected; 0: no limit
	now      time.Time
	inFlight []*inFlight
	messages [][]*stack.Message // that are selected, by queue, the oldest first
	summary  summary
	named    map[string]int // how many messages each of the filter's ids begins
	total    int            // of the messages that are selected
	seen     int            // of all that showed, whatever the filter
	unseen   int            // about how many more there are
}

// selectMessages receives what the queues have. The selection must be closed, also after an error.
func (f *filter) selectMessages(
	cmd *cobra.Command, ids []string, keepBodies bool, limit int, required ...string,
) (s *selection, err error) {
	f.ids = ids
	s = &selection{cmd: cmd, filter: f, source: f.source(), limit: limit, now: time.Now(), named: make(map[string]int)}
	if err := f.check(cmd); err != nil {
		return s, err
	}
	if s.stack, err = f.open(cmd, required...); err != nil {
		return s, err
	}
	for _, output := range s.source.outputs {
		q := s.stack.Queue(output, queueNames[output])
		expected, err := q.Size(cmd.Context())
		if err != nil {
			return s, err
		}
		received := newInFlight(q, keepBodies)
		s.inFlight = append(s.inFlight, received)
		bar := cli.NewProgress(cmd, "looking", max(expected, 1))
		messages, err := received.receive(cmd.Context(), expected, bar)
		bar.Done()
		if err != nil {
			return s, err
		}
		matching := s.add(messages)
		s.messages = append(s.messages, matching)
		s.summary.add(q.Name, matching)
		s.seen += len(messages)
		s.unseen += max(0, expected-len(messages))
	}
	return s, s.checkIDs()
}

// checkIDs returns an error if an id names no message, or more than one.
func (s *selection) checkIDs() error {
	for _, id := range s.filter.ids {
		switch n := s.named[id]; {
		case n == 0:
			hint := cmp.Or(strings.TrimSuffix(unseenText(s.unseen), "\n"), "'bridge rejected list --each' prints the ids")
			return cli.Findingf(hint, "there is no such message: %s", id)
		case n > 1:
			return cli.Findingf("give more of the id", "%d messages have an id that begins with %s", n, id)
		}
	}
	return nil
}

// add selects messages, the oldest first, within the limit.
func (s *selection) add(messages []*stack.Message) (matching []*stack.Message) {
	for _, m := range messages {
		if !s.filter.matches(m, s.now) {
			continue
		}
		matching = append(matching, m)
		for _, id := range s.filter.ids {
			if strings.HasPrefix(m.ID, id) {
				s.named[id]++
			}
		}
	}
	slices.SortFunc(matching, (*stack.Message).Compare)
	if s.limit > 0 {
		matching = matching[:min(len(matching), s.limit-s.total)]
	}
	s.total += len(matching)
	return matching
}

// quantity is how many messages are selected, and of how many, so that a misspelt filter does not look like an empty
// queue.
func (s *selection) quantity() string {
	if s.total == s.seen {
		return cli.Quantity(s.total, "message")
	}
	return fmt.Sprintf("%d of %s", s.total, cli.Quantity(s.seen, "message"))
}

func (s *selection) preview() { s.cmd.PrintErr(s.summary.text(s.now) + unseenText(s.unseen)) }

func (s *selection) close() {
	for _, f := range s.inFlight {
		f.close(s.cmd)
	}
}

// summary counts messages by queue, reason, app and event.
type summary []*summaryLine

// summaryLine is one line; the times are when the messages came onto the queue.
type summaryLine struct {
	Queue    string    `json:"queue"`
	Reason   string    `json:"reason,omitzero"`
	App      string    `json:"app"`
	Event    string    `json:"event,omitzero"`
	Messages int       `json:"messages"`
	Oldest   time.Time `json:"oldest"`
	Newest   time.Time `json:"newest"`
}

func (s *summary) add(queue string, messages []*stack.Message) {
	lines := make(map[[3]string]*summaryLine)
	for _, m := range messages {
		key := [3]string{reasonOf(m), appOf(m), m.Event}
		line := lines[key]
		if line == nil {
			line = &summaryLine{Queue: queue, Reason: key[0], App: key[1], Event: key[2], Oldest: m.Sent, Newest: m.Sent}
			lines[key] = line
			*s = append(*s, line)
		}
		line.Messages++
		if m.Sent.Before(line.Oldest) {
			line.Oldest = m.Sent
		}
		if m.Sent.After(line.Newest) {
			line.Newest = m.Sent
		}
	}
	slices.SortStableFunc(*s, func(a, b *summaryLine) int {
		return cmp.Or(cmp.Compare(a.Queue, b.Queue), cmp.Compare(b.Messages, a.Messages),
			cmp.Compare(a.Reason, b.Reason), cmp.Compare(a.App, b.App), cmp.Compare(a.Event, b.Event))
	})
}

// text is the table for people: dead letters have a queue to name, rejected messages a reason.
func (s summary) text(now time.Time) string {
	if len(s) == 0 {
		return ""
	}
	dead := slices.ContainsFunc(s, func(line *summaryLine) bool { return line.Reason == "" })
	heading := "REASON"
	if dead {
		heading = "QUEUE"
	}
	rows := [][]string{{heading, "APP", "EVENT", "MESSAGES", "OLDEST", "NEWEST"}}
	for _, line := range s {
		first := line.Reason
		if dead {
			first = line.Queue
		}
		rows = append(rows, []string{
			first, line.App, shownEvent(line.Event), strconv.Itoa(line.Messages), cli.Ago(now.Sub(line.Oldest)),
			cli.Ago(now.Sub(line.Newest)),
		})
	}
	return cli.Table(rows)
}
