package yamledit_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/yamledit"
)

const file = `# What goes to CleverTap.
apps:
  demo: # the first app
    enabled: true # on

    'server_events':
      default: "send" # all
      events:
        ACTIVATE: {send: false} # access
        ÄRGER: {send: false, name: "é b"} # ä
        # TRIAL_STARTED: {name: Trial}
        IN_LINES:
          # why
          send: false
          name: 'it''s'
        NOTHING:
        TILDE: ~ # none
        OPEN: {
          name: x,
        }
      # trailing
    user_properties:
  other: {} # the second app
  flat: {server_events: {events: {A: {send: true}}}}
`

func TestSet(t *testing.T) {
	events := []string{"apps", "demo", "server_events", "events"}
	for name, c := range map[string]struct {
		path      []string
		value     string
		old, want string
	}{
		"a value with a comment": {[]string{"apps", "demo", "enabled"}, "false",
			"enabled: true # on", "enabled: false # on"},
		"a quoted value": {[]string{"apps", "demo", "server_events", "default"}, "skip",
			`default: "send" # all`, `default: skip # all`},
		"a value in braces": {append(events, "ACTIVATE", "send"), "true",
			"ACTIVATE: {send: false} # access", "ACTIVATE: {send: true} # access"},
		"a value behind letters of several bytes": {append(events, "ÄRGER", "name"), "c",
			`name: "é b"} # ä`, `name: c} # ä`},
		"one more value in braces": {append(events, "ACTIVATE", "name"), "Access",
			"ACTIVATE: {send: false} # access", "ACTIVATE: {send: false, name: Access} # access"},
		"a value on its own line": {append(events, "IN_LINES", "name"), "b", `name: 'it''s'`, `name: b`},
		"one more line": {append(events, "IN_LINES", "known"), "false", `          name: 'it''s'`,
			"          name: 'it''s'\n          known: false"},
		"one more key after the last, before its comments": {append(events, "NEW"), "{send: false}",
			"          name: x,\n        }\n", "          name: x,\n        }\n        NEW: {send: false}\n"},
		"a key below one without a value": {append(events, "NOTHING", "send"), "false",
			"NOTHING:\n", "NOTHING:\n          send: false\n"},
		"a value where there is none": {append(events, "NOTHING"), "{name: x}", "NOTHING:\n", "NOTHING: {name: x}\n"},
		"a value where there is null": {append(events, "TILDE", "send"), "false",
			"TILDE: ~ # none\n", "TILDE: # none\n          send: false\n"},
		"one more value in braces over several lines": {append(events, "OPEN", "send"), "false",
			"name: x,\n", "name: x, send: false,\n"},
		"a section that is not there": {[]string{"apps", "demo", "user_properties", "properties", "plan"}, "{name: P}",
			"    user_properties:\n", "    user_properties:\n      properties:\n        plan: {name: P}\n"},
		"a section in an app without any": {[]string{"apps", "other", "revenue", "charged"}, "true",
			"other: {} # the second app\n", "other: # the second app\n    revenue:\n      charged: true\n"},
		"braces in braces": {[]string{"apps", "flat", "server_events", "properties", "plan"}, "{name: P}",
			"events: {A: {send: true}}}", "events: {A: {send: true}}, properties: {plan: {name: P}}}"},
		"a key that needs quotes": {append(events, "a: b"), "{}",
			"        }\n      # trailing", "        }\n        \"a: b\": {}\n      # trailing"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := yamledit.Set([]byte(file), c.value, c.path...)
			if diff := cmp.Diff(strings.Replace(file, c.old, c.want, 1), string(got)); diff != "" || err != nil {
				t.Errorf("%v (-want +got)\n%s", err, diff)
			}
		})
	}
}

func TestSetKeepsLineEndings(t *testing.T) {
	got, err := yamledit.Set([]byte("apps:\r\n  demo:\r\n    enabled: true # on"), "skip", "apps", "demo", "sandbox")
	if want := "apps:\r\n  demo:\r\n    enabled: true # on\r\n    sandbox: skip\r\n"; string(got) != want || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestDelete(t *testing.T) {
	events := []string{"apps", "demo", "server_events", "events"}
	for name, c := range map[string]struct {
		path      []string
		old, want string
		err       error
	}{
		"the only value in braces":   {append(events, "ACTIVATE", "send"), "{send: false} # access", "{} # access", nil},
		"the first value in braces":  {append(events, "ÄRGER", "send"), `{send: false, name`, `{name`, nil},
		"the last value in braces":   {append(events, "ÄRGER", "name"), `, name: "é b"}`, `}`, nil},
		"a line":                     {append(events, "IN_LINES", "name"), "          name: 'it''s'\n", "", nil},
		"a line with a comment":      {append(events, "ACTIVATE"), "", "", yamledit.ErrComment},
		"lines with a comment":       {append(events, "IN_LINES"), "", "", yamledit.ErrComment},
		"a line without a value":     {append(events, "NOTHING"), "        NOTHING:\n", "", nil},
		"lines":                      {append(events, "OPEN"), "        OPEN: {\n          name: x,\n        }\n", "", nil},
		"what is not there":          {append(events, "OTHER"), "", "", nil},
		"what is nowhere near there": {append(events, "OTHER", "name"), "", "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := yamledit.Delete([]byte(file), c.path...)
			want := strings.Replace(file, c.old, c.want, 1)
			if err != nil {
				want = ""
			}
			if diff := cmp.Diff(want, string(got)); diff != "" || !errors.Is(err, c.err) {
				t.Errorf("%v (-want +got)\n%s", err, diff)
			}
		})
	}
}

func TestWhatIsNotPlainIsRefused(t *testing.T) {
	for name, text := range map[string]string{
		"an alias":        "base: &b {enabled: true}\napps:\n  demo: *b\n",
		"an anchor":       "apps:\n  demo: {enabled: &on true}\n",
		"a list":          "apps:\n  demo: {enabled: [true]}\n",
		"a literal block": "apps:\n  demo:\n    enabled: |\n      true\n",
		"a tag":           "apps:\n  demo:\n    enabled: !!bool true\n",
		"a mapping":       "apps:\n  demo:\n    enabled:\n      yes: true\n",
	} {
		t.Run(name, func(t *testing.T) {
			got, err := yamledit.Set([]byte(text), "false", "apps", "demo", "enabled")
			if err == nil || !strings.Contains(err.Error(), "change it in the file itself") {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
	for _, text := range []string{"", "# nothing\n", "a: ["} {
		if got, err := yamledit.Set([]byte(text), "x", "a", "b"); err == nil {
			t.Errorf("%q became %q", text, got)
		}
	}
}

// Whatever is set can be read, nothing else changes, and every comment stays.
func TestEveryChangeChangesOnlyItself(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := []byte(file)
		for range rapid.IntRange(1, 5).Draw(t, "changes") {
			app := rapid.SampledFrom([]string{"demo", "other", "flat", "new"}).Draw(t, "app")
			sources := []string{"ACTIVATE", "ÄRGER", "IN_LINES", "NOTHING", "OPEN", "A", "B C"}
			source := rapid.SampledFrom(sources).Draw(t, "source")
			path := []string{"apps", app, "server_events", "events", source, "name"}
			want := tree(t, text)
			var err error
			if rapid.Bool().Draw(t, "delete") {
				var got []byte
				if got, err = yamledit.Delete(text, path...); err == nil {
					text = got
					change(want, path, nil)
				}
			} else {
				name := rapid.String().Draw(t, "name")
				if text, err = yamledit.Set(text, yamledit.Scalar(name), path...); err != nil {
					t.Fatal(err)
				}
				change(want, path, strings.ToValidUTF8(name, "\ufffd"))
			}
			if diff := cmp.Diff(want, tree(t, text), emptyIsNothing); diff != "" {
				t.Fatalf("(-want +got)\n%s\n%s", diff, text)
			}
		}
		if strings.Count(string(text), "#") < strings.Count(file, "#") {
			t.Fatalf("a comment is gone:\n%s", text)
		}
	})
}

func tree(t *rapid.T, text []byte) map[string]any {
	var all map[string]any
	if err := yaml.Unmarshal(text, &all); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return all
}

// emptyIsNothing takes a mapping without keys for a missing one.
var emptyIsNothing = cmp.Transformer("nothing", func(all map[string]any) map[string]any {
	full := map[string]any{}
	for key, value := range all {
		if below, ok := value.(map[string]any); value != nil && (!ok || len(below) > 0) {
			full[key] = value
		}
	}
	return full
})

// change does to a tree what is done to the text.
func change(all map[string]any, path []string, value any) {
	for _, key := range path[:len(path)-1] {
		below, ok := all[key].(map[string]any)
		if !ok {
			if value == nil {
				return
			}
			below = map[string]any{}
			all[key] = below
		}
		all = below
	}
	if last := path[len(path)-1]; value == nil {
		delete(all, last)
	} else {
		all[last] = value
	}
}

func TestScalar(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String().Draw(t, "text")
		var got struct{ A string }
		if err := yaml.Unmarshal(fmt.Appendf(nil, "a: %s # x\n", yamledit.Scalar(text)), &got); err != nil || got.A != text {
			t.Fatalf("%q was read as %q, %v", text, got.A, err)
		}
	})
	for text, want := range map[string]string{
		"Trial Started": "Trial Started", "no": `"no"`, "PLY ": `"PLY "`, "": `""`, "a: b": `"a: b"`, "1": `"1"`,
		"über": `"über"`, "-a": `"-a"`, "a-b": "a-b", `say "x"`: `"say \"x\""`,
	} {
		if got := yamledit.Scalar(text); got != want {
			t.Errorf("%q is written %s, want %s", text, got, want)
		}
	}
}

func TestSetFillsBracesThatWereEmptied(t *testing.T) {
	path := []string{"apps", "demo", "enabled"}
	for text, want := range map[string]string{
		"apps:\n  demo: {\n    enabled: true,\n  }\n": "apps:\n  demo: {\n    enabled: false}\n",
		"apps:\n  demo: {enabled: true}\n":            "apps:\n  demo:\n    enabled: false\n",
	} {
		emptied, err := yamledit.Delete([]byte(text), path...)
		if err != nil {
			t.Fatal(err)
		}
		got, err := yamledit.Set(emptied, "false", path...)
		if err != nil || strings.Join(strings.Fields(string(got)), " ") != strings.Join(strings.Fields(want), " ") {
			t.Errorf("got %q, %v", got, err)
		}
	}
}
