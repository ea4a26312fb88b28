package integration_test

import (
	"bytes"
	"errors"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/config"
	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// TestSchema compares the schema with the loader's keys, choices and defaults and with the catalogue's names.
// UPDATE_GOLDEN=1 rewrites it.
func TestSchema(t *testing.T) {
	got, err := json.Marshal(fileSchema(), jsontext.WithIndent("  "))
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "../config/integrations.schema.json", string(got)+"\n")
}

// schema is a JSON Schema, as far as this one goes.
type schema struct {
	Schema        string         `json:"$schema,omitzero"`
	Title         string         `json:"title,omitzero"`
	Description   string         `json:"description,omitzero"`
	Ref           string         `json:"$ref,omitzero"`
	Type          any            `json:"type,omitzero"`
	Enum          []string       `json:"enum,omitzero"`
	OneOf         []*schema      `json:"oneOf,omitzero"`
	Items         *schema        `json:"items,omitzero"`
	Default       jsontext.Value `json:"default,omitzero"`
	MinLength     int            `json:"minLength,omitzero"`
	MaxLength     int            `json:"maxLength,omitzero"`
	Pattern       string         `json:"pattern,omitzero"`
	Required      []string       `json:"required,omitzero"`
	MinProperties int            `json:"minProperties,omitzero"`
	PropertyNames *schema        `json:"propertyNames,omitzero"`
	Properties    members        `json:"properties,omitzero"`
	Additional    any            `json:"additionalProperties,omitzero"`
	Defs          members        `json:"$defs,omitzero"`
}

// orNothing is the type of sections and entries, which may be left empty.
var orNothing = []string{"object", "null"}

// members are schemas by name, in an order of their own.
type members []member

type member struct {
	name string
	*schema
}

func (m members) MarshalJSONTo(enc *jsontext.Encoder) error {
	err := enc.WriteToken(jsontext.BeginObject)
	for _, one := range m {
		err = errors.Join(err, enc.WriteToken(jsontext.String(one.name)), json.MarshalEncode(enc, one.schema))
	}
	return errors.Join(err, enc.WriteToken(jsontext.EndObject))
}

// descriptions are what an editor shows beside a key.
var descriptions = map[string]string{
	"app":     "One app's integration. {} is complete: every key has a default.",
	"enabled": "The integration's switch. false: webhooks are accepted, but nothing is sent.",
	"anonymous": "What to do with a subscriber known only by anonymous_user_id: identity makes a profile under that " +
		"id; object_id takes it as CleverTap's custom id, for apps that give it to CleverTap's SDK as that; " +
		"skip sends nothing.",
	"sandbox": "Where test purchases go: route to the sandbox account of the app's secret, nowhere if there is none; " +
		"send to the production account, where they can trigger campaigns; skip nowhere.",

	"server_events":         "The events.",
	"server_events.default": "What happens to events that are not named under events.",
	"server_events.prefix":  "Put before the name of every event that is not renamed.",
	"server_events.events":  "Events by Purchasely's name, such as SUBSCRIPTION_STARTED.",
	"server_events.properties": "The properties of events, by Purchasely's name; a member of an object by both names " +
		"joined, such as attribution_utm_source.",

	"user_properties": "The user properties.",
	"user_properties.default": "Which user properties are sent without being named: the set that Purchasely publishes, " +
		"all that a webhook can fill, or none.",
	"user_properties.prefix":     "Put before every user property that is not renamed.",
	"user_properties.properties": "User properties by Purchasely's name, such as has_active_subscription.",

	"revenue":         "Money.",
	"revenue.charged": "Whether every payment also makes CleverTap's Charged event, from which it computes revenue.",
	"revenue.currency": "Which amount goes into Charged: the one in the app's own currency (integration), " +
		"or what the buyer paid (customer).",

	"clevertap_id": "Whose linked CleverTap ID becomes the address: that of subscribers without a user_id (anonymous), " +
		"everybody's (always), or nobody's (never).",
	"link_wait": "How long the webhook of a subscriber without a user_id waits for its link, at most 2h: " +
		"a number with a unit, such as 90s or 15m.",
	"relay":         "Your own back end, which gets every webhook just as Purchasely sent it.",
	"relay.url":     "The https address of your back end. Without it nothing is relayed.",
	"relay.events":  "Which events your back end gets: all, or a list of their names.",
	"relay.timeout": "How long your back end may take to answer, 1s to 25s.",

	"entry": "{send: false} does not send it, {name: …} sends it under another name, " +
		"{} sends it whatever the default is.",
	"entry.send": "Whether it is sent. An entry without this key is sent.",
	"entry.known": "false confirms that the name is right although the bridge's catalogue does not have it: Purchasely " +
		"has added it since.",
	"entry.name": "Its name in CleverTap, instead of the prefix and its own: at most 120 bytes, no space at either " +
		"end, none of %s, and none of CleverTap's own names.",
}

func describe(path string) string {
	text, ok := descriptions[path]
	if !ok {
		panic(path + " has no description")
	}
	return text
}

// fileSchema makes the whole schema from the loader's tables.
func fileSchema() *schema {
	return &schema{
		Schema:      "https://json-schema.org/draft/2020-12/schema",
		Title:       "Integration file of the bridge from Purchasely to CleverTap",
		Description: "What goes to CleverTap, app by app. Only an app's name is needed.",
		Type:        "object", Required: []string{"apps"}, Additional: false,
		Properties: members{{"apps", &schema{
			Description: "The apps by their names: small letters, digits and hyphens, " +
				"as in the webhook's address and in the secrets' names.",
			Type: "object", MinProperties: 1,
			PropertyNames: &schema{Pattern: "^[a-z0-9][a-z0-9-]{0,62}$"},
			Additional:    &schema{Ref: "#/$defs/app"},
		}}},
		Defs: members{
			{"app", sectionSchema("", describe("app"), integration.AppKeys())},
			{"event", entrySchema(clevertap.MaxEventNameBytes, false)},
			{"property", entrySchema(clevertap.MaxKeyBytes, false)},
			{"userProperty", entrySchema(clevertap.MaxKeyBytes, true)},
		},
	}
}

func sectionSchema(path, description string, keys []integration.Key) *schema {
	s := &schema{Description: description, Type: orNothing, Additional: false}
	for _, k := range keys {
		s.Properties = append(s.Properties, member{k.Name, keySchema(strings.TrimPrefix(path+"."+k.Name, "."), k)})
	}
	return s
}

func keySchema(path string, k integration.Key) *schema {
	text := describe(path)
	switch k.Form {
	case "section":
		return sectionSchema(path, text, k.Keys)
	case "entries":
		return entriesSchema(path, text)
	case "flag":
		return &schema{Description: text, Type: "boolean", Default: jsontext.Value(k.Default)}
	case "duration":
		return &schema{
			Description: text, Type: "string", Default: jsontext.Value(`"` + k.Default + `"`),
			Pattern: `^([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+$`,
		}
	case "address":
		return &schema{Description: text, Type: "string", Default: jsontext.Value(`"` + k.Default + `"`),
			Pattern: `^https?://`}
	case "events":
		name := &schema{Type: "string", Pattern: `\S`}
		return &schema{
			Description: text, Default: jsontext.Value(`"` + k.Default + `"`),
			OneOf: []*schema{{Enum: []string{"all"}}, {Type: "array", Items: name}},
		}
	case "choice":
		return &schema{Description: text, Enum: k.Words, Default: jsontext.Value(`"` + k.Default + `"`)}
	default:
		set, _ := forbidden(strings.HasPrefix(path, "user_"))
		return &schema{
			Description: text, Type: "string", Default: jsontext.Value(`"` + k.Default + `"`),
			MaxLength: clevertap.MaxKeyBytes, Pattern: `^([^\s` + set + `][^` + set + `]*)?$`,
		}
	}
}

// entriesSchema lists the names of the catalogue, which editors propose, and accepts any other.
func entriesSchema(path, description string) *schema {
	s := &schema{Description: description, Type: orNothing, PropertyNames: &schema{Pattern: `\S`}}
	c := webhook.EmbeddedCatalogue()
	entry := map[string]string{
		"server_events.events": "#/$defs/event", "server_events.properties": "#/$defs/property",
		"user_properties.properties": "#/$defs/userProperty",
	}[path]
	propose := func(name, text string, proposed bool) {
		if proposed {
			s.Properties = append(s.Properties, member{name, &schema{Description: text, Ref: entry}})
		}
	}
	if path == "server_events.events" {
		for i := range c.Events {
			propose(c.Events[i].Name, c.Events[i].Meaning, c.Events[i].Known())
		}
	}
	for _, a := range c.Attributes {
		switch path {
		case "server_events.properties":
			propose(a.Name, a.Note, !a.Derived && !a.Dynamic() && integration.NeverSent(c, a.Name) == "")
		case "user_properties.properties":
			fillable := a.Property != webhook.Planned || a.Name == "cumulated_revenue_in_usd"
			propose(a.Name, a.Note, a.Property != webhook.NoProperty && fillable)
		}
	}
	s.Additional = &schema{Ref: entry}
	return s
}

func entrySchema(limit int, profile bool) *schema {
	s := &schema{Description: describe("entry"), Type: orNothing, Additional: false}
	for _, k := range integration.EntryKeys() {
		if k.Form == "flag" {
			s.Properties = append(s.Properties, member{k.Name, keySchema("entry."+k.Name, k)})
			continue
		}
		set, list := forbidden(profile)
		s.Properties = append(s.Properties, member{k.Name, &schema{
			Description: strings.Replace(describe("entry.name"), "%s", list, 1),
			Type:        "string", MinLength: 1, MaxLength: limit,
			Pattern: `^[^\s` + set + `]([^` + set + `]*[^\s` + set + `])?$`,
		}})
	}
	return s
}

// forbidden returns the characters that CleverTap does not accept in a name, as the inside of a regular expression's
// set, with the control characters, and as a list for people.
func forbidden(profile bool) (set, list string) {
	var characters []string
	for c := rune(' '); c < 0x7f; c++ {
		if clevertap.Forbidden(string(c), profile) != 0 {
			characters = append(characters, string(c))
		}
	}
	set = regexp.QuoteMeta(strings.Join(characters, ""))
	// These need no quoting in a set, and strict readers of the standard refuse it there.
	set = strings.NewReplacer(`\$`, `$`, `\.`, `.`, `\|`, `|`).Replace(set) + `\x00-\x1f\x7f`
	return set, strings.Join(characters, " ")
}

// beyondTheSchema are the faulty files that the schema accepts or that it never sees, by the reason.
var beyondTheSchema = map[string][]string{
	"not one plain YAML document, so a schema sees something else or nothing": {
		"alias_of_itself", "alias_without_anchor", "duplicate_keys_at_every_level", "merge_of_a_list_of_texts",
		"merge_of_a_text", "missing_colon", "missing_space_after_colon", "nested_too_deep", "not_utf8",
		"several_documents", "several_documents_first_empty", "tab", "tag", "text_after_the_end", "unclosed_brace",
		"unclosed_quote", "wrong_indentation",
	},
	"a schema counts characters, and editors differ in what a space is": {
		"name_too_long_in_bytes", "name_outer_space_beyond_ascii",
	},
	"a regular expression for names without regard to case and spaces would be unreadable": {
		"event_renamed_to_a_reserved_name", "event_renamed_to_charged", "event_that_is_reserved_is_sent",
		"user_property_renamed_to_a_reserved_key", "user_property_that_is_reserved_is_sent",
		"prefix_makes_a_reserved_event", "prefix_makes_charged", "prefix_makes_reserved_keys",
	},
	"a schema cannot compare one key with the others": {
		"prefix_makes_names_too_long", "a_prefixed_event_named_like_another", "a_property_named_like_another",
		"a_user_property_named_like_another", "an_event_named_like_another", "an_unknown_event_named_like_another",
		"an_unknown_user_property_named_like_another", "two_events_of_one_name", "two_properties_of_one_name",
		"two_unknown_properties_of_one_name", "two_user_properties_of_one_name",
	},
}

// TestTheSchemaAgreesWithTheLoader validates the corpus with the schema too.
func TestTheSchemaAgreesWithTheLoader(t *testing.T) {
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(config.Schema))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	if err := compiler.AddResource("integrations.schema.json", document); err != nil {
		t.Fatal(err)
	}
	schema := compiler.MustCompile("integrations.schema.json")
	refuses := func(text []byte) error {
		var document any
		if err := yaml.Unmarshal(bytes.TrimPrefix(text, []byte("\ufeff")), &document); err != nil {
			return err
		}
		return schema.Validate(document)
	}
	for _, path := range append(corpus(t, "valid"), fixtures) {
		if err := refuses(read(t, path)); err != nil {
			t.Errorf("%s: the schema refuses what the loader accepts: %v", path, err)
		}
	}
	reasons := map[string]string{}
	for reason, names := range beyondTheSchema {
		for _, name := range names {
			reasons[filepath.Join("testdata", "invalid", name+".yaml")] = reason
		}
	}
	for _, path := range corpus(t, "invalid") {
		reason := reasons[path]
		delete(reasons, path)
		switch err := refuses(read(t, path)); {
		case err == nil && reason == "":
			t.Errorf("%s: the schema accepts what the loader refuses", path)
		case err != nil && reason != "" && !strings.Contains(reason, "YAML"):
			t.Errorf("%s: the schema refuses it, although %s", path, reason)
		}
	}
	for path := range reasons {
		t.Errorf("%s does not exist", path)
	}
}
