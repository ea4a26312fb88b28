package awstest_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"

	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
)

// newClient returns a queue, its URL and the SDK's client.
func newClient(t *testing.T, name string) (*awstest.Server, *awstest.Queue, *string, *sqs.Client) {
	server := awstest.New(t, nil)
	q := server.SQS.Create(awstest.QueueConfig{Name: name})
	return server, q, new(server.SQS.QueueURL(q)), sqs.NewFromConfig(server.Config())
}

// code is the code of an error that AWS has answered, or the error's text.
func code(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		if !strings.HasPrefix(api.ErrorMessage(), awstest.ErrorText) {
			return "an error in other words: " + api.ErrorMessage()
		}
		return strings.TrimPrefix(api.ErrorCode(), "AWS.SimpleQueueService.")
	}
	return fmt.Sprint(err)
}

func attributes(pairs ...string) map[string]types.MessageAttributeValue {
	all := make(map[string]types.MessageAttributeValue)
	for i := 0; i < len(pairs); i += 2 {
		all[pairs[i]] = types.MessageAttributeValue{DataType: new("String"), StringValue: &pairs[i+1]}
	}
	return all
}

func TestAMessageReachesALongPollAsItWasSent(t *testing.T) {
	for _, name := range []string{"events", "events.fifo"} {
		t.Run(name, func(t *testing.T) {
			_, q, url, client := newClient(t, name)
			const body = "{\"a\":\"é\u2028<&>\"}\r\n"
			in := &sqs.SendMessageInput{
				QueueUrl: url, MessageBody: new(body), MessageAttributes: attributes("app", "demo"),
			}
			blob := types.MessageAttributeValue{DataType: new("Binary"), BinaryValue: []byte{0, 1, 255}}
			in.MessageAttributes["blob"] = blob
			if q.FIFO() {
				in.MessageGroupId, in.MessageDeduplicationId = new("group"), new("id")
			}
			received := make(chan *sqs.ReceiveMessageOutput, 1)
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			go func() {
				out, err := client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: url, WaitTimeSeconds: 20})
				if err != nil {
					t.Error(err)
				}
				received <- out
			}()
			sent, err := client.SendMessage(t.Context(), in)
			out := <-received
			if err != nil || out == nil || len(out.Messages) != 1 {
				t.Fatalf("sent %v, received %v", err, out)
			}
			m := out.Messages[0]
			app, blob := m.MessageAttributes["app"], m.MessageAttributes["blob"]
			if *m.Body != body || *m.MessageId != *sent.MessageId || *app.StringValue != "demo" ||
				string(blob.BinaryValue) != "\x00\x01\xff" || m.Attributes["ApproximateReceiveCount"] != "1" ||
				m.Attributes["SentTimestamp"] == "" || q.FIFO() != (m.Attributes["MessageGroupId"] == "group") {
				t.Errorf("received %+v", m)
			}
		})
	}
}

func TestAMessageIsRefusedAsAtAWS(t *testing.T) {
	const invalid, characters = "InvalidParameterValue", "InvalidMessageContents"
	long := strings.Repeat("x", 1<<20)
	var pairs []string
	for i := range 11 {
		pairs = append(pairs, fmt.Sprint(i), "a")
	}
	ten, eleven := attributes(pairs[:20]...), attributes(pairs...)
	text := map[string]types.MessageAttributeValue{"a": {DataType: new("Text"), StringValue: new("b")}}
	for name, c := range map[string]struct {
		queue, body, group, id string
		attributes             map[string]types.MessageAttributeValue
		code                   string
	}{
		"no body":                    {"q", "", "", "", nil, "MissingParameter"},
		"a control character":        {"q", "\x0b", "", "", nil, characters},
		"U+FFFF":                     {"q", "\uFFFF", "", "", nil, characters},
		"a byte too many":            {"q", long + "x", "", "", nil, invalid},
		"as long as may be":          {"q", long, "", "", nil, "<nil>"},
		"too long with an attribute": {"q", long, "", "", attributes("a", "b"), invalid},
		"an empty attribute":         {"q", "x", "", "", attributes("a", ""), invalid},
		"a reserved attribute":       {"q", "x", "", "", attributes("AWS.a", "b"), invalid},
		"an attribute with a space":  {"q", "x", "", "", attributes("a b", "b"), invalid},
		"U+FFFE in an attribute":     {"q", "x", "", "", attributes("a", "\uFFFE"), characters},
		"an odd type of attribute":   {"q", "x", "", "", text, invalid},
		"ten attributes":             {"q", "x", "", "", ten, "<nil>"},
		"eleven attributes":          {"q", "x", "", "", eleven, invalid},
		"a dedup id on standard":     {"q", "x", "", "d", nil, invalid},
		"no group on FIFO":           {"q.fifo", "x", "", "d", nil, "MissingParameter"},
		"no dedup id on FIFO":        {"q.fifo", "x", "g", "", nil, invalid},
		"a space in the dedup id":    {"q.fifo", "x", "g", "a b", nil, invalid},
		"a group of 129 characters":  {"q.fifo", "x", long[:129], "d", nil, invalid},
		"all punctuation as dedup":   {"q.fifo", "x", "g", "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", nil, "<nil>"},
	} {
		t.Run(name, func(t *testing.T) {
			_, q, url, client := newClient(t, c.queue)
			in := &sqs.SendMessageInput{QueueUrl: url, MessageBody: &c.body, MessageAttributes: c.attributes}
			if c.group != "" {
				in.MessageGroupId = &c.group
			}
			if c.id != "" {
				in.MessageDeduplicationId = &c.id
			}
			_, err := client.SendMessage(t.Context(), in)
			if kept := len(q.Messages()) == 1; code(err) != c.code || kept != (err == nil) {
				t.Errorf("%v, want %s; kept: %t", err, c.code, kept)
			}
		})
	}
}

func TestBatchesAnswerEntryByEntry(t *testing.T) {
	_, q, url, client := newClient(t, "events")
	send := func(pairs ...string) (*sqs.SendMessageBatchOutput, error) {
		in := &sqs.SendMessageBatchInput{QueueUrl: url, Entries: []types.SendMessageBatchRequestEntry{}}
		for i := 0; i < len(pairs); i += 2 {
			entry := types.SendMessageBatchRequestEntry{Id: &pairs[i], MessageBody: &pairs[i+1]}
			in.Entries = append(in.Entries, entry)
		}
		return client.SendMessageBatch(t.Context(), in)
	}
	out, err := send("a", "one", "b", "\x00", "c", "two")
	if err != nil || len(out.Successful) != 2 || len(out.Failed) != 1 || *out.Failed[0].Id != "b" {
		t.Fatalf("got %+v, %v", out, err)
	}
	var eleven []string
	for i := range 11 {
		eleven = append(eleven, fmt.Sprint(i), "x")
	}
	half := strings.Repeat("x", 600_000)
	for want, pairs := range map[string][]string{
		"EmptyBatchRequest": {}, "TooManyEntriesInBatchRequest": eleven, "InvalidBatchEntryId": {"a b", "x"},
		"BatchEntryIdsNotDistinct": {"a", "x", "a", "y"}, "BatchRequestTooLong": {"a", half, "b", half},
	} {
		if _, err := send(pairs...); code(err) != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	received := q.Receive(10, -1)
	first, second := &received[0].Handle, &received[1].Handle
	changed, err := client.ChangeMessageVisibilityBatch(t.Context(), &sqs.ChangeMessageVisibilityBatchInput{
		QueueUrl: url, Entries: []types.ChangeMessageVisibilityBatchRequestEntry{
			{Id: new("a"), ReceiptHandle: first}, {Id: new("b"), ReceiptHandle: new("nonsense")},
			{Id: new("c"), ReceiptHandle: second, VisibilityTimeout: 50_000},
		}})
	if err != nil || len(changed.Successful) != 1 || len(changed.Failed) != 2 || q.Counts().Visible != 1 {
		t.Errorf("got %+v, %v", changed, err)
	}
	described, err := client.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{QueueUrl: url})
	if err != nil || described.Attributes["ApproximateNumberOfMessagesNotVisible"] != "1" {
		t.Errorf("got %+v, %v", described, err)
	}
	deleted, err := client.DeleteMessageBatch(t.Context(), &sqs.DeleteMessageBatchInput{
		QueueUrl: url, Entries: []types.DeleteMessageBatchRequestEntry{
			{Id: new("a"), ReceiptHandle: second}, {Id: new("b"), ReceiptHandle: new("nonsense")},
		}})
	if err != nil || len(deleted.Successful) != 1 || len(deleted.Failed) != 1 || len(q.Messages()) != 1 {
		t.Errorf("got %+v, %v", deleted, err)
	}
	*url += "x"
	if _, err := send("a", "one"); code(err) != "NonExistentQueue" {
		t.Errorf("%v", err)
	}
}
