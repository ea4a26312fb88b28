package main

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReadOptions(t *testing.T) {
	usual := options{mode: modeRun, Queue: "fifo", Port: 4566, FakePort: 9900}
	tests := map[string]struct {
		environment string
		want        func(*options)
		wrong       []string
	}{
		"nothing set means the FIFO queue on the usual ports": {},
		"every variable counts": {
			environment: "ONCE=1 OPERATE=1 QUEUE=standard PORT=5000 FAKE_PORT=6000",
			want: func(o *options) {
				o.Once, o.Operate, o.Queue, o.Port, o.FakePort = true, true, "standard", 5000, 6000
			},
		},
		"zero switches off": {environment: "ONCE=0 LIVE=0"},
		"a live run takes the account from the environment": {
			environment: "LIVE=1 YES=1 CLEVERTAP_ACCOUNT_ID=ABC CLEVERTAP_PASSCODE=secret CLEVERTAP_REGION=eu1",
			want: func(o *options) {
				o.Live, o.Yes, o.AccountID, o.Passcode, o.Region = true, true, "ABC", "secret", "eu1"
			},
		},
		"everything wrong is named at once": {
			environment: "ONCE=maybe QUEUE=lifo PORT=80 FAKE_PORT=65534 LIVE=1 OPERATE=1 EVENT=x.json",
			wrong: []string{
				"ONCE=maybe", "QUEUE=lifo", "PORT=80", "FAKE_PORT=65534", "CLEVERTAP_PASSCODE", "LIVE=1: is for", "EVENT=x.json",
			},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			environment := map[string]string{}
			for variable := range strings.FieldsSeq(test.environment) {
				name, value, _ := strings.Cut(variable, "=")
				environment[name] = value
			}
			got, err := readOptions(func(name string) string { return environment[name] }, modeRun)
			for _, wrong := range test.wrong {
				if err == nil || !strings.Contains(err.Error(), wrong) {
					t.Errorf("%q is not in %v", wrong, err)
				}
			}
			if test.wrong != nil {
				return
			}
			want := usual
			if test.want != nil {
				test.want(&want)
			}
			want.architecture = got.architecture // this machine's
			if diff := cmp.Diff(want, got, cmp.AllowUnexported(options{})); diff != "" || err != nil {
				t.Errorf("%v\n%s", err, diff)
			}
		})
	}
}

func TestALiveRunIsConfirmed(t *testing.T) {
	record := rawJSON(`{"type":"event","identity":"learner-1","evtName":"X","evtData":{}}`)
	fixtures := []fixture{{want: outcome{Account: "production", Records: []rawJSON{record}}}}
	for name, test := range map[string]struct {
		yes   bool
		typed string
		want  bool
	}{
		"yes is yes":                  {typed: "yes\n", want: true},
		"anything else is no":         {typed: "y\n"},
		"nothing is no":               {},
		"answered beforehand is fine": {yes: true, want: true},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			o := options{Yes: test.yes, AccountID: "ABC", Passcode: "hidden", Region: "eu1"}
			err := (&screen{out: &out}).confirm(o, fixtures, strings.NewReader(test.typed))
			if (err == nil) != test.want {
				t.Errorf("got %v", err)
			}
			for text, want := range map[string]bool{"ABC": true, "eu1": true, "event X": true, "hidden": false} {
				if strings.Contains(out.String(), text) != want {
					t.Errorf("%q is shown: %t in\n%s", text, !want, &out)
				}
			}
		})
	}
}

func TestTheOperatorTypesWhatTheDocsSay(t *testing.T) {
	var docs strings.Builder
	for _, page := range []string{"commands", "apps", "runbook", "data-protection"} {
		text, err := os.ReadFile("../../docs/guide/" + page + ".md")
		if err != nil {
			t.Fatal(err)
		}
		docs.Write(text)
	}
	for _, step := range operatorSteps() {
		if line, typed := strings.CutPrefix(step.line, "$ "); typed && !strings.Contains(docs.String(), line) {
			t.Errorf("no page says %q", line)
		}
	}
}
