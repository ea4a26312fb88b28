package integration_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/config"
	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

func seed(f *testing.F) {
	f.Add(config.Integrations)
	for _, verdict := range []string{"valid", "invalid"} {
		for _, path := range corpus(f, verdict) {
			f.Add(read(f, path))
		}
	}
}

// FuzzLoad: whatever the text, there is a File or an error, every problem says where, what and what instead on one line, the
// receiver reads the same apps, and what is sent keeps CleverTap's rules for names.
func FuzzLoad(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, text []byte) {
		file, problems := integration.Load("test.yaml", text)
		if (file == nil) != problems.Failed() {
			t.Fatalf("File %v beside %v", file, problems)
		}
		for i, p := range problems {
			if p.Line < 1 || p.Column < 1 || p.Message == "" || p.Advice == "" || strings.ContainsAny(p.String(), "\r\n") {
				t.Errorf("%+v", p)
			}
			if i > 0 && (p.Line < problems[i-1].Line || p.Line == problems[i-1].Line && p.Column < problems[i-1].Column) {
				t.Errorf("%v stands behind %v", p, problems[i-1])
			}
		}
		if file == nil {
			return
		}
		names, err := integration.AppNames("test.yaml", text)
		slices.Sort(names)
		if diff := cmp.Diff(slices.Sorted(maps.Keys(file.Apps)), names); diff != "" || err != nil {
			t.Errorf("AppNames: %v\n%s", err, diff)
		}
		for _, app := range file.Apps {
			judge(t, app)
		}
	})
}

// judge checks every decision on a catalogued name.
func judge(t *testing.T, app *integration.App) {
	t.Helper()
	c := webhook.EmbeddedCatalogue()
	taken := map[string]string{}
	check := func(kind, source, name string, limit int, profile, reserved bool) {
		clean, changed := clevertap.CleanName(nil, []byte(name), limit, profile)
		if changed || len(clean) == 0 || reserved {
			t.Errorf("%s %s goes as %q", kind, source, name)
		}
		folded := kind + string(clevertap.Fold(nil, name))
		if other, ok := taken[folded]; ok {
			t.Errorf("%s %s and %s are one: %q", kind, source, other, name)
		}
		taken[folded] = source
	}
	for i := range c.Events {
		if rule := app.Event([]byte(c.Events[i].Name)); rule.Send && c.Events[i].Known() {
			check("event", c.Events[i].Name, rule.Name, clevertap.MaxEventNameBytes, false,
				clevertap.ReservedEvent(rule.Name) || clevertap.Same(rule.Name, "Charged"))
		}
	}
	for i, a := range c.Attributes {
		if rule := app.Property(i); rule.Send && !a.Dynamic() && a.Type != webhook.Object {
			check("property", a.Name, rule.Name, clevertap.MaxKeyBytes, false, false)
		}
		if rule := app.UserProperty(i); rule.Send {
			check("user property", a.Name, rule.Name, clevertap.MaxKeyBytes, true, clevertap.ReservedProfileKey(rule.Name))
		}
	}
	for _, named := range app.NamedUserProperties() {
		if named.Send {
			check("user property", named.Source, named.Name, clevertap.MaxKeyBytes, true, clevertap.ReservedProfileKey(named.Name))
		}
	}
}

// FuzzAppNames: whatever the text, there are well-formed names, each once, or an error on one line.
func FuzzAppNames(f *testing.F) {
	seed(f)
	f.Add([]byte("apps:\n\tdemo:\n  'other\n\"third: {\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		names, err := integration.AppNames("test.yaml", text)
		if (err == nil) != (len(names) > 0) {
			t.Fatalf("%v, %v", names, err)
		}
		if err != nil && strings.ContainsAny(err.Error(), "\r\n") {
			t.Errorf("more than one line: %v", err)
		}
		for i, name := range names {
			if !integration.ValidName(name) || slices.Contains(names[:i], name) {
				t.Errorf("%q of %q", name, names)
			}
		}
	})
}
