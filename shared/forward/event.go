package forward

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Message is one message of a batch as Lambda hands it over.
type Message struct {
	ID         string
	Receipt    string
	Body       string
	Group      string // empty on a standard queue
	Source     string // the queue's ARN
	Receives   int    // how often the message has been received, this time included; at least 1
	Sent       time.Time
	Attributes map[string]Attribute
}

// Attribute is one message attribute: a string, or a binary value as base64 text.
type Attribute struct {
	Type   string `json:"dataType"`
	String string `json:"stringValue"`
	Binary string `json:"binaryValue"`
}

// Value is whichever of the two there is.
func (a Attribute) Value() string {
	if a.String != "" {
		return a.String
	}
	return a.Binary
}

// FIFO reports whether the message came from a FIFO queue.
func (m *Message) FIFO() bool { return strings.HasSuffix(m.Source, ".fifo") }

// attribute returns an attribute's value, empty if there is none of that name.
func (m *Message) attribute(name string) string { return m.Attributes[name].Value() }

// errEvent means that the payload is not an SQS event. It does not quote it: bodies are personal.
var errEvent = errors.New("payload is not an SQS event")

// record is a message in Lambda's JSON, with the members that are used.
type record struct {
	MessageID     string `json:"messageId"`
	ReceiptHandle string `json:"receiptHandle"`
	Body          string `json:"body"`
	Source        string `json:"eventSourceARN"`
	Attributes    struct {
		Receives string `json:"ApproximateReceiveCount"`
		Sent     string `json:"SentTimestamp"`
		Group    string `json:"MessageGroupId"`
	} `json:"attributes"`
	MessageAttributes map[string]Attribute `json:"messageAttributes"`
}

func readEvent(payload []byte) ([]Message, error) {
	var event struct {
		Records []record `json:"Records"`
	}
	lenient := json.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if err := json.Unmarshal(payload, &event, lenient); err != nil {
		return nil, errEvent
	}
	messages := make([]Message, len(event.Records))
	for i := range event.Records {
		messages[i] = event.Records[i].message()
	}
	return messages, nil
}

func (r *record) message() Message {
	m := Message{
		ID: r.MessageID, Receipt: r.ReceiptHandle, Body: r.Body, Group: r.Attributes.Group, Source: r.Source,
		Receives: 1, Attributes: r.MessageAttributes,
	}
	if n, err := strconv.Atoi(r.Attributes.Receives); err == nil && n > 0 {
		m.Receives = n
	}
	if ms, err := strconv.ParseInt(r.Attributes.Sent, 10, 64); err == nil && ms > 0 {
		m.Sent = time.UnixMilli(ms)
	}
	return m
}
