package clevertap

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/fault"
)

// AccountBatch is a set of records for one account with one set of credentials.
type AccountBatch struct {
	Account Account
	Refresh func(ctx context.Context) (Account, error) // reads the secret again; nil: it cannot be read again
	Records []Record                                   // in the queue's order
}

// lane is a [AccountBatch] under way.
type lane struct {
	account  Account // the credentials in use
	refresh  func(ctx context.Context) (Account, error)
	breaker  *breaker // of these credentials
	items    []item
	queue    []*segment // by turn: what is not in flight
	turns    int
	pairs    int
	inFlight int

	renewing  bool         // the secret is being read again
	renewed   bool         // and has been, which happens once
	ended     *fault.Fault // why nothing more of this lane is uploaded; nil: it goes on
	leftAlone bool         // records were closed because the breaker was open
	report    BatchReport
}

// newLane queues a lane's records in uploads of the largest size.
func newLane(l *AccountBatch, b *breaker) *lane {
	n := &lane{account: l.Account, refresh: l.Refresh, breaker: b, items: make([]item, len(l.Records))}
	pointers := make([]*item, len(l.Records))
	for i, r := range l.Records {
		n.items[i].Record = r
		pointers[i] = &n.items[i]
	}
	for records := range batches(pointers, func(i *item) int { return len(i.JSON) }) {
		n.add(&segment{records: records})
	}
	return n
}

// add puts a new segment behind all others.
func (l *lane) add(s *segment) {
	s.turn = l.turns
	l.turns++
	l.queue = append(l.queue, s)
}

// halve queues the halves of an upload that was refused whole. Both are tried before either is halved again, so that good records get
// in early. While the account has not accepted anything they go behind the pair in front, else behind all others: if it is the account
// that is refused and not a record, that shows after two uploads for each halving, instead of as many as there are records.
func (l *lane) halve(records []*item, accepted bool) {
	middle := len(records) / 2
	l.pairs++
	halves := []*segment{{records: records[:middle:middle], pair: l.pairs}, {records: records[middle:], pair: l.pairs}}
	at := len(l.queue)
	if !accepted {
		at = 0
		for at < len(l.queue) && l.queue[0].pair != 0 && l.queue[at].pair == l.queue[0].pair {
			at++
		}
	}
	l.queue = slices.Insert(l.queue, at, halves...)
	for i, s := range l.queue {
		s.turn = i
	}
	l.turns = len(l.queue)
}

// put puts a segment back in its turn.
func (l *lane) put(s *segment) {
	at, _ := slices.BinarySearchFunc(l.queue, s.turn, func(s *segment, turn int) int { return cmp.Compare(s.turn, turn) })
	l.queue = slices.Insert(l.queue, at, s)
}

// take takes a segment out of the queue.
func (l *lane) take(s *segment) {
	at := slices.Index(l.queue, s)
	l.queue = slices.Delete(l.queue, at, at+1)
}

// next gives the segment whose turn it is among those that may go now, else the one that may go soonest. The queue must not be
// empty.
func (l *lane) next(now time.Time) *segment {
	soonest := l.queue[0]
	for _, s := range l.queue {
		if !s.after.After(now) {
			return s
		}
		if s.after.Before(soonest.after) {
			soonest = s
		}
	}
	return soonest
}

// idle tells whether nothing is left to do.
func (l *lane) idle() bool { return len(l.queue) == 0 && l.inFlight == 0 && !l.renewing }
