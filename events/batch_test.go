package events_test

import (
	"cmp"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/message"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// batchFixture is a batch from the queue.
type batchFixture struct {
	name     string
	messages []messageFixture
}

// messageFixture is one message of a batch, and how it differs from what the receiver would have queued.
type messageFixture struct {
	webhook string // a file in webhooks/, else body counts
	body    string
	app     string       // "" is demo
	schema  string       // "" is the schema of today
	text    string       // in place of the encoded body
	reject  fault.Reason // why it will be rejected before anybody reads its webhook
}

var batches = []batchFixture{
	{"good", []messageFixture{
		{webhook: "trial-started"},
		{webhook: "subscription-started"},
		{webhook: "transaction-payment"},
		{webhook: "anonymous"},
		{webhook: "sandbox"},
		{webhook: "subscription-received"},
	}},
	{"mixed", []messageFixture{
		{webhook: "subscription-renewed"},
		{webhook: "no-identity"},
		{body: "This is no JSON."},
		{body: ""},
		{webhook: "one-time-purchase"},
		{webhook: "activate", app: "parla-tv", reject: fault.UnknownApp},
		{webhook: "deactivate", schema: "2", reject: fault.UnknownSchema},
		{body: "\x00", text: "this is no base64", reject: fault.Malformed},
		{webhook: "transaction-refund"},
	}},
}

// sqsEvent is what Lambda hands to the forwarder (AWS, "Using Lambda with Amazon SQS", November 2026).
type sqsEvent struct {
	Records []sqsMessage `json:"Records"`
}

type sqsMessage struct {
	MessageID         string                  `json:"messageId"`
	ReceiptHandle     string                  `json:"receiptHandle"`
	Body              string                  `json:"body"`
	Attributes        map[string]string       `json:"attributes"`
	MessageAttributes map[string]sqsAttribute `json:"messageAttributes"`
	EventSource       string                  `json:"eventSource"`
	EventSourceARN    string                  `json:"eventSourceARN"`
	AWSRegion         string                  `json:"awsRegion"`
}

type sqsAttribute struct {
	StringValue string `json:"stringValue"`
	DataType    string `json:"dataType"`
}

// raw is the webhook of a message.
func (m messageFixture) raw(t *testing.T) []byte {
	t.Helper()
	if m.webhook == "" {
		return []byte(m.body)
	}
	return []byte(body(t, m.webhook))
}

// queued is the message as the receiver would have queued it, but for what the fixture changes.
func (m messageFixture) queued(t *testing.T, number int, at time.Time) sqsMessage {
	t.Helper()
	raw := m.raw(t)
	ids := webhook.Peek(raw)
	e := message.Encode(message.Message{App: cmp.Or(m.app, "demo"), Received: at, Body: raw}, message.IDs{
		SubscriberKind: ids.Subscriber.Kind.String(), Subscriber: ids.Subscriber.ID,
		EventName: ids.EventName, EventID: ids.EventID,
	}, true)
	if m.schema != "" {
		e.Attributes[message.AttrSchema] = m.schema
	}
	if m.text != "" {
		e.Body = m.text
	}
	stamp := strconv.FormatInt(at.UnixMilli(), 10)
	out := sqsMessage{
		MessageID: messageID(number), ReceiptHandle: "made-up-receipt-" + strconv.Itoa(number), Body: e.Body,
		Attributes: map[string]string{
			"ApproximateFirstReceiveTimestamp": stamp, "ApproximateReceiveCount": "1", "SentTimestamp": stamp,
			"SequenceNumber": fmt.Sprintf("%020d", number), "SenderId": "AROAMADEUP:receiver",
			"MessageGroupId": e.GroupID, "MessageDeduplicationId": e.DeduplicationID,
		},
		MessageAttributes: map[string]sqsAttribute{},
		EventSource:       "aws:sqs",
		EventSourceARN:    "arn:aws:sqs:eu-west-3:123456789012:bridge-events.fifo",
		AWSRegion:         "eu-west-3",
	}
	for name, value := range e.Attributes {
		out.MessageAttributes[name] = sqsAttribute{value, "String"}
	}
	return out
}

func messageID(number int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", number) }

// batchWant is what has to become of a batch; README.md explains the keys.
type batchWant struct {
	BatchItemFailures []struct{}       `json:"batchItemFailures"`
	Outcomes          []messageOutcome `json:"outcomes"`
	Uploads           []batchUpload    `json:"uploads"`
}

type messageOutcome struct {
	MessageID string       `json:"messageId"`
	Outcome   string       `json:"outcome"`
	Reason    fault.Reason `json:"reason"`
}

type batchUpload struct {
	Account string           `json:"account"`
	Records []jsontext.Value `json:"records"`
}

func TestBatches(t *testing.T) {
	app := demo(t)
	for _, b := range batches {
		var event sqsEvent
		w := batchWant{BatchItemFailures: []struct{}{}, Uploads: []batchUpload{{Account: "production"}, {Account: "sandbox"}}}
		for i, m := range b.messages {
			event.Records = append(event.Records, m.queued(t, i+1, sent(i)))
			end := messageOutcome{messageID(i + 1), "rejected", m.reject}
			if m.reject == "" {
				got := mapped(app, m.raw(t), sent(i))
				end.Outcome, end.Reason = got.outcome, got.reason
				for u := range w.Uploads {
					if w.Uploads[u].Account == got.account {
						w.Uploads[u].Records = append(w.Uploads[u].Records, got.records()...)
					}
				}
			}
			w.Outcomes = append(w.Outcomes, end)
		}
		if len(w.Uploads[1].Records) == 0 {
			w.Uploads = w.Uploads[:1]
		}
		golden(t, "forwarder-"+b.name+".json", event)
		golden(t, "forwarder-"+b.name+".want.json", w)
	}
}
