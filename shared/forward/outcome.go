package forward

// Outcome is what became of a message.
type Outcome uint8

// The outcomes: every message ends in exactly one.
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
