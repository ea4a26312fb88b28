package subscriber_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/purchasely-clevertap/bridge/shared/subscriber"
)

func TestAnEntryIsStoredAsPeopleCanReadIt(t *testing.T) {
	var s subscriber.State
	s.Apply(activate("subs_b", 1))
	s.Apply(other("subs_a", 2, true))
	inSandbox := deactivate("subs_c", 3)
	inSandbox.Sandbox = true
	s.Apply(inSandbox)
	const want = `{"production":{` +
		`"subs_a":{"active":true,"at":"2026-03-14T12:02:00.000Z","rank":"other_grants"},` +
		`"subs_b":{"active":true,"at":"2026-03-14T12:01:00.000Z","rank":"activate"}},` +
		`"sandbox":{"subs_c":{"active":false,"at":"2026-03-14T12:03:00.000Z","rank":"deactivate"}}}`
	if got := s.Encode(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := (subscriber.State{}).Encode(); got != "{}" {
		t.Errorf("nothing is stored as %s", got)
	}
}

func TestDecodeBelievesWhatCanBeBelieved(t *testing.T) {
	longAgo := time.UnixMilli(1).UTC()
	whole := subscriber.Entry{Active: true, At: at(1), Rank: subscriber.Activate}
	for name, c := range map[string]struct {
		text string
		want subscriber.State
		err  error
	}{
		"a whole entry": {
			`{"production":{"a":{"active":true,"at":"2026-03-14T12:01:00.000Z","rank":"activate"}},"sandbox":{}}`,
			subscriber.State{Production: map[string]subscriber.Entry{"a": whole}}, nil,
		},
		"names that a later version may add": {
			`{"schema":3,"production":{"a":{"plan":{"x":[1]},"active":true,"at":"2026-03-14T12:01:00Z","rank":"activate"}}}`,
			subscriber.State{Production: map[string]subscriber.Entry{"a": whole}}, nil,
		},
		"a time of another zone": {
			`{"production":{"a":{"active":true,"at":"2026-03-14T13:01:00.000+01:00","rank":"activate"}}}`,
			subscriber.State{Production: map[string]subscriber.Entry{"a": whole}}, nil,
		},
		"a time that is none leaves a purchase active": {
			`{"production":{"a":{"active":true,"at":"yesterday","rank":"activate"}}}`,
			subscriber.State{Production: map[string]subscriber.Entry{"a": {Active: true, At: longAgo, Rank: subscriber.Activate}}}, subscriber.ErrDamaged,
		},
		"a time before all times": {
			`{"production":{"a":{"active":true,"at":"0001-01-01T00:00:00Z","rank":"activate"}}}`,
			subscriber.State{Production: map[string]subscriber.Entry{"a": {Active: true, At: longAgo, Rank: subscriber.Activate}}}, subscriber.ErrDamaged,
		},
		"a rank that another version knows": {
			`{"production":{"a":{"active":true,"at":"2026-03-14T12:01:00.000Z","rank":"supreme"}}}`,
			subscriber.State{Production: map[string]subscriber.Entry{"a": {Active: true, At: at(1)}}}, subscriber.ErrDamaged,
		},
		"numbers where words belong": {
			`{"production":{"a":{"active":true,"at":1773489660000,"rank":3}}}`,
			subscriber.State{Production: map[string]subscriber.Entry{"a": {Active: true, At: longAgo}}}, subscriber.ErrDamaged,
		},
		"a purchase of which nothing is clear falls alone": {
			`{"production":{"b":{"active":"yes"},"c":7,"":{"active":true},"a":{"active":true,"at":"2026-03-14T12:01:00.000Z","rank":"activate"}}}`,
			subscriber.State{Production: map[string]subscriber.Entry{"a": whole}}, subscriber.ErrDamaged,
		},
		"an environment that is no object": {
			`{"sandbox":[],"production":{"a":{"active":true,"at":"2026-03-14T12:01:00.000Z","rank":"activate"}}}`,
			subscriber.State{Production: map[string]subscriber.Entry{"a": whole}}, subscriber.ErrDamaged,
		},
		"of two the last counts": {
			`{"production":{"a":7},"production":{"a":{"active":false,"active":true,"at":"2026-03-14T12:01:00.000Z","rank":"activate"}}}`,
			subscriber.State{Production: map[string]subscriber.Entry{"a": whole}}, subscriber.ErrDamaged,
		},
		"nothing":               {``, subscriber.State{}, subscriber.ErrNoState},
		"no JSON":               {`active`, subscriber.State{}, subscriber.ErrNoState},
		"another kind of JSON":  {`["a"]`, subscriber.State{}, subscriber.ErrNoState},
		"more than one":         {`{}{}`, subscriber.State{}, subscriber.ErrNoState},
		"cut off":               {`{"production":{"a":{"active":true`, subscriber.State{}, subscriber.ErrNoState},
		"an empty entry":        {` {} `, subscriber.State{}, nil},
		"text that is no UTF-8": {"{\"\xff\":1}", subscriber.State{}, subscriber.ErrNoState},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := subscriber.Decode(c.text)
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
		for _, c := range rapid.SliceOfN(rapid.Custom(claim), 0, 12).Draw(t, "story") {
			c.Purchase = rapid.OneOf(rapid.String(), rapid.Just(c.Purchase)).Draw(t, "id")
			s.Apply(c)
		}
		got, err := subscriber.Decode(s.Encode())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(s, got); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestNothingFromOutsideFillsAnEntry(t *testing.T) {
	var s subscriber.State
	long := strings.Repeat("x", 1<<20)
	s.Apply(activate(long, 1))
	if n := len(s.Encode()); n > 300 {
		t.Errorf("%d bytes are stored for one purchase", n)
	}
	older, _ := s.Apply(deactivate(long, 2))
	if older || s.Active(production) {
		t.Error("the end of a purchase with a long id was not heard")
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
	if !s.Active(production) {
		t.Error("a paying user was forgotten")
	}
	if older, _ := s.Apply(deactivate("a", 2)); older {
		t.Error("the end was not heard")
	}
	if older, _ := s.Apply(activate("b", 0)); !older {
		t.Error("the other purchase lost its time")
	}
	if s.Forget(at(100)) {
		t.Error("there is no future any more")
	}
}

func FuzzDecode(f *testing.F) {
	var s subscriber.State
	s.Apply(activate("a", 1))
	for _, seed := range []string{"", "{}", s.Encode(), `{"production":{"a":{"active":true}},"sandbox":null}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := subscriber.Decode(text)
		again, second := subscriber.Decode(s.Encode())
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
