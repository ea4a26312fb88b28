package clevertap

import (
	"slices"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/fault"
)

// blanketRow is how many records refused alone, and nothing accepted, mean that the account is refused and not the record.
const blanketRow = 3

// traffic is what one invocation sends to one account, by all its lanes: CleverTap counts and refuses by account.
type traffic struct {
	key      string
	lanes    []*lane // the next one's turn first
	limit    int     // uploads in flight; halved whenever CleverTap is busy
	inFlight int
	hold     time.Time     // nothing goes before: CleverTap was busy
	slowest  time.Duration // of the uploads so far
	accepted bool          // whether any record was
	lone     []lone        // refused alone, and kept open until it is clear whether the record is at fault
}

// lone is a record that was refused alone.
type lone struct {
	lane *lane
	item *item
	end  *fault.Fault
}

// slowDown lowers the account's concurrency and keeps everything back for a while.
func (t *traffic) slowDown(until time.Time) {
	t.limit = max(1, t.limit/2)
	if until.After(t.hold) {
		t.hold = until
	}
}

// suspect tells whether the account seems to be refused whatever it sends. Uploads in flight may still show otherwise.
func (t *traffic) suspect() bool { return !t.accepted && len(t.lone) >= blanketRow }

// idle tells whether nothing is left to do.
func (t *traffic) idle() bool {
	return t.inFlight == 0 && !slices.ContainsFunc(t.lanes, func(l *lane) bool { return !l.idle() })
}

// rotate gives the other lanes their turn.
func (t *traffic) rotate(l *lane) {
	at := slices.Index(t.lanes, l)
	t.lanes = append(slices.Delete(t.lanes, at, at+1), l)
}
