package queue

import (
	"github.com/spf13/cobra"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/stack"
)

// Removal is what became of a queue's messages.
type Removal struct {
	Looked  int // at so many messages
	Matched int // that were to be deleted
	Deleted int // of those
	Unseen  int // about how many more there are: in flight elsewhere, or too many at once
}

// Remove deletes the messages of a queue that match, and returns the others to it. It may be called on a queue that is
// in use: others see its messages a little later.
func Remove(cmd *cobra.Command, q *stack.Queue, matches func(*stack.Message) bool) (r Removal, err error) {
	expected, err := q.Size(cmd.Context())
	if err != nil || expected == 0 {
		return r, err
	}
	f := newInFlight(q, true)
	defer f.close(cmd)
	bar := cli.NewProgress(cmd, "looking through the queue "+q.Name, expected)
	defer bar.Done()
	// What is deleted of a FIFO queue uncovers what stands behind it.
	for again := true; again; {
		messages, err := f.receive(cmd.Context(), expected-r.Looked, bar)
		if err != nil {
			return r, err
		}
		r.Looked += len(messages)
		var matching []*stack.Message
		for _, m := range messages {
			if matches(m) {
				matching = append(matching, m)
			}
		}
		deleted := len(f.delete(cmd.Context(), f.leased(matching)))
		r.Matched, r.Deleted, again = r.Matched+len(matching), r.Deleted+deleted, deleted > 0
	}
	r.Unseen = max(0, expected-r.Looked)
	return r, nil
}
