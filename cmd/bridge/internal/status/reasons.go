package status

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/journal"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/stack"
	"github.com/purchasely-clevertap/bridge/shared/fault"
)

// Reason is why an app's messages were not delivered.
type Reason struct {
	App      string `json:"app"`
	Reason   string `json:"reason"`
	Because  string `json:"because"`
	Messages int    `json:"messages"`
	More     bool   `json:"more,omitzero"` // not all lines were read
}

const (
	// retriedBack is a little more than the longest pause of a message that comes back, relayedBack of one of the relay.
	retriedBack = 20 * time.Minute
	relayedBack = 70 * time.Minute
	// maxLines bounds the lines of a log that are read.
	maxLines = 2000
)

// search looks in a function's log for the messages with an outcome.
type search struct {
	function, outcome string
	back              time.Duration
	because           func(reason, code string) string
}

var (
	retried  = search{"forwarder", "retry", retriedBack, journal.Because}
	rejected = search{"forwarder", "rejected", day, journal.Because}
	relayed  = search{"relay", "retry", relayedBack, becauseBackEnd}
)

// line is what is read of a line of a log.
type line struct {
	MessageID string `json:"messageId"`
	App       string `json:"app"`
	Outcome   string `json:"outcome"`
	Reason    string `json:"reason"`
	Code      string `json:"code"`
}

// reasons counts the messages by app and reason.
func (q search) reasons(ctx context.Context, s *stack.Stack, now time.Time) ([]Reason, error) {
	lines, until, err := s.LogLines(ctx, s.Log(q.function), "outcome", q.outcome, now.Add(-q.back), now, maxLines)
	if err == nil && len(lines) == 0 && until.Before(now) {
		err = cli.Findingf("", "the %s's log could not be searched in time", q.function)
	}
	if err != nil {
		return nil, err
	}
	seen := make(map[line]bool)
	counts := make(map[line]int)
	for _, text := range lines {
		var l line
		// An emulator may not filter. A message that came back several times counts once.
		if json.Unmarshal([]byte(text), &l) != nil || l.Outcome != q.outcome || seen[l] {
			continue
		}
		seen[l] = true
		l.MessageID = ""
		counts[l]++
	}
	var reasons []Reason
	for l, n := range counts {
		reasons = append(reasons, Reason{l.App, l.Reason, q.because(l.Reason, l.Code), n, until.Before(now)})
	}
	slices.SortFunc(reasons, func(a, b Reason) int {
		return cmp.Or(cmp.Compare(a.App, b.App), b.Messages-a.Messages,
			cmp.Compare(a.Reason, b.Reason), cmp.Compare(a.Because, b.Because))
	})
	return reasons, nil
}

// becauseBackEnd is [journal.Because] for messages to an app's own back end.
func becauseBackEnd(reason, code string) string {
	words, known := map[fault.Reason]string{
		fault.BackEnd: "its own back end did not accept it",
		fault.Timeout: "its own back end did not answer in time",
		fault.Network: "its own back end could not be reached",
		fault.Breaker: "its own back end is left alone for a while after requests to it have failed",
		fault.NoTime:  "the relay had no time left for it",
	}[fault.Reason(reason)]
	switch {
	case !known:
		return journal.Because(reason, code)
	case code != "":
		return words + " (" + code + ")"
	}
	return words
}

// checkReasons notes which reasons are not known. A large log cannot be searched in time, which is no loss if metrics
// and queues know of nothing to find.
func (r *reader) checkReasons(retriedErr, relayedErr, rejectedErr error) {
	retriedLately := func(h Hour) bool { return r.At.Sub(h.From) < 2*time.Hour && h.Retried > 0 }
	rejected := func(h Hour) bool { return h.Rejected > 0 }
	if retriedErr != nil && r.mayHaveHour(retriedLately) {
		r.unknown("why messages come back", retriedErr)
	}
	if relayedErr != nil && r.mayHaveMessages("relay") {
		r.unknown("why messages of the relay come back", relayedErr)
	}
	if rejectedErr != nil && (r.mayHaveMessages("rejected") || r.mayHaveHour(rejected)) {
		r.unknown("why messages were rejected", rejectedErr)
	}
}

// mayHaveHour reports whether something is true of an hour of any app, or nobody knows.
func (r *reader) mayHaveHour(is func(Hour) bool) bool {
	return len(r.Apps) == 0 || slices.ContainsFunc(r.Apps, func(a App) bool {
		return a.Activity == nil || slices.ContainsFunc(a.Activity.Hours, is)
	})
}

// mayHaveMessages reports whether there are messages on a queue, or nobody knows.
func (r *reader) mayHaveMessages(queue string) bool {
	return len(r.Queues) == 0 || slices.ContainsFunc(r.Queues, func(q Queue) bool {
		return q.Name == queue && q.Visible+q.InFlight > 0
	})
}
