package awstest_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"

	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
)

// clock is a clock that a test sets.
type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }

func settings(server *awstest.Server) aws.Config {
	return aws.Config{
		Region:           awstest.Region,
		BaseEndpoint:     &server.URL,
		Credentials:      credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "example", "token"),
		RetryMaxAttempts: 1,
	}
}

// bench is a server with one queue and the SDK's client.
type bench struct {
	*testing.T
	*sqs.Client
	server *awstest.Server
	queue  *awstest.Queue
	url    string
	clock  *clock
}

func newBench(t *testing.T, config awstest.QueueConfig) *bench {
	c := &clock{time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)}
	server := awstest.New(t, c.Now)
	queue := server.SQS.Create(config)
	return &bench{t, sqs.NewFromConfig(settings(server)), server, queue, server.SQS.QueueURL(queue), c}
}

func (b *bench) send(body, group, dedup string) (*sqs.SendMessageOutput, error) {
	in := &sqs.SendMessageInput{QueueUrl: &b.url, MessageBody: &body}
	if group != "" {
		in.MessageGroupId = &group
	}
	if dedup != "" {
		in.MessageDeduplicationId = &dedup
	}
	return b.SendMessage(b.Context(), in)
}

func (b *bench) mustSend(body, group, dedup string) string {
	b.Helper()
	out, err := b.send(body, group, dedup)
	if err != nil {
		b.Fatal(err)
	}
	return *out.MessageId
}

func (b *bench) receive(limit int32) []types.Message {
	b.Helper()
	out, err := b.ReceiveMessage(b.Context(), &sqs.ReceiveMessageInput{QueueUrl: &b.url, MaxNumberOfMessages: limit})
	if err != nil {
		b.Fatal(err)
	}
	return out.Messages
}

func (b *bench) delete(m types.Message) error {
	_, err := b.DeleteMessage(b.Context(), &sqs.DeleteMessageInput{QueueUrl: &b.url, ReceiptHandle: m.ReceiptHandle})
	return err
}

func (b *bench) hide(m types.Message, seconds int32) error {
	_, err := b.ChangeMessageVisibility(b.Context(), &sqs.ChangeMessageVisibilityInput{
		QueueUrl: &b.url, ReceiptHandle: m.ReceiptHandle, VisibilityTimeout: seconds,
	})
	return err
}

// bodies joins the bodies of messages in their order.
func bodies(messages []types.Message) string {
	var all []string
	for _, m := range messages {
		all = append(all, *m.Body)
	}
	return strings.Join(all, " ")
}

func (b *bench) wantBodies(want string, limit int32) []types.Message {
	b.Helper()
	messages := b.receive(limit)
	if got := bodies(messages); got != want {
		b.Errorf("received %q, want %q", got, want)
	}
	return messages
}

func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	if refused, ok := errors.AsType[smithy.APIError](err); !ok || refused.ErrorCode() != code {
		t.Errorf("error = %v, want %s", err, code)
	}
}

func TestAMessageArrivesAsItWasSent(t *testing.T) {
	for _, name := range []string{"events", "events.fifo"} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, awstest.QueueConfig{Name: name})
			in := &sqs.SendMessageInput{
				QueueUrl: &b.url, MessageBody: new("{\"a\":\"é\u2028<&>\"}\r\n"),
				MessageAttributes: map[string]types.MessageAttributeValue{
					"app":  {DataType: new("String"), StringValue: new("demo")},
					"blob": {DataType: new("Binary"), BinaryValue: []byte{0, 1, 255}},
				},
			}
			if b.queue.FIFO() {
				in.MessageGroupId, in.MessageDeduplicationId = new("group"), new("dedup")
			}
			sent, err := b.SendMessage(t.Context(), in)
			if err != nil {
				t.Fatal(err)
			}
			m := b.receive(10)[0]
			if *m.Body != *in.MessageBody || *m.MessageId != *sent.MessageId || *m.MessageAttributes["app"].StringValue != "demo" ||
				string(m.MessageAttributes["blob"].BinaryValue) != "\x00\x01\xff" || *m.MD5OfMessageAttributes != *sent.MD5OfMessageAttributes {
				t.Errorf("received %+v", m)
			}
			if m.Attributes["ApproximateReceiveCount"] != "1" || m.Attributes["SentTimestamp"] != fmt.Sprint(b.clock.now.UnixMilli()) {
				t.Errorf("attributes %v", m.Attributes)
			}
			if b.queue.FIFO() && (m.Attributes["MessageGroupId"] != "group" || m.Attributes["SequenceNumber"] != *sent.SequenceNumber) {
				t.Errorf("attributes %v", m.Attributes)
			}
		})
	}
}

func TestAMessageIsRefusedAsAtAWS(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	for name, c := range map[string]struct {
		queue string
		in    sqs.SendMessageInput
		code  string
	}{
		"no body":                    {"q", sqs.SendMessageInput{MessageBody: new("")}, "MissingParameter"},
		"a control character":        {"q", sqs.SendMessageInput{MessageBody: new("\x0b")}, "InvalidMessageContents"},
		"U+FFFF":                     {"q", sqs.SendMessageInput{MessageBody: new("\uFFFF")}, "InvalidMessageContents"},
		"a byte too many":            {"q", sqs.SendMessageInput{MessageBody: new(long + "x")}, "InvalidParameterValue"},
		"as long as may be":          {"q", sqs.SendMessageInput{MessageBody: &long}, ""},
		"too long with an attribute": {"q", sqs.SendMessageInput{MessageBody: &long, MessageAttributes: attribute("a", "b")}, "InvalidParameterValue"},
		"an empty attribute":         {"q", sqs.SendMessageInput{MessageBody: new("x"), MessageAttributes: attribute("a", "")}, "InvalidParameterValue"},
		"a reserved attribute":       {"q", sqs.SendMessageInput{MessageBody: new("x"), MessageAttributes: attribute("AWS.a", "b")}, "InvalidParameterValue"},
		"eleven attributes":          {"q", sqs.SendMessageInput{MessageBody: new("x"), MessageAttributes: attributes(11)}, "InvalidParameterValue"},
		"ten attributes":             {"q", sqs.SendMessageInput{MessageBody: new("x"), MessageAttributes: attributes(10)}, ""},
		"an odd attribute type":      {"q", sqs.SendMessageInput{MessageBody: new("x"), MessageAttributes: map[string]types.MessageAttributeValue{"a": {DataType: new("Text"), StringValue: new("b")}}}, "InvalidParameterValue"},
		"a dedup id on standard":     {"q", sqs.SendMessageInput{MessageBody: new("x"), MessageDeduplicationId: new("d")}, "InvalidParameterValue"},
		"no group on FIFO":           {"q.fifo", sqs.SendMessageInput{MessageBody: new("x"), MessageDeduplicationId: new("d")}, "MissingParameter"},
		"no dedup id on FIFO":        {"q.fifo", sqs.SendMessageInput{MessageBody: new("x"), MessageGroupId: new("g")}, "InvalidParameterValue"},
		"a blank in the dedup id":    {"q.fifo", sqs.SendMessageInput{MessageBody: new("x"), MessageGroupId: new("g"), MessageDeduplicationId: new("a b")}, "InvalidParameterValue"},
		"a group of 129 characters":  {"q.fifo", sqs.SendMessageInput{MessageBody: new("x"), MessageGroupId: new(long[:129]), MessageDeduplicationId: new("d")}, "InvalidParameterValue"},
		"all punctuation as dedup":   {"q.fifo", sqs.SendMessageInput{MessageBody: new("x"), MessageGroupId: new("g"), MessageDeduplicationId: new("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")}, ""},
		"a delay on FIFO":            {"q.fifo", sqs.SendMessageInput{MessageBody: new("x"), MessageGroupId: new("g"), MessageDeduplicationId: new("d"), DelaySeconds: 1}, "InvalidParameterValue"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, awstest.QueueConfig{Name: c.queue})
			c.in.QueueUrl = &b.url
			_, err := b.SendMessage(t.Context(), &c.in)
			if c.code == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			wantCode(t, err, c.code)
			if len(b.queue.Messages()) != 0 {
				t.Error("refused and kept")
			}
		})
	}
}

func attribute(name, value string) map[string]types.MessageAttributeValue {
	return map[string]types.MessageAttributeValue{name: {DataType: new("String"), StringValue: &value}}
}

func attributes(n int) map[string]types.MessageAttributeValue {
	all := map[string]types.MessageAttributeValue{}
	for i := range n {
		all[fmt.Sprint("a", i)] = types.MessageAttributeValue{DataType: new("String"), StringValue: new("b")}
	}
	return all
}

func TestBatchesAnswerEntryByEntry(t *testing.T) {
	b := newBench(t, awstest.QueueConfig{Name: "events"})
	entry := func(id, body string) types.SendMessageBatchRequestEntry {
		return types.SendMessageBatchRequestEntry{Id: &id, MessageBody: &body}
	}
	send := func(entries ...types.SendMessageBatchRequestEntry) (*sqs.SendMessageBatchOutput, error) {
		return b.SendMessageBatch(t.Context(), &sqs.SendMessageBatchInput{QueueUrl: &b.url, Entries: entries})
	}
	out, err := send(entry("a", "one"), entry("b", "\x00"), entry("c", "two"))
	if err != nil || len(out.Successful) != 2 || len(out.Failed) != 1 || *out.Failed[0].Id != "b" {
		t.Fatalf("got %+v, %v", out, err)
	}
	eleven := make([]types.SendMessageBatchRequestEntry, 11)
	for i := range eleven {
		eleven[i] = entry(fmt.Sprint(i), "x")
	}
	half := strings.Repeat("x", 600_000)
	for code, entries := range map[string][]types.SendMessageBatchRequestEntry{
		"AWS.SimpleQueueService.EmptyBatchRequest":            {},
		"AWS.SimpleQueueService.TooManyEntriesInBatchRequest": eleven,
		"AWS.SimpleQueueService.BatchEntryIdsNotDistinct":     {entry("a", "x"), entry("a", "y")},
		"AWS.SimpleQueueService.InvalidBatchEntryId":          {entry("a b", "x")},
		"AWS.SimpleQueueService.BatchRequestTooLong":          {entry("a", half), entry("b", half)},
	} {
		_, err := send(entries...)
		wantCode(t, err, code)
	}
	received := b.wantBodies("one two", 10)
	changed, err := b.ChangeMessageVisibilityBatch(t.Context(), &sqs.ChangeMessageVisibilityBatchInput{QueueUrl: &b.url, Entries: []types.ChangeMessageVisibilityBatchRequestEntry{
		{Id: new("a"), ReceiptHandle: received[0].ReceiptHandle, VisibilityTimeout: 0},
		{Id: new("b"), ReceiptHandle: new("nonsense"), VisibilityTimeout: 0},
		{Id: new("c"), ReceiptHandle: received[1].ReceiptHandle, VisibilityTimeout: 50_000},
	}})
	if err != nil || len(changed.Successful) != 1 || len(changed.Failed) != 2 {
		t.Errorf("got %+v, %v", changed, err)
	}
	b.wantBodies("one", 10)
	deleted, err := b.DeleteMessageBatch(t.Context(), &sqs.DeleteMessageBatchInput{QueueUrl: &b.url, Entries: []types.DeleteMessageBatchRequestEntry{
		{Id: new("a"), ReceiptHandle: received[1].ReceiptHandle},
		{Id: new("b"), ReceiptHandle: new("nonsense")},
	}})
	if err != nil || len(deleted.Successful) != 1 || len(deleted.Failed) != 1 || len(b.queue.Messages()) != 1 {
		t.Errorf("got %+v, %v", deleted, err)
	}
}

func TestQueuesCanBeFoundDescribedAndEmptied(t *testing.T) {
	b := newBench(t, awstest.QueueConfig{Name: "events.fifo", Visibility: 3 * time.Minute})
	b.mustSend("one", "a", "1")
	b.mustSend("two", "b", "2")
	b.receive(1)
	out, err := b.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{QueueUrl: &b.url, AttributeNames: []types.QueueAttributeName{"All"}})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"ApproximateNumberOfMessages": "1", "ApproximateNumberOfMessagesNotVisible": "1", "VisibilityTimeout": "180",
		"FifoQueue": "true", "DeduplicationScope": "messageGroup", "QueueArn": "arn:aws:sqs:eu-west-1:000000000000:events.fifo",
	} {
		if got := out.Attributes[name]; got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
	found, err := b.GetQueueUrl(t.Context(), &sqs.GetQueueUrlInput{QueueName: new("events.fifo")})
	if err != nil || *found.QueueUrl != b.url {
		t.Errorf("got %v, %v", found, err)
	}
	list, err := b.ListQueues(t.Context(), &sqs.ListQueuesInput{QueueNamePrefix: new("ev")})
	if err != nil || len(list.QueueUrls) != 1 || list.QueueUrls[0] != b.url {
		t.Errorf("got %v, %v", list, err)
	}
	if _, err := b.PurgeQueue(t.Context(), &sqs.PurgeQueueInput{QueueUrl: &b.url}); err != nil || len(b.queue.Messages()) != 0 {
		t.Errorf("%d messages left, %v", len(b.queue.Messages()), err)
	}
	b.url += "x"
	_, err = b.send("one", "a", "1")
	wantCode(t, err, "AWS.SimpleQueueService.NonExistentQueue")
}

func TestALongPollEndsWithTheFirstMessage(t *testing.T) {
	b := newBench(t, awstest.QueueConfig{Name: "events"})
	received := make(chan string)
	go func() {
		out, err := b.ReceiveMessage(context.WithoutCancel(t.Context()), &sqs.ReceiveMessageInput{QueueUrl: &b.url, WaitTimeSeconds: 20})
		if err != nil {
			received <- err.Error()
			return
		}
		received <- bodies(out.Messages)
	}()
	b.mustSend("one", "", "")
	if got := <-received; got != "one" {
		t.Errorf("received %q", got)
	}
}

func TestCallsWithoutASignatureAreRefused(t *testing.T) {
	b := newBench(t, awstest.QueueConfig{Name: "events"})
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, b.server.URL, strings.NewReader(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("X-Amz-Target", "AmazonSQS.ListQueues")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusForbidden {
		t.Errorf("status %d", answer.StatusCode)
	}
}
