package message_test

import (
	"strings"
	"testing"

	"github.com/purchasely-clevertap/bridge/shared/message"
)

const punctuation = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"

func legal(id string) bool {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	return id != "" && len(id) <= 128 && strings.Trim(id, letters+punctuation) == ""
}

func encode(app, kind, subscriber, body string) message.Encoded {
	ids := message.IDs{SubscriberKind: kind, Subscriber: subscriber, EventName: "ACTIVATE", EventID: "e-1"}
	return message.Encode(message.Message{App: app, Received: received, Body: []byte(body)}, ids, true)
}

func TestGroupsAreSubscribers(t *testing.T) {
	base := encode("demo", "user", "u-1", "one")
	if other := encode("demo", "user", "u-1", "two"); other.GroupID != base.GroupID {
		t.Error("one subscriber, two groups")
	}
	for name, other := range map[string]message.Encoded{
		"another app":                      encode("demo2", "user", "u-1", "one"),
		"another kind of id":               encode("demo", "device", "u-1", "one"),
		"another subscriber":               encode("demo", "user", "u-2", "one"),
		"no subscriber":                    encode("demo", "user", "", "one"),
		"no subscriber and the id as body": encode("demo", "user", "", "u-1"),
		"parts that join to the same text": encode("dem", "ouser", "u-1", "one"),
		"kind and id shifted":              encode("demo", "useru", "-1", "one"),
	} {
		if other.GroupID == base.GroupID {
			t.Errorf("%s: same group", name)
		}
		if !legal(other.GroupID) {
			t.Errorf("%s: SQS refuses %q", name, other.GroupID)
		}
	}
	if strings.Contains(base.GroupID, "u-1") {
		t.Error("the id can be read in its hash")
	}
}

func TestWithoutASubscriberTheBodyIsTheGroup(t *testing.T) {
	if encode("demo", "", "", "one").GroupID != encode("demo", "user", "", "one").GroupID {
		t.Error("equal bodies, two groups")
	}
	if encode("demo", "", "", "one").GroupID == encode("demo", "", "", "two").GroupID {
		t.Error("different bodies, one group")
	}
}

func TestTheEventsNameAndIDDeduplicate(t *testing.T) {
	const name, id, body = "ACTIVATE", "8b0ffd4c-0b2a-4c0e-9f59-6d5a2f3f7a10", `{"a":1}`
	base := message.DeduplicationID(message.IDs{EventName: name, EventID: id}, []byte(body))
	ofBody := message.DeduplicationID(message.IDs{}, []byte(body))
	for sentence, test := range map[string]struct {
		name, id, body string
		want           string // empty: another one than all of these
	}{
		"the same event in another body":        {name, id, `{"a":2}`, base},
		"another event with the same id":        {"DEACTIVATE", id, body, ""},
		"a name and an id that join alike":      {"ACTIVATE\n8b0ffd4c", "0b2a", body, ""},
		"without an id the body counts":         {name, "", body, ofBody},
		"without a name the body counts":        {"", id, body, ofBody},
		"without an id another body is another": {name, "", `{"a":2}`, ""},
		"an id that SQS would refuse":           {name, "événement\n" + strings.Repeat("x", 999), body, ""},
	} {
		t.Run(sentence, func(t *testing.T) {
			ids := message.IDs{SubscriberKind: "user", Subscriber: "u-2", EventName: test.name, EventID: test.id}
			got := message.DeduplicationID(ids, []byte(test.body))
			if !legal(got) || test.want != "" && got != test.want || test.want == "" && (got == base || got == ofBody) {
				t.Errorf("deduplication id %q", got)
			}
		})
	}
}

func TestAFingerprintIsOfOneMessage(t *testing.T) {
	all := map[string]bool{}
	for _, app := range []string{"demo", "demo2"} {
		for _, received := range []string{"2026-11-23T08:08:07.006Z", "2026-11-23T08:08:08.006Z"} {
			all[message.Fingerprint(app, received, []byte("body"))] = true
			all[message.Fingerprint(app, received, []byte("body2"))] = true
		}
	}
	if len(all) != 8 {
		t.Errorf("%d fingerprints of 8 messages", len(all))
	}
}

// A standard queue hands out the messages of all groups in turn: one app's flood does not hold up another's webhooks.
func TestOnAStandardQueueTheAppIsTheGroup(t *testing.T) {
	ids := message.IDs{SubscriberKind: "user", Subscriber: "u-1", EventName: "ACTIVATE", EventID: "e-1"}
	e := message.Encode(message.Message{App: "demo", Body: []byte("{}")}, ids, false)
	if e.GroupID != "demo" || e.DeduplicationID != "" {
		t.Errorf("ids %q and %q", e.GroupID, e.DeduplicationID)
	}
}
