package mapping_test

import (
	"maps"
	"strconv"
	"testing"

	"github.com/go-json-experiment/json"
	"pgregory.net/rapid"

	"github.com/purchasely-clevertap/bridge/shared/mapping"
	"github.com/purchasely-clevertap/bridge/shared/subscriber"
)

// state makes a state of reader-1 from keys and values, in turn.
func state(at int64, purchase string, rank subscriber.Rank, keys ...string) *mapping.Profile {
	p := &mapping.Profile{
		Identity: mapping.Identity{Value: []byte("reader-1")}, TS: at / 1000, At: at, Purchase: purchase, Rank: rank,
	}
	for i := 0; i < len(keys); i += 2 {
		p.Set(keys[i], keys[i+1])
	}
	return p
}

const head = `{"type":"profile","identity":"reader-1","ts":`

func TestMerge(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		states []*mapping.Profile
		want   string
	}{
		"one state is itself": {
			[]*mapping.Profile{state(5000, "a", 0, "plan", `"gold"`, "n", `1`)},
			head + `5,"profileData":{"plan":"gold","n":1}}`,
		},
		"the newest value of each key stays, at the place where the oldest state has it": {
			[]*mapping.Profile{state(7000, "a", 0, "plan", `"new"`, "late", `1`), state(5000, "a", 0, "early", `1`, "plan", `"old"`)},
			head + `7,"profileData":{"early":1,"plan":"new","late":1}}`,
		},
		"milliseconds count for the order, not for the record": {
			[]*mapping.Profile{state(5999, "a", 0, "plan", `"new"`), state(5001, "a", 0, "plan", `"old"`)},
			head + `5,"profileData":{"plan":"new"}}`,
		},
		"at the same instant the queue decides between purchases, whatever their ranks": {
			[]*mapping.Profile{state(5000, "a", subscriber.Activate, "active", `true`), state(5000, "b", subscriber.Deactivate, "active", `false`)},
			head + `5,"profileData":{"active":false}}`,
		},
		"at the same instant the grant of a purchase wins over its end": {
			[]*mapping.Profile{state(5000, "a", subscriber.Activate, "active", `true`), state(5000, "a", subscriber.Deactivate, "active", `false`)},
			head + `5,"profileData":{"active":true}}`,
		},
		"at the same instant the end of a purchase wins over what is neither end nor grant": {
			[]*mapping.Profile{state(5000, "a", subscriber.Deactivate, "active", `false`), state(5000, "a", subscriber.OtherGrants, "active", `true`)},
			head + `5,"profileData":{"active":false}}`,
		},
		"at the same instant the queue decides between what is neither, whether it grants or ends": {
			[]*mapping.Profile{state(5000, "a", subscriber.OtherGrants, "active", `true`), state(5000, "a", subscriber.Other, "active", `false`)},
			head + `5,"profileData":{"active":false}}`,
		},
		"a purchase shares out its own places only": {
			[]*mapping.Profile{
				state(5000, "a", subscriber.Activate, "k", `"a activate"`, "a", `1`), state(5000, "b", subscriber.Activate, "k", `"b"`),
				state(5000, "a", subscriber.Other, "k", `"a other"`, "b", `1`),
			},
			head + `5,"profileData":{"k":"a activate","b":1,"a":1}}`,
		},
		"states without a purchase are one purchase": {
			[]*mapping.Profile{state(5000, "", subscriber.Activate, "k", `1`), state(5000, "", subscriber.Other, "k", `2`)},
			head + `5,"profileData":{"k":1}}`,
		},
		"equal ranks keep the queue's order": {
			[]*mapping.Profile{state(5000, "a", 0, "k", `1`), state(5000, "a", 0, "k", `2`), state(5000, "a", 0, "k", `3`)},
			head + `5,"profileData":{"k":3}}`,
		},
		"keys that CleverTap treats as one are one, spelt as the newest": {
			[]*mapping.Profile{state(5000, "a", 0, "Plan Name", `1`, "x", `1`), state(6000, "a", 0, "planname", `2`)},
			head + `6,"profileData":{"planname":2,"x":1}}`,
		},
		"names are quoted": {
			[]*mapping.Profile{state(5000, "a", 0, "é\n\"", `1`)},
			head + `5,"profileData":{"é\n\"":1}}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := string(mapping.Merge([]byte("before "), c.states)); got != "before "+c.want {
				t.Errorf("got  %s\nwant before %s", got, c.want)
			}
		})
	}
}

func TestMergeOrdersThreeEventsOfOneRenewalAlikeInAnyOrder(t *testing.T) {
	t.Parallel()
	for _, order := range [][]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}} {
		all := []*mapping.Profile{
			state(5000, "a", subscriber.Activate, "active", `true`, "status", `"AUTO_RENEWING"`),
			state(5000, "a", subscriber.OtherGrants, "active", `true`, "status", `"AUTO_RENEWING"`),
			state(5000, "a", subscriber.Other, "active", `false`, "status", `"UNPAID"`),
		}
		got := string(mapping.Merge(nil, []*mapping.Profile{all[order[0]], all[order[1]], all[order[2]]}))
		if want := head + `5,"profileData":{"active":true,"status":"AUTO_RENEWING"}}`; got != want {
			t.Errorf("order %v: got %s, want %s", order, got, want)
		}
	}
}

// TestMergeIsWhatSendingOneAfterTheOtherWouldLeave replays the states in their order into a map.
func TestMergeIsWhatSendingOneAfterTheOtherWouldLeave(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var states []*mapping.Profile
		left := map[string]any{}
		for i := range rapid.IntRange(1, 8).Draw(t, "states") {
			p := state(int64(1000+i/2), "", 0)
			for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "c", "d", "e"}), 1, 5, rapid.ID).Draw(t, "keys") {
				p.Set(name, strconv.Itoa(i))
				left[name] = float64(i)
			}
			states = append(states, p)
		}
		var record struct {
			TS          int64          `json:"ts"`
			ProfileData map[string]any `json:"profileData"`
		}
		if err := json.Unmarshal(mapping.Merge(nil, states), &record); err != nil {
			t.Fatal(err)
		}
		if !maps.Equal(record.ProfileData, left) {
			t.Fatalf("got %v, want %v", record.ProfileData, left)
		}
	})
}
