package cli_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/clitest"
)

// inFolder makes a working directory with files, of which each is an app of that name.
func inFolder(t *testing.T, apps map[string]string) {
	t.Helper()
	t.Chdir(t.TempDir())
	for path, app := range apps {
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("apps: {"+app+": {}}"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// command returns a command that reads an integration file as most do, and what it shows on standard error.
func command(in string) (*cobra.Command, *bytes.Buffer) {
	var errs bytes.Buffer
	cmd := &cobra.Command{Use: "test"}
	cmd.SetIn(strings.NewReader(in))
	cmd.SetErr(&errs)
	return cmd, &errs
}

func TestWhichIntegrationFileCounts(t *testing.T) {
	const here, below = "integrations.yaml", "shared/config/integrations.yaml"
	for name, c := range map[string]struct {
		files      map[string]string
		named      string
		app, shown string
	}{
		"the one that is named": {map[string]string{here: "here", below: "below", "other.yaml": "other"}, "other.yaml",
			"other", "integration file: other.yaml\n"},
		"standard input": {map[string]string{here: "here"}, "-", "stdin", "integration file: standard input\n"},
		"the one in the working directory": {map[string]string{here: "here", below: "below"}, "",
			"here", "integration file: integrations.yaml\n"},
		"the one in the repository": {map[string]string{below: "below"}, "",
			"below", "integration file: shared/config/integrations.yaml\n"},
		"the one that is built in": {map[string]string{"config/integrations.yaml": "elsewhere"}, "", "demo",
			"integration file: the one built into bridge " + cli.Version +
				", for there is no integrations.yaml and no shared/config/integrations.yaml here\n"},
	} {
		t.Run(name, func(t *testing.T) {
			inFolder(t, c.files)
			cmd, errs := command("apps: {stdin: {}}")
			file, err := cli.LoadIntegrations(cmd, c.named)
			if err != nil || file.Apps[c.app] == nil || errs.String() != c.shown {
				t.Errorf("got %+v, %v, %q", file, err, errs)
			}
		})
	}
}

// A file that is there and cannot be used is never passed over for another one.
func TestAnIntegrationFileThatCannotBeRead(t *testing.T) {
	inFolder(t, map[string]string{"shared/config/integrations.yaml": "below", "integrations.yaml/x": "in-a-folder"})
	cmd, _ := command("")
	for named, want := range map[string]string{
		"":          "integration file: read integrations.yaml: is a directory",
		"none.yaml": "integration file: open none.yaml: no such file or directory",
	} {
		_, err := cli.LoadIntegrations(cmd, named)
		if e, ok := errors.AsType[*cli.Error](err); !ok || e.Code != cli.Usage || e.Error() != want {
			t.Errorf("%q: got %v", named, err)
		}
	}
}

func TestWhichApp(t *testing.T) {
	const several = "no app is named, and the integration file has several the apps in i.yaml: "
	many := "a0: {}"
	for _, n := range "123456789abc" {
		many += ", a" + string(n) + ": {}"
	}
	for name, c := range map[string]struct {
		file, app string
		want      string // the app, or the error with its hint
		shown     string
	}{
		"the one that is named": {"a: {}, b: {}", "b", "b", ""},
		"the only one":          {"a: {}", "", "a", "app: a, the only one there\n"},
		"none of several":       {"b: {}, a: {}", "", several + "a, b", ""},
		"none of many":          {many, "", several + "a0, a1, a2, a3, a4, a5, a6, a7, a8, a9 and 3 more", ""},
		"one that is not there": {"a: {}", "shop", `app "shop" is not in the integration file the apps in i.yaml: a`, ""},
		"one that is misspelt": {"shop: {}", "shpo",
			`app "shpo" is not in the integration file did you mean shop? the apps in i.yaml: shop`, ""},
		"one of a file that is faulty": {"a: {enabled: 1}", "a", "integration file: i.yaml:1:21: apps.a.enabled: " +
			"enabled is 1; write true or false 'bridge lint' shows them with what would be right", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			if err := os.WriteFile("i.yaml", []byte("apps: {"+c.file+"}"), 0o600); err != nil {
				t.Fatal(err)
			}
			cmd, errs := command("")
			app := c.app
			_, err := cli.LoadApp(cmd, "i.yaml", &app)
			got := app
			if e, ok := errors.AsType[*cli.Error](err); ok {
				got = e.Error() + " " + e.Hint
			}
			if shown := strings.TrimPrefix(errs.String(), "integration file: i.yaml\n"); got != c.want || shown != c.shown {
				t.Errorf("got %q and %q, want %q and %q", got, shown, c.want, c.shown)
			}
		})
	}
}

// A command that needs the app alone reads a file only to find it.
func TestChooseApp(t *testing.T) {
	inFolder(t, map[string]string{"integrations.yaml": "shop"})
	for given, want := range map[string]string{"demo": "demo", "": "shop"} {
		cmd, errs := command("")
		app := given
		if err := cli.ChooseApp(cmd, &app); err != nil || app != want || (errs.Len() > 0) != (given == "") {
			t.Errorf("%q: got %q, %v, %q", given, app, err, errs)
		}
	}
}

func TestCompletion(t *testing.T) {
	inFolder(t, map[string]string{"integrations.yaml": "shop", "other.yaml": "other", "broken.yaml": ": {"})
	newCommand := func() *cobra.Command {
		var app, file string
		cmd := &cobra.Command{
			Use: "try", Run: func(*cobra.Command, []string) {}, ValidArgsFunction: cli.CompleteEvents,
		}
		cli.AppFlag(cmd, &app, "an app")
		cli.FileFlag(cmd, &file)
		return cmd
	}
	for line, want := range map[string]string{
		"try --app ":                     "shop\n:4\n",
		"try --file other.yaml --app ":   "other\n:4\n",
		"try --file none.yaml --app ":    ":4\n",
		"try --file broken.yaml --app ":  ":4\n",
		"try SUBSCRIPTION_REN":           "ACTIVATE\tAccess to the purchase begins or goes on.\n",
		"tr":                             "try\n:4\n",
		"completion ba":                  "bash\tGenerate the autocompletion script for bash\n:4\n",
		"try --file other.yaml TRIAL_ST": "ACTIVATE\t",
	} {
		words := strings.Split(line, " ")
		got := clitest.Run(t.Context(), newCommand(), "", slices.Concat([]string{"__complete"}, words)...)
		if got.Code != cli.OK || !strings.HasPrefix(got.Out, want) || strings.Contains(got.Errs, "integration file") {
			t.Errorf("%q: got %+v, want %q", line, got, want)
		}
	}
}
