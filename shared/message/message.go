// Package message is the form of a webhook on the queue, between the receiver and the forwarder.
//
// It promises that decoding what was encoded returns the same bytes, for any bytes, even none, and that no personal
// data is outside the body. It does not call SQS and knows no field of a webhook: its callers pass the ids.
package message

import (
	"bytes"
	"encoding/base64"
	"errors"
	"time"
	"unicode/utf8"

	"github.com/purchasely-clevertap/bridge/shared/fault"
)

// Message is one webhook on its way.
type Message struct {
	App      string
	Received time.Time // the receiver's clock; to the millisecond once it has been on the queue
	Body     []byte    // the webhook's bytes, verbatim
}

// The attributes of schema 1, those that a rejected message gets in addition, and the values of schema and encoding.
const (
	AttrSchema   = "schema"
	AttrApp      = "app"
	AttrReceived = "received_at"
	AttrEncoding = "encoding"
	AttrReason   = "reason"
	AttrCode     = "code"
	AttrError    = "error"
	AttrAccepted = "accepted"

	// Of a message for the customer's own back end: two headers as they came.
	AttrTimestamp = "timestamp"
	AttrSignature = "signature"

	Schema = "1"
	Raw    = "raw"
	Base64 = "base64"
)

// SQS counts a message's body and the names, types and values of its attributes together (Amazon SQS message quotas,
// November 2026). The reserve holds all eight attributes.
const (
	maxMessage = 1_048_576
	reserve    = 4 * 1024
)

// MaxBody is the largest body that fits the queue in whichever encoding it needs.
const MaxBody = (maxMessage - reserve) / 4 * 3

// Encoded is a message as SQS accepts it.
type Encoded struct {
	Body            string
	Attributes      map[string]string // schema, app, received_at, encoding
	GroupID         string
	DeduplicationID string // empty on a standard queue
}

// timeLayout is RFC 3339 with milliseconds; the time is in UTC.
const timeLayout = "2006-01-02T15:04:05.000Z"

// emptyBody encodes no bytes at all: SQS refuses an empty body, and base64 ignores line ends.
const emptyBody = "\n"

// IDs are what the queue needs to know of a webhook.
type IDs struct {
	SubscriberKind string // separates ids of different kinds that happen to be equal
	Subscriber     string // any text that names the subscriber within the app; empty: the body is the group
	EventName      string
	EventID        string
}

// Encode returns a message's form on the queue. A FIFO queue keeps a subscriber's messages in order and drops
// repetitions; a standard queue shares its readers out fairly among the apps.
func Encode(m Message, ids IDs, fifo bool) Encoded {
	body, encoding := encodeBody(m.Body)
	e := Encoded{
		Body: body,
		Attributes: map[string]string{
			AttrSchema:   Schema,
			AttrApp:      m.App,
			AttrReceived: FormatTime(m.Received),
			AttrEncoding: encoding,
		},
		GroupID: m.App,
	}
	if fifo {
		e.GroupID = groupID(m, ids)
		e.DeduplicationID = DeduplicationID(ids, m.Body)
	}
	return e
}

// Decode reads a message's form on the queue. attribute returns an attribute's string value, empty if there is none.
// Errors are *fault.Fault of kind Reject: UnknownSchema for a schema other than "1" or none at all, Malformed for an
// unknown encoding or invalid base64. The app is not checked, and Received is zero if received_at cannot be read. A
// raw body is not copied.
func Decode(body []byte, attribute func(name string) string) (Message, error) {
	if attribute(AttrSchema) != Schema {
		return Message{}, reject(fault.UnknownSchema, "message schema is not "+Schema)
	}
	m := Message{App: attribute(AttrApp), Received: ParseTime(attribute(AttrReceived))}
	switch attribute(AttrEncoding) {
	case Raw:
		m.Body = body
	case Base64:
		decoded, err := base64.StdEncoding.DecodeString(string(body))
		if err != nil {
			return Message{}, reject(fault.Malformed, "message body is not base64")
		}
		m.Body = decoded
	default:
		return Message{}, reject(fault.Malformed, "message encoding is neither "+Raw+" nor "+Base64)
	}
	return m, nil
}

// reject returns the fault of a message that can never be read. Its text does not quote the message.
func reject(reason fault.Reason, text string) error {
	return fault.New(fault.Reject, reason, errors.New(text))
}

// FormatTime writes a time as received_at has it.
func FormatTime(t time.Time) string { return t.UTC().Format(timeLayout) }

// ParseTime parses a received_at, in UTC. It is zero if it cannot be parsed.
func ParseTime(text string) time.Time {
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
	case acceptedBySQS(body):
		return string(body), Raw
	default:
		return base64.StdEncoding.EncodeToString(body), Base64
	}
}

// acceptedBySQS reports whether SQS accepts the bytes as they are: UTF-8 of #x9, #xA, #xD, #x20 to #xD7FF, #xE000 to
// #xFFFD and #x10000 to #x10FFFF (SendMessage, November 2026). In valid UTF-8 that excludes the other control
// characters, U+FFFE and U+FFFF.
func acceptedBySQS(body []byte) bool {
	for _, b := range body {
		if b < ' ' && b != '\t' && b != '\n' && b != '\r' {
			return false
		}
	}
	return utf8.Valid(body) && !bytes.Contains(body, []byte("\uFFFE")) && !bytes.Contains(body, []byte("\uFFFF"))
}
