package explain

import (
	"maps"
	"os"
	"regexp"
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

// page is docs/guide/events.md: its tables are made from the catalogue and from what the mapping really does.
const page = "../../../../docs/guide/events.md"

// TestEventsPage keeps the tables of the page in step; UPDATE_GOLDEN=1 writes them anew. The text around them is
// written by hand.
func TestEventsPage(t *testing.T) {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	p := tables{t: t, usual: load(t, "demo: {}"), all: load(t, "demo: {user_properties: {default: all}}")}
	made := map[string]string{
		"events":      p.events(func(e *webhook.EventType) bool { return e.Known() && !isVersion2(e) }),
		"version 2":   p.events(isVersion2),
		"other names": p.events(func(e *webhook.EventType) bool { return !e.Known() }),
		"properties":  p.properties(), "made": p.made(), "kept": p.kept(),
	}
	block := regexp.MustCompile(`(?s)<!-- ([a-z0-9 ]+) -->\n.*?<!-- end -->\n`)
	written := block.ReplaceAllStringFunc(string(text), func(old string) string {
		name := block.FindStringSubmatch(old)[1]
		if made[name] == "" {
			t.Errorf("there is no table %q", name)
		}
		content := made[name]
		delete(made, name)
		return "<!-- " + name + " -->\n" + content + "<!-- end -->\n"
	})
	for name := range made {
		t.Errorf("the page lacks the table %q", name)
	}
	clitest.Golden(t, page, written)
}

// Every code of the catalogue is explained on the page.
func TestEventsPageExplainsEveryCode(t *testing.T) {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	_, codes, _ := strings.Cut(string(text), "\n## Codes\n")
	explained := make(map[string]bool)
	for line := range strings.Lines(codes) {
		first, _, _ := strings.Cut(strings.TrimPrefix(line, "| "), " | ")
		for _, match := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(first, -1) {
			explained[match[1]] = true
		}
	}
	for _, a := range webhook.EmbeddedCatalogue().Attributes {
		for _, code := range a.Enum {
			if hasCodes(&a) && !explained[code] {
				t.Errorf("%s of %s is not explained", code, a.Name)
			}
		}
	}
}

// hasCodes reports whether an attribute's values are codes that the page explains: not those of what nobody has built.
func hasCodes(a *webhook.Attribute) bool {
	return len(a.Enum) > 0 && a.Type != webhook.Boolean && a.Property != webhook.Planned && a.Name != "api_version"
}

func isVersion2(e *webhook.EventType) bool {
	return e.Known() && strings.HasPrefix(e.Meaning, "Version 2: ")
}

// tables makes the tables.
type tables struct {
	t          *testing.T
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

// families are the words for the families of events.
var families = map[string]string{
	"entitlement": "access", "lifecycle": "life", "offer": "offer", "transaction": "money",
}

// table is a table of a heading, and of the rows that a function makes of entries of the catalogue; nil is none.
func table[T any](heading string, entries []T, row func(*T) []string) string {
	text := heading + "\n|" + strings.Repeat("---|", strings.Count(heading, "|")-1) + "\n"
	for i := range entries {
		if cells := row(&entries[i]); cells != nil {
			text += "| " + strings.Join(cells, " | ") + " |\n"
		}
	}
	return text
}

func (p *tables) events(which func(*webhook.EventType) bool) string {
	const heading = "| event | family | when | sent as | active afterwards |"
	return table(heading, webhook.EmbeddedCatalogue().Events, func(e *webhook.EventType) []string {
		if !which(e) {
			return nil
		}
		return []string{"`" + e.Name + "`", families[e.Family], meaning(e), p.sentEvent(e), after(e)}
	})
}

func meaning(e *webhook.EventType) string {
	text := strings.TrimPrefix(e.Meaning, "Version 2: ")
	text = strings.ToUpper(text[:1]) + text[1:]
	if e.Canonical() != e.Name {
		text += " Counts as `" + e.Canonical() + "`."
	}
	if e.Money {
		text += " The only event that is money."
	}
	return text
}

func (p *tables) sentEvent(e *webhook.EventType) string {
	if rule := p.usual.Apps["demo"].Event([]byte(e.Name)); rule.Send {
		return "`" + rule.Name + "`"
	}
	return "–"
}

func after(e *webhook.EventType) string {
	if e.OneTime {
		return "–"
	}
	return map[webhook.After]string{
		webhook.ByStatus: "by status", webhook.Unset: "–", webhook.Grants: "yes", webhook.Ends: "no",
	}[e.After]
}

// presences are the words for when an attribute is in a webhook.
var presences = map[string]string{
	"always": "always", "usually": "nearly always", "optional": "if the app sets it", "never": "never",
	"subscriber_anonymous": "buyer who is not signed in", "subscriber_connected": "buyer who is signed in",
	"device": "the device is known", "price": "events with a price", "transaction": "money moved",
	"plan_change": "the plan was changed", "subscription": "subscriptions", "one_time": "one-time purchases",
	"transfer": "transfers", "offer": "offers", "acquisition": "bought on a screen of Purchasely's",
	"google": "Google Play", "web": "bought on the web", "commitment": "12-month commitments",
	"new": "only on Purchasely's newer pages so far", "unproven": "mentioned by Purchasely, never seen",
}

func (p *tables) presence(a *webhook.Attribute) string {
	var words []string
	for code := range strings.SplitSeq(a.Presence, "|") {
		if presences[code] == "" {
			p.t.Errorf("there is no word for %s", code)
		}
		words = append(words, presences[code])
	}
	return strings.Join(words, "; ")
}

func kind(a *webhook.Attribute) string {
	if hasCodes(a) {
		return "[code](#codes)"
	}
	return a.Type.String()
}

func (p *tables) properties() string {
	const heading = "| in the webhook | what it is | type | when it is there | on the event | on the profile |"
	return table(heading, webhook.EmbeddedCatalogue().Attributes, func(a *webhook.Attribute) []string {
		if a.Derived || a.Type == webhook.Millis {
			return nil
		}
		return []string{"`" + a.Name + "`", a.Note, kind(a), p.presence(a), p.sentProperty(a), p.userProperty(a)}
	})
}

func (p *tables) made() string {
	const heading = "| user property | what it is | type | on the profile |"
	return table(heading, webhook.EmbeddedCatalogue().Attributes, func(a *webhook.Attribute) []string {
		if !a.Derived || cannotBeFilled(a) {
			return nil
		}
		return []string{"`" + a.Name + "`", a.Note, kind(a), p.userProperty(a)}
	})
}

// kept lists the user properties of the published set that a webhook may have no value of.
func (p *tables) kept() string {
	const heading = "| user property | when a webhook has it |"
	return table(heading, webhook.EmbeddedCatalogue().Attributes, func(a *webhook.Attribute) []string {
		sent := p.usual.Apps["demo"].UserProperty(a.Index).Send
		if !sent || a.Derived || slices.Contains(activeAndIDs, a.Name) {
			return nil
		}
		return []string{"`" + a.Name + "`", p.presence(a)}
	})
}

// sentProperty maps a webhook that has the attribute and looks for what came of it.
func (p *tables) sentProperty(a *webhook.Attribute) string {
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
		return "never: it addresses the record"
	case a.Name == "api_version" || a.Name == "event_name":
		return "never"
	case a.Type == webhook.Millis:
		return "never, stands in for its date"
	case len(sent) == 0:
		return "if named"
	case a.Type == webhook.Object:
		return "`" + a.Name + "_…`, one for each part"
	}
	return names
}

// mapped returns the properties of the event made of a webhook with one attribute of a name.
func (p *tables) mapped(name string, a *webhook.Attribute) []string {
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
	x, err := Batch{
		File: p.usual, App: "demo", Bodies: [][]byte{[]byte(body + "}")}, Received: time.Unix(1791355551, 0),
		SandboxAccount: true,
	}.explain(p.t.Context())
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

func (p *tables) userProperty(a *webhook.Attribute) string {
	switch name := "`" + a.Name + "`"; {
	case a.Property == webhook.NoProperty:
		return "–"
	case cannotBeFilled(a):
		return "–" // the vendor says only that it will be
	case p.usual.Apps["demo"].UserProperty(a.Index).Send:
		return name
	case p.all.Apps["demo"].UserProperty(a.Index).Send:
		return name + ", if `all`"
	default:
		return name + ", if named"
	}
}
