package console

import (
	"encoding/xml"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/purchasely-clevertap/bridge/shared/integration"
)

// twoApps is an integration file with comments in all places.
const twoApps = `# What goes to CleverTap.
apps:
  demo: # the demo app
    enabled: true
    server_events:
      default: send # everything
      events:
        ACTIVATE: {send: false} # access is a user property
        DEACTIVATE: {send: false}
        # TRIAL_STARTED: {name: Trial}
        SUBSCRIPTION_STARTED: {name: Subscription Started}
        LOYALTY_REACHED: {name: Loyalty Reached, known: false} # announced for spring
      properties:
        plan: {name: Plan}
    user_properties:
      properties:
        has_active_subscription: {name: Premium}
    revenue:
      charged: true # gross
  parla-tv: {} # as it comes
`

// lists are those of the pages.
var lists = map[string]*list{"/events": events, "/properties": properties, "/user-properties": userProperties}

// pagePaths are the pages of a file.
var pagePaths = []string{"/", "/events", "/properties", "/user-properties", "/revenue", "/preview", "/history"}

// client uses a console as a browser does.
type client struct {
	t       testing.TB
	path    string // of the file
	guard   *guard
	handler http.Handler
}

func newClient(t testing.TB, text string) *client {
	t.Helper()
	path := filepath.Join(t.(interface{ TempDir() string }).TempDir(), "integrations.yaml")
	if err := os.WriteFile(path, []byte(text), 0o640); err != nil {
		t.Fatal(err)
	}
	g := newGuard(8080)
	return &client{t, path, g, g.protect(newFileConsole(path).routes())}
}

func (c *client) do(r *http.Request) *httptest.ResponseRecorder {
	r.Host = "127.0.0.1:8080"
	r.AddCookie(&http.Cookie{Name: c.guard.cookie, Value: c.guard.session})
	w := httptest.NewRecorder()
	c.handler.ServeHTTP(w, r)
	return w
}

func (c *client) get(path string) *httptest.ResponseRecorder {
	return c.do(httptest.NewRequest(http.MethodGet, path, nil))
}

func (c *client) post(path string, form url.Values) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return c.do(r)
}

// want checks an answer's status and what its page has, and returns the page.
func (c *client) want(w *httptest.ResponseRecorder, status int, texts ...string) string {
	c.t.Helper()
	page := w.Body.String()
	if w.Code != status {
		c.t.Errorf("got status %d, want %d\n%s", w.Code, status, page)
	}
	for _, text := range texts {
		if !strings.Contains(page, text) {
			c.t.Errorf("%q is not in\n%s", text, page)
		}
	}
	return page
}

// wantText checks what the file has become.
func (c *client) wantText(want string) {
	c.t.Helper()
	if diff := cmp.Diff(want, c.text()); diff != "" {
		c.t.Errorf("the file (-want +got)\n%s", diff)
	}
}

func (c *client) text() string {
	c.t.Helper()
	text, err := os.ReadFile(c.path)
	if err != nil {
		c.t.Fatal(err)
	}
	return string(text)
}

// form is what the form of a page sends if nobody touches it and saves.
func (c *client) form(path string) url.Values {
	c.t.Helper()
	return readForm(c.t, c.get(path).Body.String())
}

func readForm(t testing.TB, text string) url.Values {
	t.Helper()
	page := xml.NewDecoder(strings.NewReader(text))
	page.Strict, page.AutoClose, page.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	form := url.Values{}
	for {
		token, err := page.Token()
		if errors.Is(err, io.EOF) {
			form.Set("do", "save")
			return form
		}
		if err != nil {
			t.Fatal(err)
		}
		input, ok := token.(xml.StartElement)
		if !ok || input.Name.Local != "input" {
			continue
		}
		is := map[string]string{}
		for _, a := range input.Attr {
			is[a.Name.Local] = a.Value
		}
		if (is["type"] == "checkbox" || is["type"] == "radio") && is["checked"] == "" || is["disabled"] != "" {
			continue
		}
		form.Add(is["name"], is["value"])
	}
}

func flip(form url.Values, source string) {
	if i := slices.Index(form["on"], source); i >= 0 {
		form["on"] = slices.Delete(slices.Clone(form["on"]), i, i+1)
	} else {
		form.Add("on", source)
	}
}

func TestWhoGetsIn(t *testing.T) {
	c := newClient(t, twoApps)
	const own = "127.0.0.1:8080"
	cookie := c.guard.cookie + "=" + c.guard.session
	in := http.Header{"Cookie": {cookie}}
	for name, test := range map[string]struct {
		method, target, host string
		header               http.Header
		status               int
	}{
		"with the cookie":                   {"GET", "/", own, in, 200},
		"by the name localhost":             {"GET", "/", "localhost:8080", in, 200},
		"with the address":                  {"GET", "/events?app=demo&token=" + c.guard.token, own, nil, 303},
		"with another token":                {"GET", "/?token=x", own, nil, 403},
		"with an empty token":               {"GET", "/?token=", own, nil, 403},
		"without anything":                  {"GET", "/events", own, nil, 403},
		"without anything, to a stylesheet": {"GET", "/style.css", own, nil, 403},
		"with the token as a cookie": {"GET", "/", own,
			http.Header{"Cookie": {c.guard.cookie + "=" + c.guard.token}}, 403},
		"to another name":                  {"GET", "/", "rebound.test:8080", in, 421},
		"to another name with the address": {"GET", "/?token=" + c.guard.token, "rebound.test:8080", nil, 421},
		"to another port":                  {"GET", "/", "127.0.0.1:80", in, 421},
		"framed by another site": {"GET", "/", own,
			http.Header{"Cookie": {cookie}, "Sec-Fetch-Site": {"same-site"}, "Sec-Fetch-Dest": {"iframe"}}, 403},
		"by a link of another site": {"GET", "/", own,
			http.Header{"Cookie": {cookie}, "Sec-Fetch-Site": {"same-site"}, "Sec-Fetch-Dest": {"document"}}, 200},
		"posting from another site": {"POST", "/events", own,
			http.Header{"Cookie": {cookie}, "Sec-Fetch-Site": {"cross-site"}}, 403},
		"posting from another port": {"POST", "/events", own,
			http.Header{"Cookie": {cookie}, "Sec-Fetch-Site": {"same-site"}}, 403},
		"posting from another origin": {"POST", "/events", own,
			http.Header{"Cookie": {cookie}, "Origin": {"http://127.0.0.1:9"}}, 403},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(test.method, test.target, nil)
			r.Host = test.host
			maps.Copy(r.Header, test.header)
			w := httptest.NewRecorder()
			c.handler.ServeHTTP(w, r)
			if w.Code != test.status || w.Header().Get("Content-Security-Policy") != policy {
				t.Errorf("got %d, %v", w.Code, w.Header())
			}
			if strings.Contains(w.Body.String()+w.Header().Get("Location"), c.guard.token) {
				t.Error("the token is shown")
			}
		})
	}
}

func TestTheAddressLeadsToItsPageAndNowhereElse(t *testing.T) {
	c := newClient(t, twoApps)
	for target, want := range map[string]string{
		"/events?app=demo&token=":  "/events?app=demo",
		"/?token=":                 "/",
		"//evil.example/x?token=":  "/evil.example/x",
		"/%5Cevil.example?token=":  "/%5Cevil.example",
		"/x/..//evil.test/?token=": "/evil.test",
	} {
		r := httptest.NewRequest(http.MethodGet, "http://127.0.0.1:8080"+target+c.guard.token, nil)
		w := httptest.NewRecorder()
		c.handler.ServeHTTP(w, r)
		if got := w.Header().Get("Location"); got != want {
			t.Errorf("%s leads to %q, want %q", target, got, want)
		}
		cookie := w.Result().Cookies()
		if len(cookie) != 1 || !cookie[0].HttpOnly ||
			cookie[0].SameSite != http.SameSiteStrictMode || cookie[0].Path != "/" {
			t.Errorf("got the cookies %v", cookie)
		}
	}
}

func TestPages(t *testing.T) {
	c := newClient(t, twoApps)
	for path, want := range map[string]string{
		"/": "50 sent, 2 off, 1 renamed", "/events": "Somebody has become a subscriber.",
		"/events?app=parla-tv": `aria-current="true">parla-tv`,
		"/properties":          "Kind of the device", "/user-properties": "has_active_subscription",
		"/revenue":                      "Send Charged",
		"/preview?sample=TRIAL_STARTED": "TRIAL_STARTED would be sent to the production account",
		"/history":                      "What was before is not known here.",
	} {
		c.want(c.get(path), http.StatusOK, want)
	}
	c.want(c.get("/"), http.StatusOK, "</strong> parla-tv: subscribers known only by anonymous_user_id")
	c.want(c.get("/events?app=none"), http.StatusInternalServerError, "the apps are demo, parla-tv")
	c.want(c.get("/none"), http.StatusNotFound, "there is no such page")
	if page := c.get("/events").Body.String(); strings.Count(page, `role="switch"`) != 61 { // 60 of the catalogue
		t.Errorf("the events have %d switches", strings.Count(page, `role="switch"`))
	}
}

func TestAnUntouchedFormChangesNothing(t *testing.T) {
	for _, path := range []string{"/events", "/properties", "/user-properties", "/revenue"} {
		c := newClient(t, twoApps)
		c.want(c.post(path, c.form(path)), http.StatusSeeOther)
		c.wantText(twoApps)
	}
}

func TestChanges(t *testing.T) {
	const (
		lastEvent    = "# announced for spring\n"
		lastProperty = "        plan: {name: Plan}\n"
		lastUser     = "        has_active_subscription: {name: Premium}\n"
		byDefault    = "default: send # everything"
	)
	flipped := func(source string) func(url.Values) { return func(f url.Values) { flip(f, source) } }
	filled := func(field, value string) func(url.Values) { return func(f url.Values) { f.Set(field, value) } }
	for name, test := range map[string]struct {
		path    string
		change  func(form url.Values)
		changed []string
	}{
		"an event is switched off": {"/events", flipped("TRIAL_STARTED"),
			[]string{lastEvent, lastEvent + "        TRIAL_STARTED: {send: false}\n"}},
		"an event is switched on, and its comment stays": {"/events", flipped("ACTIVATE"),
			[]string{"  ACTIVATE: {send: false}", "  ACTIVATE: {send: true}"}},
		"an event is switched on, and nothing is left of it": {"/events", flipped("DEACTIVATE"),
			[]string{"        DEACTIVATE: {send: false}\n", ""}},
		"a name is taken back": {"/events", filled("name.SUBSCRIPTION_STARTED", ""),
			[]string{"        SUBSCRIPTION_STARTED: {name: Subscription Started}\n", ""}},
		"a name that needs quotes": {"/events", filled("name.TRIAL_STARTED", "on"),
			[]string{lastEvent, lastEvent + "        TRIAL_STARTED: {name: \"on\"}\n"}},
		"the default, and what follows it": {"/events", filled("default", "skip"),
			[]string{byDefault, "default: skip # everything"}},
		"the default, and what was switched": {"/events", func(f url.Values) {
			f.Set("default", "skip")
			flip(f, "ACTIVATE")
		}, []string{byDefault, "default: skip # everything", "  ACTIVATE: {send: false}", "  ACTIVATE: {send: true}"}},
		"a prefix": {"/events", filled("prefix", "PLY "), []string{lastProperty, lastProperty + "      prefix: \"PLY \"\n"}},
		"an app without anything": {"/events?app=parla-tv", flipped("ACTIVATE"), []string{"parla-tv: {} # as it comes\n",
			"parla-tv: # as it comes\n    server_events:\n      events:\n        ACTIVATE: {send: false}\n"}},
		"a property is renamed": {"/properties", filled("name.store", "Store"),
			[]string{lastProperty, lastProperty + "        store: {name: Store}\n"}},
		"a property that the list does not have": {"/properties", func(f url.Values) {
			f.Set("added", "amount_in_eur")
			f.Set("added.name", "Revenue")
		}, []string{lastProperty, lastProperty + "        amount_in_eur: {send: true, name: Revenue}\n"}},
		"an event that the catalogue does not have": {"/events", filled("added", "NEW_ONE"),
			[]string{lastEvent, lastEvent + "        NEW_ONE: {send: true, known: false}\n"}},
		"all user properties": {"/user-properties", filled("default", "all"),
			[]string{lastUser, lastUser + "      default: all\n"}},
		"a user property that is off unless named": {"/user-properties", flipped("plan_periodicity"),
			[]string{lastUser, lastUser + "        plan_periodicity: {send: true}\n"}},
	} {
		t.Run(name, func(t *testing.T) {
			c := newClient(t, twoApps)
			form := c.form(test.path)
			test.change(form)
			c.want(c.post(test.path, form), http.StatusSeeOther)
			c.wantText(strings.NewReplacer(test.changed...).Replace(twoApps))
		})
	}
}

// Whatever somebody switches and names, what is saved says that and nothing else, lint accepts it, and comments stay.
func TestWhatIsSavedIsWhatWasMeant(t *testing.T) {
	forms := map[string]url.Values{}
	for path := range lists {
		forms[path] = newClient(t, twoApps).form(path)
	}
	rapid.Check(t, func(rt *rapid.T) {
		c := newClient(t, twoApps)
		path := rapid.SampledFrom(slices.Sorted(maps.Keys(lists))).Draw(rt, "page")
		l, form := lists[path], maps.Clone(forms[path])
		sources := form["source"]
		if len(l.defaults) > 0 {
			form.Set("default", rapid.SampledFrom(l.defaults).Draw(rt, "default").Value)
			form.Set("default.was", form.Get("default"))
		}
		for range rapid.IntRange(0, 6).Draw(rt, "changes") {
			source := rapid.SampledFrom(sources).Draw(rt, "source")
			if rapid.Bool().Draw(rt, "switch") {
				flip(form, source)
			} else {
				form.Set("name."+source, rapid.SampledFrom([]string{"", "N " + source, "Yes", source}).Draw(rt, "name"))
			}
		}
		w := c.post(path+"?app=demo", form)
		if w.Code == http.StatusUnprocessableEntity && strings.Contains(w.Body.String(), "Error:") {
			return // two of one name
		}
		if w.Code != http.StatusSeeOther {
			rt.Fatalf("got %d\n%s", w.Code, w.Body)
		}
		file, problems := integration.Load("x", []byte(c.text()))
		if file == nil {
			rt.Fatal(problems)
		}
		for e := range all(l.entries(file.Apps["demo"])) {
			wanted := form.Get("name." + e.Source)
			if e.Locked == "" && e.Send != slices.Contains(form["on"], e.Source) ||
				wanted != "" && l.kind.Decide(file.Apps["demo"], e.Source).Name != wanted {
				rt.Fatalf("%s is %+v, want %v\n%s", e.Source, e, form, c.text())
			}
		}
		if got := strings.Count(c.text(), "#"); got != strings.Count(twoApps, "#") {
			rt.Fatalf("there are %d comments:\n%s", got, c.text())
		}
	})
}

func TestFaultsStandBesideTheirFields(t *testing.T) {
	for name, test := range map[string]struct {
		change func(form url.Values)
		want   string
	}{
		"a forbidden character": {func(f url.Values) { f.Set("name.TRIAL_STARTED", "a.b") },
			`id="fault-name-TRIAL_STARTED">` + "\n" + `<p class="fault error"><strong>Error:</strong> ` +
				`&#34;a.b&#34; has`},
		"a name of CleverTap's own": {func(f url.Values) { f.Set("name.TRIAL_STARTED", "App Launched") },
			`&#34;App Launched&#34; is the name of an event of CleverTap&#39;s own`},
		"a prefix that begins with a space": {func(f url.Values) { f.Set("prefix", " X") },
			`id="fault-prefix">` + "\n" + `<p class="fault error">`},
		"one name twice": {func(f url.Values) { f.Set("name.TRIAL_STARTED", "subscriptionstarted") },
			"is the name of SUBSCRIPTION_STARTED, too: CleverTap ignores case and spaces; " +
				"give one of them another name, or switch one off</p>"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newClient(t, twoApps)
			form := c.form("/events?app=demo")
			test.change(form)
			c.want(c.post("/events?app=demo", form), http.StatusUnprocessableEntity, test.want)
			c.wantText(twoApps)
		})
	}
}

func TestASearchSurvivesASave(t *testing.T) {
	c := newClient(t, twoApps)
	const page = "/events?app=demo&q=trial&sample=TRIAL_STARTED&show=off"
	form := c.form(page)
	form["sample"], form["show"] = []string{"TRIAL_STARTED"}, []string{"off"}
	saved := strings.Replace(page, "&show", "&saved=yes&show", 1)
	if got := c.post("/events?app=demo", form).Header().Get("Location"); got != saved {
		t.Errorf("it leads to %s, want %s", got, saved)
	}
	undo := `href="` + strings.ReplaceAll(page, "&", "&amp;") + `">Undo`
	if body := c.get(page + "&saved=yes").Body.String(); !strings.Contains(body, undo) {
		t.Errorf("%s is not in\n%s", undo, body)
	}
}

func TestTwoWhoSaveTheWholeFile(t *testing.T) {
	c := newClient(t, twoApps)
	mine, theirs := c.form("/preview"), c.form("/preview")
	mine.Set("file", strings.Replace(twoApps, "name: Plan", "name: Mine", 1))
	theirs.Set("file", strings.Replace(twoApps, "name: Plan", "name: Theirs", 1))
	c.post("/preview", theirs)
	c.want(c.post("/preview", mine), http.StatusConflict,
		"your file without that change", "<ins>Theirs</ins>", "{name: Mine}")
	c.wantText(theirs.Get("file"))
}

// Without a script nobody has seen yet what follows a new default.
func TestADefaultSurvivesAConflict(t *testing.T) {
	c := newClient(t, twoApps)
	form, theirs := c.form("/events"), c.form("/properties")
	form.Set("default", "skip")
	theirs.Set("name.plan", "Theirs")
	c.want(c.post("/properties", theirs), http.StatusSeeOther)
	page := c.want(c.post("/events", form), http.StatusConflict, "What you see now has both changes")
	c.want(c.post("/events", readForm(t, page)), http.StatusSeeOther)
	c.wantText(strings.NewReplacer("default: send", "default: skip", "{name: Plan}", "{name: Theirs}").Replace(twoApps))
}

func TestTwoWhoSaveRules(t *testing.T) {
	c := newClient(t, twoApps)
	mine, theirs := c.form("/revenue"), c.form("/revenue")
	mine["sandbox"], mine["sample"] = []string{"skip"}, []string{"TRIAL_STARTED"}
	theirs["revenue.charged"] = []string{"false"}
	c.want(c.post("/revenue", theirs), http.StatusSeeOther)
	page := c.want(c.post("/revenue", mine), http.StatusConflict,
		"What you see now has both changes", "selected>TRIAL_STARTED<")
	c.want(c.post("/revenue", readForm(t, page)), http.StatusSeeOther)
	c.wantText(strings.Replace(twoApps, "charged: true # gross\n", "charged: false # gross\n    sandbox: skip\n", 1))
}

func TestFaultsOfAnotherAppStandElsewhere(t *testing.T) {
	const wrong = "parla-tv: {server_events: {events: {TRIAL_STARTD: {send: false}}}}"
	c := newClient(t, strings.Replace(twoApps, "parla-tv: {}", wrong, 1))
	form := c.form("/events?app=demo")
	form.Set("do", "show")
	if body := c.post("/events?app=demo", form).Body.String(); strings.Contains(body, "TRIAL_STARTD") {
		t.Errorf("got\n%s", body)
	}
	form = c.form("/events?app=parla-tv")
	form.Set("do", "show")
	c.want(c.post("/events?app=parla-tv", form), http.StatusOK,
		`id="fault-name-TRIAL_STARTD">`+"\n"+`<p class="fault warning">`)
}

func TestTheWayBackIsOnThePageHistory(t *testing.T) {
	c := newClient(t, twoApps)
	form := c.form("/events")
	flip(form, "TRIAL_STARTED")
	c.want(c.post("/events", form), http.StatusSeeOther)
	c.want(c.get("/history"), http.StatusOK, "This would change:", "<ins>TRIAL_STARTED</ins>")
	c.want(c.post("/history", c.form("/history")), http.StatusSeeOther)
	c.wantText(twoApps)
}

func TestRules(t *testing.T) {
	c := newClient(t, twoApps)
	form := c.form("/revenue")
	form["revenue.charged"], form["sandbox"], form["link_wait"] = []string{"false"}, []string{"skip"}, []string{"15m"}
	c.want(c.post("/revenue?app=demo", form), http.StatusSeeOther)
	c.wantText(strings.Replace(twoApps, "charged: true # gross\n",
		"charged: false # gross\n    sandbox: skip\n    link_wait: \"15m\"\n", 1))
	form = c.form("/revenue")
	form.Set("link_wait", "3h")
	c.want(c.post("/revenue?app=demo", form), http.StatusUnprocessableEntity, "take 0s to 2h")
}

func TestAFaultyFileIsShownAndCanBeCorrected(t *testing.T) {
	c := newClient(t, strings.Replace(twoApps, "default: send", "default: sned", 1))
	for _, path := range []string{"/", "/events", "/preview"} {
		c.want(c.get(path), http.StatusOK, "did you mean send?")
	}
	c.want(c.get("/history"), http.StatusOK, "faulty")
	form := c.form("/preview")
	form.Set("file", strings.ReplaceAll(twoApps, "\n", "\r\n"))
	c.want(c.post("/preview", form), http.StatusSeeOther)
	c.wantText(twoApps)
}

func TestAFileThatIsWrittenOtherwiseIsLeftAlone(t *testing.T) {
	const shared = `apps:
  demo: &demo
    server_events:
      properties: {plan: {name: Plan}}
  shop:
    <<: *demo
`
	c := newClient(t, shared)
	form := c.form("/events?app=shop")
	flip(form, "TRIAL_STARTED")
	c.want(c.post("/events?app=shop", form), http.StatusUnprocessableEntity, "plan would change as well")
	c.wantText(shared)
}

func TestAFileKeepsItsPermissionsAndItsLink(t *testing.T) {
	c := newClient(t, twoApps)
	link := filepath.Join(t.TempDir(), "link.yaml")
	if err := os.Symlink(c.path, link); err != nil {
		t.Fatal(err)
	}
	if err := replaceFile(link, []byte("apps: {demo: {}}\n")); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(c.path)
	if err != nil || info.Mode().Perm() != 0o640 || c.text() != "apps: {demo: {}}\n" {
		t.Errorf("got %v, %v, %q", info.Mode(), err, c.text())
	}
	if entries, _ := os.ReadDir(filepath.Dir(c.path)); len(entries) != 1 {
		t.Errorf("left behind: %v", entries)
	}
}

func TestAWriteProtectedFileIsLeftAlone(t *testing.T) {
	c := newClient(t, twoApps)
	if err := os.Chmod(c.path, 0o440); err != nil {
		t.Fatal(err)
	}
	if err := replaceFile(c.path, []byte("apps: {demo: {}}\n")); !errors.Is(err, errProtected) || c.text() != twoApps {
		t.Errorf("got %v, %q", err, c.text())
	}
}

func TestAPageOfAnEarlierConsoleOverwritesNothing(t *testing.T) {
	c := newClient(t, twoApps)
	form := c.form("/events?app=demo")
	form.Set("base", "of-another-life")
	flip(form, "TRIAL_STARTED")
	c.want(c.post("/events?app=demo", form), http.StatusConflict, "a console that has ended")
	c.wantText(twoApps)
	faulty := strings.Replace(twoApps, "default: send", "default: sned", 1)
	if err := os.WriteFile(c.path, []byte(faulty), 0o640); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/events?app=demo", "/revenue?app=demo"} {
		c.want(c.post(path, form), http.StatusOK, "did you mean send?")
		c.wantText(faulty)
	}
}

// BenchmarkPages is what a page costs.
func BenchmarkPages(b *testing.B) {
	for _, path := range pagePaths {
		b.Run(path, func(b *testing.B) {
			c := newClient(b, twoApps)
			for b.Loop() {
				c.get(path)
			}
		})
	}
}
