package events_test

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

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
	app     string // "" is demo
	schema  string // "" is the schema of today
	text    string // in place of the encoded body
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
		{webhook: "activate", app: "parla-tv"},
		{webhook: "deactivate", schema: "2"},
		{body: "\x00", text: "this is no base64"},
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

// batchWant is what becomes of a batch; README.md explains the keys.
type batchWant struct {
	BatchItemFailures jsontext.Value   `json:"batchItemFailures"`
	Outcomes          []messageOutcome `json:"outcomes"`
	Uploads           []batchUpload    `json:"uploads"`
}

type messageOutcome struct {
	MessageID string `json:"messageId"`
	outcome
}

type batchUpload struct {
	Account string           `json:"account"`
	Records []jsontext.Value `json:"records"`
}

func TestBatches(t *testing.T) {
	for _, b := range batches {
		var event sqsEvent
		for i, m := range b.messages {
			event.Records = append(event.Records, m.queued(t, i+1, sent(i)))
		}
		golden(t, "forwarder-"+b.name+".json", event)
		payload, err := json.Marshal(event)
		if err != nil {
			t.Fatal(err)
		}
		p := newPipeline(t)
		answer, outcomes := p.forward(t, payload)
		var w batchWant
		if err := json.Unmarshal(answer, &w); err != nil {
			t.Fatal(err)
		}
		for i, o := range outcomes {
			id := event.Records[i].MessageID
			w.Outcomes = append(w.Outcomes, messageOutcome{id, o})
			if logged := strings.Contains(p.log.String(), `"messageId":"`+id+`"`); logged != (o.Outcome != "delivered") {
				t.Errorf("message %s, %s, is logged: %t", id, o.Outcome, logged)
			}
		}
		for _, account := range accounts {
			if records := p.stored(account); len(records) > 0 {
				w.Uploads = append(w.Uploads, batchUpload{account, records})
			}
		}
		golden(t, "forwarder-"+b.name+".want.json", w)
		for _, m := range p.rejected.Messages() {
			if m.Attribute("reason") == "" || m.Attribute("error") == "" {
				t.Errorf("a rejected message lacks its reason: %v", m.Attributes)
			}
		}
	}
}
