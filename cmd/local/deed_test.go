package main

import (
	"os"
	"strings"
	"testing"
)

// TestTheOperatorTypesWhatTheDocsSay holds every line of an operator's day against the pages for operators.
func TestTheOperatorTypesWhatTheDocsSay(t *testing.T) {
	var docs strings.Builder
	for _, page := range []string{"commands", "apps", "runbook"} {
		text, err := os.ReadFile("../../docs/guide/" + page + ".md")
		if err != nil {
			t.Fatal(err)
		}
		docs.Write(text)
	}
	for _, d := range day {
		if (d.line == "") == (d.happens == nil) || (d.line == "") == (d.what == "") {
			t.Errorf("neither typed nor what happens elsewhere: %q %q", d.line, d.what)
		}
		if !strings.Contains(docs.String(), d.line) {
			t.Errorf("no page says %q", d.line)
		}
	}
}

func TestADeedIsHeldAgainstWhatItShows(t *testing.T) {
	o := &operator{shell: &shell{t.TempDir(), os.Environ(), strings.NewReplacer(documented, stackName)}}
	for name, c := range map[string]struct {
		deed deed
		want string // in the error; "": none
	}{
		"as it should":              {deed{line: "cat; echo purchasely-clevertap >&2; exit 3", input: "yes", exit: 3, says: []string{"yes", "local"}}, ""},
		"another exit code":         {deed{line: "echo done; exit 1", says: []string{"done"}}, "exit code 1, not 0"},
		"something else":            {deed{line: "echo done", says: []string{"gone"}}, `does not show "gone" but:` + "\ndone"},
		"a command that is not one": {deed{line: "no-such-command"}, "exit code 127"},
	} {
		t.Run(name, func(t *testing.T) {
			err := o.do(t.Context(), c.deed)
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}
