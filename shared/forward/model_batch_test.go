package forward_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/purchasely-clevertap/bridge/shared/clevertap/clevertaptest"
)

// However a story is cut into batches, and whatever the order inside them: CleverTap ends with the same profiles, every key of them, as if
// all webhooks had come one by one in the order in which they happened.
func TestABatchLeavesWhatItsWebhooksWouldLeaveOneByOne(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		story := rapid.SliceOfN(rapid.Custom(drawNews), 1, 8).Draw(rt, "story")
		for i := range story {
			story[i].minute = i // each at an instant of its own: ties are another matter
		}
		order := rapid.Permutation(places(len(story))).Draw(rt, "order")
		cuts := rapid.SliceOfN(rapid.IntRange(1, 4), 1, 4).Draw(rt, "cuts")
		var inOrder, inBatches []clevertaptest.Profile
		synctest.Test(t, func(t *testing.T) {
			inOrder = profiles(t, plan{story: story, messages: places(len(story))}, []int{1})
			// Batches follow one another as time does; only inside them anything goes.
			inBatches = profiles(t, plan{story: story, messages: shuffledInside(order, cuts)}, cuts)
		})
		if diff := cmp.Diff(known(inOrder), known(inBatches)); diff != "" {
			rt.Fatalf("%vin batches of %v leaves something else (-one by one +in batches):\n%s",
				plan{story: story, messages: shuffledInside(order, cuts)}, cuts, diff)
		}
	})
}

func places(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	return list
}

// shuffledInside gives the places in batches of these sizes, in turn, each in the order in which another list has them.
func shuffledInside(order, cuts []int) (shuffled []int) {
	for from, turn := 0, 0; from < len(order); turn++ {
		to := min(from+cuts[turn%len(cuts)], len(order))
		for _, place := range order {
			if from <= place && place < to {
				shuffled = append(shuffled, place)
			}
		}
		from = to
	}
	return shuffled
}

// profiles tells a plan's messages in batches of these sizes.
func profiles(t *testing.T, p plan, cuts []int) []clevertaptest.Profile {
	t.Helper()
	w := newWorld(t, p)
	for turn := 0; len(w.waiting) > 0; turn++ {
		size := min(cuts[turn%len(cuts)], len(w.waiting))
		batch := w.waiting[:size]
		w.waiting = w.waiting[size:]
		w.forward(batch)
		if len(w.waiting) > 0 && w.waiting[0] == batch[0] {
			t.Fatal("messages come back")
		}
	}
	return w.clevertap.Profiles()
}

// known is what profiles say, by account and user.
func known(profiles []clevertaptest.Profile) map[string]string {
	all := map[string]string{}
	for _, p := range profiles {
		var keys []string
		for key, value := range p.Data {
			keys = append(keys, key+"="+string(value))
		}
		slices.Sort(keys)
		all[p.Account+" "+p.ID] = strings.Join(keys, " ")
	}
	return all
}
