package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
)

// execution is what a command line came to.
type execution struct {
	code      int
	out, errs string
}

// execute runs a command line in this process.
func execute(t *testing.T, in string, args ...string) execution {
	t.Helper()
	var out, errs bytes.Buffer
	code := run(t.Context(), args, strings.NewReader(in), &out, &errs)
	return execution{code, out.String(), errs.String()}
}

// golden compares a text with a file; with UPDATE_GOLDEN=1 it writes the file instead.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if os.Getenv("UPDATE_GOLDEN") == "1" {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v (UPDATE_GOLDEN=1 makes it)", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

func TestExitCodesAndHints(t *testing.T) {
	t.Setenv(secretVariable, "")
	t.Setenv(urlVariable, "")
	for name, c := range map[string]struct {
		args []string
		in   string
		code int
		errs string
	}{
		"without a subcommand help is printed":   {nil, "", fine, ""},
		"an unknown subcommand":                  {[]string{"explian"}, "", usage, "bridge: unknown command \"explian\""},
		"an unknown flag":                        {[]string{"lint", "--quick"}, "", usage, "hint: 'bridge lint --help'"},
		"too many arguments":                     {[]string{"lint", "a.yaml", "b.yaml"}, "", usage, "hint: 'bridge lint --help'"},
		"an integration file that is not there":  {[]string{"lint", "testdata/none.yaml"}, "", usage, "hint: name an integration file"},
		"explain without an app":                 {[]string{"explain"}, "{}", usage, "flag --app is missing"},
		"explain for an unknown app":             {[]string{"explain", "--app", "dmeo"}, "{}", usage, "hint: the apps in shared/config/integrations.yaml: demo"},
		"explain without input":                  {[]string{"explain", "--app", "demo"}, " \n", usage, "hint: 'bridge sample"},
		"explain of a file that is not there":    {[]string{"explain", "--app", "demo", "none.json"}, "", usage, "hint: name a file"},
		"explain at a time that is none":         {[]string{"explain", "--app", "demo", "--received", "noon"}, "{}", usage, "is not RFC 3339"},
		"explain with a faulty integration file": {[]string{"explain", "--app", "demo", "--file", "testdata/lint/faulty.yaml"}, "{}", finding, "hint: 'bridge lint"},
		"explain of what is no webhook":          {[]string{"explain", "--app", "demo"}, "no JSON", finding, ""},
		"explain with a state that is not there": {[]string{"explain", "--app", "demo", "--state", "none.json"}, "{}", usage, "hint: name a file with an entry"},
		"explain with a state that is none":      {[]string{"explain", "--app", "demo", "--state", "bridge_test.go"}, "{}", usage, "this is not what an entry looks like"},
		"explain of two users with one's state":  {[]string{"explain", "--app", "demo", "--state", "testdata/state.json"}, `{"user_id":"a"} {"user_id":"b"}`, usage, "are about 2 users"},
		"sample without an event":                {[]string{"sample"}, "", usage, "name an event"},
		"sample with an event and --list":        {[]string{"sample", "ACTIVATE", "--list"}, "", usage, "name an event"},
		"sample of a misspelt event":             {[]string{"sample", "ACTIVTE"}, "", usage, "hint: did you mean ACTIVATE?"},
		"send without an app":                    {[]string{"send"}, "{}", usage, "flag --app is missing"},
		"send without a URL":                     {[]string{"send", "--app", "demo"}, "{}", usage, "hint: give --url or BRIDGE_URL"},
		"send over plain HTTP":                   {[]string{"send", "--app", "demo", "--url", "http://example.com"}, "{}", usage, "must begin with https://"},
		"send to what is no URL":                 {[]string{"send", "--app", "demo", "--url", "example.com"}, "{}", usage, "cannot be read"},
		"send with a file and a sample":          {[]string{"send", "--app", "demo", "--sample", "ACTIVATE", "a.json"}, "", usage, "not both"},
		"send with two things on standard input": {[]string{"send", "--app", "demo", "--secret-stdin", "-"}, "", usage, "cannot hold both"},
		"send without a secret and a terminal":   {[]string{"send", "--app", "demo", "--url", "http://127.0.0.1:1", "--sample", "ACTIVATE"}, "", usage, "hint: set BRIDGE_SHARED_SECRET"},
		"send with an empty secret":              {[]string{"send", "--app", "demo", "--url", "http://127.0.0.1:1", "--sample", "ACTIVATE", "--secret-stdin"}, "\n", usage, "the shared secret is empty"},
		"send with a secret among the arguments": {[]string{"send", "--app", "demo", "--secret", "x"}, "", usage, "unknown flag: --secret"},
	} {
		t.Run(name, func(t *testing.T) {
			got := execute(t, c.in, c.args...)
			if got.code != c.code || !strings.Contains(got.errs, c.errs) {
				t.Errorf("got code %d and %q, want code %d and %q", got.code, got.errs, c.code, c.errs)
			}
			if c.code == usage && got.out != "" {
				t.Errorf("a wrong command line printed %q", got.out)
			}
		})
	}
}

// TestEveryCommandHelps walks the tree of commands.
func TestEveryCommandHelps(t *testing.T) {
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		for _, sub := range cmd.Commands() {
			walk(sub)
		}
		if cmd.Hidden || cmd.HasSubCommands() {
			return
		}
		if cmd.Short == "" || cmd.Long == "" || cmd.Example == "" {
			t.Errorf("%s lacks a part of its help", cmd.CommandPath())
		}
		if secrets := cmd.Flags().Lookup("secret"); secrets != nil {
			t.Errorf("%s takes a secret as an argument", cmd.CommandPath())
		}
	}
	walk(newRootCommand())
}
