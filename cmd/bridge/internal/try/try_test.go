package try

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/clitest"
)

// event is what is read of a sample.
type event struct {
	Name      string `json:"event_name"`
	Former    string `json:"name"` // of version 2
	ID        string `json:"event_id"`
	Created   string `json:"event_created_at"`
	CreatedMS int64  `json:"event_created_at_ms"`
	Received  string `json:"received_at"`
	UserID    string `json:"user_id"`
	Plan      string `json:"plan"`
}

func made(t *testing.T, name string, seed *uint64, changes ...[2]string) (e event) {
	t.Helper()
	body, err := newEvent(name, seed, changes, time.Now())
	if err == nil {
		err = json.Unmarshal(body, &e)
	}
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestANewEventIsNewsOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := made(t, "ACTIVATE", nil), made(t, "ACTIVATE", nil)
		if first.ID == second.ID || strings.Count(first.ID, "-") != 4 || len(first.ID) != 36 {
			t.Errorf("the event ids are %q and %q", first.ID, second.ID)
		}
		const now = "2000-01-01T00:00:00.000Z"
		if first.Created != now || first.CreatedMS != time.Now().UnixMilli() {
			t.Errorf("the event is %+v", first)
		}
		if old := made(t, "PURCHASE_VALIDATED", nil); old.Received != now || old.ID != "" || old.Created != "" {
			t.Errorf("the event of version 2 is %+v", old)
		}
	})
}

func TestASeedMakesTheSameEventAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := made(t, "ACTIVATE", new(uint64(7)), [2]string{"plan", "gold"})
		time.Sleep(time.Minute)
		again, other := made(t, "ACTIVATE", new(uint64(7))), made(t, "ACTIVATE", new(uint64(8)))
		if again.ID != first.ID || again.UserID != first.UserID || other.ID == first.ID || first.Plan != "gold" {
			t.Errorf("got %+v, %+v and %+v", first, again, other)
		}
		if again.CreatedMS != first.CreatedMS+time.Minute.Milliseconds() {
			t.Errorf("it happened at %d and %d", first.CreatedMS, again.CreatedMS)
		}
	})
}

func TestSamples(t *testing.T) {
	for name, c := range map[string]struct {
		args      string
		code      int
		out, errs string
		lines     int // 0: any
	}{
		"one, over several lines":   {"ACTIVATE", cli.OK, "{\n  \"api_version\": 3,\n", "", 0},
		"another value":             {"ACTIVATE --set user_id=anna --set plan=", cli.OK, `"user_id": "anna"`, "", 0},
		"many, one a line":          {"ACTIVATE --count 12 --seed 3 --set plan=gold", cli.OK, `,"plan":"gold",`, "", 12},
		"a name that nobody knows":  {"ACTIVATE --set streak=12", cli.OK, "\"streak\": 12\n", "", 0},
		"a name that is misspelt":   {"ACTIVATE --set plna=x", cli.OK, `"plna": "x"`, `know "plna"; did you mean plan?`, 0},
		"a value without a name":    {"ACTIVATE --set =x", cli.Usage, "", "want name=value", 0},
		"a name without a value":    {"ACTIVATE --set plan", cli.Usage, "", "want name=value", 0},
		"none at all":               {"ACTIVATE --count 0", cli.Usage, "", "want 1 to 1000000", 0},
		"an event that is misspelt": {"ACTIVTE --count 2", cli.Usage, "", "did you mean ACTIVATE?", 0},
	} {
		t.Run(name, func(t *testing.T) {
			got := clitest.Run(t.Context(), NewSampleCommand(), "", strings.Fields("sample "+c.args)...)
			lines := strings.Count(got.Out, "\n")
			if !got.Has(c.code, c.out, c.errs) || c.lines != 0 && lines != c.lines || strings.HasSuffix(got.Out, "\n\n") {
				t.Errorf("got %+v, %d lines", got, lines)
			}
		})
	}
	many := clitest.Run(t.Context(), NewSampleCommand(), "", strings.Fields("sample ACTIVATE --count 3 --seed 3")...)
	people := map[string]bool{}
	for line := range strings.Lines(many.Out) {
		var e event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		people[e.ID] = true
	}
	if len(people) != 3 {
		t.Errorf("the events are %v", people)
	}
}
