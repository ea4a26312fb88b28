package mapping

import "github.com/purchasely-clevertap/bridge/shared/clevertap"

// Set adds a key with an encoded value to a profile.
func (p *Profile) Set(name, json string) {
	key := append(appendQuoted(nil, name), ':')
	p.entries = append(p.entries, entry{&policy{name: []byte(name), key: key, folded: clevertap.Fold(nil, name)},
		[]byte(json)})
}

// Remembered is how many names from outside a result keeps from webhook to webhook.
func (r *Result) Remembered() int { return max(len(r.drifts), len(r.names.used)) }
