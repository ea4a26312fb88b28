package integration_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/purchasely-clevertap/bridge/shared/integration"
)

// TestCorpus compares every problem of every file in testdata with the file beside it. UPDATE_GOLDEN=1 rewrites them.
func TestCorpus(t *testing.T) {
	for _, verdict := range []string{"valid", "invalid"} {
		for _, path := range corpus(t, verdict) {
			t.Run(verdict+"/"+filepath.Base(path), func(t *testing.T) {
				file, problems := integration.Load(filepath.Base(path), read(t, path))
				if got := file != nil; got != (verdict == "valid") || problems.Failed() == got {
					t.Errorf("a File: %v, failed: %v", got, problems.Failed())
				}
				var lines strings.Builder
				for _, p := range problems {
					lines.WriteString(p.Severity.String() + " " + p.String() + "\n")
				}
				golden(t, strings.TrimSuffix(path, ".yaml")+".want", lines.String())
			})
		}
	}
}

// fixtures is the integration file of the fixtures.
const fixtures = "../../events/integrations.yaml"

func corpus(t testing.TB, verdict string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("testdata", verdict, "*.yaml"))
	if err != nil || len(paths) < 15 {
		t.Fatalf("%d files, %v", len(paths), err)
	}
	return paths
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// golden compares with a file, or writes it.
func golden(t *testing.T, path, got string) {
	t.Helper()
	if os.Getenv("UPDATE_GOLDEN") == "1" {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(read(t, path)), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

func TestProblemsAreAnErrorOfOneLineEach(t *testing.T) {
	_, problems := integration.Load("shop.yaml",
		[]byte("apps:\n  demo:\n    enabeld: true\n    server_events:\n      events: {ACTIVTE: {sent: 1}}\n"))
	want := `shop.yaml:3:5: apps.demo.enabeld: unknown key "enabeld"; did you mean enabled?
shop.yaml:5:26: apps.demo.server_events.events.ACTIVTE.sent: unknown key "sent"; did you mean send?`
	if diff := cmp.Diff(want, problems.Error()); diff != "" {
		t.Error(diff)
	}
	if len(problems) != 4 { // and a warning and a hint
		t.Errorf("%d problems: %v", len(problems), problems)
	}
	file, problems := integration.Load("shop.yaml", []byte("apps: {demo: {}}"))
	if file == nil || problems.Error() != "" {
		t.Errorf("%v, %v", file, problems)
	}
}

func TestManyEventNamesAreWarnedAbout(t *testing.T) {
	var text strings.Builder
	text.WriteString("apps:\n  demo:\n    anonymous: skip\n    server_events:\n      events:\n")
	const named = 400
	for i := range named {
		fmt.Fprintf(&text, "        EVENT_%d: {}\n", i)
	}
	_, problems := integration.Load("shop.yaml", []byte(text.String()))
	if len(problems) != named+1 || problems[0].Severity != integration.Warning || problems[0].Line != 2 ||
		!strings.Contains(problems[0].Message, "names of events are sent") {
		t.Errorf("%d problems, the first: %+v", len(problems), problems[0])
	}
}

// TestBounds loads files that would cost minutes, or the whole process, without a limit.
func TestBounds(t *testing.T) {
	var apps strings.Builder
	apps.WriteString("apps:\n  first: &a\n    server_events:\n      events:\n")
	for i := range 500 {
		fmt.Fprintf(&apps, "        E%d: {}\n", i)
	}
	for i := range 300 {
		fmt.Fprintf(&apps, "  a%d: *a\n", i)
	}
	shared := apps.String()
	merged := strings.ReplaceAll(shared, "*a", "{server_events: {events: {<<: *e}}}")
	merged = strings.Replace(merged, "events:\n        E0", "events: &e\n        E0", 1)
	for name, test := range map[string]struct{ text, want string }{
		"a file that is too large": {
			"# " + strings.Repeat("x", 1<<20) + "\napps: {demo: {}}\n",
			"test.yaml:1:1: the file has more than 1048576 bytes; divide it among several deployments",
		},
		"brackets without end": {
			"apps:\n  demo: " + strings.Repeat("[", 500_000),
			"test.yaml:2:73: values are nested more than 64 deep; close a bracket, or take the list apart",
		},
		"braces without end":            {"apps: " + strings.Repeat("{a: ", 100_000), "nested more than 64 deep"},
		"a list of lists of lists":      {"apps:\n  - " + strings.Repeat("- ", 100_000), "nested more than 64 deep"},
		"tags without end":              {"apps: " + strings.Repeat("!x ", 100_000), "nested more than 64 deep"},
		"aliases that make many of one": {shared, fmt.Sprintf("describes more than %d keys", integration.MaxPairs)},
		"merges that make many of one":  {merged, "more is merged than any integration file needs"},
		"many keys side by side": {
			"apps:\n" + strings.Repeat("  demo: {}\n", 80_000),
			"test.yaml:5002:7: more than 5000 keys or items stand side by side",
		},
		"many keys between braces": {
			"apps: {" + strings.Repeat("demo: {}, ", 80_000), "more than 5000 keys or items",
		},
		"many items": {
			"apps:\n" + strings.Repeat("  - demo\n", 80_000), "more than 5000 keys or items",
		},
		"many keys without a value": {
			strings.Repeat("k:\n"+strings.Repeat(" k:\n", 1000), 200), "more than 2000 keys or items have no",
		},
		"many names between braces": {
			strings.Repeat("- {"+strings.Repeat("k,", 1000)+"k}\n", 200), "more than 2000 keys or items have no",
		},
		"a fault in a long line":          {"apps: " + strings.Repeat("*", 1_000_000), "not YAML"},
		"an alias within its own value":   {"apps: &a\n  demo: {<<: *a}\n", "the alias *a is not defined"},
		"a byte that is not UTF-8, alone": {"apps:\n  é\xff: {}\n", "test.yaml:2:4: this byte is not UTF-8"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file, problems := integration.Load("test.yaml", []byte(test.text))
			if file != nil || !strings.Contains(problems.Error(), test.want) {
				t.Errorf("%v, %.300s", file, problems.Error())
			}
		})
	}
}

func TestLargeFilesAreWithinTheBounds(t *testing.T) {
	var apps strings.Builder
	apps.WriteString("apps:\n")
	for i := range 250 {
		fmt.Fprintf(&apps, "  app-%d:\n    # empty\n    relay:\n    server_events:\n      events:\n", i)
		for j := range 45 {
			fmt.Fprintf(&apps, "        EVENT_%d: {name: Event %d}\n", j, j)
		}
		apps.WriteString("    user_properties: {default: all, properties: {")
		for j := range 45 {
			fmt.Fprintf(&apps, "property_%d: {name: Property %d}, ", j, j)
		}
		apps.WriteString("}}\n")
	}
	for i := range 30 {
		fmt.Fprintf(&apps, "  relayed-%d: {relay: {url: \"https://x.example\", events: [%s]}}\n", i,
			strings.Repeat("A, ", 100))
	}
	file, problems := integration.Load("test.yaml", []byte(apps.String()))
	if file == nil {
		t.Errorf("%d bytes: %.300s", apps.Len(), problems.Error())
	}
}

func TestAppNames(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"a good file":                   {"apps:\n  demo: {}\n  other:\n    enabled: false\n", "demo other"},
		"unknown keys and wrong values": {"version: 2\napps:\n  demo: {enabeld: 1}\n  other: [1, 2]\n", "demo other"},
		"faulty names are left out":     {"apps:\n  Demo: {}\n  demo: {}\n  my_app: {}\n  -x: {}\n", "demo"},
		"a name that is there twice":    {"apps:\n  demo: {}\n  demo: {}\n", "demo"},
		"apps that is there twice":      {"apps:\n  demo: {}\napps:\n  other: {}\n", "demo other"},
		"an alias that is not defined":  {"apps:\n  demo: *base\n", "demo"},
		"merged apps":                   {"apps:\n  <<: {base: {}}\n  demo: {}\n", "base demo"},
		"numbers and flags to YAML":     {"apps:\n  2024: {}\n  007: {}\n  true: {}\n", "007 2024 true"},
		"an app called like a key":      {"apps:\n  events: {}\n", "events"},
		"JSON":                          {`{"apps":{"demo":{}}}`, "demo"},
		"a tab below the app":           {"apps:\n  demo:\n\tenabled: true\n  other: {}\n", "demo enabled other"},
		"tabs all through":              {"apps:\n\tdemo:\n\t\tenabled: true\n\tother:\n", "demo other"},
		"a brace that is not closed":    {"apps:\n  demo: {enabled: true\n  other: {}\n", "demo other"},
		"a quote that is not closed":    {"apps:\n  demo:\n    revenue: \"PLY\n  other: {}\n", "demo other"},
		"a colon that is missing":       {"apps:\n  demo\n    enabled: true\n  other: {}\n", "demo other"},
		"a space that is missing":       {"apps:\n  demo:{}\n  other: {}\n", "demo other"},
		"indentation back and forth":    {"apps:\n    demo:\n      enabled: true\n  other: {}\n", "demo other"},
		"a key at the margin":           {"apps:\n  demo:\nenabled: true\n    sandbox: skip\n  other: {}\n", "demo other"},
		"keys at the apps' level":       {"apps:\n    demo: {\n  revenue:\n    other: {}\n", "demo other revenue"},
		"quotes, comments, empty lines": {
			"# apps:\n\n\"apps\" : # a\n  # b: {}\n\n  'demo' : {]\n  \"other\":\n", "demo other",
		},
		"carriage returns":         {"apps:\r\n  demo: {]\r\n  other: {}\r\n", "demo other"},
		"a byte order mark":        {"\ufeffapps:\n  demo: {]\n", "demo"},
		"bytes that are not UTF-8": {"apps:\n  demo: {name: \xe9}\n", "demo"},
		"several documents":        {"x: 1\n---\napps:\n  demo: {}\n", "demo"},
		"an empty document before": {"---\n# nothing\n---\napps:\n  demo: {}\n", "demo"},
		"a file that is too large": {"apps:\n  demo: {}\n# " + strings.Repeat("x", 1<<20) + "\n", "demo"},
		"nesting without end":      {"apps:\n  demo: " + strings.Repeat("[", 100_000) + "\n  b: {}\n", "b demo"},
	} {
		names, err := integration.AppNames("test.yaml", []byte(test.text))
		if got := strings.Join(names, " "); got != test.want || err != nil {
			t.Errorf("%s: %q, %v, want %q", name, got, err, test.want)
		}
	}
}

func TestAppNamesSaysWhyThereIsNone(t *testing.T) {
	const begin = "; begin with apps: and the name of an app below it"
	const example = "; write an app's name below apps, such as demo: {}"
	for text, want := range map[string]string{
		"":      "1:1: the file is empty" + begin,
		"hello": "1:1: the file is a text, not a mapping" + begin,
		"enabled: true\n": `1:1: enabled: unknown key "enabled"; the only key here is apps / ` +
			"shop.yaml:1:1: the key apps is missing" + begin,
		"apps: {}\n":     "1:7: apps: there is no app" + example,
		"apps: [demo]\n": "1:7: apps: apps is a list, not a mapping" + example,
		"apps:\n  Demo: {anonymous: nobody}\n": `2:3: apps.Demo: "Demo" cannot be an app's name; ` +
			"take 1 to 63 of a-z, 0-9 and -, the first not a hyphen",
		"apps: {demo: {}\n": "1:7: not YAML: could not find flow mapping end token '}'; " +
			"check indentation, quotes, brackets and the space after every colon, here and on the line above",
	} {
		names, err := integration.AppNames("shop.yaml", []byte(text))
		if err == nil || len(names) > 0 || err.Error() != "no app name: shop.yaml:"+want {
			t.Errorf("%q: %v, %v", text, names, err)
		}
	}
}

func TestValidName(t *testing.T) {
	for name, want := range map[string]bool{
		"demo": true, "0": true, "a-": true, "2024-app": true, strings.Repeat("a", 63): true, "": false, "-a": false,
		"A": false, "a_b": false, "a.b": false, "a b": false, "é": false, "a\n": false, strings.Repeat("a", 64): false,
	} {
		if got := integration.ValidName(name); got != want {
			t.Errorf("%q: %v", name, got)
		}
	}
}
