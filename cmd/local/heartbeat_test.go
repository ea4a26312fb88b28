//go:build local

package main

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	errorsAlarm, accountAlarm, anyAlarm = "HeartbeatErrorsAlarm", "HeartbeatAccountAlarm", "HeartbeatAlarm"

	wrongPasscode = "changed-passcode-not-for-production"
)

// testHeartbeats breaks a stack where a heartbeat can fail. Each fault rings the alarms that the runbook says, and the
// next heartbeats after its repair ring none.
func testHeartbeats(p *proof) {
	h := &heart{proof: p}
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
			"a wrong passcode", func() { h.passcode(wrongPasscode) }, func() { h.passcode(demoPasscode) },
			h.longBeats, []string{accountAlarm, anyAlarm},
		},
	} {
		fault.do()
		fault.beats(fault.name, 2, fault.rings...)
		fault.repair()
		h.beats(fault.name+", repaired", 2)
	}
}

// heart is a stack whose heartbeats fail.
type heart struct {
	*proof
	heartbeat, receiver string // their functions
	api                 string // the path of the API
	route               route  // of webhooks
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
	h.call("secretsmanager", "secretsmanager.CreateSecret", changed, &struct{}{})
	h.useSecrets("other")
}

func (h *heart) restoreSecret() { h.useSecrets(h.receiverEnvironment["SECRETS_PREFIX"]) }

func (h *heart) useSecrets(prefix string) {
	environment := maps.Clone(h.receiverEnvironment)
	environment["SECRETS_PREFIX"] = prefix
	variables := map[string]any{"Environment": map[string]any{"Variables": environment}}
	h.rest("lambda", http.MethodPut, "/2015-03-31/functions/"+h.receiver+"/configuration", h.text(variables), nil)
}

func (h *heart) passcode(passcode string) {
	account := map[string]any{"id": productionAccount, "region": "eu1", "passcodes": []string{passcode}}
	h.fake("/accounts", account)
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
	h.call("sqs", "AmazonSQS.SendMessage", request, &struct{}{})
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
	value, known, err := h.statistic(a.Namespace, a.MetricName, a.Statistic, a.Dimensions, since)
	if err != nil || !known {
		return a.TreatMissingData == "breaching", err
	}
	switch a.ComparisonOperator {
	case "LessThanThreshold":
		return value < a.Threshold, nil
	case "GreaterThanOrEqualToThreshold":
		return value >= a.Threshold, nil
	}
	return false, fmt.Errorf("%s compares by %s", a.AlarmName, a.ComparisonOperator)
}
