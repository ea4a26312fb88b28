package sample

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// Change returns a webhook with another value of an attribute, without it if the text is empty. Dots lead into
// objects, as in attribution.utm_source. A text is JSON where the catalogue documents no text and it is JSON, else a
// string. The milliseconds of a date follow it.
func Change(body []byte, name, text string) []byte {
	attribute := webhook.EmbeddedCatalogue().Attribute([]byte(name))
	value := valueOf(attribute, text)
	changed := set(body, strings.Split(name, "."), value)
	if attribute != nil && attribute.Type == webhook.Date && attribute.Millis >= 0 {
		millis := webhook.EmbeddedCatalogue().Attributes[attribute.Millis].Name
		if ms, ok := webhook.ParseDate(value); ok {
			changed = set(changed, []string{millis}, jsontext.Value(strconv.FormatInt(ms, 10)))
		} else {
			changed = set(changed, []string{millis}, nil)
		}
	}
	return changed
}

// valueOf is a text as a JSON value of an attribute, which may be nil for one that nobody knows; nil for no text.
func valueOf(a *webhook.Attribute, text string) jsontext.Value {
	isText := a != nil && (a.Type == webhook.String || a.Type == webhook.Date)
	value := jsontext.Value(text)
	switch {
	case text == "":
		return nil
	case !isText && value.IsValid():
		return value
	default:
		return quoted(text)
	}
}

// set replaces, adds or, with nil, takes out a member of an object. What is no object becomes one.
func set(object jsontext.Value, path []string, value jsontext.Value) jsontext.Value {
	list := membersOf(object)
	i := slices.IndexFunc(list, func(m member) bool { return m.name == path[0] })
	if len(path) > 1 {
		var inner jsontext.Value
		if i >= 0 {
			inner, _ = list[i].value.(jsontext.Value)
		}
		value = set(inner, path[1:], value)
	}
	switch {
	case value == nil && i >= 0:
		list = slices.Delete(list, i, i+1)
	case value == nil:
	case i >= 0:
		list[i].value = value
	default:
		list = append(list, member{path[0], value})
	}
	return list.appendTo(nil)
}

// membersOf are those of an object, none of anything else.
func membersOf(object jsontext.Value) (list members) {
	d := jsontext.NewDecoder(bytes.NewReader(object))
	if token, err := d.ReadToken(); err != nil || token.Kind() != '{' {
		return nil
	}
	for d.PeekKind() == '"' {
		name, _ := d.ReadToken() // it is there, and well formed
		text := name.String()
		value, err := d.ReadValue()
		if err != nil {
			return list
		}
		list = append(list, member{text, value.Clone()})
	}
	return list
}
