package subscriber_test

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/purchasely-clevertap/bridge/shared/subscriber"
)

// at is an instant of the tests below: minutes after noon.
func at(minute int) time.Time {
	return time.Date(2026, 3, 14, 12, minute, 0, 0, time.UTC)
}

func activate(purchase string, minute int) subscriber.Update {
	return subscriber.Update{Purchase: purchase, At: at(minute), Known: true, Active: true, Rank: subscriber.Activate}
}

func deactivate(purchase string, minute int) subscriber.Update {
	return subscriber.Update{Purchase: purchase, At: at(minute), Known: true, Rank: subscriber.Deactivate}
}

// other is an event that is read by its status.
func other(purchase string, minute int, active bool) subscriber.Update {
	c := subscriber.Update{Purchase: purchase, At: at(minute), Known: true, Active: active}
	if active {
		c.Rank = subscriber.OtherGrants
	}
	return c
}

func TestTheStateStaysBoundedAndKeepsWhatIsActive(t *testing.T) {
	var s subscriber.State
	s.Apply(activate("kept", 0))
	for i := range 500 {
		s.Apply(deactivate(fmt.Sprint("bought over and over ", i), i))
	}
	if len(s) > 100 || !s.Active() {
		t.Errorf("%d entries, active %t", len(s), s.Active())
	}
}

// Whatever the order of arrival, however often: the state is what an oracle says that knows all that has arrived.
func TestTheStateIsWhatAllThatArrivedSays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		history := rapid.SliceOfN(rapid.Custom(drawUpdate), 1, 12).Draw(t, "history")
		arrivals := rapid.SliceOfN(rapid.SampledFrom(history), 1, 40).Draw(t, "arrivals")
		var s subscriber.State
		for i, c := range arrivals {
			s.Apply(c)
			if got, want := s.Active(), oracle(arrivals[:i+1]); got != want {
				t.Fatalf("after %d events: active %t, want %t", i+1, got, want)
			}
		}
	})
}

func drawUpdate(t *rapid.T) subscriber.Update {
	purchase := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "purchase")
	minute := rapid.IntRange(0, 5).Draw(t, "minute")
	return rapid.SampledFrom([]subscriber.Update{
		activate(purchase, minute), deactivate(purchase, minute), other(purchase, minute, true),
		other(purchase, minute, false),
		{Purchase: purchase, At: at(minute)},
	}).Draw(t, "update")
}

// oracle looks at all updates at once: of each purchase the newest, at the same instant the one that ranks highest.
func oracle(arrived []subscriber.Update) bool {
	newest := make(map[string]subscriber.Update)
	for _, u := range arrived {
		best, ok := newest[u.Purchase]
		if u.Known && (!ok || u.At.After(best.At) || u.At.Equal(best.At) && u.Rank > best.Rank) {
			newest[u.Purchase] = u
		}
	}
	for _, u := range newest {
		if u.Active {
			return true
		}
	}
	return false
}

func TestWhatTheProfilesOfABatchMaySay(t *testing.T) {
	type updates = []subscriber.Update
	type decisions = []subscriber.Decision
	says := func(active bool) subscriber.Decision { return subscriber.Decision{Known: true, Active: active} }
	idsOnly := subscriber.Decision{Others: true, Known: true, Active: true}
	unknown := func(minute int) subscriber.Update { return subscriber.Update{Purchase: "a", At: at(minute)} }
	timeless := subscriber.Update{Purchase: "a", Known: true, Rank: subscriber.Deactivate}
	for name, c := range map[string]struct {
		before, batch updates
		want          decisions
	}{
		"the end of the only purchase is an end": {
			updates{activate("a", 1)}, updates{deactivate("a", 2)}, decisions{says(false)},
		},
		"an upgrade whose end comes last leaves the user active": {
			updates{activate("a", 1), activate("b", 2)}, updates{deactivate("a", 2)}, decisions{idsOnly},
		},
		"a late retry says nothing": {
			updates{activate("a", 1), deactivate("a", 5)}, updates{activate("a", 3)}, decisions{{Older: true}},
		},
		"at one instant ACTIVATE outranks the status of another": {
			updates{activate("a", 2)}, updates{other("a", 2, false)}, decisions{says(true)},
		},
		"at one instant granting outranks ending": {
			updates{activate("a", 2)}, updates{deactivate("a", 2)}, decisions{says(true)},
		},
		"at one instant DEACTIVATE outranks the status of another": {
			updates{deactivate("a", 2)}, updates{other("a", 2, true)}, decisions{says(false)},
		},
		"an end without an id does not end a stored purchase": {
			updates{activate("a", 1)}, updates{deactivate("", 3)}, decisions{idsOnly},
		},
		"an end without a time does not end the purchase": {
			updates{activate("a", 1)}, updates{timeless}, decisions{says(true)},
		},
		"a grant without an id is one":        {nil, updates{activate("", 1)}, decisions{says(true)}},
		"an unknown state says nothing of it": {nil, updates{unknown(1)}, decisions{{}}},
		"an unknown state of an ended purchase stays in the shadow": {
			updates{deactivate("a", 1), activate("b", 1)}, updates{unknown(2)}, decisions{idsOnly},
		},
		"an unknown state that is older says nothing at all": {
			updates{activate("a", 2)}, updates{unknown(1)}, decisions{{Older: true, Active: true}},
		},

		"an upgrade, the end first": {
			nil, updates{deactivate("a", 2), activate("b", 3)}, decisions{says(true), says(true)},
		},
		"an upgrade, the end last": {
			nil, updates{activate("b", 2), deactivate("a", 3)}, decisions{says(true), idsOnly},
		},
		"nobody makes a neighbour older": {
			nil, updates{deactivate("a", 2), activate("a", 1)}, decisions{says(false), says(false)},
		},
		"but what is stored does": {
			updates{deactivate("a", 4)}, updates{activate("a", 3), activate("a", 5)},
			decisions{{Older: true, Active: true}, says(true)},
		},
		"what loses a tie says what is true": {
			nil, updates{deactivate("a", 1), activate("b", 1), other("a", 1, false)},
			decisions{says(true), says(true), idsOnly},
		},
		"an unknown state beside others": {
			nil, updates{activate("a", 1), unknown(2)}, decisions{says(true), {Active: true}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			before, _, _ := subscriber.State(nil).Merge(c.before)
			given := maps.Clone(before)
			merged, got, _ := before.Merge(c.batch)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(given, before); diff != "" {
				t.Errorf("the state that was given has changed: %s", diff)
			}
			if _, again, changed := merged.Merge(c.batch); changed || len(c.batch) == 1 && again[0] != got[0] {
				t.Errorf("the same batch again: changed %t, %+v", changed, again)
			}
		})
	}
}

// A batch leaves the state that its updates leave in any order, and a batch that has been merged changes nothing any
// more.
func TestABatchLeavesWhatItsUpdatesLeave(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		updates := rapid.SliceOfN(rapid.Custom(drawUpdate), 0, 10).Draw(t, "updates")
		var alone subscriber.State
		for _, u := range updates {
			alone.Apply(u)
		}
		merged, decisions, changed := subscriber.State(nil).Merge(updates)
		if diff := cmp.Diff(alone, merged); diff != "" || changed != (len(alone) > 0) {
			t.Fatalf("changed %t: %s", changed, diff)
		}
		for i, d := range decisions {
			if d.Older || d.Known && d.Active != merged.Active() {
				t.Fatalf("the decision on update %d is %+v", i, d)
			}
		}
		if _, _, again := merged.Merge(updates); again {
			t.Fatal("the same batch changes the state again")
		}
	})
}

func TestAStateIsStoredAsPeopleCanReadIt(t *testing.T) {
	var s subscriber.State
	s.Apply(activate("subs_b", 1))
	s.Apply(other("subs_a", 2, true))
	s.Apply(deactivate("subs_c", 3))
	const want = `{"subs_a":{"active":true,"at":"2026-03-14T12:02:00.000Z","rank":"other_grants"},` +
		`"subs_b":{"active":true,"at":"2026-03-14T12:01:00.000Z","rank":"activate"},` +
		`"subs_c":{"active":false,"at":"2026-03-14T12:03:00.000Z","rank":"deactivate"}}`
	if got := s.Encode(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := (subscriber.State{}).Encode(); got != "{}" {
		t.Errorf("nothing is stored as %s", got)
	}
}

func TestDecodeBelievesWhatCanBeBelieved(t *testing.T) {
	longAgo := time.UnixMilli(1).UTC()
	whole := subscriber.State{"a": {Active: true, At: at(1), Rank: subscriber.Activate}}
	for name, c := range map[string]struct {
		text string
		want subscriber.State
		err  error
	}{
		"a whole state": {
			`{"a":{"active":true,"at":"2026-03-14T12:01:00.000Z","rank":"activate"}}`, whole, nil,
		},
		"names that a later version may add": {
			`{"a":{"plan":{"x":[1]},"active":true,"at":"2026-03-14T12:01:00Z","rank":"activate"}}`, whole, nil,
		},
		"a time that is none": {
			`{"a":{"active":true,"at":"yesterday","rank":"activate"}}`,
			subscriber.State{"a": {Active: true, At: longAgo, Rank: subscriber.Activate}}, subscriber.ErrDamaged,
		},
		"a rank that another version knows": {
			`{"a":{"active":true,"at":"2026-03-14T12:01:00.000Z","rank":"supreme"}}`,
			subscriber.State{"a": {Active: true, At: at(1)}}, subscriber.ErrDamaged,
		},
		"numbers where words belong": {
			`{"a":{"active":true,"at":1773489660000,"rank":3}}`, subscriber.State{"a": {Active: true, At: longAgo}},
			subscriber.ErrDamaged,
		},
		"a purchase of which nothing is clear": {
			`{"b":{"active":"yes"},"c":7,"":{"active":true},` +
				`"a":{"active":true,"at":"2026-03-14T12:01:00.000Z","rank":"activate"}}`,
			whole, subscriber.ErrDamaged,
		},
		"of two the last counts": {
			`{"a":7,"a":{"active":false,"active":true,"at":"2026-03-14T12:01:00.000Z","rank":"activate"}}`, whole, nil,
		},
		"nothing":               {``, nil, subscriber.ErrNoState},
		"null":                  {`null`, nil, subscriber.ErrNoState},
		"cut off":               {`{"a":{"active":true`, nil, subscriber.ErrNoState},
		"an empty state":        {` {} `, nil, nil},
		"text that is no UTF-8": {"{\"\xff\":1}", nil, subscriber.ErrNoState},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := subscriber.DecodeState(c.text)
			if !errors.Is(err, c.err) || (err == nil) != (c.err == nil) {
				t.Errorf("error %v, want %v", err, c.err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDecodeUndoesEncode(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s subscriber.State
		for _, u := range rapid.SliceOfN(rapid.Custom(drawUpdate), 0, 12).Draw(t, "history") {
			u.Purchase = rapid.OneOf(rapid.String(), rapid.Just(u.Purchase)).Draw(t, "id")
			s.Apply(u)
		}
		got, err := subscriber.DecodeState(s.Encode())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(s, got); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestNothingFromOutsideFillsAState(t *testing.T) {
	var s subscriber.State
	long := strings.Repeat("x", 1<<20)
	s.Apply(activate(long, 1))
	if n := len(s.Encode()); n > 300 {
		t.Errorf("%d bytes are stored for one purchase", n)
	}
	older, _ := s.Apply(deactivate(long, 2))
	if older || s.Active() {
		t.Error("the end of a purchase with a long id was not noticed")
	}
	if older, _ := s.Apply(activate(long+"y", 1)); older {
		t.Error("two long ids are one")
	}
}

func TestWhatWasStoredFromTheFutureSilencesNobody(t *testing.T) {
	var s subscriber.State
	s.Apply(activate("a", 500))
	s.Apply(activate("b", 1))
	if !s.Forget(at(100)) {
		t.Fatal("the future was not noticed")
	}
	if !s.Active() {
		t.Error("a paying user was forgotten")
	}
	if older, _ := s.Apply(deactivate("a", 2)); older {
		t.Error("the end was not noticed")
	}
	if older, _ := s.Apply(activate("b", 0)); !older {
		t.Error("the other purchase lost its time")
	}
	if s.Forget(at(100)) {
		t.Error("there is no future any more")
	}
}

func FuzzDecodeState(f *testing.F) {
	var s subscriber.State
	s.Apply(activate("a", 1))
	for _, seed := range []string{"", "{}", s.Encode(), `{"a":{"active":true},"b":null}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := subscriber.DecodeState(text)
		again, second := subscriber.DecodeState(s.Encode())
		if second != nil {
			t.Fatalf("what was believed cannot be read again: %v", second)
		}
		if diff := cmp.Diff(s, again); diff != "" {
			t.Fatal(diff)
		}
		if err == nil && s.Forget(at(0)) && s.Forget(at(0)) {
			t.Fatal("the future does not end")
		}
	})
}
