package mapping_test

import (
	"fmt"
	"slices"
	"strings"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// listing finds an attribute of the catalogue; nil if there is none.
func (o *oracle) listing(name string) *webhook.Attribute { return o.c.Attribute([]byte(name)) }

func nothing(v any) bool { return v == nil || v == "" }

func dateJSON(ms int64) string {
	s := ms / 1000
	if ms < 0 && ms%1000 != 0 {
		s--
	}
	return fmt.Sprintf(`"$D_%d"`, s)
}

// attributes goes through the payload.
func (o *oracle) attributes() {
	for _, p := range o.a {
		row := o.listing(p.name)
		switch {
		case row == nil:
			o.unlisted(p.name, p.name, p.value, o.a, webhook.Unspecified, 2, true)
		case row.Dynamic():
			o.unlisted(p.name, p.name, p.value, o.a, row.Type, 1, true)
		case slices.Contains(addresses, p.name), nothing(p.value):
		case row.Type == webhook.Date:
			if ms, ok := o.date(p.name); ok {
				o.send(p.name, dateJSON(ms))
				continue
			}
			o.drifted("attribute", p.name)
			o.listed(p.name, p.value, webhook.Unspecified, nil)
		case row.Type == webhook.Millis:
			date := strings.TrimSuffix(p.name, "_ms")
			if !nothing(o.a.find(date)) {
				continue
			}
			if ms, ok := millisMS(p.value); ok {
				o.send(date, dateJSON(ms))
			} else {
				o.drifted("attribute", p.name)
			}
		default:
			o.listed(p.name, p.value, row.Type, row.Enum)
		}
	}
}

func (o *oracle) drifted(kind, name string) {
	o.drift = append(o.drift, kind+" "+clevertap.Cut(name, 120))
}

// listed is an attribute of the catalogue that is no date.
func (o *oracle) listed(name string, v any, want webhook.Type, enum []string) {
	if inner, ok := v.(object); ok {
		if want != webhook.Object && want != webhook.Unspecified {
			o.drifted("attribute", name)
		}
		holds := slices.Contains([]string{"user_attributes", "attributes", "integrations"}, name)
		send := o.app.Property(o.listing(name).Index).Send
		for _, p := range inner {
			if !holds || !slices.Contains(addresses, p.name) {
				o.unlisted(p.name, name+"_"+p.name, p.value, inner, webhook.Unspecified, 1, send)
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
	o.send(name, text)
}

// encode returns a value's JSON and whether it is of the documented type.
func encode(v any, want webhook.Type) (string, bool) {
	free := want == webhook.Unspecified
	numeric := want == webhook.Number || want == webhook.Integer
	switch v := v.(type) {
	case string:
		if numeric && isDecimal(v) || want == webhook.Boolean && (v == "true" || v == "false") {
			return v, true
		}
		return quote(clevertap.Cut(v, 512)), free || want == webhook.String
	case number:
		if want == webhook.String {
			return quote(clevertap.Cut(string(v), 512)), true
		}
		return string(v), free || numeric
	case bool:
		return fmt.Sprint(v), free || want == webhook.Boolean
	default:
		return quote(clevertap.Cut(compactText(v), 512)), free
	}
}

func compactText(v any) string {
	var list []string
	switch v := v.(type) {
	case nil:
		return "null"
	case string:
		return quote(v)
	case []any:
		for _, e := range v {
			list = append(list, compactText(e))
		}
		return "[" + strings.Join(list, ",") + "]"
	case object:
		for _, p := range v {
			list = append(list, quote(p.name)+":"+compactText(p.value))
		}
		return "{" + strings.Join(list, ",") + "}"
	}
	return fmt.Sprint(v)
}

// unlisted is an attribute without a row of its own, or a member of an object.
func (o *oracle) unlisted(own, flat string, v any, beside object, want webhook.Type, class int, on bool) {
	if nothing(v) {
		return
	}
	top := own == flat
	send, name, decided := o.unlistedRule(flat, top)
	if inner, ok := v.(object); ok {
		if want != webhook.Unspecified {
			o.drifted("attribute", flat)
		}
		for _, p := range inner {
			o.unlisted(p.name, flat+"_"+p.name, p.value, inner, webhook.Unspecified, class, on && send)
		}
		return
	}
	text, fits := encode(v, want)
	if want == webhook.Unspecified {
		if ms, ok := isoMS(flat, v); ok {
			text = dateJSON(ms)
		} else if base, is := strings.CutSuffix(own, "_ms"); is {
			known := o.listing(base)
			date := beside.find(base)
			if _, ok := isoMS(strings.TrimSuffix(flat, "_ms"), date); ok && (!top || known == nil || known.Type == want) {
				return
			}
		}
	}
	if class == 2 || !fits {
		o.drifted("attribute", flat)
	}
	if on && send {
		millis := false
		if !decided {
			name = clean(flat)
			row := o.listing(name)
			millis = row != nil && row.Type == webhook.Millis
		}
		if name != "" && !millis {
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

// unlistedRule is what is decided on a name that need not be in the catalogue.
func (o *oracle) unlistedRule(flat string, top bool) (send bool, name string, decided bool) {
	if row := o.listing(flat); row != nil && !row.Dynamic() && !top {
		rule := o.app.Property(row.Index)
		return rule.Send, rule.Name, true
	}
	if rule := o.app.NamedProperty([]byte(flat)); rule != nil {
		return rule.Send, rule.Name, true
	}
	return true, "", false
}

// send writes an attribute of the catalogue as a property and as a user property.
func (o *oracle) send(name, json string) {
	row := o.listing(name)
	if rule := o.app.Property(row.Index); rule.Send {
		class := 1
		if name == "event_id" || name == "environment" {
			class = 0
		}
		o.props = append(o.props, property{rule.Name, json, class})
	}
	if row.Property == webhook.NoProperty {
		o.extra(name, json)
		return
	}
	o.userProperty(o.app.UserProperty(row.Index), json)
}

func (o *oracle) extra(name, json string) {
	for _, named := range o.app.NamedUserProperties() {
		if named.Source == name {
			o.userProperty(&named.PropertyRule, json)
		}
	}
}

func (o *oracle) userProperty(rule *integration.PropertyRule, json string) {
	if rule.Send && o.profile {
		o.user = append(o.user, property{name: rule.Name, json: json})
	}
}

// properties keeps the limits: no name twice, a hundred at most.
func (o *oracle) properties() string {
	seen, room := map[string]bool{}, []int{100, 100, 100}
	for _, p := range o.props {
		seen[fold(p.name)] = seen[fold(p.name)] || p.class == 0
	}
	list := slices.DeleteFunc(o.props, func(p property) bool {
		twice := p.class != 0 && seen[fold(p.name)]
		seen[fold(p.name)] = true
		return twice
	})
	for _, p := range list {
		for class := p.class + 1; class < 3; class++ {
			room[class]--
		}
	}
	return join(slices.DeleteFunc(list, func(p property) bool {
		room[p.class]--
		return room[p.class] < 0
	}))
}
