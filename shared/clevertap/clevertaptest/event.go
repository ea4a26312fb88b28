package clevertaptest

import (
	"bytes"
	"math/big"
)

// Lengths in bytes of the decoded text, the smaller reading of the vendor's pages (platform-considerations, November
// 2026). The page states none for event names; 512 is where an SDK cuts them.
const (
	maxName  = 512
	maxKey   = 120
	maxValue = 512
	maxItems = 50
)

// event checks an event's name and properties.
func (j *judge) event(f *finding) int {
	name := f.node.find("evtName")
	if name == nil || name.kind != '"' || len(bytes.TrimSpace(name.text)) == 0 {
		return 509
	}
	if len(name.text) > maxName || bytes.ContainsAny(name.text, forbiddenInNames) || hasOuterSpace(name.text) {
		return 512
	}
	f.name = string(name.text)
	folded := fold(name.text)
	switch {
	case reserved[folded]:
		return 513
	case j.discarded[folded]:
		return 528
	}
	f.data = f.node.find("evtData")
	if f.data == nil || f.data.kind != '{' {
		return 512
	}
	var items *node
	if f.name == "Charged" {
		items = f.data.find("Items")
	}
	for i := range f.data.kids {
		if p := &f.data.kids[i]; p != items && !isProperty(p, forbiddenInNames) {
			return 512
		}
	}
	if len(f.data.kids) > j.limits.Properties {
		return 522
	}
	if items != nil {
		if code := j.items(items); code != 0 {
			return code
		}
	}
	remarkEvent(f, folded == "CHARGED")
	return 0
}

// items checks the purchased things of a Charged event.
func (j *judge) items(items *node) int {
	if items.kind != '[' || len(items.kids) == 0 {
		return 512
	}
	if len(items.kids) > maxItems {
		return 522
	}
	for i := range items.kids {
		item := &items.kids[i]
		if item.kind != '{' {
			return 512
		}
		for k := range item.kids {
			if !isProperty(&item.kids[k], forbiddenInNames) {
				return 512
			}
		}
		if len(item.kids) > j.limits.Properties {
			return 522
		}
	}
	return 0
}

// isProperty tells whether a member may be a property: a short key without forbidden characters and a scalar value.
func isProperty(p *node, forbidden string) bool { return isKey(p.key, forbidden) && isScalar(p) }

func isKey(key []byte, forbidden string) bool {
	return len(key) >= 1 && len(key) <= maxKey && !bytes.ContainsAny(key, forbidden)
}

func isScalar(p *node) bool {
	switch p.kind {
	case '"':
		return len(p.text) <= maxValue
	case '0', 't', 'f':
		return true
	default:
		return false
	}
}

// remarkEvent lists what would be taken of an event and spoilt in silence.
func remarkEvent(f *finding, charged bool) {
	remarkProperties(f, f.data.kids)
	if id := f.data.find("event_id"); id == nil || id.kind != '"' || len(id.text) == 0 {
		f.object(NoEventID, "event_id")
	} else {
		f.eventID = string(id.text)
	}
	if !charged {
		return
	}
	if amount := f.data.find("Amount"); amount == nil || amount.kind != '0' || !isPositive(amount.raw) {
		f.object(ChargedAmount, "Amount")
	}
	if items := f.data.find("Items"); items != nil {
		for i := range items.kids {
			remarkProperties(f, items.kids[i].kids)
		}
	}
}

// isPositive tells whether a JSON number is above 0.
func isPositive(number []byte) bool {
	n, ok := exact(number)
	return ok && n.Sign() > 0
}

// exact reads a JSON number without rounding. Exponents beyond any price are no number to it: they would fill the memory.
func exact(number []byte) (*big.Rat, bool) {
	if at := bytes.IndexAny(number, "eE"); at >= 0 && len(number)-at > 4 {
		return nil, false
	}
	return new(big.Rat).SetString(string(number))
}
