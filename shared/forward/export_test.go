package forward

// NewLedger makes a ledger for messages of the given groups on a FIFO queue.
func NewLedger(groups ...string) *ledger {
	messages := make([]Message, len(groups))
	for i, group := range groups {
		messages[i] = Message{Group: group, Source: "arn:aws:sqs:eu-west-1:123456789012:events.fifo", Receives: 1}
	}
	return newLedger(messages)
}

func (l *ledger) Add(kind Kinds, messages ...int) int { return l.add(kind, messages...) }
func (l *ledger) Accepted(i int) Kinds                { return l.accepted(i) }
func (l *ledger) AcceptEarlier(i int, kinds Kinds)    { l.acceptEarlier(i, kinds) }

// Outcome returns a message's outcome and its reason.
func (l *ledger) Outcome(i int) (Outcome, string) {
	outcome, f := l.outcome(i)
	if f == nil {
		return outcome, ""
	}
	return outcome, string(f.Reason)
}

// ReadEvent is what Invoke reads of a payload.
func ReadEvent(payload []byte) ([]Message, error) { return readEvent(payload) }
