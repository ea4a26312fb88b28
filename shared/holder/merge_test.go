package holder_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/purchasely-clevertap/bridge/shared/holder"
)

func TestWhatABatchMaySay(t *testing.T) {
	says := func(active bool) holder.Answer { return holder.Answer{Known: true, Active: active} }
	idsOnly := holder.Answer{Others: true, Known: true, Active: true}
	var ended holder.State
	ended.Apply(deactivate("old", 4))
	for name, c := range map[string]struct {
		before holder.State
		batch  []holder.Claim
		want   []holder.Answer
	}{
		"an upgrade, the end first":          {holder.State{}, []holder.Claim{deactivate("old", 2), activate("new", 3)}, []holder.Answer{says(true), says(true)}},
		"an upgrade, the end last":           {holder.State{}, []holder.Claim{activate("new", 2), deactivate("old", 3)}, []holder.Answer{says(true), idsOnly}},
		"the queue's order does not matter":  {holder.State{}, []holder.Claim{deactivate("old", 3), activate("new", 2)}, []holder.Answer{idsOnly, says(true)}},
		"nobody makes a neighbour older":     {holder.State{}, []holder.Claim{deactivate("a", 2), activate("a", 1)}, []holder.Answer{says(false), says(false)}},
		"but what is stored does":            {ended, []holder.Claim{activate("old", 3), activate("old", 5)}, []holder.Answer{{Older: true, Active: true}, says(true)}},
		"what loses a tie says what is true": {holder.State{}, []holder.Claim{deactivate("a", 1), activate("b", 1), other("a", 1, false)}, []holder.Answer{says(true), says(true), idsOnly}},
		"an unknown state says nothing":      {holder.State{}, []holder.Claim{activate("a", 1), {Purchase: "a", At: at(2)}}, []holder.Answer{says(true), {Active: true}}},
		"nothing":                            {ended, nil, []holder.Answer{}},
	} {
		t.Run(name, func(t *testing.T) {
			statements := make([]holder.Statement, len(c.batch))
			for i := range c.batch {
				statements[i] = holder.Statement{Claim: c.batch[i], Scope: production}
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
		statements := make([]holder.Statement, len(claims))
		var alone holder.State
		for i, c := range claims {
			statements[i] = holder.Statement{Claim: c, Scope: both}
			alone.Apply(c)
		}
		merged, answers, changed := holder.State{}.Merge(statements)
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
