package mapping

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// leaf is an attribute that has no row of its own: its name is a pattern's, unknown, or that of a part of an object.
type leaf struct {
	name, flat []byte // its own name, and with those of the objects around it
	raw        jsontext.Value
	want       webhook.Type
	class      class
}

// branch is an object on the way down to its parts.
type branch struct {
	class     class // what its parts count as
	off       bool  // the file switches it off, and all its parts with it
	addresses bool  // it may hold CleverTap IDs
	inner     bool  // it is not the payload itself
	from, to  int   // its members
}

// top is the payload itself.
var top = branch{}

// loose writes a leaf, or the parts of what turns out to be an object.
func (w *work) loose(l leaf, b branch) {
	switch {
	case isEmpty(l.raw):
		w.tellLeaf(l, b, ruleEmpty)
		return
	case b.addresses && w.isAddress(l.name):
		w.tellLeaf(l, b, ruleAddress)
		return
	case l.raw[0] == '{':
		w.looseObject(l, b)
		return
	}
	v, twin := w.looseDate(l, b)
	if twin {
		w.tellLeaf(l, b, ruleTwin)
		return
	}
	if v.json == nil {
		v = w.scalar(l.raw, l.want)
	}
	if l.class == unknown || !v.fits {
		w.addDrift(driftAttribute, l.flat)
	}
	if !b.off {
		w.looseProperty(l, b, v)
	}
	w.extras(l.flat, v.json)
}

// looseObject writes the parts of an object that has no row of its own.
func (w *work) looseObject(l leaf, b branch) {
	if l.want != webhook.Unspecified {
		w.addDrift(driftAttribute, l.flat)
	}
	inner := branch{class: l.class, off: b.off}
	if d := w.decide(l.flat, b); !d.send && !b.off {
		inner.off = true
		w.tellOff(aboutProperty, l.flat, &d)
	}
	w.parts(l.flat, l.raw, inner)
}

// parts writes the members of an object under their flat names.
func (w *work) parts(name []byte, object jsontext.Value, b branch) {
	b.inner = true
	b.from, b.to = w.openObject(object)
	mark := len(w.flat)
	for i := b.from; i < b.to; i++ {
		m := w.members[i]
		w.flat = append(append(append(w.flat[:mark], name...), '_'), m.name...)
		w.loose(leaf{name: m.name, flat: w.flat[mark:], raw: m.value, class: b.class}, b)
	}
	w.flat = w.flat[:mark]
	w.closeObject(b.from)
}

// decide finds what is decided on a flat name: by a row of the catalogue that happens to have the same name, or by the file.
// A rule without a key is one under the leaf's own name.
func (w *work) decide(flat []byte, b branch) rule {
	if b.inner {
		if a := w.catalogue.Attribute(flat); a != nil && w.plan.rows[a.Index].treatment != dynamic {
			d := w.plan.rows[a.Index].property
			if w.plan.rows[a.Index].treatment == never {
				d.send, d.why = false, ruleAddress
			}
			return d
		}
	}
	p := w.app.NamedProperty(flat)
	if p == nil {
		return rule{send: true}
	}
	d := rule{send: p.Send, from: p}
	if p.Name != string(flat) {
		start := len(w.values)
		w.values = append(w.values, p.Name...)
		d.name, d.key = w.values[start:len(w.values):len(w.values)], p.Key
		d.sum = foldedSum(d.name)
	}
	return d
}

// looseProperty writes a leaf into the event record, under the name that the file gives it, else under its own, cleaned.
func (w *work) looseProperty(l leaf, b branch, v value) {
	d := w.decide(l.flat, b)
	if d.key == nil {
		w.ownName(&d, l.flat)
		// What is no twin of a date in the webhook must not pass for one in CleverTap, cleaned or put together.
		if a := w.catalogue.Attribute(d.name); a != nil && a.Type == webhook.Millis {
			w.tell(aboutProperty, l.flat, nil, ruleTwin, integration.Origin{})
			return
		}
	}
	if len(d.name) == 0 {
		w.tell(aboutProperty, l.flat, nil, ruleNameless, integration.Origin{})
		return
	}
	w.property(l.flat, &d, l.class, v)
}

// ownName lets a leaf go under its own name, cleaned.
func (w *work) ownName(d *rule, flat []byte) {
	sum, simple := simpleSum(flat)
	if simple && len(flat) <= clevertap.MaxKeyBytes {
		d.name, d.sum = w.keep(flat), sum
		return
	}
	d.name = w.cleaned(flat, clevertap.MaxKeyBytes)
	d.sum = foldedSum(d.name)
}

// looseDate finds out whether a leaf is a date, or the milliseconds of one beside it. Only the catalogue can say that a name is no
// date; where it does not, a name that ends in _at with a time in ISO 8601 is one.
func (w *work) looseDate(l leaf, b branch) (date value, twin bool) {
	if l.want != webhook.Unspecified {
		return value{}, false
	}
	if ms, ok := isoTime(l.flat, l.raw); ok {
		return value{json: w.dateValue(ms), fits: true, changed: ruleDate}, false
	}
	base, is := bytes.CutSuffix(l.name, []byte("_ms"))
	if !is {
		return value{}, false
	}
	flat := l.flat[:len(l.flat)-len("_ms")]
	_, twin = isoTime(flat, w.sibling(base, b))
	return value{}, twin
}

// isoTime reads a value of a name that ends in _at.
func isoTime(name []byte, raw jsontext.Value) (ms int64, ok bool) {
	if !bytes.HasSuffix(name, []byte("_at")) || len(raw) == 0 || raw[0] != '"' {
		return 0, false
	}
	return parseDate(raw)
}

// sibling finds a leaf beside another that the catalogue does not know either.
func (w *work) sibling(name []byte, b branch) jsontext.Value {
	if b.inner {
		for _, m := range w.members[b.from:b.to] {
			if bytes.Equal(m.name, name) {
				return m.value
			}
		}
		return nil
	}
	for i := range w.e.Fields {
		f := &w.e.Fields[i]
		if (f.Known == nil || f.Known.Type == webhook.Unspecified) && bytes.Equal(f.Name, name) {
			return f.Value
		}
	}
	return nil
}

func (w *work) isAddress(name []byte) bool {
	for _, row := range w.at.cleverTapIDs {
		if string(name) == w.catalogue.Attributes[row].Name {
			return true
		}
	}
	return false
}

// tellLeaf notes a leaf that is not sent. Nothing is news about the parts of an object that is off.
func (w *work) tellLeaf(l leaf, b branch, rule string) {
	if !b.off {
		w.tell(aboutProperty, l.flat, nil, rule, integration.Origin{})
	}
}
