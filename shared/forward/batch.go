package forward

import (
	"bytes"
	"errors"
	"strconv"
)

// Queued is one message of a batch as Lambda hands it over. Its slices live as long as the batch.
type Queued struct {
	ID         []byte
	Receipt    []byte
	Body       []byte
	Group      []byte // empty on a standard queue
	Source     []byte // the queue's ARN
	Receives   int    // how often it was received, this time included; at least 1
	Sent       int64  // milliseconds since 1970
	Attributes []Attribute
}

// Attribute is one message attribute. Binary values stay base64 text, as Lambda hands them over.
type Attribute struct {
	Name, Type, Value []byte
}

// FIFO tells whether the message came from a FIFO queue.
func (q *Queued) FIFO() bool { return bytes.HasSuffix(q.Source, []byte(".fifo")) }

// attribute gives an attribute's value, nil if there is none of that name.
func (q *Queued) attribute(name string) []byte {
	for i := range q.Attributes {
		if string(q.Attributes[i].Name) == name {
			return q.Attributes[i].Value
		}
	}
	return nil
}

// batch reads SQS events, and keeps its memory from one to the next.
type batch struct {
	messages   []Queued
	attributes []Attribute // of all messages, one after the other

	walker
}

// errEvent says that the payload is no SQS event. It does not quote it: bodies are personal.
var errEvent = errors.New("payload is not an SQS event")

// read reads an event, one token after the other: only the fields that are used, no reflection. Texts without escapes stay where they
// are, in the payload.
func (b *batch) read(payload []byte) error {
	b.messages, b.attributes = b.messages[:0], b.attributes[:0]
	b.open(payload)
	for b.enter('{'); b.member(); {
		if string(b.name) != "Records" {
			b.skip()
			continue
		}
		for b.enter('['); b.more(); {
			b.record()
		}
	}
	if b.err != nil {
		return errEvent
	}
	// The attributes moved while they grew: cut them out only now.
	from := 0
	for i := range b.messages {
		to := from + len(b.messages[i].Attributes)
		b.messages[i].Attributes = b.attributes[from:to]
		from = to
	}
	return nil
}

// record reads one message.
func (b *batch) record() {
	q := Queued{Receives: 1}
	from := len(b.attributes)
	for b.enter('{'); b.member(); {
		switch string(b.name) {
		case "messageId":
			q.ID = b.text()
		case "receiptHandle":
			q.Receipt = b.text()
		case "body":
			q.Body = b.text()
		case "eventSourceARN":
			q.Source = b.text()
		case "attributes":
			b.systemAttributes(&q)
		case "messageAttributes":
			b.attributes = b.attributes[:from]
			for b.enter('{'); b.member(); {
				b.attribute()
			}
		default:
			b.skip()
		}
	}
	q.Attributes = b.attributes[from:]
	b.messages = append(b.messages, q)
}

// systemAttributes reads what SQS itself says about a message.
func (b *batch) systemAttributes(q *Queued) {
	for b.enter('{'); b.member(); {
		switch string(b.name) {
		case "ApproximateReceiveCount":
			if n, err := strconv.Atoi(string(b.text())); err == nil && n > 0 {
				q.Receives = n
			}
		case "SentTimestamp":
			q.Sent, _ = strconv.ParseInt(string(b.text()), 10, 64)
		case "MessageGroupId":
			q.Group = b.text()
		default:
			b.skip()
		}
	}
}

// attribute reads one message attribute.
func (b *batch) attribute() {
	a := Attribute{Name: b.name}
	for b.enter('{'); b.member(); {
		switch string(b.name) {
		case "dataType":
			a.Type = b.text()
		case "stringValue", "binaryValue":
			if value := b.text(); value != nil {
				a.Value = value
			}
		default:
			b.skip()
		}
	}
	b.attributes = append(b.attributes, a)
}
