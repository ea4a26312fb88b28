package webhook

import (
	"bytes"
	"maps"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// shape says what becomes of the members of a nested object of version 2.
type shape map[string]node

// node says what becomes of one of them.
type node struct {
	to       string // the version 3 attribute
	offer    bool   // a kind of offer, where NORMAL means NONE
	purchase bool   // a purchase id, of a subscription (to) or of a one-time purchase
	drop     bool   // has no counterpart
	parts    shape  // it is an object itself
}

// version2 is the nested payload (webhook migration guide of the vendor, November 2026). What it does not name is passed on.
var version2 = shape{
	"received_at": {to: "event_created_at"},
	"user": {parts: shape{
		"vendor_id":    {to: "user_id"},
		"anonymous_id": {to: "anonymous_user_id"},
	}},
	"properties": {parts: shape{
		"app": {parts: shape{
			"package_id": {to: "store_app_bundle_id"},
			"platform":   {drop: true},
		}},
		"store": {to: "store"},
		"product": {parts: shape{
			"vendor_id": {to: "product"},
			"plan": {parts: shape{
				"vendor_id":        {to: "plan"},
				"store_product_id": {to: "store_product_id"},
				"type":             {to: "purchase_type"},
			}},
		}},
		"content_id":              {to: "content_id"},
		"purchase_id":             {to: "purchasely_subscription_id", purchase: true},
		"purchased_at":            {to: "purchased_at"},
		"original_purchased_at":   {to: "original_purchased_at"},
		"original_transaction_id": {to: "store_original_transaction_id"},
		"expires_at":              {to: "effective_next_renewal_at"},
		"period_type":             {to: "offer_type", offer: true},
		"previous_period_type":    {to: "previous_offer_type", offer: true},
	}},
}

// noOffer is the version 3 word for the version 2 offer NORMAL.
var noOffer = jsontext.Value(`"NONE"`)

// targets lists the version 3 attributes that a shape leads to.
func (s shape) targets() []string {
	var names []string
	for _, key := range slices.Sorted(maps.Keys(s)) {
		n := s[key]
		if n.to != "" {
			names = append(names, n.to)
		}
		names = append(names, n.parts.targets()...)
	}
	return names
}

// nested is what reading version 2 needs beyond version 3.
type nested struct {
	top        []Field // the body's top level
	level      []Field // members of the objects that are being flattened, the outer ones first
	names      index   // of the innermost of them
	translated []bool  // by catalogue index: the field comes from the table, not from a member that happens to have its name
	properties jsontext.Value
}

// flatten turns the fields of a version 2 body into those of version 3 and gives the event's name. What the table names wins over a
// member at the top that has the same name already. The body is known to be valid.
func (e *Event) flatten(properties jsontext.Value) (name jsontext.Value) {
	if e.translated == nil {
		e.translated = make([]bool, len(e.places))
	}
	clear(e.translated)
	e.properties = properties
	e.top, e.Fields = e.Fields, e.top
	e.forgetFields()
	for _, f := range e.top {
		switch n := version2[string(f.Name)]; {
		case string(f.Name) == "name":
			name = f.Value
		case n.to != "":
			e.translate(n, f.Value)
		case n.parts != nil && f.Value.Kind() == jsontext.KindBeginObject:
			e.descend(f.Name, n.parts, f.Value)
		case f.Known == nil || !e.translated[f.Known.Index]:
			e.set(f.Name, f.Known, f.Value)
		}
	}
	return name
}

// descend goes through an object below the top. Members that the table does not name keep their path as their name, and are no attributes
// of the catalogue even if it reads like one: user.id is not user_id.
func (e *Event) descend(path []byte, in shape, object jsontext.Value) {
	start := len(e.level)
	e.names.reset()
	r := &e.reader
	for r.open(object); r.next(); {
		if at := e.names.find(e.level[start:], r.name); at >= 0 {
			e.level[start+at].Value = r.value
			continue
		}
		e.names.add(e.level[start:], r.name)
		e.level = append(e.level, Field{Name: r.name, Value: r.value})
	}
	for i := start; i < len(e.level); i++ {
		member := e.level[i]
		switch n := in[string(member.Name)]; {
		case n.drop:
		case n.to != "":
			e.translate(n, member.Value)
		case member.Value.Kind() == jsontext.KindBeginObject:
			e.descend(r.join(path, member.Name), n.parts, member.Value)
		default:
			e.set(r.join(path, member.Name), nil, member.Value)
		}
	}
	e.level = e.level[:start]
}

// translate gives a version 3 attribute the value of its version 2 counterpart.
func (e *Event) translate(n node, value jsontext.Value) {
	name := n.to
	switch {
	case n.offer && string(e.reader.text(value)) == "NORMAL":
		value = noOffer
	case n.purchase && e.reader.oneTime(value, e.properties):
		name = "purchasely_one_time_purchase_id"
	}
	known := e.catalogue.names.find([]byte(name))
	e.set(known.text, known, value)
	e.translated[known.Index] = true
}

// oneTime tells whether a version 2 purchase id is that of a one-time purchase: by its prefix, else by the type of the plan,
// wherever that stands.
func (r *reader) oneTime(id, properties jsontext.Value) bool {
	text := r.text(id)
	switch {
	case bytes.HasPrefix(text, []byte("subs_")):
		return false
	case bytes.HasPrefix(text, []byte("otp_")):
		return true
	}
	kind := string(r.text(r.dig(properties, "product", "plan", "type")))
	return kind == consumable || kind == nonConsumable
}
