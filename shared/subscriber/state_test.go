package subscriber_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/purchasely-clevertap/bridge/shared/subscriber"
)

var (
	production = subscriber.Scope{Production: true}
	sandbox    = subscriber.Scope{Sandbox: true}
	both       = subscriber.Scope{Production: true, Sandbox: true}
)

// at is an instant of the stories below: minutes after noon.
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

func TestWhatTheProfileOfTheLastEventMaySay(t *testing.T) {
	says := func(active bool) subscriber.Decision { return subscriber.Decision{Known: true, Active: active} }
	stillActive := subscriber.Decision{Others: true, Known: true, Active: true}
	inSandbox := activate("old", 1)
	inSandbox.Sandbox = true
	noID := deactivate("", 3)
	tests := map[string]struct {
		before []subscriber.Update
		last   subscriber.Update
		scope  subscriber.Scope
		want   subscriber.Decision
	}{
		"a first purchase is active":                                  {nil, activate("new", 1), production, says(true)},
		"the end of the only purchase is an end":                      {[]subscriber.Update{activate("old", 1)}, deactivate("old", 2), production, says(false)},
		"an upgrade whose end comes last leaves the user active":      {[]subscriber.Update{activate("old", 1), activate("new", 2)}, deactivate("old", 2), production, stillActive},
		"an upgrade whose end comes first ends active":                {[]subscriber.Update{activate("old", 1), deactivate("old", 2)}, activate("new", 2), production, says(true)},
		"of two subscriptions one ends":                               {[]subscriber.Update{activate("a", 1), activate("b", 2)}, deactivate("a", 3), production, stillActive},
		"a late retry says nothing":                                   {[]subscriber.Update{activate("a", 1), deactivate("a", 5)}, activate("a", 3), production, subscriber.Decision{Older: true}},
		"at one instant ACTIVATE outranks the status of another":      {[]subscriber.Update{activate("a", 2)}, other("a", 2, false), production, says(true)},
		"at one instant granting outranks ending":                     {[]subscriber.Update{activate("a", 2)}, deactivate("a", 2), production, says(true)},
		"at one instant DEACTIVATE outranks the status of another":    {[]subscriber.Update{deactivate("a", 2)}, other("a", 2, true), production, says(false)},
		"a sandbox purchase does not keep the production user active": {[]subscriber.Update{inSandbox}, deactivate("a", 3), production, says(false)},
		"it does where both go to one account":                        {[]subscriber.Update{inSandbox}, deactivate("a", 3), both, stillActive},
		"an end without an id does not end a stored purchase":         {[]subscriber.Update{activate("a", 1)}, noID, production, stillActive},
		"an end without an id is an end where nothing is stored":      {nil, noID, production, says(false)},
		"an end without a time does not end the purchase": {
			[]subscriber.Update{activate("a", 1)}, subscriber.Update{Purchase: "a", Known: true, Rank: subscriber.Deactivate}, production, says(true),
		},
		"nor another one": {
			[]subscriber.Update{activate("a", 1)}, subscriber.Update{Purchase: "b", Known: true, Rank: subscriber.Deactivate}, production, stillActive,
		},
		"a grant without an id is one":                              {nil, activate("", 1), production, says(true)},
		"an unknown state says nothing of it":                       {nil, subscriber.Update{Purchase: "a", At: at(1)}, production, subscriber.Decision{}},
		"an unknown state of an ended purchase stays in the shadow": {[]subscriber.Update{deactivate("a", 1), activate("b", 1)}, subscriber.Update{Purchase: "a", At: at(2)}, production, stillActive},
		"an unknown state that is older says nothing at all":        {[]subscriber.Update{activate("a", 2)}, subscriber.Update{Purchase: "a", At: at(1)}, production, subscriber.Decision{Older: true}},
		"a scope without purchases":                                 {[]subscriber.Update{activate("a", 1)}, other("a", 2, true), sandbox, says(false)},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var s subscriber.State
			for _, c := range test.before {
				s.Apply(c)
			}
			older, _ := s.Apply(test.last)
			if diff := cmp.Diff(test.want, s.Decide(test.last, older, test.scope)); diff != "" {
				t.Error(diff)
			}
			again, changed := s.Apply(test.last)
			if again != older || changed {
				t.Errorf("the same event again: older %t, changed %t", again, changed)
			}
			if diff := cmp.Diff(test.want, s.Decide(test.last, again, test.scope)); diff != "" {
				t.Errorf("the same event gave another answer: %s", diff)
			}
		})
	}
}

func TestATimeAfterTheReceptionCountsAsTheReception(t *testing.T) {
	var s subscriber.State
	s.Apply(activate("a", 59).Until(at(1)))
	if older, _ := s.Apply(deactivate("a", 2).Until(at(2))); older {
		t.Error("a clock that ran ahead silenced the next event")
	}
	if s.Active(production) {
		t.Error("the end was not heard")
	}
}

func TestTheStateStaysBoundedAndKeepsWhatIsActive(t *testing.T) {
	var s subscriber.State
	s.Apply(activate("kept", 0))
	for i := range 500 {
		s.Apply(deactivate(fmt.Sprint("bought over and over ", i), i))
	}
	if len(s.Production) > 100 || !s.Active(production) {
		t.Errorf("%d entries, active %t", len(s.Production), s.Active(production))
	}
}

// Whatever the order of arrival, however often: the state is what an oracle says that knows all that has arrived.
func TestTheStateIsWhatAllThatArrivedSays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		story := rapid.SliceOfN(rapid.Custom(claim), 1, 12).Draw(t, "story")
		arrivals := rapid.SliceOfN(rapid.SampledFrom(story), 1, 40).Draw(t, "arrivals")
		var s subscriber.State
		for i, c := range arrivals {
			s.Apply(c)
			for _, scope := range []subscriber.Scope{production, sandbox, both} {
				if got, want := s.Active(scope), oracle(arrivals[:i+1], scope); got != want {
					t.Fatalf("after %d events: active %t in %+v, want %t", i+1, got, scope, want)
				}
			}
		}
	})
}

func claim(t *rapid.T) subscriber.Update {
	purchase := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "purchase")
	minute := rapid.IntRange(0, 5).Draw(t, "minute")
	c := rapid.SampledFrom([]subscriber.Update{
		activate(purchase, minute), deactivate(purchase, minute), other(purchase, minute, true), other(purchase, minute, false),
		{Purchase: purchase, At: at(minute)},
	}).Draw(t, "claim")
	c.Sandbox = rapid.Bool().Draw(t, "sandbox")
	return c
}

// oracle looks at all claims at once: of each purchase the newest, at the same instant the one that ranks highest.
func oracle(arrived []subscriber.Update, scope subscriber.Scope) bool {
	type key struct {
		purchase string
		sandbox  bool
	}
	newest := make(map[key]subscriber.Update)
	for _, c := range arrived {
		k := key{c.Purchase, c.Sandbox}
		best, ok := newest[k]
		if c.Known && (!ok || c.At.After(best.At) || c.At.Equal(best.At) && c.Rank > best.Rank) {
			newest[k] = c
		}
	}
	for k, c := range newest {
		if c.Active && (k.sandbox && scope.Sandbox || !k.sandbox && scope.Production) {
			return true
		}
	}
	return false
}
