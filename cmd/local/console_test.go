//go:build local

package main

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// TestTheConsole renames an event on the page of a stack on this machine, sees the next webhook arrive under that
// name, and finds it on the page. `make strict` builds what it needs and runs it.
func TestTheConsole(t *testing.T) {
	path, err := exec.LookPath("chromium")
	if err != nil && os.Getenv("BROWSER") != "required" {
		t.Skip("there is no Chromium on this machine: 'make browser' installs it")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir("../..")
	o, err := readOptions(os.Getenv, modeRun)
	if err != nil {
		t.Fatal(err)
	}
	s, err := deploy(t.Context(), o, newScreen(os.Stdout))
	t.Cleanup(s.stop)
	if err == nil {
		err = s.startConsole(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	allocator, end := chromedp.NewExecAllocator(t.Context(), append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU)...)
	defer end()
	tab, closeTab := chromedp.NewContext(allocator)
	defer closeTab()
	tab, cancel := context.WithTimeout(tab, 2*time.Minute)
	defer cancel()
	base, _, _ := strings.Cut(s.console.address, "/?")
	began := time.Now()
	err = chromedp.Do(tab,
		chromedp.Navigate(s.console.address), chromedp.WaitVisible("#main"),
		chromedp.Navigate(base+"/events?app=demo"),
		chromedp.SendKeys(`[id="name-TRIAL_CONVERTED"]`, "Trial Bought"),
		chromedp.Click(`button[value=save]`), chromedp.WaitVisible(".notice.good"))
	if err != nil {
		t.Fatal(err)
	}
	for arrived := false; !arrived; {
		if time.Since(began) > time.Minute {
			t.Fatal("no webhook arrives under the new name")
		}
		shown, exit, err := s.shell(t.Context(), "bridge send --stack "+documented+" --app demo --sample TRIAL_CONVERTED", "")
		if err != nil || exit != 0 {
			// Its secret is that of the stack.
			t.Fatalf("%v, %d\n%s", err, exit, shown)
		}
		time.Sleep(2 * time.Second)
		records, err := s.clevertap.records(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range records {
			arrived = arrived || r.Name == "Trial Bought"
		}
	}
	t.Logf("from the page to CleverTap in %s", time.Since(began).Round(time.Second))
	text, err := chromedp.Run(tab, chromedp.Text("main"))
	if err == nil {
		err = chromedp.Do(tab, chromedp.Navigate(base+"/deliveries?event=TRIAL_CONVERTED&outcome=delivered"))
	}
	if err == nil {
		text, err = chromedp.Run(tab, chromedp.Text("main"))
	}
	if err != nil || !strings.Contains(text, "as Trial Bought") {
		t.Errorf("%v; the page Deliveries says\n%s", err, text)
	}
}
