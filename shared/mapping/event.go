package mapping

import (
	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/integration"
)

// chargedName is CleverTap's purchase event. Only money may have it.
const chargedName = "Charged"

// eventDecision is what becomes of the event.
type eventDecision struct {
	integration.EventRule        // what the file says
	name                  []byte // in CleverTap
	changed               rule   // what changed the name, if anything did
}

// isKnown reports whether webhooks of this type are expected.
func (run *mapperRun) isKnown() bool { return run.payload.Type != nil && run.payload.Type.Known() }

// decideEvent finds the event's name in CleverTap. A name that neither the catalogue nor the file knows is cleaned,
// and must not pass for the purchase event. An event is malformed if nothing is left of its name.
func (run *mapperRun) decideEvent() {
	rule := run.app.Event(run.payload.Name)
	start := len(run.values)
	run.values = append(run.values, rule.Name...)
	run.event = eventDecision{rule, run.values.since(start), ruleRenamed}
	if !run.isKnown() {
		run.addDrift(driftEvent, run.payload.Name)
	}
	if run.isKnown() || rule.Renamed {
		return
	}
	start = len(run.values)
	run.values, _ = clevertap.CleanName(run.values, run.event.name, clevertap.MaxEventNameBytes, false)
	run.event.name, run.event.changed = run.values.since(start), ruleClean
	if clevertap.Same(run.event.name, chargedName) {
		escaped := append([]byte{'_'}, run.event.name...)
		run.event.name, run.event.changed = clevertap.Cut(escaped, clevertap.MaxEventNameBytes), ruleCharged
	}
	if rule.Send && len(run.event.name) == 0 {
		run.Reject = fault.Malformed
	}
}

// names are the names in one record. Two that CleverTap treats as one cannot both be in it.
type names struct {
	used    map[string]*uint64 // folded name → the last webhook that used it
	webhook uint64
}

// reset frees all names.
func (n *names) reset() {
	n.webhook++
	if n.used == nil || len(n.used) > maxTexts {
		n.used = make(map[string]*uint64)
	}
}

// take reports whether a name was still free.
func (n *names) take(folded []byte) bool {
	last := n.used[string(folded)]
	if last == nil {
		last = new(uint64)
		n.used[string(folded)] = last
	}
	free := *last != n.webhook
	*last = n.webhook
	return free
}

// limitProperties keeps no name twice, and no more properties than CleverTap takes. event_id and environment have
// their names whatever comes first.
func (run *mapperRun) limitProperties() {
	for i := range run.decisions {
		if out := &run.decisions[i].property; out.sent() && out.class == reserved {
			run.names.take(out.policy.folded)
		}
	}
	for i := range run.decisions {
		out := &run.decisions[i].property
		if out.sent() && out.class != reserved && !run.names.take(out.policy.folded) {
			out.rule = ruleTwice
		}
	}
	limit(run.decisions, asProperty, ruleCount)
}

func asProperty(d *decision) *outgoing     { return &d.property }
func asUserProperty(d *decision) *outgoing { return &d.user }

// limit drops what CleverTap does not take: the unknown ones first, then those of the catalogue, each from the end.
func limit(decisions []decision, as func(*decision) *outgoing, why rule) {
	if len(decisions) <= clevertap.MaxProperties {
		return
	}
	var keep [unknown + 1]int
	for i := range decisions {
		if out := as(&decisions[i]); out.sent() {
			keep[out.class]++
		}
	}
	left := clevertap.MaxProperties
	for class := range keep {
		keep[class] = min(keep[class], left)
		left -= keep[class]
	}
	for i := range decisions {
		if out := as(&decisions[i]); out.sent() {
			if keep[out.class]--; keep[out.class] < 0 {
				out.rule = why
			}
		}
	}
}

func (run *mapperRun) writeEvent() {
	start := len(run.records)
	b := run.appendHead(run.event.name)
	for i := range run.decisions {
		if d := &run.decisions[i]; d.property.sent() {
			if b[len(b)-1] != '{' {
				b = append(b, ',')
			}
			b = append(append(b, d.property.policy.key...), d.value...)
		}
	}
	run.records = append(b, "}}"...)
	run.Event, run.Name = run.records.since(start), run.event.name
}

// appendHead appends an event record up to its data to the records.
func (run *mapperRun) appendHead(name []byte) []byte {
	b := run.identity.appendRecord(run.records, "event", seconds(run.times.sent))
	b = appendQuoted(append(b, `,"evtName":`...), name)
	return append(b, `,"evtData":{`...)
}
