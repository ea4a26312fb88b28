package events_test

import (
	"os"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/mapping"
	"github.com/purchasely-clevertap/bridge/shared/subscriber"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// want is what has to become of a request; README.md explains the keys.
type want struct {
	Status  int               `json:"status"`
	Answer  map[string]string `json:"answer"`
	Outcome string            `json:"outcome"`
	Reason  fault.Reason      `json:"reason"`
	Account string            `json:"account"`
	Records []jsontext.Value  `json:"records"`
}

// demo is the demo app of the fixtures' integration file.
func demo(t *testing.T) *integration.App {
	t.Helper()
	text, err := os.ReadFile("integrations.yaml")
	if err != nil {
		t.Fatal(err)
	}
	file, problems := integration.Load("integrations.yaml", text)
	if file == nil {
		t.Fatal(problems)
	}
	return file.Apps["demo"]
}

// refused is the answer that ends a request, if any, in the order in which the receiver checks.
func (f fixture) refused(t *testing.T) (status int, reason fault.Reason) {
	t.Helper()
	switch {
	case f.app != "":
		return 404, fault.UnknownApp
	case len(f.raw(t)) > 262144:
		return 413, fault.TooLarge
	case f.signed == forged || f.signed == deprecated:
		return 401, fault.Unauthorized
	}
	return 200, ""
}

// want is what has to become of a fixture, given what is stored of its subscribers.
func (f fixture) want(t *testing.T, app *integration.App, at time.Time, stored states) want {
	t.Helper()
	if status, reason := f.refused(t); reason != "" {
		answer := map[string]string{"error": string(reason)}
		return want{Status: status, Answer: answer, Outcome: "none", Records: []jsontext.Value{}}
	}
	m := mapped(app, []byte(f.raw(t)), at)
	m.applyState(at, stored)
	return want{
		Status: 200, Answer: map[string]string{"status": "queued"},
		Outcome: m.outcome, Reason: m.reason, Account: m.account, Records: m.records(),
	}
}

// states are what is stored of subscribers at the accounts.
type states map[stateKey]subscriber.State

type stateKey struct {
	webhook.Subscriber
	account mapping.Destination
}

// seriesOf is the series that a fixture is a step of, or the fixture alone.
func seriesOf(name string) string {
	if parts := regexp.MustCompile(`^(.+)-[0-9]-`).FindStringSubmatch(name); parts != nil {
		return parts[1]
	}
	return name
}

// delivery is what a webhook comes to in the forwarder, alone in its batch.
type delivery struct {
	to      mapping.Destination
	outcome string
	reason  fault.Reason
	account string
	result  mapping.Result
}

// mapped maps a webhook for an app whose secret has a sandbox account.
func mapped(app *integration.App, body []byte, received time.Time) *delivery {
	var event webhook.Event
	if err := event.Read(body); err != nil {
		return &delivery{outcome: "rejected", reason: fault.Of(err).Reason}
	}
	to, _ := mapping.Route(&event, app, func() (bool, error) { return true, nil })
	m := delivery{to: to}
	mapping.New().Map(&m.result, &event, app, to, received, mapping.Known{}, nil)
	switch {
	case m.result.Skip != "":
		m.outcome, m.reason = "skipped", m.result.Skip
	case to == mapping.SandboxAccount:
		m.outcome, m.account = "delivered", "sandbox"
	default:
		m.outcome, m.account = "delivered", "production"
	}
	return &m
}

// applyState lets subscriber state decide on the profiles.
func (m *delivery) applyState(received time.Time, stored states) {
	for _, u := range m.result.Updates(received) {
		key := stateKey{u.Subscriber, m.to}
		state, decisions, _ := stored[key].Merge([]subscriber.Update{u.Update})
		stored[key] = state
		if u.Former {
			m.result.Other = m.result.Other.Apply(decisions[0])
		} else {
			m.result.Profile = m.result.Profile.Apply(decisions[0])
		}
	}
}

// records are the webhook's records when it is alone in its batch; never nil.
func (m *delivery) records() []jsontext.Value {
	records := []jsontext.Value{m.result.Event, m.result.Charged}
	for _, state := range []*mapping.Profile{m.result.Profile, m.result.Other} {
		if state != nil {
			records = append(records, mapping.Merge(nil, []*mapping.Profile{state}))
		}
	}
	return slices.DeleteFunc(records, func(record jsontext.Value) bool { return record == nil })
}

func TestWhatBecomesOfRequests(t *testing.T) {
	app := demo(t)
	stored := map[string]states{}
	for i, f := range fixtures {
		series := seriesOf(f.name)
		if stored[series] == nil {
			stored[series] = states{}
		}
		golden(t, "receiver-"+f.name+".want.json", f.want(t, app, sent(i), stored[series]))
	}
}
