package console

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/settings"
	"github.com/purchasely-clevertap/bridge/shared/integration"
)

// editor is a page that changes the settings of an app.
type editor interface {
	// title, template and command are those of the page.
	title() string
	template() string
	// fill takes the values of an app, and those that were posted over them; form is nil if there are none.
	fill(v settings.Version, app *integration.App, form url.Values)
	// write writes the values that were posted into a file.
	write(text []byte, app *integration.App) ([]byte, error)
	// check compares a changed file with what was meant.
	check(file *integration.File, app string) error
	// kinds are those of the changes that it can make; nil: all.
	kinds() []settings.Kind
	// attach puts a fault at a path below the app beside its field, and reports whether it has one.
	attach(where string, f fault) bool
	// Beside returns the faults that have a field.
	Beside() []fieldFaults
	// carry returns the form with only those values that differ from an app's: what somebody has changed.
	carry(from *integration.App, form url.Values) url.Values
}

// editors are the pages by their paths.
var editors = map[string]func() editor{
	"/events":          func() editor { return &nameEditor{List: events, Title: "Events"} },
	"/properties":      func() editor { return &nameEditor{List: properties, Title: "Event properties"} },
	"/user-properties": func() editor { return &nameEditor{List: userProperties, Title: "User properties"} },
	"/revenue":         func() editor { return &ruleEditor{} },
	"/preview":         func() editor { return &fileEditor{} },
}

// edited is the content of an editor's page.
type edited struct {
	Base     string // of the version that the page was made from
	Editor   editor
	Faults   []fault // those that have no field
	Preview  preview
	Choice   webhookChoice
	Conflict []settings.Change // what somebody else has changed meanwhile
	Query    string
	Show     string

	before, after *integration.File // nil: faulty
}

// complete adds what becomes of webhooks.
func (e *edited) complete(ctx context.Context, app string) {
	if e.before != nil {
		e.Preview = newPreview(ctx, e.before, e.after, app, e.Choice)
	}
}

// fieldFaults are the faults of the field with an id.
type fieldFaults struct {
	Field, Label string
	Faults       []fault
}

// noETag is the tag of settings that nobody has written yet.
const noETag = "none"

func (c *console) view(w http.ResponseWriter, r *http.Request, open func() editor) error {
	e := open()
	v, err := c.read(r.Context())
	if err != nil {
		return err
	}
	p, err := c.newPage(r, e.title(), v)
	if err != nil {
		return err
	}
	if v.File == nil && e.template() != "preview" {
		c.faulty(w, p, v)
		return nil
	}
	query := r.URL.Query()
	content := edited{
		Base: cmp.Or(v.ETag, noETag), Editor: e, Choice: newChoice(query.Get("sample"), ""),
		Query: query.Get("q"), Show: query.Get("show"),
	}
	if n, ok := e.(*nameEditor); ok && n.List == events && v.File != nil {
		n.Seen = c.deployed.seenEvents(r.Context(), p.App)
	}
	if v.File == nil {
		e.fill(v, nil, nil)
		content.Faults = c.attach(e, p.App, v.Problems)
	} else {
		e.fill(v, v.File.Apps[p.App], nil)
		content.before, content.after = v.File, v.File
	}
	c.show(w, r, p, http.StatusOK, content)
	return nil
}

func (c *console) show(w http.ResponseWriter, r *http.Request, p page, status int, content edited) {
	content.complete(r.Context(), p.App)
	if e, ok := content.Editor.(*nameEditor); ok {
		e.hide(content.Query, content.Show)
	}
	p.Content = content
	p.Command = c.source.Commands().Save
	if content.Editor.template() == "preview" {
		p.Command = strings.TrimSpace("bridge explain --app "+p.App+" "+c.source.Commands().Explain) + " webhook.json"
	}
	c.render(w, content.Editor.template(), status, p)
}

// attach puts problems beside their fields, and returns those that have none.
func (c *console) attach(e editor, app string, problems integration.Problems) (rest []fault) {
	for _, p := range problems {
		path, ofApp := strings.CutPrefix(p.Where, "apps."+app+".")
		if e.kinds() == nil { // it is about the whole file
			path, ofApp = p.Where, true
		}
		f := fault{p.Severity.String(), p.Message, p.Advice, p.Line}
		switch {
		case p.Severity == integration.Hint, ofApp && e.attach(path, f):
		case ofApp, p.Severity == integration.Error: // warnings about other apps are on their pages
			rest = append(rest, newFault(p))
		}
	}
	return rest
}

// errWarnings is for a stack, whose settings nobody looks through before they count.
var errWarnings = errors.New(
	"a stack takes no settings with warnings: correct them, or confirm names with known: false")

func isWarning(p integration.Problem) bool { return p.Severity == integration.Warning }

// errStale says that a page was made by a console that has ended.
const errStale = "This page is of a console that has ended. Look at it again, and save once more."

func (c *console) edit(w http.ResponseWriter, r *http.Request, path string, open func() editor) error {
	if err := r.ParseForm(); err != nil {
		return fmt.Errorf("this form cannot be read: %w", err)
	}
	form := r.PostForm
	v, err := c.read(r.Context())
	if err != nil {
		return err
	}
	base, found := c.bases.find(strings.TrimSuffix(form.Get("base"), noETag))
	if found != nil {
		base = v
	}
	p, err := c.newPage(r, open().title(), base)
	if err != nil {
		return err
	}
	if key := form.Get("entry"); key != "" { // of the page Deliveries
		form.Set("webhook", c.deployed.body(r.Context(), key))
	}
	content, text := c.change(open(), base, p.App, form)
	switch saving := form.Get("do") == "save"; {
	case r.Header.Get("X-Fragment") != "":
		content.complete(r.Context(), p.App)
		p.Content = content
		c.renderPart(w, content.Editor.template(), "result", http.StatusOK, p)
		return nil
	case !saving:
		c.show(w, r, p, http.StatusOK, content)
		return nil
	case !c.writable:
		p.Alert = "Nothing was saved: this console only shows the stack. Start it with --write to change it."
		c.show(w, r, p, http.StatusForbidden, content)
		return nil
	case found != nil:
		p.Alert = errStale
		c.show(w, r, p, http.StatusConflict, content)
		return nil
	case text == nil:
		p.Alert = "Nothing was saved: see what is wrong below."
		c.show(w, r, p, http.StatusUnprocessableEntity, content)
		return nil
	}
	err = c.source.Write(r.Context(), text, base, "console: "+strings.ToLower(open().title())+" of "+p.App)
	if errors.Is(err, settings.ErrConflict) {
		return c.conflict(w, r, open, base, form)
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, path+"?"+url.Values{"app": {p.App}, "saved": {""}}.Encode(), http.StatusSeeOther)
	return nil
}

// change makes the file that a form means. text is nil if it is faulty.
func (c *console) change(e editor, base settings.Version, app string, form url.Values) (edited, []byte) {
	content := edited{
		Base: cmp.Or(base.ETag, noETag), Editor: e, Choice: newChoice(form.Get("sample"), form.Get("webhook")),
		Query: form.Get("q"), Show: form.Get("show"),
	}
	var now *integration.App
	if base.File != nil {
		now = base.File.Apps[app]
	}
	e.fill(base, now, form)
	text, err := e.write(base.Text, now)
	file, problems := integration.Load("the changed file", text)
	content.Faults = c.attach(e, app, problems)
	if err == nil && file != nil {
		err = e.check(file, app)
	}
	if err == nil && file != nil && base.File != nil {
		err = checkOthers(settings.Diff(base.File, file), app, e.kinds())
	}
	if err == nil && c.source.Strict() && slices.ContainsFunc(problems, isWarning) {
		err = errWarnings
	}
	if err != nil {
		content.Faults = append(content.Faults, fault{Severity: "error", Message: err.Error()})
	}
	content.before, content.after = base.File, file
	if err != nil || file == nil {
		return content, nil
	}
	return content, text
}

// checkOthers reports whether something was changed that the page is not about, because parts of the file are shared.
func checkOthers(changes []settings.Change, app string, kinds []settings.Kind) error {
	for _, change := range changes {
		if kinds != nil && change.App == app && !slices.Contains(kinds, change.Kind) {
			return fmt.Errorf("%s would change as well, because parts of the file are shared: do it in the file itself",
				change.Name)
		}
	}
	return nil
}

// conflict shows what somebody else has saved meanwhile, and the form again, on top of it.
func (c *console) conflict(
	w http.ResponseWriter, r *http.Request, open func() editor, base settings.Version, form url.Values,
) error {
	v, err := c.read(r.Context())
	if err != nil {
		return err
	}
	p, err := c.newPage(r, open().title(), v)
	if err != nil {
		return err
	}
	p.Alert = "Nothing was saved: somebody else has changed the settings meanwhile. What you see now has both changes. " +
		"Look at it, and save again."
	if v.File == nil || base.File == nil {
		p.Alert = "Nothing was saved: somebody else has changed the settings meanwhile, and they are faulty now."
		c.faulty(w, p, v)
		return nil
	}
	carried := open().carry(base.File.Apps[p.App], form)
	content, _ := c.change(open(), v, p.App, carried)
	content.Conflict = settings.Diff(base.File, v.File)
	c.show(w, r, p, http.StatusConflict, content)
	return nil
}

// nameEditor is the page of a list of names.
type nameEditor struct {
	Title    string
	List     *list
	Groups   []group
	Defaults []option
	Default  string // the option that is chosen
	Was      string // the one that the page shows the effects of
	Prefix   string
	Faults   []fault  // of default and prefix
	Seen     []string // names of webhooks that came lately
	Added    string
	AddName  string

	posted posted
}

func (e *nameEditor) title() string    { return e.Title }
func (e *nameEditor) template() string { return "names" }

// Noun is what the list is of.
func (e *nameEditor) Noun() string { return e.List.noun }

// HasPrefix reports whether the names have one.
func (e *nameEditor) HasPrefix() bool { return e.List.prefix }

func (e *nameEditor) fill(_ settings.Version, app *integration.App, form url.Values) {
	e.Groups, e.Defaults = e.List.entries(app, append(e.Seen, form["source"]...)...), e.List.defaults
	e.Default, e.Prefix = e.List.value(app, "default"), e.List.value(app, "prefix")
	if form != nil {
		e.posted = e.List.read(form)
		e.posted.complete(e)
		e.posted.follow(e.List, app)
		e.posted.show(e.Groups)
		e.Default, e.Prefix = e.posted.byDefault, e.posted.prefix
		e.Added, e.AddName = e.posted.added, e.posted.addedName
	}
	e.Was = e.Default
}

func (e *nameEditor) write(text []byte, app *integration.App) ([]byte, error) {
	return e.List.write(text, app, e.posted)
}

func (e *nameEditor) check(file *integration.File, app string) error {
	return e.List.check(file, app, e.posted)
}

func (e *nameEditor) kinds() []settings.Kind {
	return map[*list][]settings.Kind{
		events: {settings.Event, settings.Setting}, properties: {settings.Property}, userProperties: {settings.UserProperty},
	}[e.List]
}

func (e *nameEditor) attach(where string, f fault) bool {
	for i := range e.Groups {
		for j := range e.Groups[i].Entries {
			entry := &e.Groups[i].Entries[j]
			if key, ok := strings.CutPrefix(where, e.List.path+"."+entry.Source); ok && (key == "" || key[0] == '.') {
				entry.Faults = append(entry.Faults, f)
				return true
			}
		}
	}
	general := where == e.List.section()+".prefix" || where == e.List.section()+".default"
	if general || e.Added != "" && strings.HasPrefix(where, e.List.path+".") && strings.Contains(where, e.Added) {
		e.Faults = append(e.Faults, f)
		return true
	}
	return false
}

func (e *nameEditor) Beside() (list []fieldFaults) {
	if len(e.Faults) > 0 {
		list = append(list, fieldFaults{"prefix", "", e.Faults})
	}
	for _, group := range e.Groups {
		for _, entry := range group.Entries {
			if len(entry.Faults) > 0 {
				list = append(list, fieldFaults{"name-" + entry.Source, entry.Source, entry.Faults})
			}
		}
	}
	return list
}

func (e *nameEditor) carry(from *integration.App, form url.Values) url.Values {
	p := e.List.read(form)
	carried := url.Values{}
	for _, key := range []string{"sample", "webhook", "q", "show", "added", "added.name"} {
		carried[key] = form[key]
	}
	if p.byDefault != e.List.value(from, "default") {
		carried.Set("default", p.byDefault)
	}
	if p.prefix != e.List.value(from, "prefix") {
		carried.Set("prefix", p.prefix)
	}
	for _, source := range p.changed(e.List, from) {
		carried.Add("source", source)
		carried.Set("name."+source, p.names[source])
		if p.on[source] {
			carried.Add("on", source)
		}
	}
	return carried
}

// complete takes over what a form does not have from the page.
func (p *posted) complete(e *nameEditor) {
	if p.byDefault == "" {
		p.byDefault = e.Default
	}
	if p.byDefaultWas == "" {
		p.byDefaultWas = p.byDefault
	}
	if !p.hasPrefix {
		p.prefix = e.Prefix
	}
	for _, group := range e.Groups {
		for _, entry := range group.Entries {
			if _, ok := p.names[entry.Source]; !ok {
				p.names[entry.Source], p.on[entry.Source], p.was[entry.Source] = entry.Name, entry.Send, entry.Send
			}
		}
	}
}

// hide hides what a search leaves out. It stays in the form, so that a search loses nothing.
func (e *nameEditor) hide(query, show string) {
	query = strings.ToLower(strings.TrimSpace(query))
	for i := range e.Groups {
		for j := range e.Groups[i].Entries {
			n := &e.Groups[i].Entries[j]
			text := strings.ToLower(n.Source + " " + n.Name + " " + n.Meaning)
			found := strings.Contains(text, query) || strings.Contains(strings.ReplaceAll(text, "_", " "), query)
			n.Hidden = !found || show == "off" && n.Send || show == "renamed" && n.Name == ""
		}
	}
}

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
			err = fmt.Errorf("%s is written in a way that only a person can change: do it in the file itself", s.Path)
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

// fileEditor is the page of a webhook and the file itself.
type fileEditor struct {
	Text   string
	Faults []fault
}

func (e *fileEditor) title() string    { return "Preview" }
func (e *fileEditor) template() string { return "preview" }

func (e *fileEditor) fill(v settings.Version, _ *integration.App, form url.Values) {
	e.Text = string(v.Text)
	if form.Has("file") {
		e.Text = form.Get("file")
		if !strings.Contains(string(v.Text), "\r\n") { // a browser sends every end of line as two characters
			e.Text = strings.ReplaceAll(e.Text, "\r\n", "\n")
		}
	}
}

func (e *fileEditor) write([]byte, *integration.App) ([]byte, error) { return []byte(e.Text), nil }
func (e *fileEditor) check(*integration.File, string) error          { return nil }

func (e *fileEditor) kinds() []settings.Kind { return nil }

func (e *fileEditor) attach(where string, f fault) bool {
	if where != "" {
		f.Message = where + ": " + f.Message
	}
	e.Faults = append(e.Faults, f)
	return true
}

func (e *fileEditor) Beside() (list []fieldFaults) {
	if len(e.Faults) > 0 {
		list = append(list, fieldFaults{"file", "", e.Faults})
	}
	return list
}

func (e *fileEditor) carry(_ *integration.App, form url.Values) url.Values {
	return url.Values{"sample": form["sample"], "webhook": form["webhook"], "file": form["file"]}
}
