package message

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
)

// maxID is the longest group or deduplication id that SQS accepts (SendMessage, November 2026).
const maxID = 128

// SubscriberID is the hash of app and subscriber in hex: the FIFO queue's group id and the subscriber table's key.
// kind separates the kinds of ids, so that a user and a device of the same name stay two subscribers. It is a
// pseudonym, not anonymity: whoever can guess an id can compute its hash.
func SubscriberID(app, kind, subscriber string) string { return hash(app, kind, []byte(subscriber)) }

// NoteID is the subscriber table's key of a note about one message; no subscriber's key looks like it. The receiver's
// time tells a message from a later one with the same bytes; like the body it stays when the message is sent again.
func NoteID(app, received string, body []byte) string {
	return "note-" + hash(app, "note "+received, body)
}

// groupID keeps a subscriber's messages in order. Without a subscriber there is no order to keep, and the body is
// grouped with its own repetitions only; the empty kind keeps it apart from every subscriber.
func groupID(m Message, kind, subscriber string) string {
	if subscriber == "" {
		return hash(m.App, "", m.Body)
	}
	return SubscriberID(m.App, kind, subscriber)
}

// deduplicationID is the event's own id if SQS accepts it, else the body's hash: an odd id must not make a webhook
// fail for ever.
func deduplicationID(eventID string, body []byte) string {
	if LegalID(eventID) {
		return eventID
	}
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

// LegalID reports whether SQS accepts a text as an id: 1 to 128 letters, digits and punctuation marks, which together
// are the printable ASCII characters without the space (SendMessage, November 2026).
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

// hash writes the length before every part, so that no two different triples make the same bytes.
func hash(app, kind string, id []byte) string {
	h := sha256.New()
	for _, part := range [...][]byte{[]byte(app), []byte(kind), id} {
		var length [8]byte
		binary.BigEndian.PutUint64(length[:], uint64(len(part)))
		h.Write(length[:])
		h.Write(part)
	}
	return hex.EncodeToString(h.Sum(nil))
}
