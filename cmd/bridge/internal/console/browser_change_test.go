//go:build browser

package console

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/purchasely-clevertap/bridge/shared/integration"
)

// wantFile checks what has become of a file: lint accepts it, and these lines changed and no others.
func wantFile(t *testing.T, path, before string, changed ...string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := strings.NewReplacer(changed...).Replace(before)
	if string(text) != want {
		t.Errorf("the file is\n%s\nwant\n%s", text, want)
	}
	if _, problems := integration.Load(path, text); problems.Failed() {
		t.Errorf("lint says %v", problems)
	}
}

// switchOf finds a switch by its label.
func switchOf(name string) string { return `[role=switch][id="on-` + name + `"]` }

func nameOf(name string) string { return `[id="name-` + name + `"]` }

// retype types over what a field has.
func (b *tab) retype(field, text string) {
	b.t.Helper()
	b.do(chromedp.Focus(field))
	eval[any](b, "document.activeElement.select(); null")
	b.do(chromedp.KeyEvent(kb.Delete), chromedp.KeyEvent(text))
}

// aChange is what somebody does on the pages, with or without a script: three events off, two renamed, a property off.
func (b *tab) aChange(t *testing.T, script bool) {
	address, path := serveFile(t, twoApps)
	b.open(address)
	b.do(chromedp.Click(`nav a[href^="/events"]`, chromedp.NodeVisible), chromedp.WaitVisible(switchOf("TRIAL_STARTED")))
	for _, name := range []string{"RENEWAL_DISABLED", "SUBSCRIPTION_STARTED", "INSTALLMENT_PAID"} {
		b.do(chromedp.Click(switchOf(name)))
	}
	b.do(chromedp.SendKeys(nameOf("TRIAL_STARTED"), "Trial Begun"), chromedp.SendKeys(nameOf("ACTIVATE"), "Access: on"))
	if !script {
		b.do(chromedp.Click(`button[value=show]`), chromedp.WaitVisible(`.fault.error`))
	}
	b.until(`document.querySelector("#fault-name-ACTIVATE").innerText.includes("CleverTap does not accept")`)
	if !script {
		b.do(chromedp.Click(`button[value=save]`), chromedp.WaitVisible(`.notice.bad`))
		b.errors = nil // the answer's status is in the console
	}
	wantFile(t, path, twoApps)
	b.retype(nameOf("ACTIVATE"), "Access")
	if script {
		b.until(`document.querySelector("#result").innerText.includes("4 changes")`)
		b.until(`document.querySelector("#result").innerText.includes("4 of 52 events come out differently")`)
	}
	b.do(chromedp.Click(`button[value=save]`), chromedp.WaitVisible(`.notice.good`))
	b.do(chromedp.Click(`nav a[href^="/properties"]`), chromedp.WaitVisible(switchOf("plan")))
	b.do(chromedp.Click(switchOf("store_country")))
	b.do(chromedp.Click(`button[value=save]`), chromedp.WaitVisible(`.notice.good`))
	wantFile(t, path, twoApps,
		"{send: false} # access", "{send: false, name: Access} # access",
		"{name: Subscription Started}", "{name: Subscription Started, send: false}",
		"# announced for spring\n", "# announced for spring\n        RENEWAL_DISABLED: {send: false}\n"+
			"        INSTALLMENT_PAID: {send: false}\n        TRIAL_STARTED: {name: Trial Begun}\n",
		"        plan: {name: Plan}\n", "        plan: {name: Plan}\n        store_country: {send: false}\n")
	b.clean()
}

func TestAChangeWithTheScript(t *testing.T) { newTab(t).aChange(t, true) }

func TestAChangeWithoutAScript(t *testing.T) {
	b := newTab(t)
	off := emulation.SetScriptExecutionDisabledParams{Value: true}
	_, err := chromedp.Call(b.ctx, emulation.SetScriptExecutionDisabled, off)
	if err != nil {
		t.Fatal(err)
	}
	b.aChange(t, false)
}

func TestAChangeByKeyboardAlone(t *testing.T) {
	b := newTab(t)
	address, path := serveFile(t, twoApps)
	b.signIn(address, "/events")
	tabTo := func(expression string) {
		t.Helper()
		for range 200 {
			b.do(chromedp.KeyEvent(kb.Tab))
			if eval[bool](b, `document.activeElement.matches(`+"`"+expression+"`"+`)`) {
				return
			}
		}
		t.Fatalf("tab does not lead to %s", expression)
	}
	tabTo(".skip")
	b.do(chromedp.KeyEvent(kb.Enter))
	tabTo(switchOf("TRIAL_STARTED"))
	b.do(chromedp.KeyEvent(" "))
	tabTo(nameOf("TRIAL_STARTED"))
	b.do(chromedp.KeyEvent("Trial"))
	b.do(chromedp.KeyEvent(kb.Enter), chromedp.WaitVisible(`.difference`)) // Enter shows, and does not save
	wantFile(t, path, twoApps)
	tabTo("button[value=save]")
	if eval[string](b, `getComputedStyle(document.activeElement).outlineStyle`) == "none" {
		t.Error("one does not see where the focus is")
	}
	b.do(chromedp.KeyEvent(kb.Enter), chromedp.WaitVisible(`.notice.good`))
	wantFile(t, path, twoApps,
		"# announced for spring\n", "# announced for spring\n        TRIAL_STARTED: {send: false, name: Trial}\n")
	b.clean()
}

func TestThePreviewFollowsAndKeepsThePlace(t *testing.T) {
	b := newTab(t)
	address, _ := serveFile(t, twoApps)
	b.signIn(address, "/events?sample=TRIAL_STARTED")
	b.do(chromedp.ScrollIntoView(nameOf("TRIAL_STARTED")), chromedp.Focus(nameOf("TRIAL_STARTED")))
	place := eval[float64](b, "scrollY")
	b.do(chromedp.KeyEvent("Trial <b>Begun</b>"))
	b.until(`document.querySelector("#result").innerText.includes("This cannot be saved yet")`)
	b.retype(nameOf("TRIAL_STARTED"), "Trial Begun")
	b.until(`document.querySelector("#result ins")?.innerText === "Trial Begun"`)
	if got := eval[float64](b, "scrollY"); got != place || place == 0 {
		t.Errorf("the page moved from %v to %v", place, got)
	}
	if !eval[bool](b, `document.activeElement.id === "name-TRIAL_STARTED"`) {
		t.Error("the focus is gone")
	}
	b.do(chromedp.SendKeys("#q", "refund"))
	visible := `[...document.querySelectorAll("table.names tbody tr")].filter(r => !r.hidden).length`
	if got := eval[int](b, visible); got < 4 || got > 8 {
		t.Errorf("a search for refund leaves %d events", got)
	}
	if got := eval[string](b, "location.search"); !strings.Contains(got, "q=refund") {
		t.Errorf("the search is not in the address: %s", got)
	}
	b.retype("#q", "")
	b.do(chromedp.SetValue("#show", "renamed"))
	eval[any](b, `document.querySelector("#show").dispatchEvent(new Event("input", {bubbles: true})); null`)
	if got := eval[int](b, visible); got != 3 {
		t.Errorf("%d events are renamed, want 3", got)
	}
	b.clean()
}

// The pages show names that others chose, and webhooks that others sent.
func TestNothingOnAPageIsRun(t *testing.T) {
	const attack = `"><script>window.attacked=1</script><img src=x onerror=window.attacked=1>`
	text := strings.Replace(twoApps, "LOYALTY_REACHED", `'`+attack+`'`, 1)
	address, _ := serveFile(t, strings.Replace(text, "name: Plan", "name: 'Plan <script>window.attacked=1</script>'", 1))
	b := newTab(t)
	b.signIn(address, "/preview")
	good, _ := serveFile(t, text)
	for _, path := range append(pagePaths, "/preview") {
		b.signIn(good, path)
	}
	b.do(chromedp.Click("summary"), chromedp.SendKeys("#webhook",
		`{"event_name":"`+strings.ReplaceAll(attack, `"`, `\"`)+`","user_id":"u",`+
			`"plan":"<img src=x onerror=window.attacked=1>"}`))
	b.until(`document.querySelector("#result").innerText.includes("onerror=window.attacked=1")`)
	if eval[bool](b, "window.attacked === 1") {
		t.Error("a script of a name was run")
	}
	b.clean()
}

// A page of another site cannot post, whatever it tries. For cookies another port of this machine is the same site.
func TestAnotherSiteCannotPost(t *testing.T) {
	address, path := serveFile(t, twoApps)
	body := `<form method="post" action="` + at(address, "/history") + `"><input name="version" value="1"></form>
		<form method="post" action="` + at(address, "/events") + `"><input name="do" value="save"></form>
		<iframe src="` + at(address, "/events") + `"></iframe>
		<script>fetch("` + at(address, "/events") + `", {method: "POST", mode: "no-cors", credentials: "include",
			headers: {"content-type": "application/x-www-form-urlencoded"}, body: "do=save&source=TRIAL_STARTED"})
			.then(() => document.title = "sent", () => document.title = "refused")</script>`
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte(body))
	}))
	t.Cleanup(site.Close)
	b := newTab(t)
	b.open(address)
	for i := range 2 {
		b.open(site.URL)
		b.until(`document.title !== ""`)
		eval[any](b, `document.forms[`+string(rune('0'+i))+`].submit(); null`)
		b.until(`document.body.innerText.includes("cross-origin request detected")`)
	}
	wantFile(t, path, twoApps)
}

// A name that leads to this machine (DNS rebinding) opens nothing, nor does the address without its token.
func TestAnotherNameOpensNothing(t *testing.T) {
	address, _ := serveFile(t, twoApps)
	b := newTab(t)
	b.open(at(address, "/events"))
	b.until(`document.body.innerText.includes("Open the address that bridge console has printed")`)
	b.open(strings.Replace(address, "127.0.0.1", "rebound.test", 1))
	b.until(`document.body.innerText.includes("This is not an address of the console")`)
	b.open(strings.Replace(address, "token=", "token=X", 1))
	b.until(`document.body.innerText.includes("This address is not of the console that runs now")`)
	b.open(address)
	b.until(`document.title.includes("Overview")`)
	if eval[string](b, "location.search") != "" {
		t.Error("the token stays in the address")
	}
}

// TestThePictureInTheReadme makes the picture, and with UPDATE_GOLDEN=1 writes it.
func TestThePictureInTheReadme(t *testing.T) {
	picture, err := filepath.Abs("../../../../docs/guide/console.png")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	if err := os.WriteFile("integrations.yaml", []byte(twoApps), 0o600); err != nil {
		t.Fatal(err)
	}
	address := serveConsole(t, newFileConsole("integrations.yaml"))
	b := newTab(t)
	b.size(1360, 850)
	b.signIn(address, "/events?sample=TRIAL_STARTED&q=trial")
	b.do(chromedp.Click(switchOf("TRIAL_NOT_CONVERTED")), chromedp.SendKeys(nameOf("TRIAL_STARTED"), "Trial Started"))
	b.until(`document.querySelector("#result").innerText.includes("2 of 52 events come out differently")`)
	made, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		t.Fatal(err)
	}
	if os.Getenv("UPDATE_GOLDEN") == "1" {
		if err := os.WriteFile(picture, made, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(picture); err != nil {
		t.Errorf("%v: UPDATE_GOLDEN=1 makes it", err)
	}
}
