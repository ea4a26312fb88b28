package console

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/settings"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/status"
	"github.com/purchasely-clevertap/bridge/shared/integration"
)

// overview is the first page: every app in numbers.
type overview struct {
	Version  settings.Version
	Apps     []appSummary
	Faults   []fault
	Warnings int
	Live     *liveOverview // nil: a file is shown
}

// appSummary is what is decided about an app, in numbers.
type appSummary struct {
	Name                         string
	Enabled                      bool
	EventsSent, EventsOff        int
	EventsRenamed                int
	Properties, UserProperties   int
	Charged                      bool
	Sandbox, Anonymous, Currency string
}

func (c *console) overview(w http.ResponseWriter, r *http.Request) error {
	v, p, err := c.newPage(r, "Overview")
	if err != nil {
		return err
	}
	if v.File == nil {
		c.faulty(w, p, v)
		return nil
	}
	o := overview{Version: v, Live: c.live(r.Context(), v.File)}
	for _, problem := range v.Problems {
		if isWarning(problem) {
			o.Warnings++
		}
		f := plainFault(problem)
		if path := strings.Split(problem.Where, "."); len(path) > 1 {
			f.Message = path[1] + ": " + f.Message // the app
		}
		o.Faults = append(o.Faults, f)
	}
	for _, name := range p.Apps {
		o.Apps = append(o.Apps, summarize(v.File.Apps[name]))
	}
	p.App, p.Content, p.Command = "", o, c.shown.check
	c.render(w, "overview", http.StatusOK, p)
	return nil
}

func summarize(app *integration.App) appSummary {
	s := appSummary{
		Name: app.Name, Enabled: app.Enabled, Charged: app.Charged,
		Sandbox: string(app.Sandbox), Anonymous: string(app.Anonymous), Currency: string(app.Currency),
	}
	for e := range all(events.entries(app)) {
		switch known := events.known(e.Source); {
		case known && !e.Send:
			s.EventsOff++
		case known && e.Name != "":
			s.EventsRenamed++
			fallthrough
		case known:
			s.EventsSent++
		}
	}
	count := func(l *list) (n int) {
		for e := range all(l.entries(app)) {
			if e.Send {
				n++
			}
		}
		return n
	}
	s.Properties, s.UserProperties = count(properties), count(userProperties)
	return s
}

// picture is what became of an app's webhooks hour by hour, as columns of a chart.
type picture struct {
	Width, Height int
	Hours         []status.Hour
	Bars          []bar
	Most          int
}

// bar is a part of an hour's column.
type bar struct {
	Outcome             string
	X, Y, Width, Height int
}

func newPicture(hours []status.Hour) picture {
	const width, height, gap = 480, 96, 2
	p := picture{Width: width, Height: height, Hours: hours}
	for _, h := range hours {
		p.Most = max(p.Most, h.Queued, h.Delivered+h.Skipped+h.Rejected)
	}
	for i, h := range hours {
		w, y := width/len(hours), height
		draw := func(outcome string, n int) {
			if n > 0 {
				tall := max(2, n*(height-4)/p.Most) // one webhook can be seen beside thousands
				y -= tall
				p.Bars = append(p.Bars, bar{outcome, i * w, y, w - gap, tall})
			}
		}
		draw("delivered", h.Delivered)
		draw("skipped", h.Skipped)
		draw("rejected", h.Rejected)
		draw("waiting", h.Queued-h.Delivered-h.Skipped-h.Rejected)
	}
	return p
}

// liveOverview is what happens on a stack.
type liveOverview struct {
	status.Status
	Pictures map[string]picture
}

func (c *console) live(ctx context.Context, file *integration.File) *liveOverview {
	if c.deployed == nil {
		return nil
	}
	o := &liveOverview{Status: status.Read(ctx, c.deployed.stack, file), Pictures: map[string]picture{}}
	for _, app := range o.Apps {
		if app.Activity != nil {
			o.Pictures[app.Name] = newPicture(app.Activity.Hours)
		}
	}
	return o
}

// pastVersion is a version of the settings, and what it changed.
type pastVersion struct {
	settings.Version
	Changes []settings.Change
	Back    []settings.Change // what going back to it would change
	First   bool              // nothing is known of what was before
	Newest  bool
}

func (c *console) history(w http.ResponseWriter, r *http.Request) error {
	v, p, err := c.newPage(r, "History")
	if err != nil {
		return err
	}
	versions, err := c.source.History(r.Context())
	if err != nil {
		return err
	}
	var content []pastVersion
	for i, version := range versions {
		if version.Deleted {
			continue
		}
		one := pastVersion{Version: version, Newest: i == 0}
		before := slices.IndexFunc(versions[i+1:], func(v settings.Version) bool { return v.File != nil })
		if one.First = before < 0; !one.First && version.File != nil { // a faulty one in between never counted
			one.Changes = settings.Diff(versions[i+1+before].File, version.File)
		}
		if v.File != nil && version.File != nil {
			one.Back = settings.Diff(v.File, version.File)
		}
		content = append(content, one)
	}
	p.Content, p.Command = content, c.shown.history
	c.render(w, "history", http.StatusOK, p)
	return nil
}

// goBack writes an older version again.
func (c *console) goBack(w http.ResponseWriter, r *http.Request) error {
	if !c.shown.writable {
		return errReadOnly
	}
	base, err := c.bases.find(r.FormValue("base"))
	if err != nil {
		return err
	}
	versions, err := c.source.History(r.Context())
	if err != nil {
		return err
	}
	for _, v := range versions {
		if id := r.FormValue("version"); v.ID != id || v.File == nil {
			continue
		}
		if err := c.source.Write(r.Context(), v.Text, base, "console: back to version "+v.Name); err != nil {
			return cli.WithHint(err, "look at the history again")
		}
		http.Redirect(w, r, "/history?saved", http.StatusSeeOther)
		return nil
	}
	return errNotFound
}
