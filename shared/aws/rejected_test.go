package aws_test

import (
	"bytes"
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/purchasely-clevertap/bridge/shared/aws"
	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/forward"
)

// rejection is a malformed message with text attributes, given as names and values.
func rejection(id, body string, attributes ...string) forward.Rejection {
	m := &forward.Message{ID: id, Body: body, Attributes: map[string]forward.Attribute{}}
	for i := 0; i < len(attributes); i += 2 {
		m.Attributes[attributes[i]] = forward.Attribute{Type: "String", String: attributes[i+1]}
	}
	return forward.Rejection{Message: m, Reason: fault.Malformed, Error: "malformed: not JSON"}
}

func TestARejectedMessageKeepsItsAttributes(t *testing.T) {
	own := []string{"schema", "1", "app", "demo", "received_at", "now", "encoding", "raw"}
	for name, c := range map[string]struct {
		code, accepted string
		more           map[string]forward.Attribute
		want           map[string]string // besides its own, the reason and the error
	}{
		"and gets a reason":                 {},
		"and a code, and what was accepted": {"513", "event", nil, map[string]string{"code": "513", "accepted": "event"}},
		"but those of an earlier rejection": {more: map[string]forward.Attribute{
			"reason": {Type: "String", String: "old"}, "code": {Type: "String", String: "400"}, "accepted": {Type: "String", String: "profile"},
		}},
		"but those that are empty or cannot be read": {more: map[string]forward.Attribute{
			"empty": {Type: "String"}, "broken": {Type: "Binary", Binary: "&"},
		}},
		"of any type": {
			more: map[string]forward.Attribute{"blob": {Type: "Binary.x", Binary: "AP8="}, "count": {Type: "Number", String: "7"}},
			want: map[string]string{"blob": "\x00\xff", "count": "7"},
		},
		"its own before all others": {
			more: map[string]forward.Attribute{
				"a1": {Type: "String", String: "x"}, "a2": {Type: "String", String: "x"}, "a3": {Type: "String", String: "x"},
				"a4": {Type: "String", String: "x"}, "a5": {Type: "String", String: "x"}, "a6": {Type: "String", String: "x"},
			},
			want: map[string]string{"a1": "x", "a2": "x", "a3": "x", "a4": "x"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := awstest.NewInProcess(nil)
			fake := server.SQS.Create(awstest.QueueConfig{Name: "rejected"})
			r := rejection("id", "body", own...)
			r.Code, r.Accepted = c.code, c.accepted
			maps.Copy(r.Message.Attributes, c.more)
			errs := aws.NewQueue(server.Config(), server.SQS.QueueURL(fake)).Reject(t.Context(), []forward.Rejection{r})
			if errs[0] != nil {
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
			server := awstest.NewInProcess(nil)
			fake := server.SQS.Create(awstest.QueueConfig{Name: name})
			queue := aws.NewQueue(server.Config(), server.SQS.QueueURL(fake))
			var all []forward.Rejection
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
	server := awstest.NewInProcess(nil)
	fake := server.SQS.Create(awstest.QueueConfig{Name: "rejected"})
	queue := aws.NewQueue(server.Config(), server.SQS.QueueURL(fake))
	all := []forward.Rejection{rejection("a", "fine"), rejection("b", private+"\x00"), rejection("c", "fine")}
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
	server := awstest.NewInProcess(func() time.Time { return now })
	source := server.SQS.Create(awstest.QueueConfig{Name: "events.fifo"})
	queue := aws.NewQueue(server.Config(), server.SQS.QueueURL(server.SQS.Create(awstest.QueueConfig{Name: "rejected"})))
	var delays []forward.Delay
	for i := range 25 {
		if _, err := source.Send(awstest.Message{Body: "x", GroupID: fmt.Sprint(i), DeduplicationID: fmt.Sprint(i)}); err != nil {
			t.Fatal(err)
		}
	}
	for i, m := range source.Receive(25, -1) {
		delays = append(delays, forward.Delay{Message: &forward.Message{Receipt: m.Handle}, After: time.Duration(i+60) * time.Second})
	}
	if err := queue.Delay(t.Context(), source.ARN(), delays); err != nil || server.SQS.Calls("") != 3 {
		t.Errorf("%v after %d calls, want 3", err, server.SQS.Calls(""))
	}
	now = now.Add(70 * time.Second)
	if c := source.Counts(); c.Visible != 11 {
		t.Errorf("%d messages are visible after 70 s, want 11", c.Visible)
	}

	delays[20].Message.Receipt = "no receipt"
	delays = delays[11:]
	wantFault(t, queue.Delay(t.Context(), source.ARN(), delays), fault.Retry, fault.Unavailable, "ReceiptHandleIsInvalid")
	if calls := server.SQS.Calls(""); calls != 3+2 {
		t.Errorf("%d calls, want all of them in spite of the error", calls-3)
	}
	wantFault(t, queue.Delay(t.Context(), "arn:aws:sqs:eu-west-1:1:gone", delays), fault.Operator, fault.Unavailable, "AWS.SimpleQueueService.NonExistentQueue")
}
