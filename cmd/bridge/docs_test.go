package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// TestEventsPage keeps docs/guide/events.md in step with the catalogue and with what the mapping really does to each attribute.
func TestEventsPage(t *testing.T) {
	const page = "../../docs/guide/events.md"
	got := eventsPage(t)
	if os.Getenv("UPDATE_GOLDEN") == "1" {
		if err := os.WriteFile(page, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s is out of step with the catalogue; UPDATE_GOLDEN=1 writes it anew (-file +made):\n%s", page, diff)
	}
}

// loaded is the app that a text of an integration file makes.
func loaded(t *testing.T, text string) *integration.App {
	t.Helper()
	file, problems := integration.Load("test.yaml", []byte(text))
	if file == nil {
		t.Fatal(problems)
	}
	return file.Apps["demo"]
}

func eventsPage(t *testing.T) string {
	app, catalogue := loaded(t, "apps:\n  demo: {}\n"), webhook.EmbeddedCatalogue()
	all := loaded(t, "apps:\n  demo: {user_properties: {default: all}}\n")
	var b strings.Builder
	b.WriteString(`# Every event and every attribute, and what happens to it

This page is made from the catalogue in ` + "`shared/webhook/catalogue`" + ` and from what the mapping does with each row when the integration file says nothing
(` + "`demo: {}`" + `). A test keeps it in step; ` + "`UPDATE_GOLDEN=1 go test ./cmd/bridge -run TestEventsPage`" + ` writes it anew. The integration file can switch and rename
all of them but for what is marked *always* and *never*.

An event, an attribute or a value that is not listed here is passed on too, and counted as drift.

## Events

*Subscriber afterwards* is what the event does to ` + "`has_active_subscription`" + `: *yes*, *no*, *by status* (` + "`subscription_status`" + ` decides), or – for what is not
about a subscription. One-time purchases never touch it.

`)
	for _, group := range []struct {
		title string
		known bool
	}{{"", true}, {"### Names that may turn up\n\nOn some page of the vendor's, but not expected in webhooks. They are passed on like unknown events.\n\n", false}} {
		b.WriteString(group.title)
		b.WriteString("| event | family | when | sent as | subscriber afterwards |\n|---|---|---|---|---|\n")
		for i := range catalogue.Events {
			event := &catalogue.Events[i]
			if event.Known() == group.known {
				fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", event.Name, event.Family, meaning(event), sentEvent(app, event), afterwards(event))
			}
		}
		b.WriteString("\n")
	}
	b.WriteString(`## Attributes

*On events* is the name of the event's property. *On the user* is the name of the user property; *all*: sent with ` + "`user_properties.default: all`" + ` or when it is named in
the file; *named*: sent only when it is named.

| attribute | type | when it is there | on events | on the user |
|---|---|---|---|---|
`)
	for i := range catalogue.Attributes {
		a := &catalogue.Attributes[i]
		if !a.Derived {
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", a.Name, kind(a), strings.ReplaceAll(a.Presence, "|", " · "), sentProperty(t, app, a), userProperty(app, all, a))
		}
	}
	b.WriteString(`
## User properties that are made

They stand in no webhook; the bridge makes them.

| user property | type | how | on the user |
|---|---|---|---|
`)
	for i := range catalogue.Attributes {
		if a := &catalogue.Attributes[i]; a.Derived {
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", a.Name, kind(a), a.Note, userProperty(app, all, a))
		}
	}
	return b.String()
}

func meaning(event *webhook.EventType) string {
	text := event.Meaning
	if event.Canonical() != event.Name {
		text += " Counts as `" + event.Canonical() + "` for the subscriber's state."
	}
	if event.Money {
		text += " The only event that is money."
	}
	return text
}

func sentEvent(app *integration.App, event *webhook.EventType) string {
	rule := app.Event([]byte(event.Name))
	if !rule.Send {
		return "–"
	}
	return "`" + rule.Name + "`"
}

func afterwards(event *webhook.EventType) string {
	if event.OneTime {
		return "–"
	}
	return map[webhook.After]string{webhook.ByStatus: "by status", webhook.Unset: "–", webhook.Grants: "yes", webhook.Ends: "no"}[event.After]
}

func kind(a *webhook.Attribute) string {
	if len(a.Enum) > 0 && a.Type != webhook.Boolean {
		return "one of `" + strings.Join(a.Enum, "`, `") + "`"
	}
	if a.Type == webhook.Millis {
		return "milliseconds"
	}
	return a.Type.String()
}

// sentProperty asks the mapping itself: it maps a webhook that has the attribute and looks for what came of it.
func sentProperty(t *testing.T, app *integration.App, a *webhook.Attribute) string {
	t.Helper()
	name := strings.NewReplacer("_xxx", "_eur", "_*", "_number").Replace(a.Name)
	with, without := mapped(t, app, name, a), mapped(t, app, "", a)
	var sent []string
	for _, key := range with {
		if !bytes.Contains([]byte(strings.Join(without, "\n")+"\n"), []byte(key+"\n")) {
			sent = append(sent, "`"+strings.Replace(strings.Replace(key, "_eur", "_xxx", 1), "commitment_number", "commitment_*", 1)+"`")
		}
	}
	switch {
	case a.Name == "event_id" || a.Name == "environment":
		return strings.Join(sent, ", ") + ", always"
	case a.Name == "api_version" || a.Name == "event_name" || strings.Contains(a.Name, "tap_id"):
		return address(a) + "never"
	case a.Type == webhook.Millis:
		return "never, stands in for its date"
	case len(sent) == 0:
		return "– unless named"
	case a.Type == webhook.Object:
		return "`" + a.Name + "_…`, one for each part"
	}
	return strings.Join(sent, ", ")
}

// address marks the CleverTap IDs, which say whose profile it is.
func address(a *webhook.Attribute) string {
	if strings.Contains(a.Name, "tap_id") {
		return "`objectId` of the record, "
	}
	return ""
}

// mapped gives the keys of the event record made of a webhook with one attribute.
func mapped(t *testing.T, app *integration.App, name string, a *webhook.Attribute) []string {
	t.Helper()
	value := map[webhook.Type]string{
		webhook.Integer: "3", webhook.Number: "9.90", webhook.Boolean: "true", webhook.Object: `{"part":"x"}`,
		webhook.Date: `"2026-10-07T06:45:50.033Z"`, webhook.Millis: "1791355550033",
	}[a.Type]
	switch {
	case len(a.Enum) > 0 && value == "":
		value = `"` + a.Enum[0] + `"`
	case value == "":
		value = `"x"`
	}
	body := `{"event_name":"SUBSCRIPTION_RENEWED","clevertap_id":"u"`
	if name != "" && name != "event_name" {
		body += `,"` + name + `":` + value
	}
	x := explain([][]byte{[]byte(body + "}")}, app, true, time.Unix(1791355551, 0), nil)
	var upload struct {
		D []struct {
			Type    string         `json:"type"`
			EvtData jsontext.Value `json:"evtData"`
		} `json:"d"`
	}
	if err := json.Unmarshal(x.uploads[0].body, &upload); err != nil {
		t.Fatal(err)
	}
	decoder := jsontext.NewDecoder(bytes.NewReader(upload.D[0].EvtData))
	var keys []string
	for decoder.PeekKind(); decoder.PeekKind() != '}' || len(keys) == 0; {
		token, err := decoder.ReadToken()
		if err != nil {
			break
		}
		if token.Kind() == '"' {
			keys = append(keys, token.String())
			if err := decoder.SkipValue(); err != nil {
				t.Fatal(err)
			}
		}
	}
	return keys
}

func userProperty(app, all *integration.App, a *webhook.Attribute) string {
	switch name := "`" + a.Name + "`"; {
	case a.Property == webhook.NoProperty:
		return ""
	case a.Property == webhook.Planned && a.Name != "cumulated_revenue_in_usd":
		return "–" // The vendor says only that it will be.
	case app.UserProperty(a.Index).Send:
		return name
	case all.UserProperty(a.Index).Send:
		return name + ", all"
	default:
		return name + ", named"
	}
}
