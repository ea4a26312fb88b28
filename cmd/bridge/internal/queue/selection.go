package queue

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/stack"
)

// selection is what a command has in flight of one or two queues, and which of it the command is about.
type selection struct {
	cmd      *cobra.Command
	filter   *filter
	limit    int // of the messages that are selected; 0: no limit
	now      time.Time
	inFlight []*inFlight
	messages [][]*stack.Message // that are selected, by queue, the oldest first
	summary  summary
	total    int // of the messages that are selected
	unseen   int // about how many more there are
}

// selectFrom receives what the queues have. The selection must be closed, also after an error.
func (f *filter) selectFrom(
	cmd *cobra.Command, queues []*stack.Queue, keepBodies bool, limit int,
) (*selection, error) {
	s := &selection{cmd: cmd, filter: f, limit: limit, now: time.Now()}
	for _, q := range queues {
		expected, err := q.Size(cmd.Context())
		if err != nil {
			return s, err
		}
		received := newInFlight(q, keepBodies)
		s.inFlight = append(s.inFlight, received)
		seen, err := received.receiveAll(cmd, expected, never)
		if err != nil {
			return s, err
		}
		matching := s.add(seen.messages)
		s.messages = append(s.messages, matching)
		s.summary.add(q.Name, matching)
		s.unseen += seen.unseen
	}
	return s, nil
}

// add selects messages, within the limit.
func (s *selection) add(messages []*stack.Message) []*stack.Message {
	matching := s.filter.apply(messages, s.now)
	if s.limit > 0 {
		matching = matching[:min(len(matching), s.limit-s.total)]
	}
	s.total += len(matching)
	return matching
}

// preview shows what the command is about to work on.
func (s *selection) preview() { s.cmd.PrintErr(s.summary.text(s.now) + unseenText(s.unseen)) }

// close returns what is still held.
func (s *selection) close() {
	for _, f := range s.inFlight {
		f.close(s.cmd)
	}
}

// summary counts messages by queue, reason and app.
type summary []*summaryLine

// summaryLine is one line; the times are when the messages came onto the queue.
type summaryLine struct {
	Queue    string    `json:"queue"`
	Reason   string    `json:"reason,omitzero"`
	App      string    `json:"app"`
	Messages int       `json:"messages"`
	Oldest   time.Time `json:"oldest"`
	Newest   time.Time `json:"newest"`
}

// add counts messages of a queue.
func (s *summary) add(queue string, messages []*stack.Message) {
	lines := make(map[[2]string]*summaryLine)
	for _, m := range messages {
		key := [2]string{reasonOf(m), appOf(m)}
		line := lines[key]
		if line == nil {
			line = &summaryLine{Queue: queue, Reason: key[0], App: key[1], Oldest: m.Sent, Newest: m.Sent}
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
			cmp.Compare(a.Reason, b.Reason), cmp.Compare(a.App, b.App))
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
	rows := [][]string{{heading, "APP", "MESSAGES", "OLDEST", "NEWEST"}}
	for _, line := range s {
		first := line.Reason
		if dead {
			first = line.Queue
		}
		rows = append(rows, []string{
			first, line.App, strconv.Itoa(line.Messages), cli.Ago(now.Sub(line.Oldest)), cli.Ago(now.Sub(line.Newest)),
		})
	}
	return cli.Table(rows)
}
