package mapping

import (
	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/integration"
)

// rule is a decision on one name, ready for a record.
type rule struct {
	send     bool
	name     []byte // the name in CleverTap
	key      []byte // the same, encoded and with its colon; nil: not yet
	sum      uint64 // of name
	why      string // the rule that decides not to send, where the origin has none
	origin   integration.Origin
	renaming string // the rule that gives another name, where the origin has none
	naming   integration.Origin
}

// newRule takes over a decision of the file.
func newRule(p *integration.PropertyRule) rule {
	name := []byte(p.Name)
	return rule{
		send: p.Send, name: name, key: p.Key, sum: foldedSum(name),
		why: ruleSwitched, origin: p.Origin, renaming: ruleRenamed, naming: p.NameOrigin,
	}
}

// encodedKey appends a name as a JSON string with its colon.
func encodedKey(dst, name []byte) []byte { return append(appendQuoted(dst, name), ':') }

// cleaned gives the name that CleverTap takes, kept in the Result; empty if nothing is left of it.
func (r *Result) cleaned(name []byte, limit int) (clean []byte, changed bool) {
	start := len(r.values)
	r.values, changed = clevertap.CleanName(r.values, name, limit, false)
	return r.values[start:len(r.values):len(r.values)], changed
}
