package mapping

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// decision is what becomes of one attribute of the payload, or of one user property that is derived from it.
type decision struct {
	source   []byte // the attribute's name, behind those of the objects around it
	value    []byte // as it goes out, encoded; nil if there is nothing to send
	changed  rule   // what changed the value; none if nothing did
	drift    string // the kind of drift, if it is not as the catalogue says
	property outgoing
	user     outgoing
}

// outgoing is what becomes of a value as a property of the event, or as a user property.
type outgoing struct {
	policy *policy // the name it goes out under; nil if there is none
	rule   rule    // why it does not go out; none if it does, or if there is nothing to explain
	class  class
}

func (o *outgoing) sent() bool { return o.policy != nil && o.rule == none }

// class is how much a property matters if there are too many.
type class uint8

const (
	reserved class = iota // event_id and environment
	known                 // of the catalogue, or a member of such an object
	unknown
)

// decideAttributes decides what becomes of every attribute, in the payload's order.
func (run *mapperRun) decideAttributes() {
	for i := range run.payload.Fields {
		f := &run.payload.Fields[i]
		first := len(run.decisions)
		switch {
		case f.Known == nil:
			run.decideUnlisted(attribute{name: f.Name, path: f.Name, value: f.Value, class: unknown})
		case f.Known.Dynamic():
			run.decideUnlisted(attribute{f.Name, f.Name, f.Value, f.Known.Type, known, scope{}})
		case run.policies.rows[f.Known.Index].property.rule == ruleAddress:
			run.drop(f.Name, ruleAddress, "")
		case f.Known.Type == webhook.Date:
			run.decideDate(f)
		case f.Known.Type == webhook.Millis:
			run.decideMillis(f)
		default:
			run.decideListed(f, f.Known.Type, "")
		}
		if f.Repaired && first < len(run.decisions) {
			d := &run.decisions[first]
			d.drift, d.changed = cmp.Or(d.drift, driftAttribute), ruleRepaired
		}
	}
}

// decide records a decision on an attribute: unless it is filled in, nothing is sent and nothing explained.
func (run *mapperRun) decide(source []byte) *decision {
	n := len(run.decisions)
	run.decisions = slices.Grow(run.decisions, 1)[:n+1]
	d := &run.decisions[n]
	*d = decision{source: source}
	return d
}

// drop decides that an attribute of the catalogue is not sent. Without drift only an explanation has a use for that.
func (run *mapperRun) drop(source []byte, why rule, drift string) {
	if drift != "" || run.explained {
		d := run.decide(source)
		d.drift, d.property.rule = drift, why
	}
}

// send decides on a value of an attribute of the catalogue: the file knows its names.
func (run *mapperRun) send(source []byte, index int, v value, drift string) {
	row := &run.policies.rows[index]
	d := run.decide(source)
	d.value, d.changed, d.drift = v.json, v.changed, drift
	d.property = outgoing{row.property, row.property.rule, row.class}
	if !row.isUser {
		d.user = run.extra(source)
	} else if run.subscription {
		d.user = outgoing{row.user, row.user.rule, known}
	}
}

// extra decides on an attribute as a user property that only the file knows.
func (run *mapperRun) extra(source []byte) (user outgoing) {
	if p := run.policies.extras[string(source)]; p != nil && run.subscription {
		user = outgoing{p, p.rule, unknown}
	}
	return user
}

// decideDate decides on a date of the catalogue. Unless it or its milliseconds field can be read, it goes out as it
// is.
func (run *mapperRun) decideDate(f *webhook.Field) {
	if isEmpty(f.Value) {
		run.drop(f.Name, ruleEmpty, "")
	} else if ms, ok := run.date(f.Known.Index); ok {
		run.send(f.Name, f.Known.Index, value{json: run.dateValue(ms), changed: ruleDate}, "")
	} else {
		run.decideListed(f, webhook.Unspecified, driftAttribute)
	}
}

// decideMillis decides on a milliseconds field of the catalogue, which goes out only if its date is missing.
func (run *mapperRun) decideMillis(f *webhook.Field) {
	date := f.Known.Millis
	if !isEmpty(run.payload.Value(date)) || isEmpty(f.Value) {
		run.drop(f.Name, ruleMillis, "")
	} else if ms, ok := webhook.ParseMillis(f.Value); ok {
		run.send(f.Name, date, value{json: run.dateValue(ms), changed: ruleMillis}, "")
	} else {
		run.drop(f.Name, ruleBadMillis, driftAttribute)
	}
}

// decideListed decides on an attribute of the catalogue that is no date, or cannot be read as one.
func (run *mapperRun) decideListed(f *webhook.Field, want webhook.Type, drift string) {
	if f.Value[0] == '{' {
		if want != webhook.Object && want != webhook.Unspecified {
			drift = driftAttribute
		}
		run.decideListedObject(f, drift)
		return
	}
	v := run.encode(f.Value, want)
	if len(v.json) == 0 {
		run.drop(f.Name, ruleEmpty, "")
		return
	}
	if !v.fits {
		drift = driftAttribute
	} else if want == webhook.String && f.Known.Enum != nil {
		if text := string(v.json[1 : len(v.json)-1]); !slices.Contains(f.Known.Enum, text) { // they need no escapes
			drift = driftValue
		}
	}
	run.send(f.Name, f.Known.Index, v, drift)
}

// decideListedObject decides on an attribute of the catalogue that is an object, and on its members.
func (run *mapperRun) decideListedObject(f *webhook.Field, drift string) {
	row := &run.policies.rows[f.Known.Index]
	d := decision{source: f.Name, drift: drift}
	if row.isUser && run.subscription {
		d.user.rule = ruleNested
	}
	ids := slices.Contains(run.col.idObjects[:], f.Known.Index)
	run.decideObject(attribute{path: f.Name, value: f.Value, class: known}, d, row.property, ids)
}

// attribute is one without a row of its own: its name is a pattern's, unknown, or that of an object's member.
type attribute struct {
	name  []byte // its own
	path  []byte // its name behind those of the objects around it
	value jsontext.Value
	want  webhook.Type
	class class
	in    scope
}

// scope is the object that an attribute is in. The zero scope is the payload itself.
type scope struct {
	inner   bool     // it is not the payload itself
	off     bool     // the file switches it off, and all its members with it; that needs no explanation for each
	ids     bool     // it may hold CleverTap IDs
	members []member // beside the attribute
}

// decideUnlisted decides on an attribute, or on the members of what turns out to be an object.
func (run *mapperRun) decideUnlisted(a attribute) {
	d := decision{source: run.source(a)}
	switch {
	case isEmpty(a.value):
		d.property.rule = ruleEmpty
	case a.in.ids && run.isCleverTapID(a.name):
		d.property.rule = ruleAddress
	case a.value[0] == '{':
		if a.want != webhook.Unspecified {
			d.drift = driftAttribute
		}
		run.decideObject(a, d, run.unlistedPolicy(a), false)
		return
	case run.isMillisField(a):
		d.property.rule = ruleMillis
	default:
		v := run.unlistedValue(a)
		d.value, d.changed = v.json, v.changed
		if a.class == unknown || !v.fits {
			d.drift = driftAttribute
		}
		d.property, d.user = run.unlistedProperty(a, d.source), run.extra(a.path)
	}
	if a.in.off {
		d.property = outgoing{}
	}
	run.decisions = append(run.decisions, d)
}

// source is an attribute's name as a decision keeps it. A long path above many members must not fill the memory; only
// an explanation needs more of it than a record can have.
func (run *mapperRun) source(a attribute) []byte {
	switch {
	case !a.in.inner:
		return a.path
	case run.explained:
		return run.values.keep(a.path)
	}
	return run.values.keep(clevertap.Cut(a.path, clevertap.MaxKeyBytes))
}

// decideObject decides on an object, and on its members under their names behind its own. ids says that it may hold
// CleverTap IDs.
func (run *mapperRun) decideObject(a attribute, d decision, p *policy, ids bool) {
	object := scope{inner: true, off: a.in.off, ids: ids, members: run.open(a.value)}
	if p != nil && p.rule != none && !a.in.off {
		d.property, object.off = outgoing{policy: p, rule: p.rule}, true
	}
	run.decisions = append(run.decisions, d)
	start := len(run.path)
	for _, m := range object.members {
		run.path = append(append(append(run.path[:start], a.path...), '_'), m.name...)
		run.decideUnlisted(attribute{m.name, run.path[start:], m.value, webhook.Unspecified, a.class, object})
	}
	run.path = run.path[:start]
	run.close(object.members)
}

// unlistedValue encodes a value that is no object. Only the catalogue can say that a name is no date.
func (run *mapperRun) unlistedValue(a attribute) value {
	if ms, ok := unlistedDate(a.path, a.value); ok && a.want == webhook.Unspecified {
		return value{json: run.dateValue(ms), fits: true, changed: ruleDate}
	}
	return run.encode(a.value, a.want)
}

// unlistedDate reads a date of a name that the catalogue does not know: it ends in _at and has a time in ISO 8601.
func unlistedDate(name []byte, raw jsontext.Value) (ms int64, ok bool) {
	if !bytes.HasSuffix(name, []byte("_at")) || isEmpty(raw) || raw[0] != '"' {
		return 0, false
	}
	return webhook.ParseDate(raw)
}

// isMillisField reports whether an attribute is the milliseconds field of a date beside it.
func (run *mapperRun) isMillisField(a attribute) bool {
	name, is := bytes.CutSuffix(a.name, []byte("_ms"))
	if !is || a.want != webhook.Unspecified || !bytes.HasSuffix(a.path, []byte("_at_ms")) {
		return false
	}
	_, ok := unlistedDate(bytes.TrimSuffix(a.path, []byte("_ms")), run.beside(name, a.in))
	return ok
}

// beside returns the value of another unlisted attribute of a scope; nil if there is none.
func (run *mapperRun) beside(name []byte, in scope) jsontext.Value {
	if in.inner {
		return find(in.members, name)
	}
	for i := range run.payload.Fields {
		f := &run.payload.Fields[i]
		if (f.Known == nil || f.Known.Type == webhook.Unspecified) && bytes.Equal(f.Name, name) {
			return f.Value
		}
	}
	return nil
}

// unlistedProperty decides on an attribute as a property of the event: under the name that the file gives it, else
// under its own, cleaned.
func (run *mapperRun) unlistedProperty(a attribute, source []byte) outgoing {
	p := run.unlistedPolicy(a)
	if p == nil {
		name := source
		if !isPlain(a.path) {
			start := len(run.values)
			run.values, _ = clevertap.CleanName(run.values, a.path, clevertap.MaxKeyBytes, false)
			name = run.values.since(start)
		}
		// What is no milliseconds field in the webhook must not pass for one in CleverTap, cleaned or put together.
		if listed := run.catalogue.Attribute(name); listed != nil && listed.Type == webhook.Millis {
			return outgoing{rule: ruleMillis}
		}
		p = run.ownPolicy(name)
	}
	if len(p.name) == 0 {
		return outgoing{rule: ruleNameless}
	}
	return outgoing{p, p.rule, a.class}
}

// isPlain reports whether CleverTap takes a name as it is, and compares it as it is. Most are such names.
func isPlain(name []byte) bool {
	for _, c := range name {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' {
			return false
		}
	}
	return len(name) <= clevertap.MaxKeyBytes
}

// unlistedPolicy finds what is decided on an attribute's path: by a row of the catalogue that happens to have the same
// name, or by the file; nil if nothing is.
func (run *mapperRun) unlistedPolicy(a attribute) *policy {
	if a.in.inner {
		if row := run.catalogue.Attribute(a.path); row != nil && !row.Dynamic() {
			return run.policies.rows[row.Index].property
		}
	}
	if named := run.app.NamedProperty(a.path); named != nil {
		return newPolicy(named)
	}
	return nil
}
