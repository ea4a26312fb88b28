package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"
)

// haul is what a command holds of one or two queues, and which of it the command is about.
type haul struct {
	cmd      *cobra.Command
	choice   *choice
	limit    int // of letters that are chosen; 0: none
	now      time.Time
	holdings []*holding
	chosen   [][]*letter // per holding, oldest first
	counted  *census
	total    int // of the letters that were chosen
	unseen   int // about how many more there are
}

// haul takes what there is out of the sight of others. The haul must be closed, also after an error.
func (c *choice) haul(cmd *cobra.Command, queues []*queue, bodies bool, limit int) (*haul, error) {
	h := &haul{cmd: cmd, choice: c, limit: limit, now: time.Now()}
	h.counted = &census{now: h.now}
	for _, q := range queues {
		expected, err := q.size(cmd.Context())
		if err != nil {
			return h, err
		}
		holding := hold(q, bodies)
		h.holdings = append(h.holdings, holding)
		seen, err := holding.look(cmd, expected, never)
		if err != nil {
			return h, err
		}
		chosen := h.choose(seen.letters)
		h.chosen = append(h.chosen, chosen)
		h.counted.count(q.name, chosen)
		h.unseen += seen.unseen
	}
	return h, nil
}

// choose picks letters, within the limit.
func (h *haul) choose(letters []*letter) []*letter {
	chosen := h.choice.of(letters, h.now)
	if h.limit > 0 {
		chosen = chosen[:min(len(chosen), h.limit-h.total)]
	}
	h.total += len(chosen)
	return chosen
}

// preview says what the command is about to do something with.
func (h *haul) preview() {
	text := h.counted.text()
	if h.unseen > 0 {
		text += unseenText(h.unseen)
	}
	h.cmd.PrintErr(text)
}

// close gives back what is still held.
func (h *haul) close() {
	for _, holding := range h.holdings {
		holding.close(h.cmd)
	}
}

// pace says how long so many things take at a rate.
func pace(n int, perSecond float64) string {
	if perSecond <= 0 {
		return ", as fast as it goes"
	}
	return fmt.Sprintf(", %g a second, which takes about %s", perSecond, max(time.Second, time.Duration(float64(n)/perSecond)*time.Second))
}
