package mapping_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/mapping"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// atReceipt is when the webhooks of the tests were received.
var atReceipt = time.Date(2026, time.November, 23, 8, 15, 30, 417_000_000, time.UTC)

// meta is what a golden case may set beside the file: meta.json.
type meta struct {
	SandboxAccount bool `json:"sandbox_account"`
}

// golden is what became of a webhook: want.json.
type golden struct {
	Skip    string         `json:"skip,omitempty"`
	Reject  string         `json:"reject,omitempty"`
	Event   jsontext.Value `json:"event,omitempty"`
	Profile jsontext.Value `json:"profile,omitempty"`
	Charged jsontext.Value `json:"charged,omitempty"`
	Other   jsontext.Value `json:"other,omitempty"`
	Drift   []string       `json:"drift,omitempty"`
}

// TestGolden maps every in.json below testdata with the app of its folder's integrations.yaml, else with demo: {}, and compares
// with want.json to the byte of every record. UPDATE_GOLDEN=1 writes the records that it gets instead: read them before you keep them.
func TestGolden(t *testing.T) {
	t.Parallel()
	folders, err := filepath.Glob(filepath.Join("testdata", "*"))
	if err != nil || len(folders) == 0 {
		t.Fatalf("testdata is empty: %v", err)
	}
	for _, folder := range folders {
		if filepath.Base(folder) == "fuzz" {
			continue
		}
		t.Run(filepath.Base(folder), func(t *testing.T) {
			t.Parallel()
			var m meta
			if text, err := os.ReadFile(filepath.Join(folder, "meta.json")); err == nil {
				if err := json.Unmarshal(text, &m); err != nil {
					t.Fatal(err)
				}
			}
			app := appOf(t, folder)
			got := mapGolden(t, read(t, folder, "in.json"), app, m)
			file := filepath.Join(folder, "want.json")
			if os.Getenv("UPDATE_GOLDEN") != "" {
				if err := os.WriteFile(file, pretty(t, got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			var want golden
			if err := json.Unmarshal(read(t, folder, "want.json"), &want); err != nil {
				t.Fatal(err)
			}
			for _, v := range []*jsontext.Value{&want.Event, &want.Profile, &want.Charged, &want.Other} {
				if *v != nil {
					compact(t, v)
				}
			}
			if diff := cmp.Diff(lines(want), lines(got)); diff != "" {
				t.Errorf("records differ (-want +got):\n%s", diff)
			}
		})
	}
}

// mapGolden reads, routes and maps.
func mapGolden(t *testing.T, body []byte, app *integration.App, m meta) golden {
	t.Helper()
	var e webhook.Event
	if err := e.Read(body); err != nil {
		f, ok := errors.AsType[*fault.Fault](err)
		if !ok {
			t.Fatal(err)
		}
		return golden{Reject: string(f.Reason)}
	}
	to, err := mapping.Route(&e, app, func() (bool, error) { return m.SandboxAccount, nil })
	if err != nil {
		t.Fatal(err)
	}
	var r mapping.Result
	mapping.New().Map(&r, &e, app, to, atReceipt, nil)
	got := golden{Skip: string(r.Skip), Reject: string(r.Reject), Event: r.Event, Charged: r.Charged, Drift: r.Drift}
	if r.Profile != nil {
		got.Profile = mapping.Merge(nil, []*mapping.Profile{r.Profile})
	}
	if r.Other != nil {
		got.Other = mapping.Merge(nil, []*mapping.Profile{r.Other})
	}
	return got
}

// appOf loads a folder's integration file, whose app is demo.
func appOf(t *testing.T, folder string) *integration.App {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(folder, "integrations.yaml"))
	if errors.Is(err, os.ErrNotExist) {
		text = []byte("apps:\n  demo: {}\n")
	} else if err != nil {
		t.Fatal(err)
	}
	return load(t, string(text))
}

// load reads an integration file with an app called demo.
func load(t testing.TB, text string) *integration.App {
	t.Helper()
	file, problems := integration.Load("integrations.yaml", []byte(text))
	if file == nil {
		t.Fatalf("integration file: %v", problems)
	}
	return file.Apps["demo"]
}

func read(t *testing.T, folder, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(folder, name))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// pretty writes a result for people to read: a line for every property.
func pretty(t *testing.T, g golden) []byte {
	t.Helper()
	text, err := json.Marshal(g, jsontext.Multiline(true), jsontext.WithIndent("  "), jsontext.PreserveRawStrings(true))
	if err != nil {
		t.Fatal(err)
	}
	return append(text, '\n')
}

// compact undoes pretty; the escapes stay as they are.
func compact(t *testing.T, v *jsontext.Value) {
	t.Helper()
	if err := v.Compact(jsontext.PreserveRawStrings(true)); err != nil {
		t.Fatal(err)
	}
}

// lines cuts records into lines, so that a difference is seen where it is.
func lines(g golden) map[string][]string {
	cut := func(v jsontext.Value) []string {
		return strings.Split(string(bytes.ReplaceAll(v, []byte(`,"`), []byte(",\n\""))), "\n")
	}
	return map[string][]string{
		"skip": {g.Skip}, "reject": {g.Reject}, "drift": g.Drift,
		"event": cut(g.Event), "profile": cut(g.Profile), "charged": cut(g.Charged), "other": cut(g.Other),
	}
}
