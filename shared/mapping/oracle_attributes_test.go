package mapping_test

import (
	"fmt"
	"slices"
	"strings"

	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// row finds an attribute's row: by its name, else by a pattern.
func (o *oracle) row(name string) *webhook.Attribute {
	for i := range o.c.Attributes {
		if a := &o.c.Attributes[i]; a.Name == name && !a.Derived {
			return a
		}
	}
	for i := range o.c.Attributes {
		a := &o.c.Attributes[i]
		if prefix, ok := strings.CutSuffix(a.Name, "xxx"); ok && len(name) == len(a.Name) && strings.HasPrefix(name, prefix) &&
			strings.Trim(name[len(prefix):], "abcdefghijklmnopqrstuvwxyz") == "" {
			return a
		}
		if prefix, ok := strings.CutSuffix(a.Name, "*"); ok && strings.HasPrefix(name, prefix) {
			return a
		}
	}
	return nil
}

func pattern(a *webhook.Attribute) bool {
	return strings.HasSuffix(a.Name, "_xxx") || strings.HasSuffix(a.Name, "*")
}

func nothing(v any) bool { return v == nil || v == "" }

func dateJSON(ms int64) string {
	s := ms / 1000
	if ms < 0 && ms%1000 != 0 {
		s--
	}
	return fmt.Sprintf(`"$D_%d"`, s)
}

// walk goes through the payload.
func (o *oracle) walk() {
	for _, p := range o.a {
		row := o.row(p.name)
		switch {
		case row == nil:
			o.leaf(p.name, p.name, p.value, o.a, webhook.Unspecified, 2, true)
		case pattern(row):
			o.leaf(p.name, p.name, p.value, o.a, row.Type, 1, true)
		case slices.Contains(addresses, p.name), nothing(p.value):
		case row.Type == webhook.Date:
			ms, ok := dateMS(p.value)
			if !ok {
				ms, ok = twinMS(o.a.find(p.name + "_ms"))
			}
			if ok {
				o.both(p.name, dateJSON(ms))
				continue
			}
			o.drifted("attribute", p.name)
			o.catalogued(p.name, p.value, webhook.Unspecified, nil)
		case row.Type == webhook.Millis:
			date := strings.TrimSuffix(p.name, "_ms")
			if !nothing(o.a.find(date)) {
				continue
			}
			if ms, ok := twinMS(p.value); ok {
				o.both(date, dateJSON(ms))
			} else {
				o.drifted("attribute", p.name)
			}
		default:
			o.catalogued(p.name, p.value, row.Type, row.Enum)
		}
	}
}

func (o *oracle) drifted(kind, name string) { o.drift = append(o.drift, kind+" "+cutAt(name, 120)) }

// catalogued is an attribute of the catalogue that is no date.
func (o *oracle) catalogued(name string, v any, want webhook.Type, enum []string) {
	if inner, ok := v.(object); ok {
		if want != webhook.Object && want != webhook.Unspecified {
			o.drifted("attribute", name)
		}
		holds := slices.Contains([]string{"user_attributes", "attributes", "integrations"}, name)
		send, _, _ := o.staticRule(name)
		for _, p := range inner {
			if !holds || !slices.Contains(addresses, p.name) {
				o.leaf(p.name, name+"_"+p.name, p.value, inner, webhook.Unspecified, 1, send)
			}
		}
		return
	}
	text, fits := encode(v, want)
	if !fits {
		o.drifted("attribute", name)
	} else if want == webhook.String && enum != nil && !slices.Contains(enum, strings.Trim(text, `"`)) {
		o.drifted("value", name)
	}
	o.both(name, text)
}

// encode gives a value's JSON and whether it is of the documented type.
func encode(v any, want webhook.Type) (string, bool) {
	free := want == webhook.Unspecified
	numeric := want == webhook.Number || want == webhook.Integer
	switch v := v.(type) {
	case string:
		if numeric && isDecimal(v) || want == webhook.Boolean && (v == "true" || v == "false") {
			return v, true
		}
		return quote(cutAt(v, 512)), free || want == webhook.String
	case number:
		if want == webhook.String {
			return quote(cutAt(string(v), 512)), true
		}
		return string(v), free || numeric
	case bool:
		return fmt.Sprint(v), free || want == webhook.Boolean
	default:
		return quote(cutAt(compactText(v), 512)), free
	}
}

func compactText(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case string:
		return quote(v)
	case []any:
		var list []string
		for _, e := range v {
			list = append(list, compactText(e))
		}
		return "[" + strings.Join(list, ",") + "]"
	case object:
		var list []string
		for _, p := range v {
			list = append(list, quote(p.name)+":"+compactText(p.value))
		}
		return "{" + strings.Join(list, ",") + "}"
	}
	return fmt.Sprint(v)
}

// leaf is an attribute without a row of its own, or a part of an object.
func (o *oracle) leaf(own, flat string, v any, beside object, want webhook.Type, class int, on bool) {
	if nothing(v) {
		return
	}
	top := own == flat
	send, name, decided := o.looseRule(flat, top)
	if inner, ok := v.(object); ok {
		if want != webhook.Unspecified {
			o.drifted("attribute", flat)
		}
		for _, p := range inner {
			o.leaf(p.name, flat+"_"+p.name, p.value, inner, webhook.Unspecified, class, on && send)
		}
		return
	}
	text, fits := encode(v, want)
	if want == webhook.Unspecified {
		if ms, ok := isoMS(flat, v); ok {
			text = dateJSON(ms)
		} else if before, ok0 := strings.CutSuffix(own, "_ms"); ok0 {
			base := before
			known := o.row(base)
			if top && known != nil && known.Type != webhook.Unspecified {
				known = nil
			} else if _, is := isoMS(strings.TrimSuffix(flat, "_ms"), beside.find(base)); is {
				return
			}
		}
	}
	if class == 2 || !fits {
		o.drifted("attribute", flat)
	}
	if on && send {
		if !decided {
			name = clean(flat)
		}
		if name != "" {
			o.props = append(o.props, property{name, text, class})
		}
	}
	o.extra(flat, text)
}

func isoMS(name string, v any) (int64, bool) {
	if s, ok := v.(string); ok && strings.HasSuffix(name, "_at") {
		return dateMS(s)
	}
	return 0, false
}

// looseRule is what is decided on a name that need not be in the catalogue.
func (o *oracle) looseRule(flat string, top bool) (send bool, name string, decided bool) {
	e, named := o.Properties[flat]
	if row := o.row(flat); row != nil && !pattern(row) && !top {
		return o.staticRule(flat)
	}
	if named && e.name != "" {
		return !e.off, e.name, true
	}
	return !e.off, "", false
}

// staticRule is what is decided on an attribute of the catalogue.
func (o *oracle) staticRule(name string) (send bool, out string, decided bool) {
	e, named := o.Properties[name]
	out = name
	if name == "device_type" {
		out = "purchase_device_type"
	}
	if e.name != "" {
		out = e.name
	}
	switch {
	case slices.Contains(addresses, name), name == "api_version", name == "event_name":
		return false, out, true
	case name == "event_id", name == "environment":
		return true, out, true
	case name == "purchase_token":
		return named && !e.off, out, true
	}
	return !e.off, out, true
}

// both writes an attribute of the catalogue as a property and as a user property.
func (o *oracle) both(name, json string) {
	if send, out, _ := o.staticRule(name); send {
		class := 1
		if name == "event_id" || name == "environment" {
			class = 0
		}
		o.props = append(o.props, property{out, json, class})
	}
	if o.c.UserProperty(name) == nil {
		o.extra(name, json)
		return
	}
	if out, on := o.userRule(name); on && o.profile {
		o.user = append(o.user, property{name: out, json: json})
	}
}

func (o *oracle) extra(name, json string) {
	e, named := o.UserProperties[name]
	if !named || e.off || !o.profile || o.c.UserProperty(name) != nil {
		return
	}
	out := o.UserPrefix + name
	if e.name != "" {
		out = e.name
	}
	o.user = append(o.user, property{name: out, json: json})
}

// userRule is what is decided on a user property of the catalogue.
func (o *oracle) userRule(name string) (out string, on bool) {
	row := o.c.UserProperty(name)
	special := row.Property == webhook.Planned || name == "plan_periodicity"
	switch o.UserDefault {
	case "all":
		on = !special
	case "none":
	default:
		on = row.Property == webhook.Published
	}
	e, named := o.UserProperties[name]
	if named {
		on = !e.off
	}
	if e.name != "" {
		return e.name, on
	}
	return o.UserPrefix + name, on
}

// properties keeps the limits: no name twice, a hundred at most.
func (o *oracle) properties() string {
	seen := map[string]bool{}
	for _, p := range o.props {
		if p.class == 0 {
			seen[fold(p.name)] = true
		}
	}
	var list []property
	for _, p := range o.props {
		if p.class == 0 || !seen[fold(p.name)] {
			seen[fold(p.name)] = true
			list = append(list, p)
		}
	}
	keep := map[int]bool{}
	for class := range 3 {
		for i, p := range list {
			if p.class == class && len(keep) < 100 {
				keep[i] = true
			}
		}
	}
	var kept []property
	for i, p := range list {
		if keep[i] {
			kept = append(kept, p)
		}
	}
	return join(kept)
}
