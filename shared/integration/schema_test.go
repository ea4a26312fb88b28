package integration_test

import (
	"bytes"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/config"
	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// TestSchema keeps the schema equal to the loader's keys, choices and defaults and to the catalogue's names: it is made from
// them. UPDATE_GOLDEN=1 writes it anew.
func TestSchema(t *testing.T) {
	got, err := json.Marshal(fileSchema(), jsontext.WithIndent("  "))
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	if os.Getenv("UPDATE_GOLDEN") == "1" {
		if err := os.WriteFile("../config/integrations.schema.json", got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(config.Schema), string(got)); diff != "" {
		t.Errorf("schema (-stands +follows from the loader):\n%s", diff)
	}
}

// schema is a JSON Schema, as far as this one goes.
type schema struct {
	Schema        string         `json:"$schema,omitzero"`
	Title         string         `json:"title,omitzero"`
	Description   string         `json:"description,omitzero"`
	Ref           string         `json:"$ref,omitzero"`
	Type          any            `json:"type,omitzero"`
	Enum          []string       `json:"enum,omitzero"`
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

// orNothing is the type of sections and entries: nothing at all stands for their defaults.
var orNothing = []string{"object", "null"}

// members are schemas by name, in an order of their own.
type members []member

type member struct {
	name string
	*schema
}

func (m members) MarshalJSONTo(enc *jsontext.Encoder) error {
	if err := enc.WriteToken(jsontext.BeginObject); err != nil {
		return err
	}
	for _, one := range m {
		if err := enc.WriteToken(jsontext.String(one.name)); err != nil {
			return err
		}
		if err := json.MarshalEncode(enc, one.schema); err != nil {
			return err
		}
	}
	return enc.WriteToken(jsontext.EndObject)
}

// descriptions are what an editor shows beside a key.
var descriptions = map[string]string{
	"app":       "One app's integration. {} is complete: every key has a default.",
	"enabled":   "The integration's switch. false: webhooks are taken and answered, but nothing is sent.",
	"anonymous": "What to do with a subscriber known only by anonymous_user_id: identity makes a profile under that id; object_id takes it as CleverTap's custom id, for apps that give it to CleverTap's SDK as that; skip sends nothing.",
	"sandbox":   "Where test purchases go: route to the sandbox account of the app's secret, nowhere if there is none; send to the production account, where they can trigger campaigns; skip nowhere.",

	"server_events":            "The events.",
	"server_events.default":    "What happens to events that are not named under events.",
	"server_events.prefix":     "Put before the name of every event that is not renamed.",
	"server_events.events":     "Events by the vendor's name, such as SUBSCRIPTION_STARTED.",
	"server_events.properties": "What an event carries, by the vendor's name; a part of an object by both names joined, such as attribution_utm_source.",

	"user_properties":            "The user properties.",
	"user_properties.default":    "Which user properties are sent without being named: the set that the vendor publishes, all that a webhook can fill, or none.",
	"user_properties.prefix":     "Put before every user property that is not renamed.",
	"user_properties.properties": "User properties by the vendor's name, such as has_active_subscription.",

	"revenue":          "Money.",
	"revenue.charged":  "Whether every payment also makes CleverTap's Charged event, from which it reckons revenue.",
	"revenue.currency": "Which amount goes into Charged: the one in the app's own currency (integration), or what the buyer paid (customer).",

	"entry":      "{send: false} keeps it back, {name: …} sends it under another name, {} sends it whatever the default is.",
	"entry.send": "Whether it is sent. An entry that does not say so is sent.",
	"entry.name": "Its name in CleverTap, instead of the prefix and its own: at most 120 bytes, no blank at either end, none of %s, and none of CleverTap's own names.",
}

// fileSchema makes the whole schema from the loader's tables.
func fileSchema() *schema {
	return &schema{
		Schema:      "https://json-schema.org/draft/2020-12/schema",
		Title:       "Integration file of the bridge from Purchasely to CleverTap",
		Description: "What goes to CleverTap, app by app. Only an app's name is needed.",
		Type:        "object", Required: []string{"apps"}, Additional: false,
		Properties: members{{"apps", &schema{
			Description: "The apps by their names: small letters, digits and hyphens, as in the webhook's address and in the secrets' names.",
			Type:        "object", MinProperties: 1,
			PropertyNames: &schema{Pattern: "^[a-z0-9][a-z0-9-]{0,62}$"},
			Additional:    &schema{Ref: "#/$defs/app"},
		}}},
		Defs: members{
			{"app", sectionSchema("", descriptions["app"], integration.AppKeys())},
			{"event", entrySchema(clevertap.MaxEventNameBytes, false)},
			{"property", entrySchema(clevertap.MaxKeyBytes, false)},
			{"userProperty", entrySchema(clevertap.MaxKeyBytes, true)},
		},
	}
}

// sectionSchema describes keys.
func sectionSchema(path, description string, keys []integration.Key) *schema {
	s := &schema{Description: description, Type: orNothing, Additional: false}
	for _, k := range keys {
		s.Properties = append(s.Properties, member{k.Name, keySchema(strings.TrimPrefix(path+"."+k.Name, "."), k)})
	}
	return s
}

func keySchema(path string, k integration.Key) *schema {
	text := descriptions[path]
	switch k.Form {
	case "section":
		return sectionSchema(path, text, k.Keys)
	case "entries":
		return entriesSchema(path, text)
	case "flag":
		return &schema{Description: text, Type: "boolean", Default: jsontext.Value(k.Default)}
	case "choice":
		return &schema{Description: text, Enum: k.Words, Default: jsontext.Value(`"` + k.Default + `"`)}
	default:
		profile := strings.HasPrefix(path, "user_")
		return &schema{
			Description: text, Type: "string", Default: jsontext.Value(`"` + k.Default + `"`),
			MaxLength: clevertap.MaxKeyBytes, Pattern: `^([^\s` + forbidden(profile) + `][^` + forbidden(profile) + `]*)?$`,
		}
	}
}

// entriesSchema lists the names that the catalogue has, for editors to propose, and lets any other pass.
func entriesSchema(path, description string) *schema {
	s := &schema{Description: description, Type: orNothing, PropertyNames: &schema{Pattern: `\S`}}
	c := webhook.EmbeddedCatalogue()
	propose := func(name, text, entry string) {
		s.Properties = append(s.Properties, member{name, &schema{Description: text, Ref: entry}})
	}
	entry := "#/$defs/event"
	switch path {
	case "server_events.events":
		for i := range c.Events {
			if c.Events[i].Known() {
				propose(c.Events[i].Name, c.Events[i].Meaning, entry)
			}
		}
	case "server_events.properties":
		entry = "#/$defs/property"
		for i := range c.Attributes {
			if a := &c.Attributes[i]; !a.Derived && !a.Dynamic() && integration.NeverSent(c, a.Name) == "" {
				propose(a.Name, a.Note, entry)
			}
		}
	default:
		entry = "#/$defs/userProperty"
		for i := range c.Attributes {
			if a := &c.Attributes[i]; a.Property != webhook.NoProperty && (a.Property != webhook.Planned || a.Name == "cumulated_revenue_in_usd") {
				propose(a.Name, a.Note, entry)
			}
		}
	}
	s.Additional = &schema{Ref: entry}
	return s
}

func entrySchema(limit int, profile bool) *schema {
	s := &schema{Description: descriptions["entry"], Type: orNothing, Additional: false}
	for _, k := range integration.EntryKeys() {
		if k.Form == "flag" {
			s.Properties = append(s.Properties, member{k.Name, keySchema("entry."+k.Name, k)})
			continue
		}
		f := forbidden(profile)
		s.Properties = append(s.Properties, member{k.Name, &schema{
			Description: strings.Replace(descriptions["entry.name"], "%s", spelled(profile), 1),
			Type:        "string", MinLength: 1, MaxLength: limit, Pattern: `^[^\s` + f + `]([^` + f + `]*[^\s` + f + `])?$`,
		}})
	}
	return s
}

// forbidden makes the inside of a regular expression's set of characters from CleverTap's rule, with the control characters.
func forbidden(profile bool) string {
	var b bytes.Buffer
	for c := rune(' '); c < 0x7f; c++ {
		if clevertap.Forbidden(string(c), profile) != 0 {
			b.WriteString(regexp.QuoteMeta(string(c)))
		}
	}
	// These need no quoting in a set, and strict readers of the standard refuse it there.
	return strings.NewReplacer(`\$`, `$`, `\.`, `.`, `\|`, `|`).Replace(b.String()) + `\x00-\x1f\x7f`
}

// spelled lists the forbidden characters for people.
func spelled(profile bool) string {
	var list []string
	for c := rune(' '); c < 0x7f; c++ {
		if clevertap.Forbidden(string(c), profile) != 0 {
			list = append(list, string(c))
		}
	}
	return strings.Join(list, " ")
}

func TestEveryKeyIsDescribed(t *testing.T) {
	var walk func(path string, keys []integration.Key)
	walk = func(path string, keys []integration.Key) {
		for _, k := range keys {
			at := strings.TrimPrefix(path+"."+k.Name, ".")
			if descriptions[at] == "" {
				t.Errorf("%s has no description", at)
			}
			walk(at, k.Keys)
		}
	}
	walk("", integration.AppKeys())
	walk("entry", integration.EntryKeys())
}
