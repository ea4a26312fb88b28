//go:build local

package main

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// TestTheProof breaks a stack on this machine on purpose, and wants bridge reconcile and the heartbeat's alarms to say
// so. `make strict` builds what it needs and runs it.
func TestTheProof(t *testing.T) {
	t.Chdir("../..")
	o, err := readOptions(os.Getenv, modeRun)
	if err != nil {
		t.Fatal(err)
	}
	o.Operate = true // A repair is noticed within a second.
	o.parameters = func(context.Context, *stack) ([]string, error) { return []string{"HeartbeatMinutes=1"}, usePrefix() }
	s, err := deploy(t.Context(), o, newScreen(os.Stdout))
	t.Cleanup(s.stop)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	go s.aws.feedMetrics(ctx)
	(&proof{t, s, ctx}).endSchedule()
	t.Run("a bad day", func(t *testing.T) { testABadDay(&proof{t, s, ctx}) })
	t.Run("heartbeats", func(t *testing.T) { testHeartbeats(&proof{t, s, ctx}) })
}

// ourPrefix tells the bridge's events from the hosted integration's.
const ourPrefix = "Bridge "

// usePrefix sets it in the file that is put in force.
func usePrefix() error {
	file := filepath.Join(shellFolder, "integrations.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	prefixed := strings.Replace(string(text), `prefix: ""`, `prefix: "`+ourPrefix+`"`, 1)
	return os.WriteFile(file, []byte(prefixed), 0o600)
}

// proof is a stack that a test breaks.
type proof struct {
	*testing.T
	*stack
	ctx context.Context //nolint:containedctx // of a single test
}

// endSchedule lets heartbeats come only when the test sends them.
func (p *proof) endSchedule() {
	p.Helper()
	var schedules struct {
		Schedules []struct{ Name, GroupName string }
	}
	p.rest("scheduler", http.MethodGet, "/schedules", "", &schedules)
	if len(schedules.Schedules) != 1 {
		p.Fatalf("the schedules are %v", schedules)
	}
	one := schedules.Schedules[0]
	p.rest("scheduler", http.MethodDelete, "/schedules/"+one.Name+"?groupName="+one.GroupName, "", nil)
}

// call makes one call of AWS's JSON protocol.
func (p *proof) call(service, target string, request, response any) {
	p.Helper()
	if err := p.aws.call(p.ctx, service, target, request, response); err != nil {
		p.Fatal(err)
	}
}

// fake gives the fake CleverTap a command.
func (p *proof) fake(path string, command any) {
	p.Helper()
	if err := p.clevertap.ask(p.ctx, http.MethodPost, path, p.text(command), nil); err != nil {
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
	err = p.aws.call(p.ctx, "monitoring", "GraniteServiceVersion20100801.GetMetricStatistics", request, &response)
	if err != nil || len(response.Datapoints) == 0 {
		return 0, false, err
	}
	err = json.Unmarshal(response.Datapoints[0][statistic], &value)
	return value, err == nil, err
}

func (p *proof) text(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		p.Fatal(err)
	}
	return string(text)
}

// rest makes one call of AWS's REST protocols. The answer is read into a value unless that is nil.
func (p *proof) rest(service, method, path, body string, into any) {
	p.Helper()
	r, err := http.NewRequestWithContext(p.ctx, method, p.aws.endpoint+path, strings.NewReader(body))
	if err == nil {
		err = sign(p.ctx, service, r, []byte(body))
	}
	if err != nil {
		p.Fatal(err)
	}
	response, err := p.aws.client.Do(r)
	if err != nil {
		p.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode >= 300 {
		p.Fatalf("%s %s answers %d", method, path, response.StatusCode)
	}
	if into != nil {
		err = json.UnmarshalRead(response.Body, into)
	}
	if err != nil {
		p.Fatalf("%s %s: %v", method, path, err)
	}
}
