package forward

// Ledger and Batch open the two parts to the tests beside them.
type (
	Ledger = ledger
	Batch  = batch
)

// NewLedger makes a ledger for messages of the given groups.
func NewLedger(groups ...string) *ledger {
	var l ledger
	l.open(len(groups), func(i int) []byte { return []byte(groups[i]) })
	return &l
}

func (l *ledger) Add(kind Kind, messages ...int) int { return l.add(kind, messages...) }
func (l *ledger) Taken(i int) Kind                   { return l.taken(i) }
func (l *ledger) Accept(i int, kinds Kind)           { l.accept(i, kinds) }

// Outcome gives a message's outcome and its reason.
func (l *ledger) Outcome(i int) (Outcome, string) {
	outcome, f := l.outcome(i)
	if f == nil {
		return outcome, ""
	}
	return outcome, string(f.Reason)
}

func (b *batch) Read(payload []byte) ([]Queued, error) {
	err := b.read(payload)
	return b.messages, err
}
