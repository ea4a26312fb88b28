package main

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestFixtures(t *testing.T) {
	all, err := loadFixtures("../../events")
	if err != nil {
		t.Fatal(err)
	}
	outcomes, steps := map[string]int{}, map[string]int{}
	for i, f := range all.webhooks {
		outcomes[f.want.Outcome]++
		if !strings.HasPrefix(f.path, "/purchasely/") || f.header.Get("X-Purchasely-Timestamp") == "" {
			t.Errorf("%s: path %q, header %v", f.name, f.path, f.header)
		}
		if f.header.Get("X-Forwarded-For") != "" {
			t.Errorf("%s: a header belongs to the way that the request took", f.name)
		}
		if f.series == "" {
			continue
		}
		// The steps of a series follow one another: each is sent when the one before has its outcome.
		steps[f.series]++
		if !strings.HasPrefix(f.name, fmt.Sprintf("%s-%d-", f.series, steps[f.series])) {
			t.Errorf("%s is step %d of its series", f.name, steps[f.series])
		}
		if first := steps[f.series] == 1; first == f.follows(all.webhooks[i-1]) {
			t.Errorf("%s follows %s: %t", f.name, all.webhooks[i-1].name, !first)
		}
	}
	for _, outcome := range []string{"delivered", "skipped", "rejected", "none"} {
		if outcomes[outcome] == 0 || len(outcomes) != 4 {
			t.Errorf("outcomes %v", outcomes)
		}
	}
	if _, err := loadFixtures(t.TempDir()); err == nil || !strings.Contains(err.Error(), "in the project's folder") {
		t.Errorf("got %v", err)
	}
}

func TestWhetherYourFileDiffers(t *testing.T) {
	const fixtures = "# theirs\napps:\n  demo: # an app\n    enabled: true\n    prefix: \"\"\n"
	for name, c := range map[string]struct {
		own  string
		want bool
	}{
		"the same but for comments and line ends": {
			"apps:\r\n\r\n  demo:   # mine\r\n    enabled: true # yes\r\n    prefix: \"\"\r\n", false,
		},
		"another value": {strings.Replace(fixtures, "true", "false", 1), true},
		"one more app":  {fixtures + "  shop: {}\n", true},
		"no YAML":       {"apps: [", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			for path, text := range map[string]string{ownFile: c.own, fixturesFile: fixtures} {
				err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o750), os.WriteFile(path, []byte(text), 0o600))
				if err != nil {
					t.Fatal(err)
				}
			}
			if got, err := ownFileDiffers(); got != c.want || err != nil {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
}

func TestAMessageIsTheWebhookThatItCarries(t *testing.T) {
	encode := func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
	for name, test := range map[string]struct {
		body, message, encoding string
		want                    bool
	}{
		"the same bytes":               {`{"a":1}`, `{"a":1}`, "raw", true},
		"other bytes":                  {`{"a":1}`, `{"a": 1}`, "raw", false},
		"the same bytes in base64":     {"\x00", encode("\x00"), "base64", true},
		"base64 that is not marked":    {"\x00", encode("\x00"), "raw", false},
		"no bytes, as a newline":       {"", "\n", "base64", true},
		"marked, but no base64 at all": {"*", "*", "base64", false},
	} {
		t.Run(name, func(t *testing.T) {
			m := message{Body: test.message, Attributes: map[string]attribute{"encoding": {Value: test.encoding}}}
			if got := (fixture{body: []byte(test.body)}).isCarriedBy(m); got != test.want {
				t.Errorf("want %v, got %v", test.want, got)
			}
		})
	}
}

func TestTheOutcomeThatASnapshotShows(t *testing.T) {
	mine, other := message{Body: `{"event_id":"e-1"}`}, message{Body: `{"event_id":"e-2"}`}
	rejected := []message{{Body: mine.Body, Attributes: map[string]attribute{"reason": {Value: "malformed"}}}}
	event, profile := record{Number: 1, EventID: "e-1"}, record{Number: 2, ID: "learner-1"}
	stranger, later := record{Number: 3, ID: "learner-3", EventID: "e-3"}, record{Number: 3, ID: "learner-1"}
	logged := func(eventID string) map[string]string { return map[string]string{eventID: "sandbox"} }
	webhook := webhook{fixture: fixture{body: []byte(mine.Body), eventID: "e-1", subscribers: []string{"learner-1"}}}
	for name, test := range map[string]struct {
		now     snapshot
		records []record
		since   int
		want    string
	}{
		"nothing seen":                         {snapshot{}, nil, 0, "//0"},
		"waiting, with a record":               {snapshot{waiting: []message{other, mine}}, []record{event}, 0, "//0"},
		"rejected with a reason":               {snapshot{rejected: rejected}, nil, 0, "rejected/malformed/0"},
		"rejected after a record was accepted": {snapshot{rejected: rejected}, []record{event}, 0, "rejected/malformed/1"},
		"a dead letter":                        {snapshot{dead: []message{mine}}, nil, 0, "dead//0"},
		"skipped by the forwarder's log":       {snapshot{skipped: logged("e-1")}, nil, 0, "skipped/sandbox/0"},
		"another webhook's log line":           {snapshot{skipped: logged("e-2")}, nil, 0, "//0"},
		"a record with the event's id":         {snapshot{}, []record{event}, 0, "delivered//1"},
		"a record of its subscriber as well":   {snapshot{}, []record{event, profile}, 0, "delivered//2"},
		"somebody else's record":               {snapshot{}, []record{stranger}, 0, "//0"},
		"another message is waiting":           {snapshot{waiting: []message{other}}, []record{event}, 0, "delivered//1"},
		"the profile of the step before":       {snapshot{}, []record{profile}, 2, "//0"},
		"its own profile after that":           {snapshot{}, []record{profile, later}, 2, "delivered//1"},
	} {
		t.Run(name, func(t *testing.T) {
			test.now.records, webhook.since = test.records, test.since
			outcome, reason, records := test.now.outcome(&webhook)
			if got := fmt.Sprintf("%s/%s/%d", outcome, reason, len(records)); got != test.want {
				t.Errorf("want %q, got %q", test.want, got)
			}
		})
	}
}

func TestAWebhookIsALine(t *testing.T) {
	const queued = `{"status":"queued"}`
	for name, test := range map[string]struct {
		event string
		got   outcome
		want  string
	}{
		"delivered": {
			event: "TRIAL_STARTED",
			got: outcome{Status: 200, Answer: queued, Outcome: "delivered", Account: "sandbox", Records: []rawJSON{
				`{"type":"event","identity":"b","evtName":"TRIAL_STARTED","evtData":{"plan":"gold"}}`,
				`{"type":"event","identity":"b","evtName":"Charged","evtData":{"Amount":9.90,"Currency":"EUR"}}`,
				`{"type":"profile","identity":"b","profileData":{"plan":"gold","has_active_subscription":true,` +
					`"effective_next_renewal_at":"$D_1793620800"}}`,
				`{"type":"profile","objectId":"-c","profileData":{"has_active_subscription":false}}`,
			}},
			want: "  ✓ delivered                       TRIAL_STARTED               → sandbox account: event, " +
				"event Charged (9.90 EUR), profile b (active, gold, until 2026-11-02), profile -c (not active)\n",
		},
		"renamed": {
			event: "ACTIVATE",
			got: outcome{Status: 200, Answer: queued, Outcome: "delivered", Account: "production", Records: []rawJSON{
				`{"type":"event","objectId":"a","evtName":"Active","evtData":{}}`, `{"type":"profile","objectId":"a"}`,
			}},
			want: "→ event Active, profile a\n",
		},
		"refused": {
			got:  outcome{Status: 401, Answer: `{"error":"unauthorized"}`, Outcome: "none"},
			want: "no event                    → refused: 401 unauthorized\n",
		},
		"refused by no bridge": {got: outcome{Status: 502, Answer: `<html>`, Outcome: "none"}, want: "→ refused: 502\n"},
		"skipped": {
			got:  outcome{Status: 200, Answer: queued, Outcome: "skipped", Reason: "sandbox"},
			want: "→ skipped: sandbox\n",
		},
		"lost": {got: outcome{Status: 200, Answer: "?", Outcome: "lost"}, want: "→ lost\n"},
	} {
		var out bytes.Buffer
		w := webhook{fixture: fixture{event: test.event, want: test.got}, got: test.got}
		s := &screen{out: &out}
		if s.compare(name, w.text(), w.want, w.got); s.wrong > 0 || !strings.Contains(out.String(), test.want) {
			t.Errorf("want %q in:\n%s", test.want, &out)
		}
	}
	var out bytes.Buffer
	s := &screen{out: &out}
	if s.compare("name", "came", "delivered", "lost"); s.wrong != 1 ||
		!strings.Contains(out.String(), "  ✗ name                            came\n      - wanted, + got\n") ||
		!strings.Contains(out.String(), "delivered") {
		t.Errorf("what is wrong is shown as\n%s", &out)
	}
}

func TestRequestsOfTheBackEndAreSignedAnew(t *testing.T) {
	all, err := loadFixtures("../../events")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1_800_000_000, 0)
	s := &stack{usersKey: []byte("0123456789abcdef0123456789abcdef")}
	statuses := map[int]int{}
	for _, f := range all.users {
		statuses[f.want.Status]++
		signed := s.signAnew(f, now)
		file, err := signed.writeSigned(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		kept := f.want.Status == http.StatusUnauthorized
		if signed.header.Get("webhook-signature") == f.header.Get("webhook-signature") != kept ||
			strings.Contains(string(text), `"1800000000"`) == kept {
			t.Errorf("%s: signed %v", f.name, signed.header)
		}
		if function, err := functionOf(text); function != "Users" || err != nil {
			t.Errorf("%s is for %q, %v", f.name, function, err)
		}
	}
	for _, status := range []int{200, 401, 404, 422} {
		if statuses[status] == 0 {
			t.Errorf("statuses %v", statuses)
		}
	}
}
