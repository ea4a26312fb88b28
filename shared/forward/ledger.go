package forward

import (
	"errors"
	"strings"
	"sync"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/fault"
)

// Outcome is what became of a message.
type Outcome uint8

// Every message ends in exactly one of these.
const (
	Delivered Outcome = iota
	Skipped
	Rejected
	Retried
)

// String is the outcome in a log line.
func (o Outcome) String() string {
	return [...]string{"delivered", "skipped", "rejected", "retry"}[o]
}

// Kinds is a set of kinds of records, as the attribute "accepted" names them.
type Kinds uint8

// The kinds of records.
const (
	Event Kinds = 1 << iota
	Profile
	Charged
)

// kindNames in the order in which they are written.
var kindNames = [...]struct {
	kind Kinds
	name string
}{{Event, "event"}, {Profile, "profile"}, {Charged, "charged"}}

// String lists the kinds as the attribute "accepted" does: event,profile.
func (k Kinds) String() string {
	var names []string
	for _, n := range kindNames {
		if k&n.kind != 0 {
			names = append(names, n.name)
		}
	}
	return strings.Join(names, ",")
}

// ParseKinds reads the attribute. Unknown words are ignored.
func ParseKinds(text string) Kinds {
	var kinds Kinds
	for word := range strings.SplitSeq(text, ",") {
		for _, n := range kindNames {
			if strings.TrimSpace(word) == n.name {
				kinds |= n.kind
			}
		}
	}
	return kinds
}

// ledger keeps, for every message, which of its records were accepted and what its outcome is. It is the uploader's
// [clevertap.Tracker].
type ledger struct {
	mu       sync.Mutex
	messages []messageEntry
	records  []recordEntry
	blocked  []int // by group: the first message of it that is to be retried; len(messages) if there is none
}

type messageEntry struct {
	receives int
	group    int          // index into blocked; noGroup on a standard queue
	waiting  int          // records that have no answer yet
	accepted Kinds        // kinds of which every record was accepted, now or at an earlier attempt
	refused  Kinds        // kinds of which a record was not accepted
	doubt    *fault.Fault // an answer did not account for a record; nil: every answer did
	skip     fault.Reason // why nothing is sent
	fault    *fault.Fault // the fault that decides: a retry outranks a rejection
}

// recordEntry is one record and the messages that wait for it: one, or all that contributed to a merged profile.
type recordEntry struct {
	kind     Kinds
	messages []int
	accepted bool
}

const noGroup = -1

func newLedger(messages []Message) *ledger {
	l := &ledger{messages: make([]messageEntry, len(messages)), records: make([]recordEntry, 0, 2*len(messages))}
	groups := make(map[string]int)
	for i := range messages {
		l.messages[i].receives, l.messages[i].group = messages[i].Receives, noGroup
		if !messages[i].FIFO() || messages[i].Group == "" {
			continue
		}
		group, known := groups[messages[i].Group]
		if !known {
			group = len(groups)
			groups[messages[i].Group] = group
			l.blocked = append(l.blocked, len(messages))
		}
		l.messages[i].group = group
	}
	return l
}

// skip ends a message for which nothing is sent.
func (l *ledger) skip(i int, reason fault.Reason) { l.messages[i].skip = reason }

// acceptEarlier notes what CleverTap accepted of a message at an earlier attempt.
func (l *ledger) acceptEarlier(i int, kinds Kinds) { l.messages[i].accepted |= kinds }

// fail notes a fault of a message.
func (l *ledger) fail(i int, f *fault.Fault) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.addFault(i, f)
}

// addFault keeps the fault that decides, and blocks the rest of the group behind a message that is to be retried.
func (l *ledger) addFault(i int, f *fault.Fault) {
	m := &l.messages[i]
	if m.fault == nil || (m.fault.Kind == fault.Reject && f.Kind != fault.Reject) {
		m.fault = f
	}
	if f.Kind != fault.Reject && m.group != noGroup {
		l.blocked[m.group] = min(l.blocked[m.group], i)
	}
}

// panicsRetried is how often a message on which the code panics is retried before it is rejected: the next version may
// read it, and so may this one if the panic had another cause.
const panicsRetried = 4

// recoverPanic, when deferred, turns a panic into a fault of the messages.
func (l *ledger) recoverPanic(messages ...int) {
	if p := recover(); p != nil {
		l.failPanic(fault.Panicked(fault.Retry, p), messages...)
	}
}

// failPanic blames a panic on the messages.
func (l *ledger) failPanic(f *fault.Fault, messages ...int) {
	for _, i := range messages {
		if l.messages[i].receives > panicsRetried {
			l.fail(i, f.WithKind(fault.Reject))
		} else {
			l.fail(i, f)
		}
	}
}

// rejectUnaccounted rejects a message that was to be retried because an answer did not account for its records.
func (l *ledger) rejectUnaccounted(i int) {
	l.messages[i].fault = l.messages[i].doubt.WithKind(fault.Reject)
}

// unaccounted reports whether a message is retried although CleverTap may have one of its records and did not say so.
func (l *ledger) unaccounted(i int) bool { return l.messages[i].doubt != nil && l.has(i, Retried) }

// skipped reports whether a message is skipped.
func (l *ledger) skipped(i int) bool { return l.messages[i].skip != "" }

// failed reports whether a message has a fault already.
func (l *ledger) failed(i int) bool { return l.messages[i].fault != nil }

// untouched reports whether nothing is known of a message yet, neither a fault nor an accepted record.
func (l *ledger) untouched(i int) bool {
	return l.messages[i].fault == nil && l.messages[i].accepted == 0
}

// mayHaveSent reports whether CleverTap has, or may have, a record of this kind from a message.
func (l *ledger) mayHaveSent(i int, kind Kinds) bool {
	m := &l.messages[i]
	if m.accepted&kind != 0 || m.fault == nil {
		return true
	}
	switch m.fault.Reason {
	case fault.Breaker, fault.Credentials, fault.NoTime, fault.GroupOrder, fault.RateLimited, fault.Table,
		fault.AccountRejectsAll:
		return false
	}
	return true
}

// add registers a record and returns its key.
func (l *ledger) add(kind Kinds, messages ...int) int {
	for _, i := range messages {
		l.messages[i].waiting++
	}
	l.records = append(l.records, recordEntry{kind: kind, messages: messages})
	return len(l.records) - 1
}

// MaySend reports whether a record may still be uploaded: for one of its messages at least, neither that message nor
// an earlier one of its group is retried. Otherwise all of them come back, and bring the record again.
func (l *ledger) MaySend(key int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, i := range l.records[key].messages {
		m := &l.messages[i]
		retried := m.fault != nil && m.fault.Kind != fault.Reject
		if !retried && (m.group == noGroup || l.blocked[m.group] >= i) {
			return true
		}
	}
	return false
}

// Done takes a record's result for every message that waits for it.
func (l *ledger) Done(key int, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := &l.records[key]
	r.accepted = err == nil
	for _, i := range r.messages {
		m := &l.messages[i]
		m.waiting--
		if err == nil {
			m.accepted |= r.kind
			continue
		}
		f := fault.Of(err)
		m.refused |= r.kind
		if f.Reason == fault.Unmatched || f.Reason == fault.UnreadableAnswer {
			m.doubt = f
		}
		l.addFault(i, f)
	}
}

var _ clevertap.Tracker = (*ledger)(nil)

// accepted returns the kinds of which CleverTap has every record.
func (l *ledger) accepted(i int) Kinds { return l.messages[i].accepted &^ l.messages[i].refused }

var errForgotten = errors.New("record has no outcome")

// outcome decides. A message that still waits for an answer was forgotten by somebody: it is retried.
func (l *ledger) outcome(i int) (Outcome, *fault.Fault) {
	m := &l.messages[i]
	switch {
	case m.fault != nil && m.fault.Kind == fault.Reject && m.waiting == 0:
		return Rejected, m.fault
	case m.fault != nil && m.fault.Kind != fault.Reject:
		return Retried, m.fault
	case m.waiting > 0:
		return Retried, fault.New(fault.Retry, fault.Unmatched, errForgotten)
	case m.skip != "":
		return Skipped, fault.New(fault.Reject, m.skip, nil)
	default:
		return Delivered, nil
	}
}

// has reports whether a message has an outcome.
func (l *ledger) has(i int, outcome Outcome) bool {
	is, _ := l.outcome(i)
	return is == outcome
}
