package main

import "testing"

func TestObservationOf(t *testing.T) {
	mine, other := message{Body: `{"event_id":"e-1"}`}, message{Body: `{"event_id":"e-2"}`}
	rejected := message{Body: mine.Body, Attributes: map[string]attribute{"reason": {Value: "malformed"}}}
	event := record{Number: 1, EventID: "e-1", Raw: `{"type":"event"}`}
	tests := map[string]struct {
		seen            observation
		outcome, reason string
		records         int
	}{
		"nothing seen is no outcome":                       {},
		"on the queue is no outcome":                       {seen: observation{waiting: []message{other, mine}, records: []record{event}}},
		"on the rejected queue with a reason":              {seen: observation{rejected: []message{rejected}}, outcome: "rejected", reason: "malformed"},
		"rejected counts what was accepted before":         {seen: observation{rejected: []message{rejected}, records: []record{event}}, outcome: "rejected", reason: "malformed", records: 1},
		"on a dead-letter queue":                           {seen: observation{dead: []message{mine}}, outcome: "dead"},
		"skipped by the forwarder's log":                   {seen: observation{skipped: map[string]string{"e-1": "sandbox"}}, outcome: "skipped", reason: "sandbox"},
		"another's log line says nothing":                  {seen: observation{skipped: map[string]string{"e-2": "sandbox"}}},
		"a record with the event's id is delivered":        {seen: observation{records: []record{event}}, outcome: "delivered", records: 1},
		"a record of its subscriber as well":               {seen: observation{records: []record{{Number: 2, ID: "learner-1"}}}, outcome: "delivered", records: 1},
		"a record of somebody else is not this fixture's":  {seen: observation{records: []record{{Number: 3, ID: "learner-3", EventID: "e-3"}}}},
		"others on the queue do not keep it from being in": {seen: observation{waiting: []message{other}, records: []record{event}}, outcome: "delivered", records: 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			outcome, reason, records := test.seen.of(renewal)
			if outcome != test.outcome || reason != test.reason || len(records) != test.records {
				t.Errorf("want %q %q %d, got %q %q %d", test.outcome, test.reason, test.records, outcome, reason, len(records))
			}
		})
	}
}

func TestAStepIsNotCreditedWithTheRecordsOfTheOneBefore(t *testing.T) {
	step := fixture{body: renewal.body, eventID: renewal.eventID, subscribers: renewal.subscribers, series: "upgrade", since: 2}
	seen := observation{records: []record{{Number: 2, ID: renewal.subscribers[0]}}}
	if outcome, _, _ := seen.of(step); outcome != "" {
		t.Errorf("the profile of the step before made it %s", outcome)
	}
	seen.records = append(seen.records, record{Number: 3, ID: renewal.subscribers[0]})
	if outcome, _, records := seen.of(step); outcome != "delivered" || len(records) != 1 {
		t.Errorf("its own profile made it %q with %d records", outcome, len(records))
	}
}
