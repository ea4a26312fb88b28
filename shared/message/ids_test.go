package message_test

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/purchasely-clevertap/bridge/shared/message"
)

const punctuation = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"

func legal(id string) bool {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	return id != "" && len(id) <= 128 && strings.Trim(id, letters+punctuation) == ""
}

func encode(app, kind, subscriber, eventID, body string) message.Encoded {
	m := message.Message{App: app, Received: received, Body: []byte(body)}
	return message.Encode(m, kind, subscriber, eventID, true)
}

func TestGroupsAreSubscribers(t *testing.T) {
	base := encode("demo", "user", "u-1", "e-1", "one")
	if base.GroupID != message.SubscriberID("demo", "user", "u-1") {
		t.Error("group id is not the subscriber's id")
	}
	if other := encode("demo", "user", "u-1", "e-2", "two"); other.GroupID != base.GroupID {
		t.Error("one subscriber, two groups")
	}
	for name, other := range map[string]message.Encoded{
		"another app":                      encode("demo2", "user", "u-1", "e-1", "one"),
		"another kind of id":               encode("demo", "device", "u-1", "e-1", "one"),
		"another subscriber":               encode("demo", "user", "u-2", "e-1", "one"),
		"no subscriber":                    encode("demo", "user", "", "e-1", "one"),
		"no subscriber and the id as body": encode("demo", "user", "", "e-1", "u-1"),
		"parts that join to the same text": encode("dem", "ouser", "u-1", "e-1", "one"),
		"kind and id shifted":              encode("demo", "useru", "-1", "e-1", "one"),
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
	if encode("demo", "", "", "", "one").GroupID != encode("demo", "user", "", "x", "one").GroupID {
		t.Error("equal bodies, two groups")
	}
	if encode("demo", "", "", "", "one").GroupID == encode("demo", "", "", "", "two").GroupID {
		t.Error("different bodies, one group")
	}
}

func TestSubscriberIDStaysTheSameFromReleaseToRelease(t *testing.T) {
	const want = "5d0800c278ab7926bf588845f936c2a7289be04b3bc9a7109eb264f67f167fe9"
	if got := message.SubscriberID("demo", "user", "rosée-7"); got != want {
		t.Errorf("SubscriberID = %s; entries in subscriber tables would be lost", got)
	}
}

func TestTheEventsIDDeduplicatesIfSQSAcceptsIt(t *testing.T) {
	sum := sha256.Sum256([]byte("body"))
	hash := hex.EncodeToString(sum[:])
	for name, c := range map[string]struct{ id, want string }{
		"a UUID":                  {"8b0ffd4c-0b2a-4c0e-9f59-6d5a2f3f7a10", "8b0ffd4c-0b2a-4c0e-9f59-6d5a2f3f7a10"},
		"one character":           {"7", "7"},
		"128 characters":          {strings.Repeat("a", 128), strings.Repeat("a", 128)},
		"all punctuation":         {punctuation, punctuation},
		"none":                    {"", hash},
		"129 characters":          {strings.Repeat("a", 129), hash},
		"a space":                 {"a b", hash},
		"a letter beyond ASCII":   {"événement", hash},
		"a control character":     {"a\x7fb", hash},
		"a line end":              {"a\n", hash},
		"bytes that are not text": {"\xff", hash},
	} {
		t.Run(name, func(t *testing.T) {
			if got := encode("demo", "", "", c.id, "body").DeduplicationID; got != c.want {
				t.Errorf("deduplication id = %q, want %q", got, c.want)
			}
		})
	}
}

func TestAStandardQueueGetsNoIDs(t *testing.T) {
	e := message.Encode(message.Message{App: "demo", Body: []byte("{}")}, "user", "u-1", "e-1", false)
	if e.GroupID != "" || e.DeduplicationID != "" {
		t.Errorf("ids %q and %q", e.GroupID, e.DeduplicationID)
	}
}

func TestNotesAreAboutOneMessage(t *testing.T) {
	const received = "2026-11-23T08:08:07.006Z"
	base := message.NoteID("demo", received, []byte("body"))
	for name, other := range map[string]string{
		"another app":              message.NoteID("demo2", received, []byte("body")),
		"the same bytes again":     message.NoteID("demo", "2026-11-23T08:08:08.006Z", []byte("body")),
		"other bytes":              message.NoteID("demo", received, []byte("body2")),
		"a subscriber of the name": message.SubscriberID("demo", "note "+received, "body"),
	} {
		if other == base {
			t.Errorf("%s: the same note", name)
		}
	}
}
