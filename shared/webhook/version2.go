package webhook

import (
	"bytes"
	"slices"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// conversion is what becomes of a member of a version 2 body.
type conversion struct {
	to       string // the version 3 attribute
	offer    bool   // a kind of offer, where NORMAL means NONE
	purchase bool   // the id of a subscription or of a one-time purchase
	drop     bool   // has no counterpart
	members  conversions
}

type conversions map[string]conversion

// version2 is the nested payload (Purchasely's guide for migrating webhooks, November 2026). What it does not list is
// kept.
var version2 = conversions{
	"received_at": {to: "event_created_at"},
	"user": {members: conversions{
		"vendor_id":    {to: "user_id"},
		"anonymous_id": {to: "anonymous_user_id"},
	}},
	"properties": {members: conversions{
		"app": {members: conversions{
			"package_id": {to: "store_app_bundle_id"},
			"platform":   {drop: true},
		}},
		"store": {to: "store"},
		"product": {members: conversions{
			"vendor_id": {to: "product"},
			"plan": {members: conversions{
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

// converter turns the fields of a version 2 body into those of version 3.
type converter struct {
	*Event
	properties jsontext.Value
	converted  map[string]bool // attributes set from the table, which wins over members that have their names
}

// convertVersion2 converts the event's fields and returns the value of the event's name.
func (e *Event) convertVersion2(properties jsontext.Value) (name jsontext.Value) {
	c := converter{Event: e, properties: properties, converted: make(map[string]bool)}
	top := slices.Clone(e.Fields)
	e.clearFields()
	for _, f := range top {
		switch rule := version2[string(f.Name)]; {
		case string(f.Name) == "name":
			name = f.Value
		case rule.to != "":
			c.convert(rule, f.Value)
		case rule.members != nil && f.Value.Kind() == jsontext.KindBeginObject:
			c.flatten(f.Name, rule.members, f.Value)
		case f.Known == nil || !c.converted[f.Known.Name]:
			e.set(f.Name, f.Known, f.Value)
		}
	}
	return name
}

// flatten converts the members of a nested object. A member that the table does not list is named by its path, and is
// not an attribute of the catalogue even if its name reads like one: user.id is not user_id.
func (c *converter) flatten(path []byte, rules conversions, object jsontext.Value) {
	for _, m := range members(object) {
		switch rule := rules[string(m.Name)]; {
		case rule.drop:
		case rule.to != "":
			c.convert(rule, m.Value)
		case m.Value.Kind() == jsontext.KindBeginObject:
			c.flatten(join(path, m.Name), rule.members, m.Value)
		default:
			c.set(join(path, m.Name), nil, m.Value)
		}
	}
}

// convert sets the version 3 attribute to the value of its version 2 counterpart.
func (c *converter) convert(rule conversion, value jsontext.Value) {
	name := rule.to
	switch {
	case rule.offer && string(textOf(value)) == "NORMAL":
		value = jsontext.Value(`"NONE"`)
	case rule.purchase && oneTime(value, c.properties):
		name = "purchasely_one_time_purchase_id"
	}
	c.set([]byte(name), c.catalogue.attributes[name], value)
	c.converted[name] = true
}

// oneTime reports whether a version 2 purchase id is that of a one-time purchase: by its prefix, else by the type of
// the plan.
func oneTime(id, properties jsontext.Value) bool {
	text := textOf(id)
	switch {
	case bytes.HasPrefix(text, []byte("subs_")):
		return false
	case bytes.HasPrefix(text, []byte("otp_")):
		return true
	}
	kind := string(textOf(find(properties, "product", "plan", "type")))
	return kind == consumable || kind == nonConsumable
}

// members returns the members of an object; of equal names the last value, at the position of the first.
func members(object jsontext.Value) []Field {
	var list []Field
	positions := make(map[string]int)
	r := reader{maxDepth: maxDepth, lenient: true}
	for r.open(object); r.next(); {
		name := validName(r.name)
		if i, ok := positions[string(name)]; ok {
			list[i].Value = r.value
			continue
		}
		positions[string(name)] = len(list)
		list = append(list, Field{Name: name, Value: r.value})
	}
	return list
}

// maxPath is how much of a path goes into a name. CleverTap accepts names of 120 bytes, and a long path above many
// members must not make the event many times the size of its body.
const maxPath = 256

// join returns path_name.
func join(path, name []byte) []byte {
	if len(path) > maxPath {
		end := maxPath
		for !utf8.RuneStart(path[end]) {
			end--
		}
		path = path[:end]
	}
	return slices.Concat(path, []byte("_"), name)
}
