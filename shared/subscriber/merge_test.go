package subscriber_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/purchasely-clevertap/bridge/shared/subscriber"
)

func TestWhatABatchMaySay(t *testing.T) {
	says := func(active bool) subscriber.Decision { return subscriber.Decision{Known: true, Active: active} }
	idsOnly := subscriber.Decision{Others: true, Known: true, Active: true}
	var ended subscriber.State
	ended.Apply(deactivate("old", 4))
	for name, c := range map[string]struct {
		before subscriber.State
		batch  []subscriber.Update
		want   []subscriber.Decision
	}{
		"an upgrade, the end first":          {subscriber.State{}, []subscriber.Update{deactivate("old", 2), activate("new", 3)}, []subscriber.Decision{says(true), says(true)}},
		"an upgrade, the end last":           {subscriber.State{}, []subscriber.Update{activate("new", 2), deactivate("old", 3)}, []subscriber.Decision{says(true), idsOnly}},
		"the queue's order does not matter":  {subscriber.State{}, []subscriber.Update{deactivate("old", 3), activate("new", 2)}, []subscriber.Decision{idsOnly, says(true)}},
		"nobody makes a neighbour older":     {subscriber.State{}, []subscriber.Update{deactivate("a", 2), activate("a", 1)}, []subscriber.Decision{says(false), says(false)}},
		"but what is stored does":            {ended, []subscriber.Update{activate("old", 3), activate("old", 5)}, []subscriber.Decision{{Older: true, Active: true}, says(true)}},
		"what loses a tie says what is true": {subscriber.State{}, []subscriber.Update{deactivate("a", 1), activate("b", 1), other("a", 1, false)}, []subscriber.Decision{says(true), says(true), idsOnly}},
		"an unknown state says nothing":      {subscriber.State{}, []subscriber.Update{activate("a", 1), {Purchase: "a", At: at(2)}}, []subscriber.Decision{says(true), {Active: true}}},
		"nothing":                            {ended, nil, []subscriber.Decision{}},
	} {
		t.Run(name, func(t *testing.T) {
			statements := make([]subscriber.ScopedUpdate, len(c.batch))
			for i := range c.batch {
				statements[i] = subscriber.ScopedUpdate{Update: c.batch[i], Scope: production}
			}
			before := c.before.Clone()
			_, answers, _ := c.before.Merge(statements)
			if diff := cmp.Diff(c.want, answers); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(before, c.before); diff != "" {
				t.Errorf("the state that was given has changed: %s", diff)
			}
		})
	}
}

// A batch leaves the state that its claims leave in any order, and a batch that has been merged changes nothing any more.
func TestABatchLeavesWhatItsClaimsLeave(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		claims := rapid.SliceOfN(rapid.Custom(claim), 0, 10).Draw(t, "claims")
		statements := make([]subscriber.ScopedUpdate, len(claims))
		var alone subscriber.State
		for i, c := range claims {
			statements[i] = subscriber.ScopedUpdate{Update: c, Scope: both}
			alone.Apply(c)
		}
		merged, answers, changed := subscriber.State{}.Merge(statements)
		if diff := cmp.Diff(alone, merged); diff != "" || changed != (len(alone.Production)+len(alone.Sandbox) > 0) {
			t.Fatalf("changed %t: %s", changed, diff)
		}
		for i, a := range answers {
			if a.Older || a.Known && a.Active != merged.Active(both) {
				t.Fatalf("statement %d is answered %+v", i, a)
			}
		}
		if _, _, again := merged.Merge(statements); again {
			t.Fatal("the same batch changes the state again")
		}
	})
}
