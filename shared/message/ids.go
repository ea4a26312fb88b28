package message

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
)

const maxID = 128

// Fingerprint names a message wherever it goes: its id changes on the way through a dead-letter queue. The receiver's
// time tells it from a later one with the same bytes.
func Fingerprint(app, received string, body []byte) string { return Hash(app, "note "+received, body) }

// groupID keeps a subscriber's messages in order: it is a hash of app and subscriber. Without a subscriber there is no
// order to keep, and the body is grouped with its own repetitions only; the empty kind keeps it apart from every
// subscriber.
func groupID(m Message, ids IDs) string {
	if ids.Subscriber == "" {
		return Hash(m.App, "", m.Body)
	}
	return Hash(m.App, ids.SubscriberKind, []byte(ids.Subscriber))
}

// DeduplicationID is the same for repetitions of a webhook: a hash of the event's name and id if it has both, else of
// the body. The name counts because two events of one purchase may have one id.
func DeduplicationID(ids IDs, body []byte) string {
	if ids.EventName != "" && ids.EventID != "" {
		body = []byte(ids.EventName + "\n" + ids.EventID)
	}
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

// LegalID reports whether an event's id is one that a log line and a key can hold: 1 to 128 printable ASCII characters
// without the space.
func LegalID[T string | []byte](id T) bool {
	if len(id) == 0 || len(id) > maxID {
		return false
	}
	for i := range len(id) {
		if id[i] <= ' ' || id[i] > '~' {
			return false
		}
	}
	return true
}

// Hash is the SHA-256 of three parts in hex. The length is written before every part, so that no two different triples
// make the same bytes.
func Hash(scope, kind string, id []byte) string {
	h := sha256.New()
	for _, part := range [...][]byte{[]byte(scope), []byte(kind), id} {
		var length [8]byte
		binary.BigEndian.PutUint64(length[:], uint64(len(part)))
		h.Write(length[:])
		h.Write(part)
	}
	return hex.EncodeToString(h.Sum(nil))
}
