package mapping

import (
	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/integration"
)

// rule is a decision on one name, ready for a record.
type rule struct {
	send bool
	name []byte                    // the name in CleverTap
	key  []byte                    // the same, encoded and with its colon; nil: it is the attribute's own name, not yet encoded
	sum  uint64                    // of name
	from *integration.PropertyRule // what decided; nil: nothing but the default
	why  string                    // the bridge's own rule against sending, which overrules; "": none
}

// newRule takes over a decision of the file.
func newRule(p *integration.PropertyRule) rule {
	name := []byte(p.Name)
	return rule{send: p.Send, name: name, key: p.Key, sum: foldedSum(name), from: p}
}

// against says why a name is not sent.
func (d *rule) against() (why string, origin integration.Origin) {
	if d.why != "" || d.from == nil {
		return d.why, integration.Origin{}
	}
	return ruleSwitched, d.from.Origin
}

// naming says why a name goes out as another one.
func (d *rule) naming() (why string, origin integration.Origin) {
	if d.key == nil || d.from == nil {
		return ruleClean, integration.Origin{}
	}
	return ruleRenamed, d.from.NameOrigin
}

// encodedKey appends a name as a JSON string with its colon.
func encodedKey(dst, name []byte) []byte { return append(appendQuoted(dst, name), ':') }

// cleaned gives the name that CleverTap takes, kept in the Result; empty if nothing is left of it.
func (r *Result) cleaned(name []byte, limit int) []byte {
	start := len(r.values)
	r.values, _ = clevertap.CleanName(r.values, name, limit, false)
	return r.values[start:len(r.values):len(r.values)]
}
