//go:build blackbox

package main_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/purchasely-clevertap/bridge/shared/clevertap/clevertaptest"
)

// grouped are messages of one group.
func grouped(group string, bodies ...string) (messages []queued) {
	for _, body := range bodies {
		messages = append(messages, queued{group: group, body: body})
	}
	return messages
}

func TestAfterARetryTheRestOfTheGroupIsNotUploaded(t *testing.T) {
	inParallel(t, map[string]string{
		"events.fifo": "retry group_order", "events": "delivered",
	}, func(t *testing.T, queue, later string) {
		s := start(t, options{queue: queue, env: map[string]string{"UPLOAD_CONCURRENCY": "1"}})
		s.clevertap.AddFault(clevertaptest.Fault{Kind: clevertaptest.Status, Status: 500, Count: 1})
		messages := slices.Concat(manyLarge("anna", 2), manyLarge("bert", 1))
		ids := s.send(messages...)
		b := s.invoke()
		var want []string
		for i, m := range messages {
			switch {
			case i < s.uploads(demoAccount)[0].Records:
				want = append(want, "retry server")
			case m.group == "bert":
				want = append(want, "delivered")
			default:
				want = append(want, later)
			}
		}
		b.want(ids, want...)
		if repeated := s.clevertap.Duplicates(); len(repeated) > 0 {
			t.Errorf("%+v", repeated)
		}
	})
}

// All records of one upload are sent together: what was accepted is delivered, whatever precedes it.
func TestWhatWasAcceptedIsDeliveredWhateverPrecedesIt(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	s.clevertap.AddFault(transient("person-sick", 9))
	messages := grouped("g", consumable("a"), consumable("sick"), consumable("b"), named("c", "DISCARDED"), "private")
	ids := s.send(append(messages, queued{app: "off", group: "g", body: consumable("d")})...)
	s.invoke().want(ids,
		"delivered", "retry transient", "delivered", "rejected clevertap_528", "rejected malformed", "skipped disabled")
}

// A message that cannot be read yet blocks its group as well, whichever app the later ones are of.
func TestAMessageThatWaitsForItsSecretBlocksItsGroup(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	messages := grouped("g", consumable("a"), consumable("b"), consumable("c"))
	messages[1].app = "lost"
	ids := s.send(append(messages, demo(consumable("d")))...)
	s.invoke().want(ids, "delivered", "retry secret", "retry group_order", "delivered")
}

func TestARejectedMessageDoesNotBlockItsGroup(t *testing.T) {
	t.Parallel()
	s := start(t, options{env: map[string]string{"UPLOAD_CONCURRENCY": "1"}})
	messages := manyLarge("g", 2)
	messages[3].body = strings.Replace(messages[3].body, "SUBSCRIPTION_RENEWED", "DISCARDED", 1)
	messages[4].body = "private"
	want := slices.Repeat([]string{"delivered"}, len(messages))
	want[3], want[4] = "rejected clevertap_528", "rejected malformed"
	ids := s.send(messages...)
	s.invoke().want(ids, want...)
}

// Profiles of one user become one record, in which the newest counts; events stay apart, in the queue's order.
func TestProfilesOfOneUserAreOneRecord(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	var messages []queued
	for i := range 5 {
		messages = append(messages, queued{group: "g", body: renewal("a", "plan", fmt.Sprintf(`"private-plan-%d"`, i))})
		messages = append(messages, demo(renewal(fmt.Sprint("b", i))))
	}
	s.deliver(messages...)
	s.wantStored(10, 6)
	n := 0
	for _, r := range s.clevertap.Records(demoAccount) {
		if r.ID != "person-a" {
			continue
		}
		if want := fmt.Sprintf(`"private-plan-%d"`, min(n, 4)); !strings.Contains(string(r.Raw), want) {
			t.Errorf("record %d of the user does not have %s", n, want)
		}
		n++
	}
}

func TestARejectedMergedProfileConcernsAllWhoseProfileItIs(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	s.clevertap.AddFault(poison(`"type":"profile","identity":"person-poison"`, 400))
	ids := s.send(append(grouped("g", renewal("poison"), renewal("poison")), demo(renewal("fine")))...)
	s.invoke().want(ids, "rejected clevertap_http_400", "rejected clevertap_http_400", "delivered")
	for _, m := range s.rejected.Messages() {
		if m.Attribute("accepted") != "event" {
			t.Errorf("accepted is %q", m.Attribute("accepted"))
		}
	}
	if n := s.stored(demoAccount, "event"); n != 3 {
		t.Errorf("%d events stored", n)
	}
}

// One record of the message is rejected, the other may pass later.
func TestAMessageIsRetriedFirstAndThenRejected(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	s.clevertap.AddFault(transient(`"type":"profile"`, 3))
	ids := s.send(demo(renewal("a", "event_name", `"DISCARDED"`)))
	first, second := s.invoke(), s.invoke()
	first.want(ids, "retry transient")
	second.want(ids, "rejected clevertap_528")
	if list := s.rejected.Messages(); len(list) != 1 || list[0].Attribute("accepted") != "profile" {
		t.Errorf("%+v", list)
	}
}
