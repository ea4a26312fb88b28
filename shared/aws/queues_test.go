package aws_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/purchasely-clevertap/bridge/shared/aws"
	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/message"
)

// texts makes text attributes of names and values.
func texts(pairs ...string) map[string]message.Attribute {
	all := make(map[string]message.Attribute)
	for i := 0; i < len(pairs); i += 2 {
		all[pairs[i]] = message.Attribute{Type: "String", String: pairs[i+1]}
	}
	return all
}

func rejection(id, body string, attributes ...string) message.Rejection {
	m := &message.Queued{ID: id, Body: []byte(body), Attributes: texts(attributes...)}
	return message.Rejection{Message: m, Reason: fault.Malformed, Error: "malformed: not JSON"}
}

// newQueue returns a queue, as the fake and as the adapter.
func newQueue(now func() time.Time, name string) (*awstest.Server, *awstest.Queue, *aws.Queue) {
	server := awstest.NewInProcess(now)
	fake := server.SQS.Create(awstest.QueueConfig{Name: name})
	return server, fake, aws.NewQueue(server.Config(), server.SQS.QueueURL(fake))
}

func TestAMessageIsEnqueued(t *testing.T) {
	for _, name := range []string{"events", "events.fifo"} {
		t.Run(name, func(t *testing.T) {
			server, fake, queue := newQueue(nil, name)
			m := message.Encoded{Body: "{}", Attributes: map[string]string{"app": "demo", "schema": "1"}}
			if fake.FIFO() {
				m.GroupID, m.DeduplicationID = "group", "dedup"
			}
			if err := queue.Enqueue(t.Context(), m); err != nil {
				t.Fatal(err)
			}
			got := fake.Messages()[0]
			if got.Body != m.Body || got.Attribute("app") != "demo" || got.Attribute("schema") != "1" ||
				got.GroupID != m.GroupID || got.DeduplicationID != m.DeduplicationID {
				t.Errorf("queued %+v", got)
			}
			server.SQS.Inject(awstest.Fault{Status: 400, Code: "KmsAccessDenied"})
			wantFault(t, queue.Enqueue(t.Context(), m), fault.Operator, fault.Unavailable, "KmsAccessDenied")
			server.SQS.Inject(awstest.Down)
			wantFault(t, queue.Enqueue(t.Context(), m), fault.Retry, fault.Unavailable, "ServiceUnavailable")
		})
	}
}

func TestARejectedMessageKeepsItsAttributes(t *testing.T) {
	own := []string{"schema", "1", "app", "demo", "received_at", "now", "encoding", "raw"}
	for name, c := range map[string]struct {
		code, accepted string
		more           map[string]message.Attribute
		want           map[string]string // besides its own, the reason and the error
	}{
		"and gets a reason": {},
		"and a code, and what was accepted": {
			code: "513", accepted: "event", want: map[string]string{"code": "513", "accepted": "event"},
		},
		"but those of an earlier rejection": {more: texts("reason", "old", "code", "400", "accepted", "profile")},
		"but those that are empty or cannot be read": {more: map[string]message.Attribute{
			"empty": {Type: "String"}, "broken": {Type: "Binary", Binary: "&"},
		}},
		"of any type": {
			more: map[string]message.Attribute{
				"blob": {Type: "Binary.x", Binary: "AP8="}, "count": {Type: "Number", String: "7"},
			},
			want: map[string]string{"blob": "\x00\xff", "count": "7"},
		},
		"its own before all others": {
			more: texts("a1", "x", "a2", "x", "a3", "x", "a4", "x", "a5", "x", "a6", "x"),
			want: map[string]string{"a1": "x", "a2": "x", "a3": "x", "a4": "x"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, fake, queue := newQueue(nil, "rejected")
			r := rejection("id", "body", own...)
			r.Code, r.Accepted = c.code, c.accepted
			maps.Copy(r.Message.Attributes, c.more)
			if errs := queue.Reject(t.Context(), []message.Rejection{r}); errs[0] != nil {
				t.Fatal(errs[0])
			}
			want, got := map[string]string{"reason": "malformed", "error": r.Error}, map[string]string{}
			for i := 0; i < len(own); i += 2 {
				want[own[i]] = own[i+1]
			}
			maps.Copy(want, c.want)
			for name, a := range fake.Messages()[0].Attributes {
				got[name] = a.StringValue + string(a.BinaryValue)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestManyMessagesAreRejectedInFewCalls(t *testing.T) {
	for _, name := range []string{"rejected", "rejected.fifo"} {
		t.Run(name, func(t *testing.T) {
			server, fake, queue := newQueue(nil, name)
			var all []message.Rejection
			for i := range 40 {
				all = append(all, rejection(fmt.Sprint("id-", i), "same body"))
			}
			for i := range 4 {
				all = append(all, rejection(fmt.Sprint("large-", i), string(bytes.Repeat([]byte("x"), 480_000))))
			}
			for i, err := range queue.Reject(t.Context(), all) {
				if err != nil {
					t.Errorf("message %d: %v", i, err)
				}
			}
			if got, calls := len(fake.Messages()), server.SQS.Calls("SendMessageBatch"); got != 44 || calls != 6 {
				t.Errorf("%d messages in %d calls, want 44 in 4 calls of ten and 2 of two", got, calls)
			}
		})
	}
}

func TestEachRejectedMessageHasAnErrorOfItsOwn(t *testing.T) {
	server, fake, queue := newQueue(nil, "rejected")
	all := []message.Rejection{rejection("a", "fine"), rejection("b", private+"\x00"), rejection("c", "fine")}
	errs := queue.Reject(t.Context(), all)
	if errs[0] != nil || errs[2] != nil || len(fake.Messages()) != 2 {
		t.Errorf("errors %v, %d messages", errs, len(fake.Messages()))
	}
	wantFault(t, errs[1], fault.Retry, fault.RejectedQueue, "InvalidMessageContents")
	server.SQS.Inject(awstest.Fault{Status: 400, Code: "KmsDisabled"})
	for _, err := range queue.Reject(t.Context(), all) {
		wantFault(t, err, fault.Operator, fault.RejectedQueue, "KmsDisabled")
	}
}

func TestMessagesAreDelayedOnTheQueueTheyCameFrom(t *testing.T) {
	now := time.Now()
	server, _, rejected := newQueue(func() time.Time { return now }, "rejected")
	source := server.SQS.Create(awstest.QueueConfig{Name: "events"})
	for range 25 {
		source.Put(awstest.Message{Body: "x", Sent: now})
	}
	var delays []message.Delay
	for i, m := range source.Receive(25, -1) {
		after := time.Duration(i+60) * time.Second
		delays = append(delays, message.Delay{Message: &message.Queued{Receipt: m.Handle}, After: after})
	}
	if err := rejected.Delay(t.Context(), source.ARN(), delays); err != nil || server.SQS.Calls("") != 3 {
		t.Errorf("%v after %d calls, want 3", err, server.SQS.Calls(""))
	}
	now = now.Add(70 * time.Second)
	if c := source.Counts(); c.Visible != 11 {
		t.Errorf("%d messages are visible after 70 s, want 11", c.Visible)
	}

	delays[20].Message.Receipt = "no receipt"
	err := rejected.Delay(t.Context(), source.ARN(), delays[11:])
	wantFault(t, err, fault.Retry, fault.Unavailable, "ReceiptHandleIsInvalid")
	if calls := server.SQS.Calls(""); calls != 3+2 {
		t.Errorf("%d calls, want all of them in spite of the error", calls-3)
	}
	err = rejected.Delay(t.Context(), "arn:aws:sqs:eu-west-1:1:gone", delays)
	wantFault(t, err, fault.Operator, fault.Unavailable, "AWS.SimpleQueueService.NonExistentQueue")
}

// A function does not know the URL of the queue that it serves. It makes one of the ARN and the service's address.
func TestAQueueIsFoundByItsARN(t *testing.T) {
	config := awstest.NewInProcess(nil).Config()
	delays := []message.Delay{{Message: &message.Queued{Receipt: "r"}, After: time.Hour}}
	for _, odd := range []string{"", "relay.fifo", "arn:aws:sqs"} {
		err := aws.NewDelayer(config).Delay(t.Context(), odd, delays)
		wantFault(t, err, fault.Retry, fault.Unavailable, "")
	}
	for want, row := range map[string]struct {
		region   string
		endpoint *string
	}{
		"https://sqs.eu-west-1.amazonaws.com/1/relay.fifo":     {"eu-west-1", nil},
		"https://sqs.cn-north-1.amazonaws.com.cn/1/relay.fifo": {"cn-north-1", nil},
		"http://emulator:4566/1/relay.fifo":                    {"eu-west-1", new("http://emulator:4566/")},
	} {
		config.BaseEndpoint = row.endpoint
		called := ""
		config.HTTPClient = transport(func(r *http.Request) (*http.Response, error) {
			body, err := io.ReadAll(r.Body)
			called = string(body)
			return nil, errors.Join(err, errors.New("nobody answers"))
		})
		_ = aws.NewDelayer(config).Delay(t.Context(), "arn:aws:sqs:"+row.region+":1:relay.fifo", delays)
		if !strings.Contains(called, `"QueueUrl":"`+want+`"`) {
			t.Errorf("called %s, want %s", called, want)
		}
	}
}
