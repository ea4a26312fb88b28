package forward_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/go-json-experiment/json"
	"pgregory.net/rapid"

	"github.com/purchasely-clevertap/bridge/shared/forward"
)

var (
	errUnmarked = errors.New("odd")
	errNoAnswer = errors.New("no answer")
)

const oneMessage = `{"Records":[{"messageId":"m-1","receiptHandle":"r-1","body":"{\"user_id\":\"rosée\"}\n",
 "attributes":{"ApproximateReceiveCount":"3","SentTimestamp":"1795402927191","MessageGroupId":"g","SequenceNumber":"1"},
 "messageAttributes":{"app":{"stringValue":"demo","stringListValues":[],"binaryListValues":[],"dataType":"String"},
  "seal":{"binaryValue":"AAE=","dataType":"Binary"}},
 "md5OfBody":"x","eventSource":"aws:sqs","eventSourceARN":"arn:aws:sqs:eu-west-1:1:q.fifo","awsRegion":"eu-west-1"}]}`

func TestABatchIsReadFieldByField(t *testing.T) {
	messages, err := forward.ReadEvent([]byte(oneMessage))
	if err != nil || len(messages) != 1 {
		t.Fatalf("%d messages, %v", len(messages), err)
	}
	q := messages[0]
	for _, field := range []struct{ name, got, want string }{
		{"id", string(q.ID), "m-1"},
		{"receipt", string(q.Receipt), "r-1"},
		{"body", string(q.Body), "{\"user_id\":\"rosée\"}\n"},
		{"group", string(q.Group), "g"},
		{"source", string(q.Source), "arn:aws:sqs:eu-west-1:1:q.fifo"},
		{"attribute", string(q.Attributes["app"].Value()), "demo"},
		{"binary attribute", string(q.Attributes["seal"].Value()), "AAE="},
		{"its type", string(q.Attributes["seal"].Type), "Binary"},
	} {
		if field.got != field.want {
			t.Errorf("%s is %q, want %q", field.name, field.got, field.want)
		}
	}
	if q.Receives != 3 || q.Sent.UnixMilli() != 1795402927191 || !q.FIFO() {
		t.Errorf("received %d times, sent %v, FIFO %t", q.Receives, q.Sent, q.FIFO())
	}
}

func TestWhatIsNoBatchIsAnErrorThatQuotesNothing(t *testing.T) {
	for name, payload := range map[string]string{
		"nothing at all":          ``,
		"a text":                  `"x"`,
		"records that are none":   `{"Records":7}`,
		"a record that is none":   `{"Records":["secret-user"]}`,
		"a batch that was cut":    oneMessage[:len(oneMessage)/2],
		"attributes that are [] ": `{"Records":[{"attributes":[]}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := forward.ReadEvent([]byte(payload))
			if err == nil || strings.Contains(err.Error(), "secret-user") {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestAnEmptyOrForeignEventIsAnEmptyBatch(t *testing.T) {
	for _, payload := range []string{`{}`, `{"Records":[]}`, `{"Records":null}`, `{"detail":{"x":1}}`} {
		if messages, err := forward.ReadEvent([]byte(payload)); err != nil || len(messages) != 0 {
			t.Errorf("%s: %d messages, %v", payload, len(messages), err)
		}
	}
}

// Our reader and the vendor's own type agree on every batch, also when its memory is used again.
func TestOurReaderAgreesWithTheVendorsType(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		event := events.SQSEvent{Records: rapid.SliceOfN(rapid.Custom(anyMessage), 0, 5).Draw(t, "records")}
		payload, err := json.Marshal(event)
		if err != nil {
			t.Fatal(err)
		}
		got, err := forward.ReadEvent(payload)
		if err != nil || len(got) != len(event.Records) {
			t.Fatalf("%d messages, want %d: %v", len(got), len(event.Records), err)
		}
		for i, r := range event.Records {
			if string(got[i].ID) != r.MessageId || string(got[i].Body) != r.Body || string(got[i].Receipt) != r.ReceiptHandle {
				t.Fatalf("message %d differs", i)
			}
			if len(got[i].Attributes) != len(r.MessageAttributes) {
				t.Fatalf("message %d has %d attributes, want %d", i, len(got[i].Attributes), len(r.MessageAttributes))
			}
			for name, a := range got[i].Attributes {
				if want := r.MessageAttributes[name]; *want.StringValue != a.Value() {
					t.Fatalf("attribute %s is %q, want %q", name, a.Value(), *want.StringValue)
				}
			}
		}
	})
}

func anyMessage(t *rapid.T) events.SQSMessage {
	attributes := make(map[string]events.SQSMessageAttribute)
	for _, name := range rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z_]{1,9}`), 0, 8, rapid.ID).Draw(t, "names") {
		attributes[name] = events.SQSMessageAttribute{DataType: "String", StringValue: new(rapid.String().Draw(t, "value"))}
	}
	return events.SQSMessage{
		MessageId:         rapid.String().Draw(t, "id"),
		ReceiptHandle:     rapid.String().Draw(t, "receipt"),
		Body:              rapid.String().Draw(t, "body"),
		MessageAttributes: attributes,
	}
}
