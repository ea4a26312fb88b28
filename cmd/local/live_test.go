package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

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
