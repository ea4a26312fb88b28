package console

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/settings"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/yamledit"
	"github.com/purchasely-clevertap/bridge/shared/integration"
)

// ruleEditor is the page of the settings that are no names.
type ruleEditor struct{ Groups []ruleGroup }

func (e *ruleEditor) title() string    { return "Revenue and identity" }
func (e *ruleEditor) template() string { return "rules" }

func (e *ruleEditor) fill(_ settings.Version, app *integration.App, form url.Values) {
	e.Groups = ruleGroups(app)
	if form != nil {
		showRules(e.Groups, form)
	}
}

func (e *ruleEditor) write(text []byte, app *integration.App) ([]byte, error) {
	return writeRules(text, app, e.Groups)
}

func (e *ruleEditor) check(file *integration.File, app string) (err error) {
	eachSetting(e.Groups, func(s *setting) {
		if got := s.of(file.Apps[app]); err == nil && got != s.Value && !strings.Contains(s.Path, "link_wait") {
			err = fmt.Errorf("%s is written with an anchor or the like, and left alone: change it in the file itself", s.Path)
		}
	})
	return err
}

func (e *ruleEditor) kinds() []settings.Kind { return []settings.Kind{settings.Setting} }

func (e *ruleEditor) attach(where string, f fault) (found bool) {
	eachSetting(e.Groups, func(s *setting) {
		if where == s.Path {
			s.Faults, found = append(s.Faults, f), true
		}
	})
	return found
}

func (e *ruleEditor) Beside() (list []fieldFaults) {
	eachSetting(e.Groups, func(s *setting) {
		if len(s.Faults) > 0 {
			list = append(list, fieldFaults{s.Path, s.Label, s.Faults})
		}
	})
	return list
}

func (e *ruleEditor) carry(from *integration.App, form url.Values) url.Values {
	carried := url.Values{"sample": form["sample"], "webhook": form["webhook"]}
	groups := ruleGroups(from)
	showRules(groups, form)
	eachSetting(groups, func(s *setting) {
		if s.Value != s.of(from) {
			carried.Set(s.Path, s.Value)
		}
	})
	return carried
}

// setting is a key of an app that is no name.
type setting struct {
	Path, Label, Explanation string
	Switch                   bool
	Options                  []option // of a choice; none: a text
	Value                    string
	Faults                   []fault

	of func(*integration.App) string
}

// ruleGroup is some settings under a heading.
type ruleGroup struct {
	Title    string
	Settings []setting
}

// ruleGroups are the settings of an app with their values.
func ruleGroups(app *integration.App) []ruleGroup {
	groups := []ruleGroup{
		{"The integration", []setting{
			{Path: "enabled", Label: "Send to CleverTap", Switch: true,
				Explanation: "Off: webhooks are still accepted, but nothing goes to CleverTap, and it is not made up for later.",
				of:          func(a *integration.App) string { return strconv.FormatBool(a.Enabled) }},
			{Path: "sandbox", Label: "Test purchases",
				Options: []option{
					{"route", "To the sandbox account", "The one in the app's secret. Nowhere, if there is none."},
					{"send", "To the production account", "There they can set off campaigns."},
					{"skip", "Nowhere", ""},
				},
				of: func(a *integration.App) string { return a.Sandbox.String() }},
		}},
		{"Revenue", []setting{
			{Path: "revenue.charged", Label: "Send Charged", Switch: true,
				Explanation: "Every payment also makes CleverTap's own event Charged, from which it computes revenue. " +
					"It is gross, and without refunds.",
				of: func(a *integration.App) string { return strconv.FormatBool(a.Charged) }},
			{Path: "revenue.currency", Label: "Currency of Charged",
				Options: []option{
					{"integration", "The app's currency", "The one that is set at Purchasely. All payments are in it."},
					{"customer", "What the buyer paid in", "Each payment in its own currency."},
				},
				of: func(a *integration.App) string { return a.Currency.String() }},
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
				},
				of: func(a *integration.App) string { return a.Anonymous.String() }},
			{Path: "clevertap_id", Label: "Linked CleverTap IDs",
				Explanation: "Your back end can link a subscriber to a CleverTap ID.",
				Options: []option{
					{"anonymous", "For those who are not signed in", ""},
					{"always", "For everybody who has one", ""},
					{"never", "For nobody", ""},
				},
				of: func(a *integration.App) string { return a.CleverTapID.String() }},
			{Path: "link_wait", Label: "Wait for a link",
				Explanation: "How long the webhook of a buyer who is not signed in waits for it, such as 15m; " +
					"at most 2h, and 0s for not at all.",
				of: func(a *integration.App) string { return plainDuration(a.LinkWait.String()) }},
		}},
	}
	for i := range groups {
		for j := range groups[i].Settings {
			s := &groups[i].Settings[j]
			s.Value = s.of(app)
		}
	}
	return groups
}

// plainDuration writes a duration as a person does: 2h instead of 2h0m0s.
func plainDuration(text string) string {
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// eachSetting calls a function with every setting of the groups.
func eachSetting(groups []ruleGroup, do func(s *setting)) {
	for i := range groups {
		for j := range groups[i].Settings {
			do(&groups[i].Settings[j])
		}
	}
}

// showRules puts what was posted into the groups, so that a page shows it again. A switch that is off is not posted:
// its path among those of the switches says that it was there.
func showRules(groups []ruleGroup, form url.Values) {
	eachSetting(groups, func(s *setting) {
		switch {
		case s.Switch && slices.Contains(form["switch"], s.Path):
			s.Value = strconv.FormatBool(form.Get(s.Path) == "true")
		case form.Has(s.Path):
			s.Value = strings.TrimSpace(form.Get(s.Path))
		}
	})
}

// writeRules writes the settings that were posted into a file.
func writeRules(text []byte, app *integration.App, posted []ruleGroup) ([]byte, error) {
	d := fileChange{text: text}
	eachSetting(posted, func(s *setting) {
		if s.Value == s.of(app) {
			return
		}
		value := s.Value
		if !s.Switch {
			value = yamledit.Scalar(value)
		}
		d.set(value, keys(app.Name, s.Path)...)
	})
	return d.text, d.err
}
