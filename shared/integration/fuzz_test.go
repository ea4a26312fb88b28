package integration_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// FuzzLoad: for any text there is a File or an error, every problem has a place, a message and an advice on one line,
// the receiver reads the same apps if there is a File, and valid names or an error in any case, and the names of what
// is sent keep CleverTap's rules.
func FuzzLoad(f *testing.F) {
	f.Add(read(f, fixtures))
	f.Add([]byte("apps:\n\tdemo:\n  'other\n\"third: {\n"))
	for _, path := range append(corpus(f, "valid"), corpus(f, "invalid")...) {
		f.Add(read(f, path))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		file, problems := integration.Load("test.yaml", text)
		if (file == nil) != problems.Failed() {
			t.Fatalf("File %v beside %v", file, problems)
		}
		for i, p := range problems {
			if p.Line < 1 || p.Column < 1 || p.Message == "" || p.Advice == "" || strings.ContainsAny(p.String(), "\r\n") {
				t.Errorf("%+v", p)
			}
			if q := problems[max(0, i-1)]; p.Line < q.Line || p.Line == q.Line && p.Column < q.Column {
				t.Errorf("%v comes after %v", p, q)
			}
		}
		names, err := integration.AppNames("test.yaml", text)
		if (err == nil) != (len(names) > 0) || err != nil && strings.ContainsAny(err.Error(), "\r\n") {
			t.Fatalf("names %q, error %v", names, err)
		}
		for i, name := range names {
			if !integration.ValidName(name) || slices.Contains(names[:i], name) {
				t.Errorf("%q of %q", name, names)
			}
		}
		if file == nil {
			return
		}
		slices.Sort(names)
		if diff := cmp.Diff(slices.Sorted(maps.Keys(file.Apps)), names); diff != "" {
			t.Errorf("names (-Load +AppNames):\n%s", diff)
		}
		for _, app := range file.Apps {
			checkDecisions(t, app)
		}
	})
}

// checkDecisions checks every decision on a name of the catalogue.
func checkDecisions(t *testing.T, app *integration.App) {
	t.Helper()
	c := webhook.EmbeddedCatalogue()
	taken := map[string]string{}
	check := func(kind, source, name string, reserved bool) {
		limit := clevertap.MaxKeyBytes
		if kind == "event" {
			limit = clevertap.MaxEventNameBytes
		}
		clean, changed := clevertap.CleanName(nil, []byte(name), limit, kind == "user property")
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
			reserved := clevertap.ReservedEvent(rule.Name) || clevertap.Same(rule.Name, "Charged")
			check("event", c.Events[i].Name, rule.Name, reserved)
		}
	}
	for i, a := range c.Attributes {
		if rule := app.Property(i); rule.Send && !a.Dynamic() && a.Type != webhook.Object {
			check("property", a.Name, rule.Name, false)
		}
		if rule := app.UserProperty(i); rule.Send {
			check("user property", a.Name, rule.Name, clevertap.ReservedProfileKey(rule.Name))
		}
	}
	for _, named := range app.NamedUserProperties() {
		if named.Send {
			check("user property", named.Source, named.Name, clevertap.ReservedProfileKey(named.Name))
		}
	}
}
