package message

import (
	"bytes"
	"encoding/base64"
	"errors"
	"time"
	"unicode/utf8"

	"github.com/purchasely-clevertap/bridge/shared/fault"
)

// timeLayout is RFC 3339 with milliseconds; the time is in UTC.
const timeLayout = "2006-01-02T15:04:05.000Z"

// emptyBody stands for no bytes at all: SQS refuses an empty body, and base64 ignores line ends.
const emptyBody = "\n"

// Causes of a message that will never be read. They quote nothing of it.
var (
	errSchema   = errors.New("message schema is not " + Schema)
	errEncoding = errors.New("message encoding is neither " + Raw + " nor " + Base64)
	errBase64   = errors.New("message body is not base64")
)

// Encode makes the queue's form. subscriber is any text that names the subscriber within the app, "" groups by the body instead;
// subscriberKind separates ids of different kinds that happen to be equal. eventID becomes the deduplication id where SQS takes
// it. fifo says whether the queue is FIFO.
func Encode(m Message, subscriberKind, subscriber, eventID string, fifo bool) Encoded {
	body, encoding := encodeBody(m.Body)
	e := Encoded{
		Body: body,
		Attributes: map[string]string{
			AttrSchema:   Schema,
			AttrApp:      m.App,
			AttrReceived: m.Received.UTC().Format(timeLayout),
			AttrEncoding: encoding,
		},
	}
	if fifo {
		e.GroupID = groupID(m, subscriberKind, subscriber)
		e.DeduplicationID = deduplicationID(eventID, m.Body)
	}
	return e
}

// Decode reads the queue's form. attribute gives an attribute's string value, empty if there is none. Errors are *fault.Fault of
// kind Reject: UnknownSchema for a schema other than "1" or none at all, Malformed for an unknown encoding or for base64 that
// is none. The app is not judged here. A received_at that cannot be read leaves Received zero. A raw body that is given as bytes
// is not copied.
func Decode[T string | []byte](body T, attribute func(name string) T) (Message, error) {
	if string(attribute(AttrSchema)) != Schema {
		return Message{}, fault.New(fault.Reject, fault.UnknownSchema, errSchema)
	}
	m := Message{App: string(attribute(AttrApp)), Received: ParseTime(attribute(AttrReceived))}
	switch string(attribute(AttrEncoding)) {
	case Raw:
		m.Body = []byte(body)
	case Base64:
		decoded, err := base64.StdEncoding.DecodeString(string(body))
		if err != nil {
			return Message{}, fault.New(fault.Reject, fault.Malformed, errBase64)
		}
		m.Body = decoded
	default:
		return Message{}, fault.New(fault.Reject, fault.Malformed, errEncoding)
	}
	return m, nil
}

// ParseTime reads a received_at, in UTC; zero if it cannot be read.
func ParseTime[T string | []byte](text T) time.Time {
	var t time.Time
	if t.UnmarshalText([]byte(text)) != nil {
		return time.Time{}
	}
	return t.UTC()
}

func encodeBody(body []byte) (text, encoding string) {
	switch {
	case len(body) == 0:
		return emptyBody, Base64
	case takenBySQS(body):
		return string(body), Raw
	default:
		return base64.StdEncoding.EncodeToString(body), Base64
	}
}

// takenBySQS tells whether SQS takes the bytes as they are: UTF-8 of #x9, #xA, #xD, #x20 to #xD7FF, #xE000 to #xFFFD and
// #x10000 to #x10FFFF (SendMessage, November 2026). In valid UTF-8 that leaves out the other control characters, U+FFFE and
// U+FFFF.
func takenBySQS(body []byte) bool {
	for _, b := range body {
		if b < ' ' && b != '\t' && b != '\n' && b != '\r' {
			return false
		}
	}
	return utf8.Valid(body) && !bytes.Contains(body, []byte("\uFFFE")) && !bytes.Contains(body, []byte("\uFFFF"))
}
