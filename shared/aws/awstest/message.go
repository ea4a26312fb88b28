package awstest

import (
	"crypto/md5" //nolint:gosec // SQS's own checksum.
	"encoding/binary"
	"encoding/hex"
	"maps"
	"slices"
	"strings"
	"time"
)

// Attribute is a message attribute as the JSON protocol writes it.
type Attribute struct {
	DataType    string `json:"DataType"`
	StringValue string `json:"StringValue,omitzero"`
	BinaryValue []byte `json:"BinaryValue,omitempty"`
}

// Message is a message on a queue.
type Message struct {
	ID              string
	Body            string
	Attributes      map[string]Attribute
	GroupID         string
	DeduplicationID string
	Sequence        string // FIFO queues only
	Sent            time.Time
	FirstReceived   time.Time // zero: never
	Receives        int
	DeadLetterOf    string // ARN of the queue it was moved from, if it was
}

// Attribute gives an attribute's string value, "" if there is none.
func (m *Message) Attribute(name string) string { return m.Attributes[name].StringValue }

// size is what SQS counts: the body and the names, types and values of the attributes.
func size(body string, attributes map[string]Attribute) int {
	n := len(body)
	for name, a := range attributes {
		n += len(name) + len(a.DataType) + len(a.StringValue) + len(a.BinaryValue)
	}
	return n
}

// md5OfBody is SQS's checksum of a body; the SDK compares it.
func md5OfBody(body string) string {
	sum := md5.Sum([]byte(body)) //nolint:gosec // SQS's own checksum.
	return hex.EncodeToString(sum[:])
}

// md5OfAttributes is SQS's checksum of the attributes in the order of their names: each part behind its length in four bytes,
// and a byte for the kind of value (Amazon SQS, message attribute checksums, November 2026).
func md5OfAttributes(attributes map[string]Attribute) string {
	if len(attributes) == 0 {
		return ""
	}
	var all []byte
	part := func(text string) {
		all = binary.BigEndian.AppendUint32(all, uint32(len(text))) //nolint:gosec // Far below 4 GB.
		all = append(all, text...)
	}
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		a := attributes[name]
		part(name)
		part(a.DataType)
		if strings.HasPrefix(a.DataType, "Binary") {
			all = append(all, 2)
			part(string(a.BinaryValue))
		} else {
			all = append(all, 1)
			part(a.StringValue)
		}
	}
	return md5OfBody(string(all))
}
