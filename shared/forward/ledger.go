package forward

import (
	"sync"

	"github.com/purchasely-clevertap/bridge/shared/fault"
)

// noGroup is the group of a message that is in none.
const noGroup = -1

// entry is one message in the ledger.
type entry struct {
	group    int
	waiting  int          // records that have no answer yet
	accepted Kind         // kinds of which every record was accepted, now or before
	refused  Kind         // kinds of which a record was not
	skip     fault.Reason // why nothing is sent
	fault    *fault.Fault // the fault that decides: what is to be retried outranks what is refused for good
}

// entryRecord is one record and the messages that wait for it: one, or all that contributed to a merged profile.
type entryRecord struct {
	kind     Kind
	messages []int
	accepted bool
}

// ledger keeps, for every message, which of its records were accepted and what its outcome is. It is the uploader's book, and keeps its
// memory from one batch to the next.
type ledger struct {
	mu      sync.Mutex
	entries []entry
	records []entryRecord
	waiters []int // the messages of all records, one after the other
	blocked []int // by group: the first message of it that is to be retried; len(entries) where there is none
	groups  map[string]int
}

// open begins anew with messages in the queue's order. group gives a message's FIFO group, nil where it is in none.
func (l *ledger) open(messages int, group func(i int) []byte) {
	l.entries, l.records, l.waiters, l.blocked = l.entries[:0], l.records[:0], l.waiters[:0], l.blocked[:0]
	if l.groups == nil {
		l.groups = make(map[string]int)
	}
	clear(l.groups)
	for i := range messages {
		e := entry{group: noGroup}
		if name := group(i); len(name) > 0 {
			g, ok := l.groups[string(name)]
			if !ok {
				g = len(l.groups)
				l.groups[string(name)] = g
				l.blocked = append(l.blocked, messages)
			}
			e.group = g
		}
		l.entries = append(l.entries, e)
	}
}

// skip ends a message for which nothing is sent.
func (l *ledger) skip(i int, reason fault.Reason) { l.entries[i].skip = reason }

// accept notes what CleverTap took of a message at an earlier attempt.
func (l *ledger) accept(i int, kinds Kind) { l.entries[i].accepted |= kinds }

// fail notes a fault of a message.
func (l *ledger) fail(i int, f *fault.Fault) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.note(i, f)
}

// untouched tells whether nothing is known of a message yet, good or bad.
func (l *ledger) untouched(i int) bool {
	return l.entries[i].fault == nil && l.entries[i].accepted == 0
}

// mayHaveSent tells whether CleverTap may have a record of a kind that a message made: it does, or nobody knows.
func (l *ledger) mayHaveSent(i int, kind Kind) bool {
	e := &l.entries[i]
	if e.accepted&kind != 0 || e.fault == nil {
		return true
	}
	switch e.fault.Reason {
	case fault.Breaker, fault.Credentials, fault.NoTime, fault.GroupOrder, fault.RateLimited, fault.Table, fault.AccountRejectsAll:
		return false
	}
	return true
}

// failed tells whether a message has a fault already.
func (l *ledger) failed(i int) bool { return l.entries[i].fault != nil }

// note keeps the fault that decides, and blocks the rest of the group behind a message that is to be retried.
func (l *ledger) note(i int, f *fault.Fault) {
	e := &l.entries[i]
	if e.fault == nil || (e.fault.Kind == fault.Reject && f.Kind != fault.Reject) {
		e.fault = f
	}
	if f.Kind != fault.Reject && e.group != noGroup {
		l.blocked[e.group] = min(l.blocked[e.group], i)
	}
}

// add registers a record and gives its key.
func (l *ledger) add(kind Kind, messages ...int) int {
	for _, i := range messages {
		l.entries[i].waiting++
	}
	from := len(l.waiters)
	l.waiters = append(l.waiters, messages...)
	l.records = append(l.records, entryRecord{kind: kind, messages: l.waiters[from:len(l.waiters):len(l.waiters)]})
	return len(l.records) - 1
}

// MaySend tells whether a record may still be uploaded: one of its messages must still be on its way, with no earlier message of its
// group to be retried. The others wait for the queue anyway.
func (l *ledger) MaySend(key int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, i := range l.records[key].messages {
		e := &l.entries[i]
		retried := e.fault != nil && e.fault.Kind != fault.Reject
		if !retried && (e.group == noGroup || l.blocked[e.group] >= i) {
			return true
		}
	}
	return false
}

// Done takes a record's answer for every message that waits for it.
func (l *ledger) Done(key int, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := &l.records[key]
	r.accepted = err == nil
	for _, i := range r.messages {
		e := &l.entries[i]
		e.waiting--
		if err == nil {
			e.accepted |= r.kind
			continue
		}
		e.refused |= r.kind
		l.note(i, fault.Of(err))
	}
}

// taken gives the kinds of which CleverTap has every record.
func (l *ledger) taken(i int) Kind { return l.entries[i].accepted &^ l.entries[i].refused }

// outcome decides. A message that still waits for an answer was forgotten by somebody: it is retried.
func (l *ledger) outcome(i int) (Outcome, *fault.Fault) {
	e := &l.entries[i]
	switch {
	case e.fault != nil && e.fault.Kind == fault.Reject && e.waiting == 0:
		return Rejected, e.fault
	case e.fault != nil && e.fault.Kind != fault.Reject:
		return Retried, e.fault
	case e.waiting > 0:
		return Retried, fault.New(fault.Retry, fault.Unmatched, nil)
	case e.skip != "":
		return Skipped, fault.New(fault.Reject, e.skip, nil)
	default:
		return Delivered, nil
	}
}
