package explain

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/clitest"
	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// TestEventsPage keeps docs/guide/events.md in step with the catalogue and with what the mapping really does to each
// attribute; UPDATE_GOLDEN=1 writes it anew.
func TestEventsPage(t *testing.T) {
	p := page{t: t, usual: load(t, "demo: {}"), all: load(t, "demo: {user_properties: {default: all}}")}
	catalogue := webhook.EmbeddedCatalogue()
	p.b.WriteString(introduction)
	for _, known := range []bool{true, false} {
		if !known {
			p.b.WriteString(otherNames)
		}
		p.b.WriteString("| event | family | when | sent as | subscriber afterwards |\n|---|---|---|---|---|\n")
		for i := range catalogue.Events {
			if event := &catalogue.Events[i]; event.Known() == known {
				p.event(event)
			}
		}
		p.b.WriteString("\n")
	}
	p.b.WriteString(attributes)
	for i := range catalogue.Attributes {
		if a := &catalogue.Attributes[i]; !a.Derived {
			presence := strings.ReplaceAll(a.Presence, "|", " · ")
			fmt.Fprintf(&p.b, "| `%s` | %s | %s | %s | %s |\n",
				a.Name, kind(a), presence, p.sentProperty(a), p.userProperty(a))
		}
	}
	p.b.WriteString(derivedProperties)
	for i := range catalogue.Attributes {
		if a := &catalogue.Attributes[i]; a.Derived {
			fmt.Fprintf(&p.b, "| `%s` | %s | %s | %s |\n", a.Name, kind(a), a.Note, p.userProperty(a))
		}
	}
	clitest.Golden(t, "../../../../docs/guide/events.md", p.b.String())
}

const (
	introduction = `# Every event and every attribute, and what happens to it

This page is made from the catalogue in ` + "`shared/webhook/catalogue`" + ` and from what the mapping does
with each row when the integration file says nothing (` + "`demo: {}`" + `). A test keeps it in step;
` + "`UPDATE_GOLDEN=1 go test ./cmd/bridge/internal/explain -run TestEventsPage`" + ` writes it anew.
The integration file can switch and rename all of them but for what is marked *always* and *never*.

An event, an attribute or a value that is not listed here is passed on too, and counted as drift.

## Events

*Subscriber afterwards* is what the event does to ` + "`has_active_subscription`" + `: *yes*, *no*,
*by status* (` + "`subscription_status`" + ` decides), or – for what is not about a subscription.
One-time purchases never touch it.

`
	otherNames = `### Names that may turn up

On some page of the vendor's, but not expected in webhooks. They are passed on like unknown events.

`
	attributes = `## Attributes

*On events* is the name of the event's property. *On the user* is the name of the user property;
*all*: sent with ` + "`user_properties.default: all`" + ` or when it is named in the file; *named*: sent
only when it is named.

| attribute | type | when it is there | on events | on the user |
|---|---|---|---|---|
`
	derivedProperties = `
## User properties that are made

They are in no webhook; the bridge makes them.

| user property | type | how | on the user |
|---|---|---|---|
`
)

// page is the page while it is written.
type page struct {
	t          *testing.T
	b          strings.Builder
	usual, all *integration.File
}

func load(t *testing.T, app string) *integration.File {
	t.Helper()
	file, problems := integration.Load("test.yaml", []byte("apps:\n  "+app))
	if file == nil {
		t.Fatal(problems)
	}
	return file
}

func (p *page) event(e *webhook.EventType) {
	meaning := e.Meaning
	if e.Canonical() != e.Name {
		meaning += " Counts as `" + e.Canonical() + "` for the subscriber's state."
	}
	if e.Money {
		meaning += " The only event that is money."
	}
	sent := "–"
	if rule := p.usual.Apps["demo"].Event([]byte(e.Name)); rule.Send {
		sent = "`" + rule.Name + "`"
	}
	after := map[webhook.After]string{
		webhook.ByStatus: "by status", webhook.Unset: "–", webhook.Grants: "yes", webhook.Ends: "no",
	}[e.After]
	if e.OneTime {
		after = "–"
	}
	fmt.Fprintf(&p.b, "| `%s` | %s | %s | %s | %s |\n", e.Name, e.Family, meaning, sent, after)
}

func kind(a *webhook.Attribute) string {
	switch {
	case len(a.Enum) > 0 && a.Type != webhook.Boolean:
		return "one of `" + strings.Join(a.Enum, "`, `") + "`"
	case a.Type == webhook.Millis:
		return "milliseconds"
	default:
		return a.Type.String()
	}
}

// sentProperty maps a webhook that has the attribute and looks for what came of it.
func (p *page) sentProperty(a *webhook.Attribute) string {
	without := p.mapped("", a)
	sent := slices.DeleteFunc(p.mapped(strings.NewReplacer("_xxx", "_eur", "_*", "_number").Replace(a.Name), a),
		func(key string) bool { return slices.Contains(without, key) })
	for i, key := range sent {
		sent[i] = "`" + strings.NewReplacer("_eur", "_xxx", "commitment_number", "commitment_*").Replace(key) + "`"
	}
	names := strings.Join(sent, ", ")
	switch {
	case a.Name == "event_id" || a.Name == "environment":
		return names + ", always"
	case strings.Contains(a.Name, "tap_id"):
		return "`objectId` of the record, never"
	case a.Name == "api_version" || a.Name == "event_name":
		return "never"
	case a.Type == webhook.Millis:
		return "never, stands in for its date"
	case len(sent) == 0:
		return "– unless named"
	case a.Type == webhook.Object:
		return "`" + a.Name + "_…`, one for each part"
	}
	return names
}

// mapped returns the properties of the event made of a webhook with one attribute of a name.
func (p *page) mapped(name string, a *webhook.Attribute) []string {
	p.t.Helper()
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
	x, err := explain(p.t.Context(), batch{
		file: p.usual, app: "demo", bodies: [][]byte{[]byte(body + "}")}, received: time.Unix(1791355551, 0),
		sandboxAccount: true,
	})
	var upload struct {
		D []struct {
			EvtData map[string]jsontext.Value `json:"evtData"`
		} `json:"d"`
	}
	if err == nil {
		err = json.Unmarshal(x.Uploads[0].Body, &upload)
	}
	if err != nil {
		p.t.Fatal(err)
	}
	return slices.Sorted(maps.Keys(upload.D[0].EvtData))
}

func (p *page) userProperty(a *webhook.Attribute) string {
	switch name := "`" + a.Name + "`"; {
	case a.Property == webhook.NoProperty:
		return ""
	case a.Property == webhook.Planned && a.Name != "cumulated_revenue_in_usd":
		return "–" // the vendor says only that it will be
	case p.usual.Apps["demo"].UserProperty(a.Index).Send:
		return name
	case p.all.Apps["demo"].UserProperty(a.Index).Send:
		return name + ", all"
	default:
		return name + ", named"
	}
}
