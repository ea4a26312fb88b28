//go:build browser

package console

import (
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// chromium finds the browser.
func chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatal("there is no Chromium on this machine: 'make browser' installs it")
	return ""
}

var browser struct {
	sync.Once
	ctx context.Context
	end func()
}

func TestMain(m *testing.M) {
	code := m.Run()
	if browser.end != nil {
		browser.end()
	}
	os.Exit(code)
}

// tab is a page of the browser with cookies of its own.
type tab struct {
	t   *testing.T
	ctx context.Context

	mu     sync.Mutex
	errors []string // what the browser's console says
}

func newTab(t *testing.T) *tab {
	path := chromium(t)
	browser.Do(func() {
		options := append(chromedp.DefaultExecAllocatorOptions[:],
			chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
			chromedp.Flag("host-resolver-rules", "MAP rebound.test 127.0.0.1"))
		allocator, endAllocator := chromedp.NewExecAllocator(context.Background(), options...)
		ctx, end := chromedp.NewContext(allocator)
		if err := chromedp.Do(ctx); err != nil {
			t.Fatalf("chromium: %v", err)
		}
		browser.ctx, browser.end = ctx, func() { end(); endAllocator() }
	})
	if browser.ctx == nil {
		t.Fatal("chromium has not started")
	}
	b := &tab{t: t}
	ctx, end := chromedp.NewContext(browser.ctx, chromedp.WithNewBrowserContext(), chromedp.WithListener(b.listen))
	t.Cleanup(end)
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	t.Cleanup(cancel)
	b.ctx = ctx
	b.size(1440, 1000)
	if _, err := chromedp.Call(ctx, log.Enable, cdp.Empty{}); err != nil {
		t.Logf("log: %v", err)
	}
	return b
}

func (b *tab) listen(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		b.errors = append(b.errors, e.ExceptionDetails.Text)
	case *log.EventEntryAdded:
		b.errors = append(b.errors, e.Entry.Text+" "+e.Entry.URL)
	}
}

// clean checks that the browser's console has said nothing.
func (b *tab) clean() {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.errors) > 0 {
		b.t.Errorf("the browser says %q", b.errors)
	}
	b.errors = nil
}

func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

func (b *tab) open(address string) {
	b.t.Helper()
	b.do(chromedp.Navigate(address))
}

// eval runs an expression on the page.
func eval[T any](b *tab, expression string) T {
	b.t.Helper()
	value, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return value
}

// until waits for something to be true on the page. While another page comes, nothing can be asked.
func (b *tab) until(expression string) {
	b.t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		is, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool](expression))
		if is && err == nil {
			return
		}
		if time.Now().After(deadline) {
			b.t.Fatalf("%s is not true (%v) on %s; the browser says %q, and the page\n%.600s",
				expression, err, eval[string](b, "document.title"), b.errors,
				eval[string](b, "(document.querySelector(`#result`) ?? document.body).innerText"))
		}
		b.do(chromedp.Sleep(20 * time.Millisecond))
	}
}

func (b *tab) size(width, height int64) {
	b.t.Helper()
	b.do(chromedp.EmulateViewport(width, height))
}

func (b *tab) scheme(name string) {
	b.t.Helper()
	_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}},
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

// serveFile serves a console of a file, and returns the address that is printed and the file's path.
func serveFile(t *testing.T, text string) (address, path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "integrations.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return serveConsole(t, newFileConsole(path)), path
}

func serveConsole(t *testing.T, c *console) string {
	t.Helper()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := newGuard(listener.Addr().(*net.TCPAddr).Port)
	server := &http.Server{Handler: g.protect(c.routes())}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	return g.address()
}

// signIn opens a page of the console with what lets in from the address that was printed.
func (b *tab) signIn(address, path string) {
	b.t.Helper()
	page, token, _ := strings.Cut(address, "/?")
	page += path
	if strings.Contains(path, "?") {
		b.open(page + "&" + token)
	} else {
		b.open(page + "?" + token)
	}
}

// at is the address of a page of the console whose address was printed, without what lets in.
func at(address, path string) string {
	base, _, _ := strings.Cut(address, "/?")
	return base + path
}

func TestEveryPageInABrowser(t *testing.T) {
	file, _ := serveFile(t, twoApps)
	stack := newCloud(t)
	put(stack, strings.Replace(twoApps, "name: Plan", "name: The Plan", 1))
	put(stack, twoApps)
	axe, b := axeSource(t), newTab(t)
	for name, pages := range map[string]struct {
		address string
		paths   []string
	}{
		"file": {file, pagePaths},
		"stack": {serveConsole(t, openCloud(t, stack, true)), []string{
			"/", "/deliveries", "/deliveries?rejected=1", "/person", "/history",
		}},
	} {
		for _, path := range pages.paths {
			t.Run(name+path, func(t *testing.T) {
				b.t = t
				b.signIn(pages.address, path)
				eval[any](b, axe+"; null")
				b.checkPage()
			})
		}
	}
}

// What axe-core looks for. Colours alone are others in the dark.
const (
	everything = `{type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}`
	colours    = `{type: "rule", values: ["color-contrast", "link-in-text-block"]}`
)

// checkPage looks at the page that is open on a telephone, on a tablet and on a screen, and there also in the dark.
func (b *tab) checkPage() {
	b.t.Helper()
	b.scheme("light")
	for _, width := range []int64{320, 768, 1440} {
		b.size(width, 900)
		if wide := eval[int64](b, "document.documentElement.scrollWidth"); wide > width {
			b.t.Errorf("on a screen %d wide, the page is %d wide", width, wide)
		}
		if width == 768 { // what axe-core looks at is the same as at 1440
			continue
		}
		if found := b.violations(everything); found != "" {
			b.t.Errorf("on a screen %d wide: %s", width, found)
		}
	}
	b.scheme("dark")
	if found := b.violations(colours); found != "" {
		b.t.Errorf("in the dark: %s", found)
	}
	b.clean()
}

// axeSource is axe-core, which knows what WCAG asks for.
func axeSource(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../../../.tools/axe-core-4.14.1/axe.min.js")
	if err != nil {
		t.Fatal("there is no axe-core here: 'make browser' installs it")
	}
	return string(text)
}

// violations are what axe-core finds on the page.
func (b *tab) violations(rules string) string {
	b.t.Helper()
	check := `axe.run(document, {runOnly: ` + rules + `}).then(r => r.violations.map(v =>
		v.id + ": " + v.help + "\n" + v.nodes.slice(0, 3).map(n => "  " + n.html + "\n  " + n.failureSummary).join("\n")
	).join("\n"))`
	found, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](check, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatal(err)
	}
	return found
}
