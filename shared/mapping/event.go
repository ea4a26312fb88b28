package mapping

import (
	"bytes"
	"strconv"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/integration"
)

// class is how much a property matters when there are too many.
type class uint8

const (
	reserved class = iota // event_id and environment
	known                 // of the catalogue, or a part of such an object
	unknown
)

// span is one property in the event record that grows, without commas.
type span struct {
	start, end int32
	class      class
}

// chargedName is CleverTap's purchase event. Only money may have it.
const chargedName = "Charged"

// eventName gives the name of the event in CleverTap; empty if nothing is left of it. A name for which neither the catalogue nor the
// file vouches is cleaned, and must not pass for the purchase event.
func (w *work) eventName(d *integration.EventRule) []byte {
	start := len(w.values)
	w.values = append(w.values, d.Name...)
	name := w.values[start:len(w.values):len(w.values)]
	if w.isKnown() || w.plan.renames(d) {
		w.tellEvent(d, name, ruleRenamed)
		return name
	}
	clean := w.cleaned(name, clevertap.MaxEventNameBytes)
	if clevertap.Same(clean, chargedName) {
		clean = clevertap.Cut(append([]byte{'_'}, clean...), clevertap.MaxEventNameBytes)
		w.tellEvent(d, clean, ruleCharged)
		return clean
	}
	w.tellEvent(d, clean, ruleClean)
	return clean
}

// tellEvent notes that the event is off or has another name.
func (w *work) tellEvent(d *integration.EventRule, name []byte, naming string) {
	switch {
	case !d.Send:
		w.tell(aboutEvent, w.e.Name, nil, ruleSwitched, d.Origin)
	case !bytes.Equal(name, w.e.Name):
		w.tell(aboutEvent, w.e.Name, name, naming, d.NameOrigin)
	}
}

// isKnown tells whether webhooks of this type are expected.
func (w *work) isKnown() bool { return w.e.Type != nil && w.e.Type.Known() }

// appendHead writes an event record up to its data: type, identity, time, name.
func (w *work) appendHead(dst, name []byte) []byte {
	dst = append(dst, `{"type":"event",`...)
	dst = w.identity.append(dst)
	dst = append(dst, `,"ts":`...)
	dst = strconv.AppendInt(dst, w.ts, 10)
	dst = append(dst, `,"evtName":`...)
	dst = appendQuoted(dst, name)
	return append(dst, `,"evtData":{`...)
}

// beginEvent writes the record up to its properties.
func (w *work) beginEvent(name []byte) { w.event = w.appendHead(w.event, name) }

// reserve takes the names of event_id and environment before any other attribute can have them.
func (w *work) reserve() {
	for _, row := range [...]int{w.at.eventID, w.at.environment} {
		if raw := w.e.Value(row); !isEmpty(raw) && raw[0] != '{' {
			d := &w.plan.rows[row].property
			w.names.add(d.name, d.sum)
		}
	}
}

// property writes a property, if the file lets it through and no other has its name.
func (w *work) property(source []byte, d *rule, c class, v value) {
	switch {
	case !d.send:
		w.tellOff(aboutProperty, source, d)
	case !w.names.add(d.name, d.sum):
		w.tell(aboutProperty, source, nil, ruleTwice, integration.Origin{})
	default:
		w.write(source, d, c, v)
	}
}

// write appends a property to the record.
func (w *work) write(source []byte, d *rule, c class, v value) {
	b := w.event
	if len(w.spans) > 0 {
		b = append(b, ',')
	}
	start := len(b)
	if d.key != nil {
		b = append(b, d.key...)
	} else {
		b = encodedKey(b, d.name)
	}
	b = append(b, v.json...)
	w.event = b
	w.spans = append(w.spans, span{int32(start), int32(len(b)), c}) //nolint:gosec // A record is not much longer than a message.
	if w.note == nil {
		return
	}
	w.tellRenamed(aboutProperty, source, d)
	if v.changed != "" {
		w.tell(aboutProperty, source, d.name, v.changed, integration.Origin{})
	}
}

// endEvent closes the record.
func (w *work) endEvent() []byte {
	w.limit()
	w.event = append(w.event, "}}"...)
	return w.event
}

// limit lets properties fall when there are too many: the unknown ones first, then those of the catalogue, each from the end.
// What stays keeps its order.
func (w *work) limit() {
	if len(w.spans) <= clevertap.MaxProperties {
		return
	}
	var room [unknown + 1]int
	for _, s := range w.spans {
		room[s.class]++
	}
	left := clevertap.MaxProperties
	for c := range room {
		room[c] = min(room[c], left)
		left -= room[c]
	}
	start := int(w.spans[0].start)
	end := start
	for i, s := range w.spans {
		if room[s.class] == 0 {
			w.tellFallen(w.event[s.start:])
			continue
		}
		room[s.class]--
		if i > 0 && end > start {
			w.event[end] = ','
			end++
		}
		end += copy(w.event[end:], w.event[s.start:s.end])
	}
	w.event = w.event[:end]
}

// tellFallen notes a property that was written, and fell. Its name is read off the record.
func (w *work) tellFallen(written []byte) {
	if w.note != nil {
		w.tell(aboutProperty, appendUnquoted(nil, written[:valueEnd(written, 0)]), nil, ruleCount, integration.Origin{})
	}
}
