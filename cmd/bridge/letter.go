package main

import (
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/purchasely-clevertap/bridge/shared/message"
)

// letter is a message that was received from a queue.
type letter struct {
	id, handle string
	sent       time.Time // when it came onto this queue
	sequence   string    // on a FIFO queue: its place
	attributes map[string]types.MessageAttributeValue
	body       string    // empty where nobody needs it
	size       int       // of the body
	until      time.Time // when others see it again; guarded by its holding
}

// open makes a letter of what SQS hands out.
func open(m types.Message, until time.Time) *letter {
	l := &letter{
		id: aws.ToString(m.MessageId), handle: aws.ToString(m.ReceiptHandle), sequence: m.Attributes["SequenceNumber"],
		attributes: m.MessageAttributes, body: aws.ToString(m.Body), until: until,
	}
	l.size = len(l.body)
	if ms, err := strconv.ParseInt(m.Attributes["SentTimestamp"], 10, 64); err == nil {
		l.sent = time.UnixMilli(ms).UTC()
	}
	return l
}

// attribute gives an attribute's text, "" if there is none.
func (l *letter) attribute(name string) string { return aws.ToString(l.attributes[name].StringValue) }

// webhook is what the letter carries. What cannot be read, because it was not the bridge that wrote it, is taken as it stands.
func (l *letter) webhook() message.Message {
	m, err := message.Decode(l.body, l.attribute)
	if err != nil {
		m = message.Message{App: l.attribute(message.AttrApp), Body: []byte(l.body)}
	}
	return m
}

// compareLetters puts letters into the order in which their webhooks came: by the receiver's clock, then by the place on a FIFO queue,
// whose numbers all have the same length, then by when they came here.
func compareLetters(a, b *letter) int {
	for _, c := range [...]int{
		strings.Compare(a.attribute(message.AttrReceived), b.attribute(message.AttrReceived)),
		strings.Compare(a.sequence, b.sequence),
		a.sent.Compare(b.sent),
	} {
		if c != 0 {
			return c
		}
	}
	return strings.Compare(a.id, b.id)
}
