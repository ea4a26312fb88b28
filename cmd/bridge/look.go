package main

import (
	"github.com/spf13/cobra"
)

// look is what a command has seen of a queue.
type look struct {
	letters []*letter
	unseen  int  // how many more SQS believes to be there
	full    bool // whether more could not be held
}

// lookInto takes everything out of the sight of others, looks at it and gives it back. What is seen may be less than there is: messages in
// somebody else's hands do not show, nor do those of a FIFO queue that stand behind others of the same user.
func lookInto(cmd *cobra.Command, q *queue, bodies bool, stop func(*letter) bool) (look, error) {
	expected, err := q.size(cmd.Context())
	if err != nil {
		return look{}, err
	}
	h := hold(q, bodies)
	defer h.close(cmd)
	return h.look(cmd, expected, stop)
}

// look collects, and shows how far it is.
func (h *holding) look(cmd *cobra.Command, expected int, stop func(*letter) bool) (l look, err error) {
	h.bar = newProgress(cmd, "looking", max(expected, 1))
	defer h.bar.done()
	l.letters, l.full, err = h.collect(cmd.Context(), expected, stop)
	l.unseen = max(0, expected-len(l.letters))
	return l, err
}

// close gives back what is held, and says so if that takes a while.
func (h *holding) close(cmd *cobra.Command) {
	if late := h.release(cmd.Context()); late > 0 {
		cmd.PrintErrf("%s of the queue %q will be seen again only in %s\n", quantity(late, "message"), h.queue.name, lease)
	}
}
