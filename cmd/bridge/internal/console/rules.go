package console

import (
	"fmt"
	"iter"
	"net/url"
	"strings"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/settings"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/yamledit"
	"github.com/purchasely-clevertap/bridge/shared/integration"
)

// ruleEditor is the page of the settings that are no names.
type ruleEditor struct{ Groups []ruleGroup }

func (e *ruleEditor) fill(_ []byte, app *integration.App, form url.Values) {
	e.Groups = ruleGroups()
	for s := range allSettings(e.Groups) {
		s.Value = valueOf(app, s.Path)
		if posted := form[s.Path]; len(posted) > 0 { // a switch posts false and, if it is on, true after it
			s.Value = strings.TrimSpace(posted[len(posted)-1])
		}
	}
}

func (e *ruleEditor) write(text []byte, app *integration.App) ([]byte, error) {
	d := fileChange{text: text}
	for s := range allSettings(e.Groups) {
		if s.Value == valueOf(app, s.Path) {
			continue
		}
		value := s.Value
		if !s.Switch {
			value = yamledit.Scalar(value)
		}
		d.set(value, keys(app.Name, s.Path)...)
	}
	return d.text, d.err
}

func (e *ruleEditor) check(app *integration.App) error {
	for s := range allSettings(e.Groups) {
		if valueOf(app, s.Path) != s.Value && s.Path != "link_wait" { // a duration can be written in several ways
			return fmt.Errorf("%s is written with an anchor or the like, and left alone: change it in the file itself", s.Path)
		}
	}
	return nil
}

func (e *ruleEditor) attach(where string, f fault) bool {
	for s := range allSettings(e.Groups) {
		if where == s.Path {
			s.Faults = append(s.Faults, f)
			return true
		}
	}
	return false
}

func (e *ruleEditor) Beside() (list []fieldFaults) {
	for s := range allSettings(e.Groups) {
		list = append(list, fieldFaults{s.Path, s.Label, s.Faults})
	}
	return list
}

func (e *ruleEditor) carry(from *integration.App, form url.Values) url.Values {
	e.fill(nil, from, form)
	carried := url.Values{}
	for s := range allSettings(e.Groups) {
		if s.Value != valueOf(from, s.Path) {
			carried.Set(s.Path, s.Value)
		}
	}
	return carried
}

// setting is a key of an app that is no name.
type setting struct {
	Path, Label, Explanation string
	Switch                   bool
	Options                  []option // of a choice; none: a text
	Value                    string
	Faults                   []fault
}

// ruleGroup is some settings under a heading.
type ruleGroup struct {
	Title    string
	Settings []setting
}

// ruleGroups are the settings of an app, without their values.
func ruleGroups() []ruleGroup {
	return []ruleGroup{
		{"The integration", []setting{
			{Path: "enabled", Label: "Send to CleverTap", Switch: true,
				Explanation: "Off: webhooks are still accepted, but nothing goes to CleverTap, and it is not made up for later."},
			{Path: "sandbox", Label: "Test purchases",
				Options: []option{
					{"route", "To the sandbox account", "The one in the app's secret. Nowhere, if there is none."},
					{"send", "To the production account", "There they can set off campaigns."},
					{"skip", "Nowhere", ""},
				}},
		}},
		{"Revenue", []setting{
			{Path: "revenue.charged", Label: "Send Charged", Switch: true,
				Explanation: "Every payment also makes CleverTap's own event Charged, from which it computes revenue. " +
					"It is gross, and without refunds."},
			{Path: "revenue.currency", Label: "Currency of Charged",
				Options: []option{
					{"integration", "The app's currency", "The one that is set at Purchasely. All payments are in it."},
					{"customer", "What the buyer paid in", "Each payment in its own currency."},
				}},
		}},
		{"Identity", []setting{
			{Path: "anonymous", Label: "Buyers who are not signed in",
				Explanation: "They have only an anonymous id, made by Purchasely's SDK.",
				Options: []option{
					{"identity", "Make a profile under that id",
						"The app's CleverTap SDK has to set the same id, or the profile stands alone."},
					{"object_id", "It is the CleverTap ID",
						"For apps that give CleverTap's SDK that very id as its custom CleverTap ID."},
					{"skip", "Send nothing until they sign in", ""},
				}},
			{Path: "clevertap_id", Label: "Linked CleverTap IDs",
				Explanation: "Your back end can link a subscriber to a CleverTap ID.",
				Options: []option{
					{"anonymous", "For those who are not signed in", ""},
					{"always", "For everybody who has one", ""},
					{"never", "For nobody", ""},
				}},
			{Path: "link_wait", Label: "Wait for a link",
				Explanation: "How long the webhook of a buyer who is not signed in waits for it, such as 15m; " +
					"at most 2h, and 0s for not at all."},
		}},
	}
}

// valueOf is what an app says for a setting, as a person writes it.
func valueOf(app *integration.App, path string) string {
	if path == "link_wait" {
		return integration.PlainDuration(app.LinkWait)
	}
	return settings.Value(app, path)
}

// allSettings are the settings of groups.
func allSettings(groups []ruleGroup) iter.Seq[*setting] {
	return func(yield func(*setting) bool) {
		for _, g := range groups {
			for i := range g.Settings {
				if !yield(&g.Settings[i]) {
					return
				}
			}
		}
	}
}
