package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

func TestDescribe(t *testing.T) {
	tests := map[string]struct{ raw, want string }{
		"an event with its name and how much it carries": {
			raw:  `{"type":"event","identity":"learner-1","ts":1,"evtName":"Renewed","evtData":{"event_id":"e","plan":"p"}}`,
			want: "event    identity learner-1: Renewed with 2 properties",
		},
		"a profile with its keys in their order": {
			raw:  `{"type":"profile","objectId":"__h1","ts":1,"profileData":{"plan":"p","has_active_subscription":true}}`,
			want: "profile  objectId __h1: plan, has_active_subscription",
		},
		"what is no record, as it is": {raw: `?`, want: "?"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := describe(test.raw); got != test.want {
				t.Errorf("want %q, got %q", test.want, got)
			}
		})
	}
}

func TestWebhook(t *testing.T) {
	delivered := result{
		status: 200, answer: []byte(`{"status":"queued"}`), outcome: "delivered",
		records: []record{{Raw: `{"type":"event","identity":"a","evtName":"X","evtData":{}}`}},
	}
	tests := map[string]struct {
		fixture fixture
		result  result
		lines   []string
		want    []string
	}{
		"delivered": {
			fixture: fixture{name: "renewal", want: want{Account: "production"}}, result: delivered,
			want: []string{"✓ renewal", "200 queued → delivered to the production account", "identity a: X"},
		},
		"refused by the receiver": {
			fixture: fixture{name: "forged"}, result: result{status: 401, answer: []byte(`{"error":"unauthorized"}`), outcome: "none"},
			want: []string{"✓ forged", "401 unauthorized\n"},
		},
		"skipped": {
			fixture: fixture{name: "test"}, result: result{status: 200, answer: []byte(`{"status":"queued"}`), outcome: "skipped", reason: "sandbox"},
			want: []string{"200 queued → skipped: sandbox"},
		},
		"not as it should be": {
			fixture: fixture{name: "lost"}, result: result{status: 200, answer: []byte("?"), outcome: "lost"}, lines: []string{"outcome: want delivered, got lost"},
			want: []string{"✗ lost", "200 ? → lost", "want delivered, got lost"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			(&screen{out: &out}).webhook(test.fixture, test.result, test.lines)
			for _, want := range test.want {
				if !strings.Contains(out.String(), want) {
					t.Errorf("want %q in:\n%s", want, out.String())
				}
			}
		})
	}
}

func TestConsent(t *testing.T) {
	tests := map[string]struct {
		yes    bool
		typed  string
		wantOK bool
	}{
		"yes is yes":                  {typed: "yes\n", wantOK: true},
		"anything else is no":         {typed: "y\n"},
		"nothing is no":               {},
		"answered beforehand is fine": {yes: true, wantOK: true},
	}
	fixtures := []fixture{{want: want{Account: "production", Records: []jsontext.Value{
		jsontext.Value(`{"type":"event","identity":"learner-1","evtName":"X","evtData":{}}`),
	}}}}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			err := (&screen{out: &out}).consent(live{yes: test.yes, accountID: "ABC", passcode: "hidden", region: "eu1"}, fixtures, strings.NewReader(test.typed))
			if (err == nil) != test.wantOK {
				t.Errorf("got %v", err)
			}
			for _, want := range []string{"ABC", "eu1", "learner-1: X"} {
				if !strings.Contains(out.String(), want) {
					t.Errorf("want %q in:\n%s", want, out.String())
				}
			}
			if strings.Contains(out.String(), "hidden") {
				t.Error("the passcode is shown")
			}
		})
	}
}
