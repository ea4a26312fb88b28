package awstest

import (
	"github.com/go-json-experiment/json"
)

// event is what a function gets from a mapping.
type event struct {
	Records []record `json:"Records"`
}

type record struct {
	MessageID         string                     `json:"messageId"`
	Handle            string                     `json:"receiptHandle"`
	Body              string                     `json:"body"`
	Attributes        map[string]string          `json:"attributes"`
	MessageAttributes map[string]recordAttribute `json:"messageAttributes"`
	MD5OfBody         string                     `json:"md5OfBody"`
	MD5OfAttributes   string                     `json:"md5OfMessageAttributes,omitzero"`
	Source            string                     `json:"eventSource"`
	SourceARN         string                     `json:"eventSourceARN"`
	Region            string                     `json:"awsRegion"`
}

type recordAttribute struct {
	StringValue      string   `json:"stringValue,omitzero"`
	BinaryValue      []byte   `json:"binaryValue,omitempty"`
	StringListValues []string `json:"stringListValues"`
	BinaryListValues []string `json:"binaryListValues"`
	DataType         string   `json:"dataType"`
}

// Event is the SQS event that Lambda makes of messages received from a queue.
func Event(q *Queue, messages []Received) ([]byte, error) {
	e := event{Records: make([]record, len(messages))}
	for i, m := range messages {
		attributes := make(map[string]recordAttribute, len(m.Attributes))
		for name, a := range m.Attributes {
			attributes[name] = recordAttribute{StringValue: a.StringValue, BinaryValue: a.BinaryValue, DataType: a.DataType}
		}
		e.Records[i] = record{
			MessageID: m.ID, Handle: m.Handle, Body: m.Body, Attributes: m.system(), MessageAttributes: attributes,
			MD5OfBody: md5OfBody(m.Body), MD5OfAttributes: md5OfAttributes(m.Attributes),
			Source: "aws:sqs", SourceARN: q.ARN(), Region: Region,
		}
	}
	return json.Marshal(e, json.Deterministic(true))
}
