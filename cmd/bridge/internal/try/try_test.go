package try

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json"
)

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
