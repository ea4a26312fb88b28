//go:build local

package main

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

const (
	errorsAlarm, accountAlarm, anyAlarm = "HeartbeatErrorsAlarm", "HeartbeatAccountAlarm", "HeartbeatAlarm"

	changedPasscode = `{"id":"` + productionAccount + `","region":"eu1","passcodes":["changed-passcode-not-for-production"]}`
	rightPasscode   = `{"id":"` + productionAccount + `","region":"eu1","passcodes":["` + demoPasscode + `"]}`
)

// TestTheHeartbeat breaks a stack on this machine where a heartbeat can fail. Each fault rings the alarms that the
// runbook says, and the next heartbeats after its repair ring none. `make strict` builds what it needs and runs it.
func TestTheHeartbeat(t *testing.T) {
	t.Chdir("../..")
	o, err := readOptions(os.Getenv, modeRun)
	if err != nil {
		t.Fatal(err)
	}
	o.Operate = true // The repair is noticed within a second.
	s, err := deploy(t.Context(), o, newScreen(os.Stdout))
	t.Cleanup(s.stop)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	go s.aws.feedMetrics(ctx)
	h := &heart{T: t, stack: s, ctx: ctx}
	h.find()
	h.beats("all is well", 2)
	for _, fault := range []struct {
		name   string
		do     func()
		repair func()
		beats  func(string, int, ...string)
		rings  []string
	}{
		{"a disabled route", h.removeRoute, h.addRoute, h.beats, []string{anyAlarm, errorsAlarm}},
		{"a wrong shared secret", h.changeSecret, h.restoreSecret, h.beats, []string{anyAlarm, errorsAlarm}},
		{
			"a wrong passcode", func() { h.passcode(changedPasscode) }, func() { h.passcode(rightPasscode) },
			h.longBeats, []string{accountAlarm, anyAlarm},
		},
	} {
		fault.do()
		fault.beats(fault.name, 2, fault.rings...)
		fault.repair()
		h.beats(fault.name+", repaired", 2)
	}
}

// heart is a stack whose heartbeats come when the test sends them, because its schedule is deleted.
type heart struct {
	*testing.T
	*stack
	ctx                 context.Context //nolint:containedctx // of a single test
	heartbeat, receiver string          // their functions
	api                 string          // the path of the API
	route               route           // of webhooks
	receiverEnvironment map[string]string
}

type route struct {
	ID     string `json:"routeId,omitzero"`
	Key    string `json:"routeKey"`
	Target string `json:"target"`
}

// find looks up what the test changes.
func (h *heart) find() {
	h.Helper()
	var schedules struct {
		Schedules []struct{ Name, GroupName string }
	}
	h.rest("scheduler", http.MethodGet, "/schedules", "", &schedules)
	if len(schedules.Schedules) != 1 {
		h.Fatalf("the schedules are %v", schedules)
	}
	one := schedules.Schedules[0]
	h.rest("scheduler", http.MethodDelete, "/schedules/"+one.Name+"?groupName="+one.GroupName, "", nil)
	var functions struct {
		Functions []struct {
			FunctionName string
			Environment  struct{ Variables map[string]string }
		}
	}
	h.rest("lambda", http.MethodGet, "/2015-03-31/functions", "", &functions)
	for _, f := range functions.Functions {
		switch {
		case strings.Contains(f.FunctionName, "-Heartbeat-"):
			h.heartbeat = f.FunctionName
		case strings.Contains(f.FunctionName, "-Receiver-"):
			h.receiver, h.receiverEnvironment = f.FunctionName, f.Environment.Variables
		}
	}
	var apis struct {
		Items []struct {
			APIID string `json:"apiId"`
		} `json:"items"`
	}
	h.rest("apigateway", http.MethodGet, "/v2/apis", "", &apis)
	if len(apis.Items) != 1 || h.heartbeat == "" || h.receiver == "" {
		h.Fatalf("the APIs are %v, the functions %v", apis, functions)
	}
	h.api = "/v2/apis/" + apis.Items[0].APIID
	h.findRoute()
}

func (h *heart) findRoute() {
	h.Helper()
	var routes struct {
		Items []route `json:"items"`
	}
	h.rest("apigateway", http.MethodGet, h.api+"/routes", "", &routes)
	i := slices.IndexFunc(routes.Items, func(r route) bool { return r.Key == "POST /purchasely/{app}" })
	if i < 0 {
		h.Fatalf("the routes are %v", routes)
	}
	h.route = routes.Items[i]
}

func (h *heart) removeRoute() {
	h.rest("apigateway", http.MethodDelete, h.api+"/routes/"+h.route.ID, "", nil)
}

func (h *heart) addRoute() {
	h.rest("apigateway", http.MethodPost, h.api+"/routes", h.text(route{Key: h.route.Key, Target: h.route.Target}), nil)
}

// changeSecret gives the receiver another shared secret than the heartbeat's.
func (h *heart) changeSecret() {
	changed := map[string]string{"Name": "other/demo/purchasely", "SecretString": `{"shared_secret":"another"}`}
	if err := h.aws.call(h.ctx, "secretsmanager", "secretsmanager.CreateSecret", changed, &struct{}{}); err != nil {
		h.Fatal(err)
	}
	h.useSecrets("other")
}

func (h *heart) restoreSecret() { h.useSecrets(h.receiverEnvironment["SECRETS_PREFIX"]) }

func (h *heart) useSecrets(prefix string) {
	environment := maps.Clone(h.receiverEnvironment)
	environment["SECRETS_PREFIX"] = prefix
	variables := map[string]any{"Environment": map[string]any{"Variables": environment}}
	h.rest("lambda", http.MethodPut, "/2015-03-31/functions/"+h.receiver+"/configuration", h.text(variables), nil)
}

func (h *heart) passcode(account string) {
	if err := h.clevertap.ask(h.ctx, http.MethodPost, "/accounts", account, nil); err != nil {
		h.Fatal(err)
	}
}

// beats sends as many heartbeats as the schedule does in a period of the alarms, and wants these alarms to ring.
func (h *heart) beats(when string, n int, want ...string) {
	h.Helper()
	began := time.Now()
	for range n {
		h.rest("lambda", http.MethodPost, "/2015-03-31/functions/"+h.heartbeat+"/invocations", "{}", nil)
	}
	h.ring(when, began, want)
}

// longBeats sends another heartbeat that has been retried for as long as one is.
func (h *heart) longBeats(when string, n int, want ...string) {
	h.Helper()
	began := time.Now()
	attributes := map[string]attribute{}
	for name, value := range map[string]string{
		"schema": "1", "app": "demo", "encoding": "raw",
		"received_at": began.Add(-6 * time.Minute).UTC().Format("2006-01-02T15:04:05.000Z"),
	} {
		attributes[name] = attribute{"String", value}
	}
	body := fmt.Sprintf(`{"event_name":"BRIDGE_HEARTBEAT","event_id":"heartbeat-old","event_created_at_ms":%d}`,
		began.Add(-6*time.Minute).UnixMilli())
	request := map[string]any{
		"QueueUrl": h.outputs["EventsQueueUrl"], "MessageBody": body, "MessageAttributes": attributes,
	}
	if h.options.Queue == "fifo" {
		request["MessageGroupId"], request["MessageDeduplicationId"] = "heartbeat-old", "heartbeat-old"
	}
	if err := h.aws.call(h.ctx, "sqs", "AmazonSQS.SendMessage", request, &struct{}{}); err != nil {
		h.Fatal(err)
	}
	h.beats(when, n, want...)
}

// ring waits until these alarms ring and no others, also when all that was logged has been fed.
func (h *heart) ring(when string, began time.Time, want []string) {
	h.Helper()
	var got []string
	since := time.Now() // since when they are these
	err := poll(h.ctx, 30*time.Second, func() (_ bool, err error) {
		got, err = h.ringing(began)
		if !slices.Equal(got, want) {
			since = time.Now()
		}
		return time.Since(since) > feedPause+time.Second, err
	})
	if err != nil {
		h.Fatalf("%s: %v ring, want %v: %v", when, got, want, err)
	}
	h.Logf("%s: %v ring, %s later", when, got, seconds(time.Since(began)))
}

// alarm is one of the template's, as it is deployed.
type alarm struct {
	AlarmName, Namespace, MetricName, Statistic string
	ComparisonOperator, TreatMissingData        string
	StateValue                                  string // as MiniStack sees it
	Dimensions                                  []dimension
	Threshold                                   float64
	Period, EvaluationPeriods                   int
}

// ringing returns which of the heartbeat's alarms would ring if what was counted since then were all of a period.
// For MiniStack, too, those must ring that need no missing data, of which it knows nothing.
func (h *heart) ringing(since time.Time) (names []string, err error) {
	now := float64(time.Now().UnixMilli()) / 1000
	tick := []datum{{Name: "Tick", Dimensions: []dimension{}, Timestamp: now, Values: []float64{1}, namespace: "Test"}}
	if err := h.aws.putMetrics(h.ctx, tick); err != nil { // MiniStack looks at alarms when metrics come.
		return nil, err
	}
	var described struct{ MetricAlarms []alarm }
	err = h.aws.call(h.ctx, "monitoring", "GraniteServiceVersion20100801.DescribeAlarms", map[string]any{}, &described)
	if err != nil {
		return nil, err
	}
	looked := 0
	for _, a := range described.MetricAlarms {
		i := slices.IndexFunc([]string{errorsAlarm, accountAlarm, anyAlarm}, func(name string) bool {
			return strings.Contains(a.AlarmName, name)
		})
		if i < 0 {
			continue
		}
		looked++
		rings, err := h.rings(a, since)
		if err != nil {
			return nil, err
		}
		if rings && (a.StateValue == "ALARM" || a.TreatMissingData == "breaching") {
			names = append(names, []string{errorsAlarm, accountAlarm, anyAlarm}[i])
		}
	}
	slices.Sort(names)
	if looked != 3 {
		err = fmt.Errorf("%d alarms look at heartbeats", looked)
	}
	return names, err
}

// rings applies an alarm's rule.
func (h *heart) rings(a alarm, since time.Time) (bool, error) {
	if a.EvaluationPeriods != 1 {
		return false, fmt.Errorf("%s looks at %d periods", a.AlarmName, a.EvaluationPeriods)
	}
	request := map[string]any{
		"Namespace": a.Namespace, "MetricName": a.MetricName, "Statistics": []string{a.Statistic},
		"StartTime": float64(since.UnixMilli()) / 1000, "EndTime": time.Now().Unix() + 1,
		"Period": 1 << 40, // all in one
	}
	if len(a.Dimensions) > 0 {
		request["Dimensions"] = a.Dimensions
	}
	var response struct{ Datapoints []map[string]jsontext.Value }
	err := h.aws.call(h.ctx, "monitoring", "GraniteServiceVersion20100801.GetMetricStatistics", request, &response)
	if err != nil || len(response.Datapoints) == 0 {
		return a.TreatMissingData == "breaching", err
	}
	var value float64
	if err := json.Unmarshal(response.Datapoints[0][a.Statistic], &value); err != nil {
		return false, err
	}
	switch a.ComparisonOperator {
	case "LessThanThreshold":
		return value < a.Threshold, nil
	case "GreaterThanOrEqualToThreshold":
		return value >= a.Threshold, nil
	}
	return false, fmt.Errorf("%s compares by %s", a.AlarmName, a.ComparisonOperator)
}

func (h *heart) text(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		h.Fatal(err)
	}
	return string(text)
}

// rest makes one call of AWS's REST protocols. The answer is read into a value unless that is nil.
func (h *heart) rest(service, method, path, body string, into any) {
	h.Helper()
	r, err := http.NewRequestWithContext(h.ctx, method, h.aws.endpoint+path, strings.NewReader(body))
	if err == nil {
		err = sign(h.ctx, service, r, []byte(body))
	}
	if err != nil {
		h.Fatal(err)
	}
	response, err := h.aws.client.Do(r)
	if err != nil {
		h.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode >= 300 {
		h.Fatalf("%s %s answers %d", method, path, response.StatusCode)
	}
	if into != nil {
		err = json.UnmarshalRead(response.Body, into)
	}
	if err != nil {
		h.Fatalf("%s %s: %v", method, path, err)
	}
}
