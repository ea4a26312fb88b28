// Package message is the contract on the queue: what the receiver puts there and the forwarder takes away.
//
// It promises that decoding what was encoded gives the same bytes, for any bytes, even none, and that no personal data stands
// outside the body. It does not call SQS and knows no field of a webhook: ids come in as texts.
package message

import "time"

// Message is one webhook on its way.
type Message struct {
	App      string
	Received time.Time // the receiver's clock; to the millisecond once it has been on the queue
	Body     []byte    // the webhook's bytes, verbatim
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

// SQS counts a message's body and the names, types and values of its attributes together (Amazon SQS message quotas,
// November 2026). The reserve holds our four attributes and the four that a rejected message gets besides.
const (
	maxMessage = 1_048_576
	reserve    = 4 * 1024
)

// MaxBody is the largest body that fits the queue in whichever encoding it needs.
const MaxBody = (maxMessage - reserve) / 4 * 3

// Encoded is a message as SQS takes it.
type Encoded struct {
	Body            string
	Attributes      map[string]string // schema, app, received_at, encoding
	GroupID         string            // empty on a standard queue
	DeduplicationID string            // empty on a standard queue
}
