//go:build local

package main

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// proof is a stack on this machine that a test tries.
type proof struct {
	testing.TB
	*stack
}

// deployProof deploys a stack with the options of the environment and others. `make strict` builds what it needs.
func deployProof(t testing.TB, change func(*options)) *proof {
	t.Helper()
	t.Chdir("../..")
	o, err := readOptions(os.Getenv, modeRun)
	if err != nil {
		t.Fatal(err)
	}
	change(&o)
	s, err := deploy(t.Context(), o, newScreen(os.Stderr))
	t.Cleanup(s.stop)
	if err != nil {
		t.Fatal(err)
	}
	return &proof{t, s}
}

// TestTheProof breaks a stack on purpose, and wants bridge reconcile and the heartbeat's alarms to say so. Then it
// uses the stack's console.
func TestTheProof(t *testing.T) {
	p := deployProof(t, func(o *options) {
		o.Operate = true // A repair is noticed within a second.
		o.parameters = func(context.Context, *stack) ([]string, error) { return []string{"HeartbeatMinutes=1"}, usePrefix() }
	})
	go p.aws.feedMetrics(t.Context())
	p.endSchedule()
	t.Run("a bad day", func(t *testing.T) { testABadDay(&proof{t, p.stack}) })
	t.Run("heartbeats", func(t *testing.T) { testHeartbeats(&proof{t, p.stack}) })
	t.Run("the console", func(t *testing.T) { testTheConsole(&proof{t, p.stack}) })
}

// ourPrefix tells the bridge's events from the hosted integration's.
const ourPrefix = "Bridge "

// usePrefix sets it in the file that is put in force.
func usePrefix() error {
	text, err := os.ReadFile(usedFile)
	if err != nil {
		return err
	}
	prefixed := strings.Replace(string(text), `prefix: ""`, `prefix: "`+ourPrefix+`"`, 1)
	return os.WriteFile(usedFile, []byte(prefixed), 0o600)
}

// endSchedule lets heartbeats come only when the test sends them.
func (p *proof) endSchedule() {
	p.Helper()
	var schedules struct {
		Schedules []struct{ Name, GroupName string }
	}
	p.rest("scheduler", http.MethodGet, "/schedules", nil, &schedules)
	if len(schedules.Schedules) != 1 {
		p.Fatalf("the schedules are %v", schedules)
	}
	one := schedules.Schedules[0]
	p.rest("scheduler", http.MethodDelete, "/schedules/"+one.Name+"?groupName="+one.GroupName, nil, nil)
}

// testTheConsole renames an event on the page, sees the next webhook arrive under that name, and finds it on the page.
func testTheConsole(p *proof) {
	path, err := exec.LookPath("chromium")
	if err == nil {
		err = p.startConsole(p.Context())
	}
	if err != nil {
		p.Fatal(err)
	}
	allocator, end := chromedp.NewExecAllocator(p.Context(), append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU)...)
	defer end()
	tab, closeTab := chromedp.NewContext(allocator)
	defer closeTab()
	tab, cancel := context.WithTimeout(tab, 2*time.Minute)
	defer cancel()
	base, _, _ := strings.Cut(p.console, "/?")
	began := time.Now()
	err = chromedp.Do(tab,
		chromedp.Navigate(p.console), chromedp.WaitVisible("#main"),
		chromedp.Navigate(base+"/events?app=demo"),
		chromedp.SendKeys(`[id="name-TRIAL_CONVERTED"]`, "Trial Bought"),
		chromedp.Click(`button[value=save]`), chromedp.WaitVisible(".notice.good"))
	if err != nil {
		p.Fatal(err)
	}
	var sent time.Time
	err = poll(p.Context(), time.Minute, func() (bool, error) {
		if time.Since(sent) > 2*time.Second {
			sent = time.Now()
			_, err := p.command(p.Context(), "bridge send --stack "+documented+" --app demo --sample TRIAL_CONVERTED", "")
			if err != nil {
				return false, err
			}
		}
		return p.hasRecord(p.Context(), func(r record) bool { return strings.HasSuffix(r.Name, "Trial Bought") })
	})
	if err != nil {
		p.Fatalf("no webhook arrives under the new name: %v", err)
	}
	p.Logf("from the page to CleverTap in %s", seconds(time.Since(began)))
	err = chromedp.Do(tab, chromedp.Navigate(base+"/deliveries?event=TRIAL_CONVERTED&outcome=delivered"))
	if err != nil {
		p.Fatal(err)
	}
	if text, err := chromedp.Run(tab, chromedp.Text("main")); err != nil || !strings.Contains(text, "Trial Bought") {
		p.Errorf("%v; the page Deliveries says\n%s", err, text)
	}
}

// sendWebhook posts a body as Purchasely does.
func (p *proof) sendWebhook(body []byte) {
	p.Helper()
	timestamp := strconv.FormatInt(time.Now().Unix(), 10)
	header := http.Header{}
	header.Set("Content-Type", "application/json")
	header.Set("X-Purchasely-Timestamp", timestamp)
	header.Set("X-Purchasely-Request-Signature", purchaselySignature(timestamp, body))
	status, answer, err := p.post(p.Context(), fixture{path: "/purchasely/demo", header: header, body: body})
	if err != nil || status != http.StatusOK {
		p.Fatalf("answered %d %s, %v", status, answer, err)
	}
}

// call makes one call of AWS's JSON protocol.
func (p *proof) call(service, target string, request, response any) {
	p.Helper()
	if err := p.aws.call(p.Context(), service, target, request, response); err != nil {
		p.Fatal(err)
	}
}

// rest makes one call of AWS's REST protocols.
func (p *proof) rest(service, method, path string, request, response any) {
	p.Helper()
	if err := p.aws.send(p.Context(), service, method, path, nil, request, response); err != nil {
		p.Fatal(err)
	}
}

// fake gives the fake CleverTap a command.
func (p *proof) fake(path string, command any) {
	p.Helper()
	text, err := json.Marshal(command)
	if err == nil {
		err = p.clevertap.ask(p.Context(), http.MethodPost, path, string(text), nil)
	}
	if err != nil {
		p.Fatal(err)
	}
}

// statistic is one of a metric since a time, if anything was counted.
func (p *proof) statistic(
	namespace, name, statistic string, dimensions []dimension, since time.Time,
) (value float64, known bool, err error) {
	request := map[string]any{
		"Namespace": namespace, "MetricName": name, "Statistics": []string{statistic}, "Dimensions": dimensions,
		"StartTime": float64(since.UnixMilli()) / 1000, "EndTime": time.Now().Unix() + 1,
		"Period": 1 << 40, // all in one
	}
	var response struct{ Datapoints []map[string]jsontext.Value }
	err = p.aws.call(p.Context(), "monitoring", cloudWatch+"GetMetricStatistics", request, &response)
	if err != nil || len(response.Datapoints) == 0 {
		return 0, false, err
	}
	err = json.Unmarshal(response.Datapoints[0][statistic], &value)
	return value, err == nil, err
}
