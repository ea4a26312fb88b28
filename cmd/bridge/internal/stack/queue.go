package stack

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"golang.org/x/sync/errgroup"

	"github.com/purchasely-clevertap/bridge/shared/message"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// Limits of one call (Amazon SQS message quotas, November 2026), and how many calls are made at a time where their
// order does not matter.
const (
	MaxEntries  = 10
	MaxBytes    = 1 << 20
	CallsAtOnce = 5
)

// finishTime is how long calls may take that are made although the command was interrupted.
const finishTime = 20 * time.Second

// Queue is one of the stack's queues.
type Queue struct {
	Name   string // for people
	url    string
	client *sqs.Client
}

// Queue returns the queue that an output names.
func (s *Stack) Queue(output, name string) *Queue { return NewQueue(s.Config, s.Output(output), name) }

// NewQueue makes no connection yet.
func NewQueue(config sdk.Config, url, name string) *Queue {
	return &Queue{name, url, sqs.NewFromConfig(config)}
}

// FIFO reports whether the queue keeps the order of groups.
func (q *Queue) FIFO() bool { return strings.HasSuffix(q.url, ".fifo") }

// Attributes are a message's attributes. Those that are not the bridge's travel through unread.
type Attributes map[string]types.MessageAttributeValue

// Text is an attribute's text, empty if there is none.
func (a Attributes) Text(name string) string { return sdk.ToString(a[name].StringValue) }

// Message is a message that was received.
type Message struct {
	ID         string
	Sent       time.Time // when it came onto this queue
	Attributes Attributes
	Event      string // the webhook's name, empty if it has none
	Body       string
	Size       int       // of the body, also when that was dropped
	Until      time.Time // when others see it again

	handle   string
	sequence string // on a FIFO queue: its position
}

func received(m types.Message, until time.Time) *Message {
	r := &Message{
		ID: sdk.ToString(m.MessageId), Attributes: m.MessageAttributes, Body: sdk.ToString(m.Body), Until: until,
		handle: sdk.ToString(m.ReceiptHandle), sequence: m.Attributes["SequenceNumber"],
	}
	r.Size, r.Event = len(r.Body), webhook.Peek(r.Webhook().Body).EventName
	if ms, err := strconv.ParseInt(m.Attributes["SentTimestamp"], 10, 64); err == nil {
		r.Sent = time.UnixMilli(ms).UTC()
	}
	return r
}

// Again notes that a message was received once more: only the last receipt counts.
func (m *Message) Again(later *Message) { m.handle, m.Until = later.handle, later.Until }

// Webhook is what the message carries. If it cannot be decoded, because the bridge did not write it, it is the body
// itself.
func (m *Message) Webhook() message.Message {
	decoded, err := message.Decode([]byte(m.Body), m.Attributes.Text)
	if err != nil {
		decoded = message.Message{App: m.Attributes.Text(message.AttrApp), Body: []byte(m.Body)}
	}
	return decoded
}

// Compare orders messages as their webhooks came: by the receiver's clock, then by the position on a FIFO queue (all
// sequence numbers have the same length), then by when they came here.
func (m *Message) Compare(other *Message) int {
	received := func(m *Message) string { return m.Attributes.Text(message.AttrReceived) }
	return cmp.Or(strings.Compare(received(m), received(other)), strings.Compare(m.sequence, other.sequence),
		m.Sent.Compare(other.Sent), strings.Compare(m.ID, other.ID))
}

// Depth is how many messages SQS believes to be on a queue. It is not exact (GetQueueAttributes, November 2026).
type Depth struct{ Visible, InFlight, Delayed int }

// Size is how many messages there are, those in flight included.
func (q *Queue) Size(ctx context.Context) (int, error) {
	d, err := q.Depth(ctx)
	return d.Visible + d.InFlight + d.Delayed, err
}

// Depth asks SQS.
func (q *Queue) Depth(ctx context.Context) (d Depth, err error) {
	numbers := map[types.QueueAttributeName]*int{
		types.QueueAttributeNameApproximateNumberOfMessages:           &d.Visible,
		types.QueueAttributeNameApproximateNumberOfMessagesNotVisible: &d.InFlight,
		types.QueueAttributeNameApproximateNumberOfMessagesDelayed:    &d.Delayed,
	}
	in := &sqs.GetQueueAttributesInput{QueueUrl: &q.url, AttributeNames: slices.Collect(maps.Keys(numbers))}
	out, err := q.client.GetQueueAttributes(ctx, in)
	if err != nil {
		return d, Explain(err)
	}
	for name, number := range numbers {
		*number, _ = strconv.Atoi(out.Attributes[string(name)]) // what is not a number counts as none
	}
	return d, nil
}

// ID is the queue's name at SQS.
func (q *Queue) ID() string { return q.url[strings.LastIndexByte(q.url, '/')+1:] }

// Receive hides up to ten messages from others for the lease, and waits a second for the first: only a call that
// waits asks all of the queue's servers (Amazon SQS short and long polling, November 2026). An interrupt does not cut
// the call off, for nobody could return what it has received by then. more is false when SQS hands out no more before
// some have been returned.
func (q *Queue) Receive(ctx context.Context, lease time.Duration) (messages []*Message, more bool, err error) {
	ctx, cancel := withFinishTime(ctx)
	defer cancel()
	until := time.Now().Add(lease)
	out, err := q.client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
		QueueUrl: &q.url, MaxNumberOfMessages: MaxEntries, WaitTimeSeconds: 1, VisibilityTimeout: seconds(lease),
		MessageAttributeNames:       []string{"All"},
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameAll},
	})
	if _, over := errors.AsType[*types.OverLimit](err); over {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, Explain(err)
	}
	for _, m := range out.Messages {
		messages = append(messages, received(m, until))
	}
	return messages, true, nil
}

// SetVisibility sets when others see messages again, and returns those for which SQS agreed.
func (q *Queue) SetVisibility(ctx context.Context, messages []*Message, after time.Duration) []*Message {
	return inBatches(ctx, messages, func(ctx context.Context, batch []*Message) (done []string) {
		in := &sqs.ChangeMessageVisibilityBatchInput{QueueUrl: &q.url}
		for i, m := range batch {
			in.Entries = append(in.Entries, types.ChangeMessageVisibilityBatchRequestEntry{
				Id: new(strconv.Itoa(i)), ReceiptHandle: &m.handle, VisibilityTimeout: seconds(after),
			})
		}
		if out, err := q.client.ChangeMessageVisibilityBatch(ctx, in); err == nil {
			for _, ok := range out.Successful {
				done = append(done, *ok.Id)
			}
		}
		return done
	})
}

// Delete deletes messages for good, and returns those that are gone.
func (q *Queue) Delete(ctx context.Context, messages []*Message) []*Message {
	return inBatches(ctx, messages, func(ctx context.Context, batch []*Message) (done []string) {
		in := &sqs.DeleteMessageBatchInput{QueueUrl: &q.url}
		for i, m := range batch {
			entry := types.DeleteMessageBatchRequestEntry{Id: new(strconv.Itoa(i)), ReceiptHandle: &m.handle}
			in.Entries = append(in.Entries, entry)
		}
		if out, err := q.client.DeleteMessageBatch(ctx, in); err == nil {
			for _, ok := range out.Successful {
				done = append(done, *ok.Id)
			}
		}
		return done
	})
}

// inBatches makes calls for ten messages each, several at once, and returns the messages that the calls name as done
// by their index in the ten. An interrupt does not cut it off.
func inBatches(
	ctx context.Context, messages []*Message, call func(context.Context, []*Message) []string,
) (done []*Message) {
	ctx, cancel := withFinishTime(ctx)
	defer cancel()
	results := make([][]*Message, (len(messages)+MaxEntries-1)/MaxEntries)
	var calls errgroup.Group
	calls.SetLimit(CallsAtOnce)
	for n := range results {
		batch := messages[n*MaxEntries : min(len(messages), (n+1)*MaxEntries)]
		calls.Go(func() error {
			ids := call(ctx, batch)
			for i, m := range batch {
				if slices.Contains(ids, strconv.Itoa(i)) {
					results[n] = append(results[n], m)
				}
			}
			return nil
		})
	}
	_ = calls.Wait() // a call's error is that its messages are missing
	return slices.Concat(results...)
}

// Outgoing is a message that is to be sent.
type Outgoing struct {
	Body            string
	Attributes      Attributes
	GroupID         string
	DeduplicationID string // empty on a standard queue
	Fresh           bool   // it counts as received when it is sent, however long it waits before that
}

// NewOutgoing takes what package message has encoded.
func NewOutgoing(e message.Encoded) *Outgoing {
	out := &Outgoing{
		Body: e.Body, Attributes: make(Attributes, len(e.Attributes)), GroupID: e.GroupID, DeduplicationID: e.DeduplicationID,
	}
	for name, value := range e.Attributes {
		out.Attributes.setText(name, value)
	}
	return out
}

func (a Attributes) setText(name, value string) {
	a[name] = types.MessageAttributeValue{DataType: new("String"), StringValue: &value}
}

// Size is what SQS counts of a message.
func (m *Outgoing) Size() int {
	n := len(m.Body)
	for name, a := range m.Attributes {
		n += len(name) + len(sdk.ToString(a.DataType)) + len(sdk.ToString(a.StringValue)) + len(a.BinaryValue)
	}
	return n
}

// RefusedError says that the queue has refused one message.
type RefusedError struct {
	Queue     string // its name for people
	Code      string
	Transient bool // it may be accepted later
}

// Error is the code in a sentence.
func (e *RefusedError) Error() string { return "the " + e.Queue + " queue refuses it: " + e.Code }

// Send makes one call for up to ten messages, and returns for each why it was not accepted, nil if it was. An
// interrupt does not cut the call off.
func (q *Queue) Send(ctx context.Context, batch []*Outgoing) []error {
	ctx, cancel := withFinishTime(ctx)
	defer cancel()
	entries := make([]types.SendMessageBatchRequestEntry, len(batch))
	for i, m := range batch {
		if m.Fresh {
			m.Attributes.setText(message.AttrReceived, message.FormatTime(time.Now()))
		}
		entries[i] = types.SendMessageBatchRequestEntry{
			Id: new(strconv.Itoa(i)), MessageBody: &m.Body, MessageAttributes: m.Attributes,
		}
		if m.GroupID != "" {
			entries[i].MessageGroupId = &m.GroupID
		}
		if m.DeduplicationID != "" {
			entries[i].MessageDeduplicationId = &m.DeduplicationID
		}
	}
	out, err := q.client.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: &q.url, Entries: entries})
	unmentioned := fmt.Errorf("the %s queue does not say whether it accepted it", q.Name)
	errs := slices.Repeat([]error{unmentioned}, len(batch))
	if err != nil {
		return slices.Repeat([]error{Explain(err)}, len(batch))
	}
	set := func(id *string, err error) {
		if i, bad := strconv.Atoi(sdk.ToString(id)); bad == nil && 0 <= i && i < len(errs) {
			errs[i] = err
		}
	}
	for _, ok := range out.Successful {
		set(ok.Id, nil)
	}
	for _, failed := range out.Failed {
		set(failed.Id, &RefusedError{q.Name, sdk.ToString(failed.Code), !failed.SenderFault})
	}
	return errs
}

func withFinishTime(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), finishTime)
}

func seconds(d time.Duration) int32 { return int32(d / time.Second) }
