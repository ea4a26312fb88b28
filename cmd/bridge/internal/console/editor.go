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

func (c *console) edit(w http.ResponseWriter, r *http.Request, open func() editor) error {
	if err := r.ParseForm(); err != nil {
		return fmt.Errorf("this form cannot be read: %w", err)
	}
	form := r.PostForm
	v, err := c.read(r.Context())
	if err != nil {
		return err
	}
	base, stale := c.bases.find(strings.TrimSuffix(form.Get("base"), noETag))
	if stale != nil {
		base = v
	}
	p, err := c.newPage(r, open().title(), base)
	if err != nil {
		return err
	}
	if base.File == nil && open().template() != "preview" {
		c.faulty(w, p, base)
		return nil
	}
	if key := form.Get("entry"); key != "" { // of the page Deliveries
		form.Set("webhook", c.deployed.body(r.Context(), key))
	}
	content, text := c.change(open(), base, p.App, form)
	if r.Header.Get("X-Fragment") != "" {
		content.complete(r.Context(), p.App)
		p.Content = content
		c.renderPart(w, content.Editor.template(), "result", http.StatusOK, p)
		return nil
	}
	status := http.StatusOK
	switch {
	case form.Get("do") != "save":
	case !c.writable:
		status = http.StatusForbidden
		p.Alert = "Nothing was saved: this console only shows the stack. Start it with --write to change it."
	case stale != nil:
		status = http.StatusConflict
		p.Alert = "This page is of a console that has ended. Look at it again, and save once more."
	case text == nil:
		status = http.StatusUnprocessableEntity
		p.Alert, p.Below = "Nothing was saved: see what is wrong below.", true
	default:
		return c.save(w, r, open, base, p.App, text)
	}
	c.show(w, r, p, status, content)
	return nil
}

// save writes a changed file, and leads back to the page.
func (c *console) save(
	w http.ResponseWriter, r *http.Request, open func() editor, base settings.Version, app string, text []byte,
) error {
	err := c.source.Write(r.Context(), text, base, "console: "+strings.ToLower(open().title())+" of "+app)
	switch {
	case errors.Is(err, settings.ErrConflict):
		return c.conflict(w, r, open, base, r.PostForm)
	case err != nil:
		return err
	}
	to := url.URL{Path: r.URL.Path, RawQuery: url.Values{"app": {app}, "saved": {""}}.Encode()}
	http.Redirect(w, r, to.String(), http.StatusSeeOther) //nolint:gosec // the path is one of the editors
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
