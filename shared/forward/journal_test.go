package forward_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/forward"
	"github.com/purchasely-clevertap/bridge/shared/subscriber"
)

// journal returns the journal's entries by their keys.
func (t *memoryTable) journal() map[subscriber.Key]subscriber.Event {
	entries := make(map[subscriber.Key]subscriber.Event)
	for key, item := range t.Items {
		if strings.HasPrefix(key.Sort, subscriber.EventPrefix) {
			entries[key] = subscriber.ReadEvent(item)
		}
	}
	return entries
}

// withJournal makes the handler write a journal of this kind to a new table.
func (h *harness) withJournal(journal forward.Journal) *memoryTable {
	table := newTable()
	h.Table, h.Journal, h.JournalLifetime = table, journal, 30*24*time.Hour
	return table
}

func TestTheJournalSaysWhatBecameOfAWebhook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t)
		table := h.withJournal(forward.JournalBodies)
		received := time.Now().Add(-time.Second)
		h.runAll(queued{app: "demo", body: bodies["renewal"], received: received, receives: 3})
		key := subscriber.EventKey(person7, "demo", received, "e-1")
		want := map[subscriber.Key]subscriber.Event{key: {
			App: "demo", Event: "SUBSCRIPTION_RENEWED", EventID: "e-1", Created: time.UnixMilli(1795402927191).UTC(),
			Received: received.UTC(), Settled: time.Now().UTC(), Outcome: "delivered", Records: "event,profile",
			Active: "true", Account: "DEMO", Attempt: 3, Settings: "built-in", Body: []byte(bodies["renewal"]),
		}}
		if diff := cmp.Diff(want, table.journal()); diff != "" {
			t.Error(diff)
		}
		expires := table.Items[key].Number(subscriber.ExpiresAttribute)
		if expires != time.Now().Add(h.JournalLifetime).Unix() {
			t.Errorf("expires at %d", expires)
		}
	})
}

func TestTheJournalHasAnEntryForEveryOutcome(t *testing.T) {
	transfer := func(name, other string) string {
		return `{"event_name":"` + name + `","event_id":"e-9","user_id":"person-7","` + other + `":"person-8"}`
	}
	for name, test := range map[string]struct {
		app, body, response string
		want                string // the outcome, reason, code, accepted records and the other side; empty: no entry
	}{
		"delivered":       {"demo", bodies["renewal"], "accepts all", "delivered event,profile"},
		"retried":         {"demo", bodies["renewal"], "500", "retry server 500"},
		"partly accepted": {"demo", bodies["renewal"], "transient code, last", "retry transient 555 event"},
		"rejected":        {"demo", bodies["renewal"], "rejects the first", "rejected clevertap_513 513 profile"},
		"the app is off":  {"disabled", bodies["renewal"], "accepts all", "skipped disabled"},
		"from somebody": {
			"demo", transfer("SUBSCRIPTION_RECEIVED", "transferred_from_anonymous_user_id"), "accepts all",
			"delivered event,profile " + person8,
		},
		"to somebody": {
			"demo", transfer("SUBSCRIPTION_TRANSFERRED", "transferred_to_anonymous_user_id"), "accepts all",
			"delivered event,profile " + person8,
		},
		"of a name without an end": {
			"demo", transfer(strings.Repeat("é", 100_000), "x"), "accepts all", "delivered event,profile",
		},
		"nobody's":          {"demo", bodies["no user"], "accepts all", ""},
		"malformed":         {"demo", bodies["malformed"], "accepts all", ""},
		"of an unknown app": {"unknown", bodies["renewal"], "accepts all", ""},
	} {
		inBubble(t, name, func(t *testing.T, h *harness) {
			table := h.withJournal(forward.JournalOutcomes)
			h.clevertap = responses[test.response]
			h.run(queued{app: test.app, body: test.body})
			got := ""
			for _, e := range table.journal() {
				words := strings.Join([]string{e.Outcome, e.Reason, e.Code, e.Records, e.Other}, " ")
				got = strings.Join(strings.Fields(words), " ")
				if e.Body != nil || len(e.Event) > clevertap.MaxEventNameBytes {
					t.Errorf("event of %d bytes, body %s", len(e.Event), e.Body)
				}
			}
			if got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}

// What an entry says of the event's name and of the subscriber's state is what CleverTap was told.
func TestTheJournalSaysWhatCleverTapWasTold(t *testing.T) {
	for name, test := range map[string]struct {
		app      string
		messages []queued
		table    *memoryTable
		want     []string // by event id: its name and whether the subscriber is active
	}{
		"a renamed event": {"demo: {server_events: {events: {ACTIVATE: {name: Premium}}}}",
			[]queued{annas("ACTIVATE", "a", 1)}, newTable(), []string{"Premium true"}},
		"an event that is switched off": {"demo: {server_events: {default: skip}}",
			[]queued{annas("DEACTIVATE", "a", 1)}, newTable(), []string{" false"}},
		"a prefix": {`demo: {server_events: {prefix: "Purchasely "}}`,
			[]queued{annas("RETENTION_MESSAGE_REQUESTED", "a", 1)}, newTable(),
			[]string{"Purchasely RETENTION_MESSAGE_REQUESTED "}},
		"an end while another purchase is active": {"demo: {}",
			[]queued{annas("ACTIVATE", "b", 1), annas("DEACTIVATE", "a", 2)}, newTable(), []string{" true", " true"}},
		"a late webhook": {"demo: {}",
			[]queued{annas("DEACTIVATE", "a", 2), annas("ACTIVATE", "a", 1)}, newTable(), []string{" false", " false"}},
		"a state that cannot be read": {"demo: {}",
			[]queued{annas("DEACTIVATE", "a", 2)}, newTable().with(annaKey, subscriber.Item{"state": "?"}), []string{" "}},
		"a table that takes no state": {"demo: {}",
			[]queued{annas("DEACTIVATE", "a", 2)}, newTable().fail(opReplace), []string{" "}},
		"no table's state": {"demo: {}", []queued{newMessage("demo", "consumable")}, newTable(), []string{" "}},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t)
			h.useApps(test.app)
			h.Table, h.Journal = test.table, forward.JournalOutcomes
			h.run(test.messages...)
			var got []string
			for _, e := range test.table.journal() {
				got = append(got, e.Name+" "+e.Active)
			}
			if slices.Sort(got); !slices.Equal(got, test.want) {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}

// A message that comes back is written at its first and each doubled attempt.
func TestTheJournalNotesEveryDoubledAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t)
		table := h.withJournal(forward.JournalOutcomes)
		h.clevertap = responses["500"]
		m := queued{app: "demo", body: bodies["renewal"], received: time.Now()}
		var noted []int
		for range 9 {
			m.receives++
			h.run(m)
			for _, e := range table.journal() {
				noted = append(noted, e.Attempt)
			}
			time.Sleep(time.Hour)
		}
		h.clevertap = acceptAll
		m.receives++
		h.runAll(m)
		last := slices.Collect(maps.Values(table.journal()))
		if want := []int{1, 2, 2, 4, 4, 4, 4, 8, 8}; !slices.Equal(noted, want) || len(last) != 1 || last[0].Attempt != 10 {
			t.Errorf("noted %v, want %v; in the end %+v", noted, want, last)
		}
	})
}

// A webhook without an id is told from another one by its body.
func TestWebhooksWithoutAnIDHaveEntriesOfTheirOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t)
		table := h.withJournal(forward.JournalOutcomes)
		without := strings.Replace(bodies["renewal"], `"event_id":"e-1",`, "", 1)
		h.runAll(queued{app: "demo", body: without}, queued{app: "demo", body: without + " "})
		if n := len(table.journal()); n != 2 {
			t.Errorf("%d entries", n)
		}
	})
}

func TestWhatTheJournalDoesNotTakeIsCountedAndTheOutcomeStands(t *testing.T) {
	for operation, want := range map[string]string{opPut: "delivered", opLoad: "retry table"} {
		t.Run(operation, func(t *testing.T) {
			h := newHarness(t)
			h.withJournal(forward.JournalOutcomes).fail(operation)
			h.run(newMessage("demo", "renewal"), newMessage("demo", "no user"), newMessage("other", "anonymous"))
			h.wantOutcomes(want, "skipped no_identity", want)
			m := h.read().metrics
			if m["demo"]["JournalFailed"] != 1 || m["other"]["JournalFailed"] != 1 {
				t.Errorf("metrics %v", m)
			}
		})
	}
}

func TestWithoutAJournalNothingIsWritten(t *testing.T) {
	h := newHarness(t)
	table := h.withJournal(forward.JournalOff)
	h.runAll(newMessage("demo", "renewal"))
	if entries := table.journal(); len(entries) > 0 {
		t.Errorf("%v", entries)
	}
}
