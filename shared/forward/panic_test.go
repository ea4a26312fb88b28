package forward_test

import (
	"context"
	"testing"
)

func TestAMessageThatPanicsIsRetriedFourTimesAndThenRejected(t *testing.T) {
	for _, receives := range []int{1, 2, 3, 4, 5, 6, 99} {
		h := newHarness(t)
		want := "retry panic"
		if receives > 4 {
			want = "rejected panic"
		}
		returned := h.run(queued{app: "panics", body: bodies["renewal"], receives: receives})
		h.wantOutcomes(want)
		h.checkPrivacy()
		if len(returned) != 1-len(h.rejected) || len(h.rejected) == 1 && h.rejected[0].Reason != "panic" {
			t.Errorf("received %d times: %v come back, rejected %+v", receives, returned, h.rejected)
		}
	}
}

func TestNeighboursOfAPanicAreHandledAsIfItWereNotThere(t *testing.T) {
	for receives, want := range map[int][]string{
		1: {"delivered", "retry panic", "retry group_order", "delivered", "rejected malformed"}, // the group waits
		5: {"delivered", "rejected panic", "delivered", "delivered", "rejected malformed"},
	} {
		h := newHarness(t)
		h.run(
			queued{app: "demo", body: bodies["renewal"], group: "g"},
			queued{app: "panics", body: bodies["renewal"], group: "g", receives: receives},
			queued{app: "demo", body: bodies["anonymous"], group: "g"},
			queued{app: "demo", body: bodies["unknown event"], group: "h"},
			queued{app: "demo", body: bodies["malformed"], group: "g"})
		h.wantOutcomes(want...)
	}
}

func TestAPanicAboutASubscriberConcernsOnlyTheMessagesThatNeedIt(t *testing.T) {
	for receives, want := range map[int]string{1: "retry panic", 5: "rejected panic"} {
		h, table := newHarness(t), newTable()
		h.Table = table
		table.hook = func(_ context.Context, operation, key string, call func() error) error {
			if operation == opReplace {
				panic("person-7 is " + key)
			}
			return call()
		}
		needs := newMessage("demo", "renewal")
		needs.receives = receives
		h.run(needs, newMessage("demo", "consumable"))
		h.wantOutcomes(want, "delivered")
		h.checkPrivacy()
	}
}
