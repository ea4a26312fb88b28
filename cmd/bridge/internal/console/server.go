package console

import (
	"bytes"
	"cmp"
	"context"
	"embed"
	"errors"
	"html/template"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/journal"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/settings"
	"github.com/purchasely-clevertap/bridge/shared/integration"
)

//go:embed assets
var assets embed.FS

// console serves the pages.
type console struct {
	source   source
	shown    shown
	deployed *deployed // nil: a file is shown
	mayWrite bool      // the rest of the stack can be changed
	bases    bases
	pages    map[string]*template.Template
}

// shown is what a console shows, in words.
type shown struct {
	name                          string
	check, save, history, explain string // command lines that do the same as the pages
	strict                        bool   // warnings are refused, too
	writable                      bool   // the settings can be changed
}

func newConsole(s source, what shown) *console {
	return &console{source: s, shown: what, pages: parsePages()}
}

// parsePages parses each page with the layout around it.
func parsePages() map[string]*template.Template {
	functions := template.FuncMap{
		"ago": ago, "join": strings.Join, "quantity": cli.Quantity, "href": href, "only": only, "because": journal.Because,
		"when": func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") },
	}
	layout := template.Must(template.New("").Funcs(functions).ParseFS(assets, "assets/layout.html", "assets/parts.html"))
	pages := map[string]*template.Template{}
	for _, name := range []string{"overview", "names", "rules", "preview", "history", "deliveries", "person", "message"} {
		page := template.Must(layout.Clone())
		pages[name] = template.Must(page.ParseFS(assets, "assets/"+name+".html"))
	}
	return pages
}

// href is the address of a page about an app.
func href(path, app string) string { return address(path, map[string]string{"app": app}) }

// address is the address of a page with those values that are not empty.
func address(path string, values map[string]string) string {
	query := url.Values{}
	for key, value := range values {
		if value != "" {
			query.Set(key, value)
		}
	}
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	return path
}

// page is what every template gets.
type page struct {
	Title, Path string
	App         string
	Apps        []string
	Pages       []navigation
	Source      string
	Writable    bool
	Base        string // the tag of the version that the page was made from
	Command     string // what does the same in a terminal
	Saved       string // says that a change was saved
	Alert       string
	Below       bool // the alert leads to what is wrong, below the form on a narrow screen
	Content     any
}

type navigation struct{ Path, Title string }

var navigations = []navigation{
	{"/", "Overview"}, {"/events", "Events"}, {"/properties", "Event properties"},
	{"/user-properties", "User properties"},
	{"/revenue", "Revenue and identity"}, {"/preview", "Preview"},
	{"/deliveries", "Deliveries"}, {"/person", "Person"}, {"/history", "History"},
}

func (c *console) routes() http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, serve func(w http.ResponseWriter, r *http.Request) error) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			r.Body = http.MaxBytesReader(w, r.Body, maxForm)
			if err := serve(w, r); err != nil {
				c.fail(w, r, err)
			}
		})
	}
	handle("GET /{$}", c.overview)
	for path, page := range editorPages {
		handle("GET "+path, func(w http.ResponseWriter, r *http.Request) error { return c.view(w, r, page) })
		handle("POST "+path, func(w http.ResponseWriter, r *http.Request) error { return c.edit(w, r, page) })
	}
	handle("/deliveries", c.deliveries)
	handle("/person", c.person)
	handle("GET /history", c.history)
	handle("POST /history", c.goBack)
	for _, name := range []string{"style.css", "script.js"} {
		mux.HandleFunc("GET /"+name, func(w http.ResponseWriter, r *http.Request) {
			http.ServeFileFS(w, r, assets, "assets/"+name)
		})
	}
	handle("/", func(http.ResponseWriter, *http.Request) error { return errNotFound })
	return mux
}

// maxForm bounds a request: a file, a webhook and two hundred fields.
const maxForm = 8 << 20

var errNotFound = errors.New("there is no such page")

// fail shows what went wrong, with its hint.
func (c *console) fail(w http.ResponseWriter, r *http.Request, err error) {
	status, title := http.StatusInternalServerError, "That did not work"
	_, tooLarge := errors.AsType[*http.MaxBytesError](err)
	switch {
	case errors.Is(err, errNotFound):
		status = http.StatusNotFound
	case errors.Is(err, errNoStack):
		status, title = http.StatusOK, "Only of a stack"
	case tooLarge:
		status = http.StatusRequestEntityTooLarge
	}
	hint := ""
	if e, ok := errors.AsType[*cli.Error](err); ok {
		hint = e.Hint
	}
	p := page{Title: title, Path: r.URL.Path, Content: message{err.Error(), hint, nil}}
	c.render(w, "message", status, p)
}

// message is a page that only says something.
type message struct {
	Text, Hint string
	Faults     []fault
}

// render renders a page as a whole, so that an error does not leave half of one.
func (c *console) render(w http.ResponseWriter, name string, status int, p page) {
	p.Pages, p.Source, p.Writable = navigations, c.shown.name, c.shown.writable
	c.renderPart(w, name, "layout", status, p)
}

func (c *console) renderPart(w http.ResponseWriter, name, part string, status int, p page) {
	var b bytes.Buffer
	if err := c.pages[name].ExecuteTemplate(&b, part, p); err != nil {
		panic(err) // a mistake in a template
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = b.WriteTo(w)
}

// read reads the settings, and remembers them as what a page was made from.
func (c *console) read(ctx context.Context) (settings.Version, error) {
	v, err := c.source.Read(ctx)
	if err == nil {
		c.bases.add(v)
	}
	return v, err
}

// newPage reads the settings and begins a page about them.
func (c *console) newPage(r *http.Request, title string) (settings.Version, page, error) {
	v, err := c.read(r.Context())
	if err != nil {
		return v, page{}, err
	}
	p, err := c.pageOf(r, title, v)
	return v, p, err
}

// pageOf begins a page about a version and the app that the address names, else the first one.
func (c *console) pageOf(r *http.Request, title string, v settings.Version) (page, error) {
	p := page{Title: title, Path: r.URL.Path, Base: cmp.Or(v.ETag, noETag)}
	if r.URL.Query().Has("saved") {
		p.Saved = "Saved."
		if c.deployed != nil {
			p.Saved = "Saved. It counts within a minute."
		}
	}
	if v.File == nil {
		return p, nil
	}
	p.Apps = slices.Sorted(maps.Keys(v.File.Apps))
	p.App = r.URL.Query().Get("app")
	if p.App == "" {
		p.App = p.Apps[0]
	}
	if v.File.Apps[p.App] == nil {
		return p, cli.Findingf("the apps are "+strings.Join(p.Apps, ", "), "app %q is not in the integration file", p.App)
	}
	return p, nil
}

// faulty shows what is wrong with a file that cannot be loaded.
func (c *console) faulty(w http.ResponseWriter, p page, v settings.Version) {
	m := message{Text: "The integration file is faulty, so there is nothing to show.",
		Hint: "Correct it on the page Preview, or with your editor."}
	for _, problem := range v.Problems {
		m.Faults = append(m.Faults, newFault(problem))
	}
	p.Content = m
	c.render(w, "message", http.StatusOK, p)
}

// newFault is a problem with its place in the file.
func newFault(p integration.Problem) fault {
	message := p.Message
	if p.Where != "" {
		message = p.Where + ": " + message
	}
	return fault{Severity: p.Severity.String(), Message: message, Advice: p.Advice, Line: p.Line}
}

// plainFault is a problem beside the field that it is about, for those who do not read the file.
func plainFault(p integration.Problem) fault {
	return fault{Severity: p.Severity.String(), Message: plain(p.Message), Advice: plain(p.Advice)}
}

// plain takes the file's own words out of a sentence of lint.
func plain(text string) string {
	return strings.NewReplacer(
		", send: false has no effect", "",
		" with send: false", "",
		"add known: false", "add known: false to it on the page Preview",
	).Replace(inLine.ReplaceAllString(text, ""))
}

var inLine = regexp.MustCompile(` in line \d+`)
