package subscriber_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/purchasely-clevertap/bridge/shared/subscriber"
)

const day = 24 * time.Hour

func TestSuppressionAndRestorationGoByTheNewest(t *testing.T) {
	never := time.Time{}
	for name, test := range map[string]struct {
		suppressed, restored time.Time
		want                 bool
	}{
		"neither":                  {never, never, false},
		"suppressed":               {at(1), never, true},
		"restored":                 {at(1), at(2), false},
		"suppressed again":         {at(3), at(2), true},
		"both at the same instant": {at(2), at(2), true},
	} {
		p := subscriber.Person{SuppressedAt: test.suppressed, RestoredAt: test.restored}
		if p.Suppressed() != test.want {
			t.Errorf("%s: suppressed %t", name, p.Suppressed())
		}
	}
}

func TestAPersonIsKeptFor400DaysAndASuppressedOneForEver(t *testing.T) {
	now := at(0)
	linked := subscriber.Person{CleverTapID: "__x", ObservedAt: at(-5)}
	item := linked.Item(now)
	if got := item.Number("expires"); got != now.Add(400*day).Unix() {
		t.Errorf("expires at %d", got)
	}
	linked.Suppress(at(1))
	if _, expires := linked.Item(now)["expires"]; expires {
		t.Error("a suppression expires")
	}
	linked.Restore(at(2))
	if _, expires := linked.Item(now)["expires"]; !expires {
		t.Error("a restored person is kept for ever")
	}
	for age, want := range map[time.Duration]bool{0: false, 199 * day: false, 201 * day: true, 399 * day: true} {
		if got := subscriber.NeedsRenewal(item, now.Add(age)); got != want {
			t.Errorf("after %s renewal is needed: %t", age, got)
		}
	}
	p, err := subscriber.ReadPerson(item, now.Add(400*day))
	if err != nil || p != (subscriber.Person{}) {
		t.Errorf("an expired person is %+v, %v", p, err)
	}
}

func TestAPersonIsReadAsItWasWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		instants := rapid.Custom(func(t *rapid.T) time.Time {
			minute := rapid.IntRange(0, 9).Draw(t, "minute")
			if minute == 0 {
				return time.Time{}
			}
			return at(minute)
		})
		p := subscriber.Person{
			CleverTapID: rapid.SampledFrom([]string{"", "__abc"}).Draw(t, "id"),
			ObservedAt:  instants.Draw(t, "observed"), SuppressedAt: instants.Draw(t, "suppressed"),
			RestoredAt: instants.Draw(t, "restored"),
		}
		got, err := subscriber.ReadPerson(p.Item(at(0)), at(0))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(p, got); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestAnItemThatIsNoPersonIsAnError(t *testing.T) {
	for name, item := range map[string]subscriber.Item{
		"a number as a link":       {"clevertap_id": int64(7)},
		"words as a time":          {"suppressed_at": "private words"},
		"bytes as a time":          {"restored_at": []byte("x")},
		"a time among other words": {"observed_at": "2026-03-14T12:00:00Z private"},
	} {
		if p, err := subscriber.ReadPerson(item, at(0)); err == nil || err.Error() != "person item cannot be read" {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
	millis, err := subscriber.ReadPerson(subscriber.Item{"suppressed_at": at(3).UnixMilli()}, at(0))
	if err != nil || !millis.SuppressedAt.Equal(at(3)) {
		t.Errorf("a time in milliseconds is %v, %v", millis.SuppressedAt, err)
	}
	if p, err := subscriber.ReadPerson(nil, at(0)); err != nil || p != (subscriber.Person{}) {
		t.Errorf("nobody is %+v, %v", p, err)
	}
}

func TestAJournalEntryIsReadAsItWasWritten(t *testing.T) {
	whole := subscriber.Event{
		App: "demo", Event: "ACTIVATE", EventID: "e-1", Created: at(1), Received: at(2), Settled: at(3), Outcome: "retry",
		Reason: "server", Code: "503", Records: "event", Account: "AAA", Attempt: 4, Settings: "built-in", Other: "f00",
		Body: []byte(`{"event_name":"ACTIVATE"}`),
	}
	for name, e := range map[string]subscriber.Event{
		"with everything": whole, "with nothing": {Settled: at(3)}, "with an empty body": {Settled: at(3), Body: []byte{}},
	} {
		t.Run(name, func(t *testing.T) {
			item := e.Item(30 * day)
			if got := item.Number("expires"); got != at(3).Add(30*day).Unix() {
				t.Errorf("expires at %d", got)
			}
			if diff := cmp.Diff(e, subscriber.ReadEvent(item)); diff != "" {
				t.Error(diff)
			}
			for attribute, value := range item {
				if value == "" {
					t.Errorf("attribute %s is an empty text", attribute)
				}
			}
		})
	}
	if got := subscriber.ReadEvent(subscriber.Item{"body": []byte("not gzip"), "attempt": "x"}); got.Body != nil ||
		got.Attempt != 0 {
		t.Errorf("read %+v", got)
	}
}

func TestKeysOfOneAppDoNotMeetThoseOfAnother(t *testing.T) {
	user, anonymous := subscriber.Partition("user", "7"), subscriber.Partition("anonymous", "7")
	if user == anonymous || len(user) != 64 {
		t.Errorf("partitions %s and %s", user, anonymous)
	}
	if subscriber.Partition("use", "r7") == user {
		t.Error("kind and id run into one another")
	}
	key := subscriber.EventKey(user, "demo", at(1), "e#1")
	if want := "event#demo#2026-03-14T12:01:00.000Z#e#1"; key.Sort != want || subscriber.EventID(key.Sort) != "e#1" {
		t.Errorf("sort key %s with event %s", key.Sort, subscriber.EventID(key.Sort))
	}
}

// One entry that DynamoDB refuses would take all with it that are written in the same call.
func TestABodyThatHardlyCompressesIsNotKept(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	body := make([]byte, 700_000)
	for i := range body {
		body[i] = byte(random.Uint32())
	}
	for size, kept := range map[int]bool{300_000: true, 400_000: false, 700_000: false} {
		item := subscriber.Event{Outcome: "delivered", Body: body[:size]}.Item(time.Hour)
		if got := subscriber.ReadEvent(item); (got.Body != nil) != kept || got.Outcome != "delivered" {
			t.Errorf("%d bytes: kept %t, outcome %q", size, got.Body != nil, got.Outcome)
		}
	}
}

// An open breaker must not be shown for ever when the process that has opened it is gone.
func TestBreakersExpire(t *testing.T) {
	open := subscriber.Breaker{App: "demo", Account: "A", Opened: at(0), Until: at(1)}
	closed := open
	closed.Closed = at(2)
	for end, b := range map[time.Time]subscriber.Breaker{at(1 + 20): open, at(2 + 24*60): closed} {
		if item := b.Item(); item.Expired(end.Add(-time.Second)) || !item.Expired(end) {
			t.Errorf("%+v does not expire at %s", b, end)
		}
	}
}
