package try

import (
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/clitest"
)

func TestLint(t *testing.T) {
	for name, c := range map[string]struct {
		args string
		code int
	}{
		"the embedded file":                      {"", cli.OK},
		"a complete file":                        {"testdata/lint/complete.yaml", cli.OK},
		"a complete file, for programs":          {"--json testdata/lint/complete.yaml", cli.OK},
		"a faulty file":                          {"testdata/lint/faulty.yaml", cli.Finding},
		"a faulty file, for programs":            {"--json testdata/lint/faulty.yaml", cli.Finding},
		"a file with an unknown event":           {"testdata/lint/unknown.yaml", cli.OK},
		"a file with an unknown event, strictly": {"--strict testdata/lint/unknown.yaml", cli.Finding},
		"a file that is no YAML":                 {"testdata/lint/broken.yaml", cli.Finding},
	} {
		t.Run(name, func(t *testing.T) {
			got := clitest.Run(t.Context(), NewLintCommand(), "", strings.Fields("lint "+c.args)...)
			if got.Code != c.code || got.Errs != "" {
				t.Errorf("got code %d and %q, want %d and nothing", got.Code, got.Errs, c.code)
			}
			if c.args != "" { // anybody may edit the embedded file
				file := strings.NewReplacer(" ", "-", ",", "").Replace(name)
				clitest.Golden(t, filepath.Join("testdata/lint", file+".want"), got.Out)
			}
		})
	}
}

func TestANewEventIsNewsOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type event struct {
			Name      string `json:"event_name"`
			ID        string `json:"event_id"`
			Created   string `json:"event_created_at"`
			CreatedMS int64  `json:"event_created_at_ms"`
		}
		var first, second event
		for _, e := range []*event{&first, &second} {
			body, err := newEvent("ACTIVATE", time.Now())
			if err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(body, e); err != nil {
				t.Fatal(err)
			}
		}
		if first.ID == second.ID || strings.Count(first.ID, "-") != 4 || len(first.ID) != 36 {
			t.Errorf("the event ids are %q and %q", first.ID, second.ID)
		}
		want := event{"ACTIVATE", first.ID, "2000-01-01T00:00:00.000Z", time.Now().UnixMilli()}
		if first != want {
			t.Errorf("the event is %+v, want %+v", first, want)
		}
	})
}
