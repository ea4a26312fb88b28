package main

import (
	"bytes"
	"cmp"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	diff "github.com/google/go-cmp/cmp"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/stored"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// TestExplain runs every folder of testdata/explain: its arguments, its input, and what is printed for people and for programs.
func TestExplain(t *testing.T) {
	cases, err := filepath.Glob("testdata/explain/*/in.json")
	if err != nil || len(cases) == 0 {
		t.Fatal("no cases", err)
	}
	for _, in := range cases {
		folder := filepath.Dir(in)
		t.Run(filepath.Base(folder), func(t *testing.T) {
			args := []string{"explain", "--app", "demo", "--received", "2026-11-02T09:00:00Z"}
			file := filepath.Join(folder, "integrations.yaml")
			if !exists(file) {
				file = "testdata/explain/integrations.yaml"
			}
			args = append(args, "--file", file)
			if more, err := os.ReadFile(filepath.Join(folder, "args")); err == nil {
				args = append(args, strings.Fields(string(more))...)
			}
			for _, format := range []struct{ flag, file string }{{"--json=false", "want.txt"}, {"--json", "want.json"}} {
				got := execute(t, "", append(args, format.flag, in)...)
				if got.errs != "" {
					t.Errorf("unexpected message %q", got.errs)
				}
				golden(t, filepath.Join(folder, format.file), got.out+"exit "+string(rune('0'+got.code))+"\n")
			}
		})
	}
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

// step is what makes a fixture one of a series.
var step = regexp.MustCompile(`-[0-9]-.*`)

// TestExplainShowsWhatTheFixturesExpect compares explain with what is written beside every fixture that is delivered. What one step of a
// series leaves stored of its users is what the next one finds.
func TestExplainShowsWhatTheFixturesExpect(t *testing.T) {
	wants, err := filepath.Glob("../../events/receiver-*.want.json")
	if err != nil || len(wants) == 0 {
		t.Fatal("no fixtures", err)
	}
	remembered := map[string]string{} // by series and user
	for _, file := range wants {
		name := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(file), "receiver-"), ".want.json")
		body := filepath.Join("../../events/webhooks", name+".json")
		if !exists(body) {
			continue
		}
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var want struct {
				Outcome string           `json:"outcome"`
				Reason  string           `json:"reason"`
				Account string           `json:"account"`
				Records []jsontext.Value `json:"records"`
			}
			if err := json.Unmarshal(text, &want, stored.Lenient...); err != nil {
				t.Fatal(err)
			}
			if want.Outcome == "none" {
				return // It never reaches the forwarder.
			}
			webhooks, err := os.ReadFile(body)
			if err != nil {
				t.Fatal(err)
			}
			series := step.ReplaceAllString(name, " ")
			state := filepath.Join(t.TempDir(), "state.json")
			before := remembered[series+webhook.Peek(webhooks).Subscriber.ID]
			if err := os.WriteFile(state, []byte(cmp.Or(before, "{}")), 0o600); err != nil {
				t.Fatal(err)
			}
			got := execute(t, "", "explain", "--app", "demo", "--sandbox-account", "--json", "--state", state, body)
			var said explanationJSON
			if err := json.Unmarshal([]byte(got.out), &said, stored.Lenient...); err != nil {
				t.Fatal(err)
			}
			for _, s := range said.States {
				remembered[series+s.ID] = string(s.State)
			}
			v := said.Webhooks[0]
			if v.Outcome != want.Outcome || v.Reason != want.Reason || v.Account != want.Account {
				t.Errorf("got %s %q %q, want %s %q %q", v.Outcome, v.Reason, v.Account, want.Outcome, want.Reason, want.Account)
			}
			if diff := diff.Diff(uploadOf(t, want.Records), bodies(said.Uploads)); diff != "" {
				t.Errorf("uploads (-want +got):\n%s", diff)
			}
		})
	}
}

// uploadOf is the one upload with these records, or none.
func uploadOf(t *testing.T, records []jsontext.Value) string {
	t.Helper()
	if len(records) == 0 {
		return ""
	}
	joined := make([][]byte, len(records))
	for i := range records {
		if err := records[i].Compact(stored.Lenient...); err != nil {
			t.Fatal(err)
		}
		joined[i] = records[i]
	}
	return `{"d":[` + string(bytes.Join(joined, []byte(","))) + `]}`
}

func bodies(uploads []uploadJSON) (all string) {
	for _, u := range uploads {
		all += string(u.Body)
	}
	return all
}
