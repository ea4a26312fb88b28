package mapping

import (
	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// The kinds of drift.
const (
	driftEvent     = "event"
	driftAttribute = "attribute"
	driftValue     = "value"
)

// attributes walks through the payload in its order, and writes every attribute into the event record and the profile.
func (w *work) attributes() {
	w.reserve()
	for i := range w.e.Fields {
		f := &w.e.Fields[i]
		if f.Known == nil {
			w.loose(leaf{name: f.Name, flat: f.Name, raw: f.Value, class: unknown}, top)
			continue
		}
		switch row := &w.plan.rows[f.Known.Index]; {
		case row.treatment == dynamic:
			w.loose(leaf{name: f.Name, flat: f.Name, raw: f.Value, want: f.Known.Type, class: known}, top)
		case row.treatment == never:
			w.tell(aboutProperty, f.Name, nil, ruleAddress, integration.Origin{})
		case f.Known.Type == webhook.Date:
			w.dateAttribute(f, row)
		case f.Known.Type == webhook.Millis:
			w.twinAttribute(f)
		default:
			w.plainAttribute(f, row, f.Known.Type)
		}
	}
}

// dateAttribute writes a date of the catalogue. One that cannot be read is passed on as it is, if its milliseconds cannot either.
func (w *work) dateAttribute(f *webhook.Field, row *row) {
	if isEmpty(f.Value) {
		w.tell(aboutProperty, f.Name, nil, ruleEmpty, integration.Origin{})
		return
	}
	ms, ok := parseDate(f.Value)
	if !ok {
		ms, ok = webhook.ParseMillis(w.e.Value(f.Known.Millis))
	}
	if ok {
		w.put(f.Name, row, value{json: w.dateValue(ms), changed: ruleDate})
		return
	}
	w.addDrift(driftAttribute, f.Name)
	w.plainAttribute(f, row, webhook.Unspecified)
}

// twinAttribute writes the twin of a date of the catalogue, if it has to stand in for it, in its own place.
func (w *work) twinAttribute(f *webhook.Field) {
	date := f.Known.Millis
	if !isEmpty(w.e.Value(date)) || isEmpty(f.Value) {
		w.tell(aboutProperty, f.Name, nil, ruleTwin, integration.Origin{})
		return
	}
	ms, ok := webhook.ParseMillis(f.Value)
	if !ok {
		w.addDrift(driftAttribute, f.Name)
		w.tell(aboutProperty, f.Name, nil, ruleBadTwin, integration.Origin{})
		return
	}
	w.put(f.Name, &w.plan.rows[date], value{json: w.dateValue(ms), changed: ruleTwin})
}

// plainAttribute writes an attribute of the catalogue that is no date.
func (w *work) plainAttribute(f *webhook.Field, row *row, want webhook.Type) {
	if f.Value[0] == '{' {
		if want != webhook.Object && want != webhook.Unspecified {
			w.addDrift(driftAttribute, f.Name)
		}
		w.objectAttribute(f, row)
		return
	}
	v := w.scalar(f.Value, want)
	if len(v.json) == 0 {
		w.tell(aboutProperty, f.Name, nil, ruleEmpty, integration.Origin{})
		return
	}
	switch {
	case !v.fits:
		w.addDrift(driftAttribute, f.Name)
	case want == webhook.String && f.Known.Enum != nil && !inEnum(v.json, f.Known.Enum):
		w.addDrift(driftValue, f.Name)
	}
	w.put(f.Name, row, v)
}

// objectAttribute writes an attribute of the catalogue that is an object, as its parts.
func (w *work) objectAttribute(f *webhook.Field, row *row) {
	if row.isUser && w.profiled {
		w.tell(aboutUser, f.Name, nil, ruleNested, integration.Origin{})
	}
	b := branch{class: known, off: !row.property.send}
	for _, i := range w.at.containers {
		b.addresses = b.addresses || i == f.Known.Index
	}
	if b.off {
		w.tellOff(aboutProperty, f.Name, &row.property)
	}
	w.parts(f.Name, f.Value, b)
}

// put writes a value under the names that the file gives to a row of the catalogue.
func (w *work) put(source []byte, row *row, v value) {
	if row.treatment == always {
		w.write(source, &row.property, reserved, v)
	} else {
		w.property(source, &row.property, known, v)
	}
	if row.isUser {
		w.userProperty(source, row, v.json)
		return
	}
	w.extras(source, v.json)
}
