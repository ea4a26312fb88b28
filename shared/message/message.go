// Package message is the contract on the queue: what the receiver puts there and the forwarder takes away.
//
// It promises that decoding what was encoded gives the same bytes, for any bytes, even none, and that no personal data stands
// outside the body. It does not call SQS and knows no field of a webhook: ids come in as texts.
package message

import "time"

// Message is one webhook on its way. SKELETON: see ids.go and the encoders to be written.
type Message struct {
	App      string
	Received time.Time
	Body     []byte // the webhook's bytes, verbatim
}

// Attribute names of schema 1, and those that a rejected message gets besides.
const (
	AttrSchema   = "schema"
	AttrApp      = "app"
	AttrReceived = "received_at"
	AttrEncoding = "encoding"
	AttrReason   = "reason"
	AttrCode     = "code"
	AttrError    = "error"
	AttrAccepted = "accepted"

	Schema = "1"
	Raw    = "raw"
	Base64 = "base64"
)

// Encoded is a message as SQS takes it.
type Encoded struct {
	Body            string
	Attributes      map[string]string // schema, app, received_at, encoding
	GroupID         string            // empty on a standard queue
	DeduplicationID string            // empty on a standard queue
}

// Encode makes the queue's form (spec 1.2). holder is any text that names the holder within the app, "" = group by the body;
// eventID is used as the deduplication id where SQS takes it, else the body's SHA-256 in hex. fifo says whether the queue is FIFO.
func Encode(m Message, holderKind, holder, eventID string, fifo bool) Encoded { panic("skeleton") }

// Decode reads the queue's form. attribute gives an attribute's string value. Errors are *fault.Fault of kind Reject:
// UnknownSchema for a schema other than "1" or none at all, Malformed for an unknown encoding or base64 that is none. The app is not judged here. A received_at
// that cannot be read leaves Received zero.
func Decode(body string, attribute func(name string) string) (Message, error) { panic("skeleton") }

// HolderID is the one-way hash of app and holder: the FIFO queue's group id and the holder table's key; at most 128 characters that
// SQS takes. kind separates the kinds of ids.
func HolderID(app, kind, holder string) string { panic("skeleton") }
