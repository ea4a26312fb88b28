package forward

import (
	"bytes"
	"errors"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
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
	arena      []byte      // unescaped texts
	input      bytes.Buffer
	decoder    jsontext.Decoder
}

// errEvent says that the payload is no SQS event. It does not quote it: bodies are personal.
var errEvent = errors.New("payload is not an SQS event")

// read reads an event, one token after the other: only the fields that are used, no reflection.
func (b *batch) read(payload []byte) error {
	b.messages, b.attributes = b.messages[:0], b.attributes[:0]
	// Texts never grow when they are unescaped, so the arena never moves while slices of it are handed out.
	if cap(b.arena) < len(payload) {
		b.arena = make([]byte, 0, len(payload))
	}
	b.arena = b.arena[:0]
	b.input = *bytes.NewBuffer(payload)
	b.decoder.Reset(&b.input, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	err := b.object(func(name []byte) error {
		if string(name) != "Records" {
			return b.decoder.SkipValue()
		}
		return b.array(b.record)
	})
	if err != nil {
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
func (b *batch) record() error {
	q := Queued{Receives: 1}
	from := len(b.attributes)
	err := b.object(func(name []byte) (err error) {
		switch string(name) {
		case "messageId":
			q.ID, err = b.text()
		case "receiptHandle":
			q.Receipt, err = b.text()
		case "body":
			q.Body, err = b.text()
		case "eventSourceARN":
			q.Source, err = b.text()
		case "attributes":
			err = b.object(func(name []byte) error { return b.systemAttribute(&q, name) })
		case "messageAttributes":
			b.attributes = b.attributes[:from]
			err = b.object(b.messageAttribute)
		default:
			err = b.decoder.SkipValue()
		}
		return err
	})
	q.Attributes = b.attributes[from:]
	b.messages = append(b.messages, q)
	return err
}

func (b *batch) systemAttribute(q *Queued, name []byte) error {
	switch string(name) {
	case "ApproximateReceiveCount":
		text, err := b.text()
		if n, bad := strconv.Atoi(string(text)); bad == nil && n > 0 {
			q.Receives = n
		}
		return err
	case "SentTimestamp":
		text, err := b.text()
		q.Sent, _ = strconv.ParseInt(string(text), 10, 64)
		return err
	case "MessageGroupId":
		var err error
		q.Group, err = b.text()
		return err
	}
	return b.decoder.SkipValue()
}

func (b *batch) messageAttribute(name []byte) error {
	a := Attribute{Name: b.keep(name)}
	err := b.object(func(name []byte) (err error) {
		switch string(name) {
		case "dataType":
			a.Type, err = b.text()
		case "stringValue", "binaryValue":
			var value []byte
			if value, err = b.text(); value != nil {
				a.Value = value
			}
		default:
			err = b.decoder.SkipValue()
		}
		return err
	})
	b.attributes = append(b.attributes, a)
	return err
}

// object calls member for every name of the next value, which must be an object or null; member reads the value.
func (b *batch) object(member func(name []byte) error) error {
	return b.nested('{', func() error {
		name, err := b.decoder.ReadValue()
		if err != nil {
			return err
		}
		name = name[1 : len(name)-1]
		if bytes.IndexByte(name, '\\') >= 0 {
			return errEvent // AWS writes no such names
		}
		return member(name)
	})
}

// array calls element for every element of the next value, which must be an array or null; element reads it.
func (b *batch) array(element func() error) error { return b.nested('[', element) }

func (b *batch) nested(begin jsontext.Kind, read func() error) error {
	if b.decoder.PeekKind() == 'n' {
		return b.decoder.SkipValue()
	}
	token, err := b.decoder.ReadToken()
	if err != nil {
		return err
	}
	if token.Kind() != begin {
		return errEvent
	}
	for kind := b.decoder.PeekKind(); kind != '}' && kind != ']'; kind = b.decoder.PeekKind() {
		if err := read(); err != nil {
			return err
		}
	}
	_, err = b.decoder.ReadToken()
	return err
}

// text reads a string, unescaped; nil for null and for what is not a string.
func (b *batch) text() ([]byte, error) {
	value, err := b.decoder.ReadValue()
	if err != nil || value.Kind() != '"' {
		return nil, err
	}
	from := len(b.arena)
	// Invalid UTF-8 cannot come from SQS; if it does, it is replaced, and the webhook's reader judges.
	b.arena, _ = jsontext.AppendUnquote(b.arena, value)
	return b.arena[from:len(b.arena):len(b.arena)], nil
}

// keep copies a name, which the decoder will overwrite.
func (b *batch) keep(name []byte) []byte {
	from := len(b.arena)
	b.arena = append(b.arena, name...)
	return b.arena[from:len(b.arena):len(b.arena)]
}
