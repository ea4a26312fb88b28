//go:build blackbox

package main_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/purchasely-clevertap/bridge/shared/clevertap/clevertaptest"
)

// fill is so many letters of a group that they take so many uploads of twenty.
func fill(group string, uploads int) []letter {
	letters := make([]letter, 20*uploads)
	for i := range letters {
		letters[i] = letter{group: group, body: bulky(fmt.Sprintf("%s%d", group, i))}
	}
	return letters
}

func TestAfterARetryTheRestOfTheGroupIsNotUploaded(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		queue string
		later string // what becomes of the group's messages in the second upload and after
	}{
		"on a FIFO queue":   {"events.fifo", "retry group_order"},
		"on a standard one": {"events", "delivered"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, setup{queue: test.queue, env: map[string]string{"UPLOAD_CONCURRENCY": "1"}})
			s.clevertap.AddFault(clevertaptest.Fault{Kind: clevertaptest.Status, Status: 500, Count: 1})
			letters := append(fill("anna", 2), fill("bert", 1)...)
			ids := s.send(letters...)
			b := s.invoke()
			s.end()
			first := s.uploads(demoAccount)[0].Records
			for i, id := range ids {
				want := test.later
				switch {
				case i < first:
					want = "retry server"
				case letters[i].group == "bert":
					want = "delivered"
				}
				if got := b.outcome(id); got != want {
					t.Errorf("message %d of %s: %s, want %s", i, letters[i].group, got, want)
				}
			}
			if again := s.clevertap.Duplicates(); len(again) > 0 {
				t.Errorf("%+v", again)
			}
		})
	}
}

// All of one upload went together: what was accepted is delivered, whatever precedes it.
func TestWhatWasAcceptedIsDeliveredWhateverPrecedesIt(t *testing.T) {
	t.Parallel()
	s := start(t, setup{})
	s.clevertap.AddFault(clevertaptest.Fault{Kind: clevertaptest.Transient, Marker: "person-sick", Times: 9})
	ids := s.send(
		letter{group: "g", body: lamp("a")}, letter{group: "g", body: lamp("sick")}, letter{group: "g", body: lamp("b")},
		letter{group: "g", body: named("c", "DISCARDED")}, letter{group: "g", app: "shut", body: lamp("d")}, letter{group: "g", body: "private"},
	)
	b := s.invoke()
	s.end()
	for i, want := range []string{"delivered", "retry transient", "delivered", "rejected clevertap_528", "skipped disabled", "rejected malformed"} {
		if got := b.outcome(ids[i]); got != want {
			t.Errorf("message %d: %s, want %s", i, got, want)
		}
	}
}

// A message that cannot even be opened now holds its group as well, whichever app the later ones are of.
func TestAMessageThatWaitsForItsSecretHoldsItsGroup(t *testing.T) {
	t.Parallel()
	s := start(t, setup{})
	ids := s.send(
		letter{group: "g", body: lamp("a")}, letter{group: "g", app: "lost", body: lamp("b")}, letter{group: "g", body: lamp("c")},
		letter{group: "h", body: lamp("d")},
	)
	b := s.invoke()
	s.end()
	for i, want := range []string{"delivered", "retry secret", "retry group_order", "delivered"} {
		if got := b.outcome(ids[i]); got != want {
			t.Errorf("message %d: %s, want %s", i, got, want)
		}
	}
}

func TestARejectedMessageDoesNotHoldItsGroup(t *testing.T) {
	t.Parallel()
	s := start(t, setup{env: map[string]string{"UPLOAD_CONCURRENCY": "1"}})
	letters := fill("g", 2)
	letters[3].body = strings.Replace(letters[3].body, "SUBSCRIPTION_RENEWED", "DISCARDED", 1)
	letters[4].body = "private"
	ids := s.send(letters...)
	b := s.invoke()
	s.end()
	for i, id := range ids {
		want := map[int]string{3: "rejected clevertap_528", 4: "rejected malformed"}[i]
		if want == "" {
			want = "delivered"
		}
		if got := b.outcome(id); got != want {
			t.Errorf("message %d: %s, want %s", i, got, want)
		}
	}
}

// States of one user become one record, in which the newest counts; events stay apart, in the queue's order.
func TestStatesOfOneUserAreOneRecord(t *testing.T) {
	t.Parallel()
	s := start(t, setup{})
	var letters []letter
	for i := range 5 {
		letters = append(letters, letter{group: "g", body: bought("a", "plan", fmt.Sprintf(`"private-plan-%d"`, i))}, letter{body: bought(fmt.Sprint("b", i))})
	}
	s.send(letters...)
	b := s.invoke()
	if len(b.returned) != 0 {
		t.Fatalf("%d come back", len(b.returned))
	}
	if e, p := s.stored(demoAccount, "event"), s.stored(demoAccount, "profile"); e != 10 || p != 6 {
		t.Errorf("%d events and %d profiles", e, p)
	}
	plan := 0
	for _, r := range s.clevertap.Records(demoAccount) {
		if r.ID != "person-a" {
			continue
		}
		want := fmt.Sprintf(`"private-plan-%d"`, min(plan, 4))
		if plan++; !strings.Contains(string(r.Raw), want) {
			t.Errorf("record %d of the user does not say %s", plan, want)
		}
	}
}

// A message with a record of each kind comes back first, and is rejected when the other is in.
func TestAMixedMessageIsRetriedFirstAndRejectedThen(t *testing.T) {
	t.Parallel()
	s := start(t, setup{})
	s.clevertap.AddFault(clevertaptest.Fault{Kind: clevertaptest.Transient, Marker: `"type":"profile"`, Times: 3})
	id := s.send(letter{body: bought("a", "event_name", `"DISCARDED"`)})[0]
	first, second := s.invoke(), s.invoke()
	s.end()
	if first.outcome(id) != "retry transient" || second.outcome(id) != "rejected clevertap_528" {
		t.Errorf("%s, then %s", first.outcome(id), second.outcome(id))
	}
	if list := s.rejected.Messages(); len(list) != 1 || list[0].Attribute("accepted") != "profile" {
		t.Errorf("%+v", list)
	}
}
