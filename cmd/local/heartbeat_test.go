//go:build local

package main

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

const errorsAlarm, accountAlarm, anyAlarm = "HeartbeatErrorsAlarm", "HeartbeatAccountAlarm", "HeartbeatAlarm"

// testHeartbeats breaks a stack where a heartbeat can fail. Each fault rings the alarms that the runbook says, and the
// next heartbeats after its repair ring none.
func testHeartbeats(p *proof) {
	p.beat("all is well")
	p.removeRoute()
	p.beat("a disabled route", anyAlarm, errorsAlarm)
	p.addRoute()
	p.beat("a disabled route, repaired")
	p.useSecrets("other")
	p.beat("a wrong shared secret", anyAlarm, errorsAlarm)
	p.useSecrets(p.outputs["SecretsPrefix"])
	p.beat("a wrong shared secret, repaired")
	p.usePasscode("changed-passcode-not-for-production")
	p.enqueueOldHeartbeat()
	p.beat("a wrong passcode", accountAlarm, anyAlarm)
	p.usePasscode(demoPasscode)
	p.beat("a wrong passcode, repaired")
}

// removeRoute removes the API's route of webhooks.
func (p *proof) removeRoute() {
	p.Helper()
	const routeOfWebhooks = "POST /purchasely/{app}"
	type page struct {
		Items []struct {
			APIID    string `json:"apiId"`
			RouteID  string `json:"routeId"`
			RouteKey string `json:"routeKey"`
		} `json:"items"`
	}
	var apis, routes page
	p.rest("apigateway", http.MethodGet, "/v2/apis", nil, &apis)
	path := "/v2/apis/" + apis.Items[0].APIID + "/routes"
	p.rest("apigateway", http.MethodGet, path, nil, &routes)
	for _, r := range routes.Items {
		if r.RouteKey == routeOfWebhooks {
			p.rest("apigateway", http.MethodDelete, path+"/"+r.RouteID, nil, nil)
		}
	}
}

// addRoute adds the routes of the template that are missing.
func (p *proof) addRoute() {
	p.Helper()
	if err := p.python(p.Context(), nil, "routes"); err != nil {
		p.Fatal(err)
	}
}

// useSecrets lets the receiver read the secrets of a prefix. Under the other one the shared secret is not the
// heartbeat's.
func (p *proof) useSecrets(prefix string) {
	p.Helper()
	if prefix == "other" {
		secret := map[string]string{"Name": "other/demo/purchasely", "SecretString": `{"shared_secret":"another"}`}
		p.call("secretsmanager", "secretsmanager.CreateSecret", secret, nil)
	}
	var variables map[string]map[string]string
	if err := p.python(p.Context(), &variables, "variables"); err != nil {
		p.Fatal(err)
	}
	variables["Receiver"]["SECRETS_PREFIX"] = prefix
	environment := map[string]any{"Environment": map[string]any{"Variables": variables["Receiver"]}}
	p.rest("lambda", http.MethodPut, functionsPath+p.outputs["ReceiverFunction"]+"/configuration", environment, nil)
}

const functionsPath = "/2015-03-31/functions/"

func (p *proof) usePasscode(passcode string) {
	p.Helper()
	account := map[string]any{"id": productionAccount, "region": "eu1", "passcodes": []string{passcode}}
	p.fake("/accounts", account)
}

// enqueueOldHeartbeat queues a heartbeat that has been retried for as long as one is.
func (p *proof) enqueueOldHeartbeat() {
	p.Helper()
	sent := time.Now().Add(-6 * time.Minute)
	body := fmt.Appendf(nil, `{"event_name":"BRIDGE_HEARTBEAT","event_id":"heartbeat-old","event_created_at_ms":%d}`,
		sent.UnixMilli())
	if err := p.enqueue(p.Context(), "demo", body, "heartbeat-old", sent); err != nil {
		p.Fatal(err)
	}
}

// beat sends as many heartbeats as the schedule does in a period of the alarms. It waits until these alarms ring and no
// others, also when all that was logged has been fed.
func (p *proof) beat(when string, want ...string) {
	p.Helper()
	began := time.Now()
	for range 2 {
		p.rest("lambda", http.MethodPost, functionsPath+p.outputs["HeartbeatFunction"]+"/invocations", struct{}{}, nil)
	}
	var got []string
	since := time.Now() // since when they are these
	err := poll(p.Context(), 30*time.Second, func() (_ bool, err error) {
		got, err = p.ringing(began)
		if !slices.Equal(got, want) {
			since = time.Now()
		}
		return time.Since(since) > feedPause+time.Second, err
	})
	if err != nil {
		p.Fatalf("%s: %v ring, want %v: %v", when, got, want, err)
	}
	p.Logf("%s: %v ring, %s later", when, got, seconds(time.Since(began)))
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
func (p *proof) ringing(since time.Time) (names []string, err error) {
	now := float64(time.Now().UnixMilli()) / 1000
	tick := []datum{{Name: "Tick", Dimensions: []dimension{}, Timestamp: now, Values: []float64{1}}}
	if err := p.aws.putMetrics(p.Context(), tick); err != nil { // MiniStack looks at alarms when metrics come.
		return nil, err
	}
	var described struct{ MetricAlarms []alarm }
	if err := p.aws.call(p.Context(), "monitoring", cloudWatch+"DescribeAlarms", struct{}{}, &described); err != nil {
		return nil, err
	}
	looked := 0
	for _, a := range described.MetricAlarms {
		for _, name := range []string{errorsAlarm, accountAlarm, anyAlarm} {
			if !strings.Contains(a.AlarmName, name) {
				continue
			}
			looked++
			rings, err := p.rings(a, since)
			if err != nil {
				return nil, err
			}
			if rings && (a.StateValue == "ALARM" || a.TreatMissingData == "breaching") {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	if looked != 3 {
		err = fmt.Errorf("%d alarms look at heartbeats", looked)
	}
	return names, err
}

// rings applies an alarm's rule.
func (p *proof) rings(a alarm, since time.Time) (bool, error) {
	if a.EvaluationPeriods != 1 {
		return false, fmt.Errorf("%s looks at %d periods", a.AlarmName, a.EvaluationPeriods)
	}
	value, known, err := p.statistic(a.Namespace, a.MetricName, a.Statistic, a.Dimensions, since)
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
