package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/settings"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/yamledit"
	"github.com/purchasely-clevertap/bridge/shared/integration"
)

// editorPage is a page that changes the settings of an app.
type editorPage struct {
	title, template string
	kinds           []settings.Kind // of the changes that it can make; nil: all, for it is about the whole file
	open            func() editor
}

// editor is what somebody changes on such a page.
type editor interface {
	// fill takes the values of a file's app, and those that were posted over them; form is nil if there are none.
	fill(text []byte, app *integration.App, form url.Values)
	// write writes the values that were posted into a file.
	write(text []byte, app *integration.App) ([]byte, error)
	// check compares what a changed file decides with what was meant.
	check(app *integration.App) error
	// attach puts a fault at a path below the app beside its field, and reports whether it has one.
	attach(where string, f fault) bool
	// Beside returns the fields with their faults.
	Beside() []fieldFaults
	// carry returns the form with only those values that differ from an app's: what somebody has changed.
	carry(from *integration.App, form url.Values) url.Values
}

// editorPages are the pages by their paths.
var editorPages = map[string]editorPage{
	"/events": {"Events", "names", []settings.Kind{settings.Event, settings.Setting},
		func() editor { return &nameEditor{list: events} }},
	"/properties": {"Event properties", "names", []settings.Kind{settings.Property},
		func() editor { return &nameEditor{list: properties} }},
	"/user-properties": {"User properties", "names", []settings.Kind{settings.UserProperty},
		func() editor { return &nameEditor{list: userProperties} }},
	"/revenue": {"Revenue and identity", "rules", []settings.Kind{settings.Setting},
		func() editor { return &ruleEditor{} }},
	"/preview": {"Preview", "preview", nil, func() editor { return &fileEditor{} }},
}

// edited is the content of an editor's page.
type edited struct {
	Editor   editor
	Faults   []fault // those that have no field
	Preview  preview
	Choice   webhookChoice
	Conflict []settings.Change // what somebody else has changed meanwhile
	Query    string
	Show     string
	Undo     string // the page again, without what is not saved

	before, after *integration.File // nil: faulty
}

// newEdited opens a page with the search and the sample of its address or form, and a webhook that was pasted.
func (of editorPage) newEdited(values url.Values, webhook string) edited {
	return edited{
		Editor: of.open(), Choice: newChoice(values.Get("sample"), webhook), Query: values.Get("q"), Show: values.Get("show"),
	}
}

// address is the page again, with its search and its sample.
func (e *edited) address(path, app, saved string) string {
	sample := e.Choice.Sample
	if sample == defaultSample {
		sample = ""
	}
	return address(path, map[string]string{"app": app, "q": e.Query, "show": e.Show, "sample": sample, "saved": saved})
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

func (c *console) view(w http.ResponseWriter, r *http.Request, of editorPage) error {
	v, p, err := c.newPage(r, of.title)
	if err != nil {
		return err
	}
	content := of.newEdited(r.URL.Query(), "")
	switch e := content.Editor; {
	case v.File != nil:
		if n, ok := e.(*nameEditor); ok && n.list == events {
			n.Seen = c.deployed.seenEvents(r.Context(), p.App)
		}
		e.fill(v.Text, v.File.Apps[p.App], nil)
		content.before, content.after = v.File, v.File
	case of.kinds == nil:
		e.fill(v.Text, nil, nil)
		content.Faults = of.attach(e, p.App, v.Problems)
	default:
		c.faulty(w, p, v)
		return nil
	}
	c.show(w, r, p, of, http.StatusOK, content)
	return nil
}

func (c *console) show(w http.ResponseWriter, r *http.Request, p page, of editorPage, status int, content edited) {
	content.complete(r.Context(), p.App)
	content.Undo = content.address(p.Path, p.App, "")
	if e, ok := content.Editor.(*nameEditor); ok {
		e.hide(content.Query, content.Show)
	}
	p.Content = content
	p.Command = c.shown.save
	if of.kinds == nil {
		p.Command = c.shown.explain + " --app " + p.App + " webhook.json"
	}
	c.render(w, of.template, status, p)
}

// attach puts problems beside their fields, and returns those that have none.
func (of editorPage) attach(e editor, app string, problems integration.Problems) (rest []fault) {
	for _, p := range problems {
		path, ofApp := strings.CutPrefix(p.Where, "apps."+app+".")
		switch {
		case p.Severity == integration.Hint:
		case of.kinds == nil:
			e.attach(p.Where, newFault(p))
		case ofApp && e.attach(path, plainFault(p)):
		case ofApp, p.Where == "apps."+app, p.Severity == integration.Error: // others' warnings are on their pages
			rest = append(rest, newFault(p))
		}
	}
	return rest
}

// errWarnings is for a stack, whose settings nobody looks through before they count.
var errWarnings = errors.New("a stack takes no settings with warnings: correct them, or confirm new names " +
	"on the page Preview, with known: false")

func isWarning(p integration.Problem) bool { return p.Severity == integration.Warning }

func (c *console) edit(w http.ResponseWriter, r *http.Request, of editorPage) error {
	if err := r.ParseForm(); err != nil {
		return fmt.Errorf("this form cannot be read: %w", err)
	}
	form := r.PostForm
	v, err := c.read(r.Context())
	if err != nil {
		return err
	}
	base, stale := c.bases.find(form.Get("base"))
	if stale != nil {
		base = v
	}
	p, err := c.pageOf(r, of.title, base)
	if err != nil {
		return err
	}
	if base.File == nil && of.kinds != nil {
		c.faulty(w, p, base)
		return nil
	}
	if key := form.Get("entry"); key != "" { // of the page Deliveries
		form.Set("webhook", c.deployed.body(r.Context(), key))
	}
	content, text := c.change(of, base, p.App, form)
	if r.Header.Get("X-Fragment") != "" {
		content.complete(r.Context(), p.App)
		p.Content = content
		c.renderPart(w, of.template, "result", http.StatusOK, p)
		return nil
	}
	status := http.StatusOK
	switch {
	case form.Get("do") != "save":
	case !c.shown.writable:
		status = http.StatusForbidden
		p.Alert = "Nothing was saved: this console only shows the stack. Start it with --write to change it."
	case stale != nil:
		status = http.StatusConflict
		p.Alert = "This page is of a console that has ended. Look at it again, and save once more."
	case text == nil:
		status = http.StatusUnprocessableEntity
		p.Alert, p.Below = "Nothing was saved: see what is wrong below.", true
	default:
		err := c.source.Write(r.Context(), text, base, "console: "+strings.ToLower(of.title)+" of "+p.App)
		if errors.Is(err, settings.ErrConflict) {
			return c.conflict(w, r, of, base)
		}
		if err == nil {
			http.Redirect(w, r, content.address(p.Path, p.App, "yes"), http.StatusSeeOther) //nolint:gosec // an editor's path
		}
		return err
	}
	c.show(w, r, p, of, status, content)
	return nil
}

// change makes the file that a form means. text is nil if it is faulty.
func (c *console) change(of editorPage, base settings.Version, app string, form url.Values) (edited, []byte) {
	content := of.newEdited(form, form.Get("webhook"))
	e, now := content.Editor, appOf(base, app)
	e.fill(base.Text, now, form)
	text, err := e.write(base.Text, now)
	file, problems := integration.Load("the changed file", text)
	content.before, content.after = base.File, file
	content.Faults = of.attach(e, app, problems)
	if err == nil && file != nil {
		err = c.check(of, e, base.File, file, app, problems)
	}
	if err != nil {
		content.Faults = append(content.Faults, fault{Severity: "error", Message: err.Error()})
	}
	if err != nil || file == nil {
		return content, nil
	}
	return content, text
}

// appOf is an app of a version; nil if that is faulty.
func appOf(v settings.Version, app string) *integration.App {
	if v.File == nil {
		return nil
	}
	return v.File.Apps[app]
}

// check says why a changed file that can be loaded must not be saved. before is nil if it was faulty.
func (c *console) check(
	of editorPage, e editor, before, after *integration.File, app string, problems integration.Problems,
) error {
	if of.kinds != nil {
		if after.Apps[app] == nil {
			return fmt.Errorf("the app %s is not in the file any more", app)
		}
		if err := e.check(after.Apps[app]); err != nil {
			return err
		}
		for _, change := range settings.Diff(before, after) {
			if change.App == app && !slices.Contains(of.kinds, change.Kind) {
				return fmt.Errorf("%s would change as well, because parts of the file are shared: do it in the file itself",
					change.Name)
			}
		}
	}
	if c.shown.strict && slices.ContainsFunc(problems, isWarning) {
		return errWarnings
	}
	return nil
}

// conflict shows what somebody else has saved meanwhile, and the form again, on top of it.
func (c *console) conflict(w http.ResponseWriter, r *http.Request, of editorPage, base settings.Version) error {
	v, p, err := c.newPage(r, of.title)
	if err != nil {
		return err
	}
	p.Alert = "Nothing was saved: somebody else has changed the settings meanwhile"
	switch {
	case of.kinds == nil:
		p.Alert += ". What you see now is your file without that change. Put it in, and save again."
	case v.File != nil:
		p.Alert += ". What you see now has both changes. Look at it, and save again."
	default:
		p.Alert += ", and they are faulty now."
		c.faulty(w, p, v)
		return nil
	}
	form := of.open().carry(appOf(base, p.App), r.PostForm)
	for _, key := range []string{"sample", "webhook", "q", "show"} {
		form[key] = r.PostForm[key]
	}
	content, _ := c.change(of, v, p.App, form)
	if base.File != nil && v.File != nil {
		content.Conflict = settings.Diff(base.File, v.File)
	}
	c.show(w, r, p, of, http.StatusConflict, content)
	return nil
}

// fileEditor is the page of a webhook and the file itself.
type fileEditor struct {
	Text   string
	Faults []fault
}

func (e *fileEditor) fill(text []byte, _ *integration.App, form url.Values) {
	e.Text = string(text)
	if form.Has("file") {
		e.Text = form.Get("file")
		if !strings.Contains(string(text), "\r\n") { // a browser sends every end of line as two characters
			e.Text = strings.ReplaceAll(e.Text, "\r\n", "\n")
		}
	}
}

func (e *fileEditor) write([]byte, *integration.App) ([]byte, error) { return []byte(e.Text), nil }
func (e *fileEditor) check(*integration.App) error                   { return nil }

func (e *fileEditor) attach(_ string, f fault) bool {
	e.Faults = append(e.Faults, f)
	return true
}

func (e *fileEditor) Beside() []fieldFaults { return []fieldFaults{{"file", "", e.Faults}} }

func (e *fileEditor) carry(_ *integration.App, form url.Values) url.Values {
	return url.Values{"file": form["file"]}
}

// fileChange is a file that is being changed, one key after the other.
type fileChange struct {
	text []byte
	err  error // the first key that could not be changed
}

func (d *fileChange) set(value string, path ...string) {
	if d.err == nil {
		d.keep(yamledit.Set(d.text, value, path...))
	}
}

// remove removes a key, and reports whether it did: not where a comment stands beside it.
func (d *fileChange) remove(path ...string) bool {
	if d.err != nil {
		return false
	}
	text, err := yamledit.Delete(d.text, path...)
	if errors.Is(err, yamledit.ErrComment) {
		return false
	}
	d.keep(text, err)
	return err == nil
}

func (d *fileChange) keep(text []byte, err error) {
	if d.err = err; err == nil {
		d.text = text
	}
}
