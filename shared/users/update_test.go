package users_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/subscriber"
	"github.com/purchasely-clevertap/bridge/shared/users"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// memoryTable is a table in memory. Before a write, somebody else may write.
type memoryTable struct {
	*subscriber.LocalTable

	mu     sync.Mutex
	writes int
	before func(key subscriber.Key)
}

func newTable() *memoryTable { return &memoryTable{LocalTable: subscriber.NewLocalTable()} }

func (m *memoryTable) Replace(
	ctx context.Context, key subscriber.Key, read, item subscriber.Item, attributes ...string,
) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.before != nil {
		m.before(key)
	}
	err := m.LocalTable.Replace(ctx, key, read, item, attributes...)
	if err == nil {
		m.writes++
	}
	return err
}

func drawUpdate(t *rapid.T) users.Update {
	u := users.Update{
		Action: rapid.SampledFrom([]users.Action{users.Link, users.Suppress, users.Restore}).Draw(t, "action"),
		Person: webhook.Subscriber{Kind: webhook.ByUser, ID: rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "id")},
		At:     noon.Add(time.Duration(rapid.IntRange(0, 4).Draw(t, "minute")) * time.Minute),
	}
	if u.Action == users.Link {
		u.CleverTapID = rapid.SampledFrom([]string{"x", "y", "z"}).Draw(t, "link")
	}
	return u
}

// Whatever the order of arrival, in whatever requests, and whoever writes in between: what was observed last
// counts.
func TestTheNewestObservationCountsHoweverItArrives(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		table := newTable()
		arrivals := rapid.SliceOfN(rapid.Custom(drawUpdate), 1, 30).Draw(t, "arrivals")
		conflicts := rapid.IntRange(0, 3).Draw(t, "conflicts")
		table.before = func(key subscriber.Key) { // another process has just renewed the person
			if conflicts > 0 && table.Items[key] != nil {
				conflicts--
				p, _ := subscriber.ReadPerson(table.Items[key], noon)
				p.Suppress(time.Unix(1, 0).Add(time.Duration(conflicts) * time.Second))
				table.Items[key] = p.Item(noon)
			}
		}
		for rest := arrivals; len(rest) > 0; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "entries")
			if _, err := users.Apply(t.Context(), table, "demo", rest[:n], noon.Add(time.Hour)); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		for _, id := range []string{"a", "b", "c"} {
			var link users.Update // the newest, at the same instant the later arrival
			var suppressed, restored time.Time
			for _, u := range arrivals {
				switch {
				case u.Person.ID != id:
				case u.Action == users.Link && !u.At.Before(link.At):
					link = u
				case u.Action == users.Suppress && u.At.After(suppressed):
					suppressed = u.At
				case u.Action == users.Restore && u.At.After(restored):
					restored = u.At
				}
			}
			p, err := subscriber.ReadPerson(table.Items[subscriber.PersonKey(subscriber.Partition("user", id), "demo")], noon)
			if err != nil {
				t.Fatal(err)
			}
			if suppressed.IsZero() { // the other process has said something older
				suppressed = p.SuppressedAt
			}
			want := subscriber.Person{
				CleverTapID: link.CleverTapID, ObservedAt: link.At, SuppressedAt: suppressed, RestoredAt: restored,
			}
			if diff := cmp.Diff(want, p); diff != "" {
				t.Fatalf("%s: %s", id, diff)
			}
		}
	})
}

func TestWhatIsKnownIsNotWrittenAgain(t *testing.T) {
	table := newTable()
	updates := []users.Update{
		{users.Link, webhook.Subscriber{Kind: webhook.ByUser, ID: "a"}, "x", noon},
		{users.Suppress, webhook.Subscriber{Kind: webhook.ByUser, ID: "b"}, "", noon},
	}
	for i, want := range []int{2, 0} {
		changed, err := users.Apply(t.Context(), table, "demo", updates, noon)
		if changed != want || err != nil || table.writes != 2 {
			t.Errorf("run %d: %d changed, %v, %d writes", i+1, changed, err, table.writes)
		}
	}
}

func TestWithoutATimeItIsNowUnlessItIsSoAlready(t *testing.T) {
	user := webhook.Subscriber{Kind: webhook.ByUser, ID: "a"}
	key := subscriber.PersonKey(subscriber.Partition("user", "a"), "demo")
	minute := func(n int) time.Time { return noon.Add(time.Duration(n) * time.Minute) }
	now := func(a users.Action, id string) users.Update {
		return users.Update{Action: a, Person: user, CleverTapID: id}
	}
	linked := subscriber.Person{CleverTapID: "x", ObservedAt: minute(1)}
	restored := subscriber.Person{SuppressedAt: minute(2), RestoredAt: minute(3)}
	again := subscriber.Person{SuppressedAt: minute(9), RestoredAt: minute(3)}
	for name, c := range map[string]struct {
		before subscriber.Person
		update users.Update
		want   subscriber.Person
	}{
		"the same link":             {linked, now(users.Link, "x"), linked},
		"suppressed again":          {restored, now(users.Suppress, ""), again},
		"restored already":          {restored, now(users.Restore, ""), restored},
		"restored, never forbidden": {linked, now(users.Restore, ""), linked},
	} {
		t.Run(name, func(t *testing.T) {
			table := newTable()
			table.Items[key] = c.before.Item(noon)
			if _, err := users.Apply(t.Context(), table, "demo", []users.Update{c.update}, minute(9)); err != nil {
				t.Fatal(err)
			}
			got, err := subscriber.ReadPerson(table.Items[key], noon)
			if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
				t.Errorf("%v: %s", err, diff)
			}
		})
	}
}

func TestAPersonWhomOthersWriteAllTheTimeIsGivenUp(t *testing.T) {
	table := newTable()
	n := 0
	table.before = func(key subscriber.Key) {
		n++
		table.Items[key] = subscriber.Item{"clevertap_id": fmt.Sprint(n)}
	}
	update := users.Update{Person: webhook.Subscriber{Kind: webhook.ByUser, ID: "a"}, CleverTapID: "x", At: noon}
	_, err := users.Apply(t.Context(), table, "demo", []users.Update{update}, noon)
	f, marked := errors.AsType[*fault.Fault](err)
	if !marked || f.Kind != fault.Retry || f.Reason != fault.Table || n != 5 {
		t.Errorf("error %v after %d writes", err, n)
	}
}
